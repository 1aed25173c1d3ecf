"""DeepFaceLab's small autoencoder Quick96: SAEHD of fixed sizes."""

from __future__ import annotations

from fsa_data.nets.saehd import SAEHD


class Quick96(SAEHD):
    """``df-ud`` of 96 pixels: bottleneck 128, encoder and decoders 64, masks 16."""

    def __init__(self) -> None:
        super().__init__(96, "df-ud", ae_dims=128, e_dims=64, d_dims=64, d_mask_dims=16)
