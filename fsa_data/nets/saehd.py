"""DeepFaceLab's autoencoder SAEHD: one encoder, and a face of either person from what it says.

Perov et al., "DeepFaceLab: Integrated, flexible and extensible face-swapping framework" (arXiv:2005.05535). ``df`` has
one bottleneck and a decoder per person; ``liae`` has one decoder and two bottlenecks: ``inter_b`` sees the target
person only, ``inter_ab`` both, and a code is two of their outputs side by side. State-dict keys are the house's own,
since DeepFaceLab's files name tensors of another framework.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fsa_data.errors import ConfigError
from fsa_data.nets.saehd_layers import Decoder, Encoder, Inter, glorot

LETTERS = "udtc"
"""``u`` normalised codes, ``d`` a last doubling by four convolutions, ``t`` a deeper network, ``c`` ``x cos x``."""

RESOLUTIONS = (64, 640)
"""Smallest and largest side of a face."""

DIMS = {"ae_dims": (8, 1024), "e_dims": (4, 256), "d_dims": (4, 256), "d_mask_dims": (4, 256)}
"""Smallest and largest number of channels; all are even."""


class Prediction(NamedTuple):
    """What the decoder shows: ``face`` ``(B, 3, R, R)`` and ``mask`` ``(B, 1, R, R)``, float in 0..1."""

    face: Tensor
    mask: Tensor


def parse_architecture(archi: str) -> tuple[str, str]:
    """Kind and letters of e.g. ``liae-ud``.

    Returns:
        ``df`` or ``liae``, and the letters in the order of :data:`LETTERS`.

    Raises:
        ConfigError: another kind, another letter, or one twice.
    """
    kind, dash, given = archi.partition("-")
    letters = "".join(letter for letter in LETTERS if letter in given)
    if kind in ("df", "liae") and len(letters) == len(given) and bool(dash) == bool(given):
        return kind, letters
    (nearest,) = difflib.get_close_matches(kind, ("df", "liae"), n=1, cutoff=0.0)
    raise ConfigError(
        f"Architecture {archi!r} is unknown: expected df or liae, then - and letters of '{LETTERS}', each once at "
        f"most. Nearest: {nearest + (f'-{letters}' if letters else '')!r}."
    )


def check_sizes(resolution: int, letters: str, dims: dict[str, int]) -> None:
    """Whether a network of these sizes can be made.

    Raises:
        ConfigError: not so; the message names the nearest size that is possible.
    """
    step = 32 if "d" in letters else 16
    low, high = RESOLUTIONS
    if resolution % step or not low <= resolution <= high:
        nearest = min(max(round(resolution / step) * step, low), high)
        raise ConfigError(
            f"resolution must be a multiple of {step} in {low}..{high}{' with d' if step == 32 else ''}, got "
            f"{resolution}. Nearest: {nearest}."
        )
    for name, value in dims.items():
        low, high = DIMS[name]
        if value % 2 or not low <= value <= high:
            nearest = min(max(value + value % 2, low), high)
            raise ConfigError(f"{name} must be even and in {low}..{high}, got {value}. Nearest: {nearest}.")


class SAEHD(nn.Module):
    """Encoder, bottlenecks and decoders.

    Args:
        resolution: side of a face in pixels, a multiple of 16 (of 32 with ``d``) in 64..640.
        archi: ``df`` or ``liae``, with letters of :data:`LETTERS` behind a dash.
        ae_dims: width of the bottleneck.
        e_dims: of the encoder.
        d_dims: of the decoder.
        d_mask_dims: of the decoder's mask; a third of ``d_dims``, rounded up to even, if None.

    Raises:
        ConfigError: a size or letter of which no network can be made.
    """

    def __init__(
        self,
        resolution: int = 128,
        archi: str = "liae-ud",
        ae_dims: int = 256,
        e_dims: int = 64,
        d_dims: int = 64,
        d_mask_dims: int | None = None,
    ) -> None:
        super().__init__()
        self.kind, letters = parse_architecture(archi)
        d_mask_dims = max(4, -(-(d_dims // 3) // 2) * 2) if d_mask_dims is None else d_mask_dims
        dims = {"ae_dims": ae_dims, "e_dims": e_dims, "d_dims": d_dims, "d_mask_dims": d_mask_dims}
        check_sizes(resolution, letters, dims)
        self.resolution = resolution
        side = -(-resolution // (32 if "t" in letters else 16))
        features = 8 * e_dims * side * side
        side = resolution // (32 if "d" in letters else 16)
        self.encoder = Encoder(e_dims, letters)
        if self.kind == "df":
            self.inter = Inter(features, ae_dims, ae_dims, side, letters)
            self.decoder_src = Decoder(ae_dims, d_dims, d_mask_dims, letters)
            self.decoder_dst = Decoder(ae_dims, d_dims, d_mask_dims, letters)
        else:
            self.inter_ab = Inter(features, ae_dims, 2 * ae_dims, side, letters)
            self.inter_b = Inter(features, ae_dims, 2 * ae_dims, side, letters)
            self.decoder = Decoder(4 * ae_dims, d_dims, d_mask_dims, letters)
        self.code_side = side * (1 if "t" in letters else 2)
        self.code_channels = ae_dims if self.kind == "df" else 4 * ae_dims
        glorot(self)

    @property
    def inters(self) -> list[Inter]:
        """The bottlenecks, which start anew after pretraining."""
        return [self.inter] if self.kind == "df" else [self.inter_ab, self.inter_b]

    def codes(self, src: Tensor, dst: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes of faces.

        Args:
            src: ``(B, 3, R, R)`` float in 0..1, faces of the person to put on.
            dst: likewise of the person who wears it.

        Returns:
            Codes of ``src``, of ``dst``, and of ``dst`` as the other person, each ``(B, C, S, S)``. In ``df`` the last
            two are one and the decoder makes the difference.
        """
        vectors = self.encoder(torch.cat([src, dst]))
        if self.kind == "df":
            of_src, of_dst = self.inter(vectors).split([len(src), len(dst)])
            return of_src, of_dst, of_dst
        shared_src, shared_dst = self.inter_ab(vectors).split([len(src), len(dst)])
        own = self.inter_b(vectors[len(src) :])
        return (
            torch.cat([shared_src, shared_src], 1),
            torch.cat([own, shared_dst], 1),
            torch.cat([shared_dst, shared_dst], 1),
        )

    def decode_src(self, code: Tensor) -> Prediction:
        """The face that a code of :meth:`codes` shows on the person to put on."""
        return Prediction(*(self.decoder_src if self.kind == "df" else self.decoder)(code))

    def decode_dst(self, code: Tensor) -> Prediction:
        """The face that a code of :meth:`codes` shows on the person who wears it."""
        return Prediction(*(self.decoder_dst if self.kind == "df" else self.decoder)(code))

    def forward(self, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Swap.

        Args:
            dst: ``(B, 3, R, R)`` float in 0..1, faces of the person who wears the other's.

        Returns:
            The other person in their place, and they themselves.
        """
        _, own, other = self.codes(dst[:0], dst)
        return self.decode_src(other), self.decode_dst(own)
