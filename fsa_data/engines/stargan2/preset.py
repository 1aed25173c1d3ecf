"""How StarGAN v2 is trained: one frozen record, and the sets of values that are worth a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fsa_data.engines.reenact.presets import in_ranges
from fsa_data.types import Json

_ARCHITECTURE = ("img_size", "style_dim", "latent_dim", "max_conv_dim", "dim_in", "hidden_dim", "w_hpf")


@dataclass(frozen=True, slots=True)
class StarganPreset:
    """Everything about a training but its faces. The first seven fields are fixed for the life of the networks."""

    img_size: int = 256
    style_dim: int = 64
    latent_dim: int = 16
    max_conv_dim: int = 512
    dim_in: int = 0
    """Channels at full resolution; 0 is as published, ``2 ** 14 / img_size``."""
    hidden_dim: int = 512
    """Width of the mapping network."""
    w_hpf: float = 1.0
    """Weight of the high-pass path, which needs the landmark network's file; 0 is without."""

    iterations: int = 100_000
    batch_size: int = 8
    lr: float = 1e-4
    f_lr: float = 1e-6
    """Of the mapping network."""
    beta1: float = 0.0
    beta2: float = 0.99
    weight_decay: float = 1e-4
    lambda_reg: float = 1.0
    lambda_sty: float = 1.0
    lambda_ds: float = 1.0
    lambda_cyc: float = 1.0
    ds_iter: int = 100_000
    """Iterations over which ``lambda_ds`` falls to 0."""
    ema: float = 0.999
    """How much of the averaged weights is kept in a step."""
    crop_share: float = 0.5
    """How often a picture is cropped at random before it is resized."""

    def __post_init__(self) -> None:
        in_ranges(self, _RANGES)

    @property
    def sizes(self) -> Json:
        """The fixed fields."""
        return {name: getattr(self, name) for name in _ARCHITECTURE}

    def nets(self, domains: int) -> dict[str, dict[str, Any]]:
        """Arguments of each network, by its name in published checkpoints.

        Args:
            domains: how many.
        """
        width = {"max_conv_dim": self.max_conv_dim, "dim_in": self.dim_in or None}
        size = {"img_size": self.img_size}
        return {
            "generator": {**size, "style_dim": self.style_dim, "w_hpf": self.w_hpf, **width},
            "mapping_network": {
                "latent_dim": self.latent_dim,
                "style_dim": self.style_dim,
                "num_domains": domains,
                "hidden_dim": self.hidden_dim,
            },
            "style_encoder": {**size, "style_dim": self.style_dim, "num_domains": domains, **width},
            "discriminator": {**size, "num_domains": domains, **width},
        }


_RANGES: dict[str, tuple[float, float]] = {
    "img_size": (16, 1024),
    "style_dim": (1, 4096),
    "latent_dim": (1, 4096),
    "max_conv_dim": (1, 4096),
    "dim_in": (0, 4096),
    "hidden_dim": (1, 4096),
    "w_hpf": (0, 100),
    "iterations": (1, 10**9),
    "batch_size": (1, 4096),
    "lr": (1e-9, 1),
    "f_lr": (1e-9, 1),
    "beta1": (0, 0.9999),
    "beta2": (0, 0.99999),
    "weight_decay": (0, 1),
    "lambda_reg": (0, 1000),
    "lambda_sty": (0, 1000),
    "lambda_ds": (0, 1000),
    "lambda_cyc": (0, 1000),
    "ds_iter": (1, 10**9),
    "ema": (0, 0.999999),
    "crop_share": (0, 1),
}

PRESETS: dict[str, StarganPreset] = {
    # the published one for people; T2's table 11 is the same
    "celeba_hq": StarganPreset(),
    # the published one for animals: no landmarks, and styles farther apart
    "afhq": StarganPreset(w_hpf=0.0, lambda_ds=2.0),
    # T2's table 12, for seven expressions: every weight but the gradient penalty's is 3
    "t2_expressions": StarganPreset(w_hpf=0.0, lambda_sty=3.0, lambda_ds=3.0, lambda_cyc=3.0),
    # minutes on two cores
    "tiny": StarganPreset(
        img_size=64,
        style_dim=16,
        max_conv_dim=64,
        dim_in=16,
        hidden_dim=64,
        w_hpf=0.0,
        iterations=400,
        batch_size=4,
        lr=1e-3,
        f_lr=1e-3,
        lambda_sty=3.0,
        lambda_ds=10.0,  # in so few steps a style is only worth learning if its absence costs a lot
        ds_iter=600,
        ema=0.98,
        crop_share=0.0,
    ),
}
"""Trainings by name."""
