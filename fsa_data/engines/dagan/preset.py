"""How DaGAN and its depth network are trained: frozen records, and the sets of values that are worth a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fsa_data.engines.dagan.losses import Weights
from fsa_data.engines.reenact.presets import in_ranges
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.types import Json

GENERATORS = ("DepthAwareGenerator", "SPADEDepthAwareGenerator")
_ARCHITECTURE = (
    *("size", "generator", "num_kp", "block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks"),
    *("motion_expansion", "motion_features", "motion_blocks", "kp_expansion", "kp_features", "kp_blocks"),
    *("judge_expansion", "judge_features", "judge_blocks", "scale_factor"),
)


@dataclass(frozen=True, slots=True)
class DaganPreset:
    """Everything about a training but its clips. The first sixteen fields are fixed for the life of the networks."""

    size: int = 256
    """Side of the pictures in pixels, a multiple of 32."""
    generator: Literal["DepthAwareGenerator", "SPADEDepthAwareGenerator"] = "DepthAwareGenerator"
    num_kp: int = 15
    block_expansion: int = 64
    max_features: int = 512
    num_down_blocks: int = 2
    num_bottleneck_blocks: int = 6
    motion_expansion: int = 64
    motion_features: int = 1024
    motion_blocks: int = 5
    kp_expansion: int = 32
    kp_features: int = 1024
    kp_blocks: int = 5
    judge_expansion: int = 32
    judge_features: int = 512
    judge_blocks: int = 4
    scale_factor: float = 0.25
    """Size at which motion and key points are looked for, in sizes of the picture."""

    iterations: int = 100_000
    batch_size: int = 4
    lr_generator: float = 2e-4
    lr_discriminator: float = 2e-4
    lr_kp_detector: float = 2e-4
    lr_step: int = 1_000_000_000
    """Iterations after which the learning rates fall to a tenth, and again after as many; published: never."""
    beta1: float = 0.5
    beta2: float = 0.999
    perceptual: float = 10.0
    generator_gan: float = 1.0
    discriminator_gan: float = 1.0
    feature_matching: float = 10.0
    equivariance_value: float = 10.0
    equivariance_jacobian: float = 10.0
    kp_distance: float = 10.0
    kp_hinge: bool = False
    """The key points' distance with a gradient; the published count of near pairs has none."""
    sigma_affine: float = 0.05
    sigma_tps: float = 0.005
    jitter: float = 0.1
    """Of one of brightness, contrast, saturation and hue, drawn for each pair."""

    def __post_init__(self) -> None:
        in_ranges(self, _RANGES)
        if self.generator not in GENERATORS:
            raise UnknownNameError("generator", self.generator, GENERATORS)
        least = 2 ** max(self.motion_blocks, self.kp_blocks) / self.scale_factor
        if self.size % 32 or self.size % least:
            raise ConfigError(
                f"size must be a multiple of 32 and, with {self.motion_blocks} and {self.kp_blocks} steps at "
                f"{self.scale_factor:g} of it, of {least:g}; got {self.size}."
            )
        if self.size * self.scale_factor < 8:
            raise ConfigError(f"At {self.scale_factor:g} of {self.size} px the key points' 7 x 7 layer finds no place.")

    @property
    def sizes(self) -> Json:
        """The fixed fields."""
        return {name: getattr(self, name) for name in _ARCHITECTURE}

    @property
    def weights(self) -> Weights:
        """Of the losses."""
        return Weights(**{name: getattr(self, name) for name in Weights.__slots__})

    def nets(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Published class and arguments of each network, by its name in published checkpoints."""
        motion = {
            "block_expansion": self.motion_expansion,
            "max_features": self.motion_features,
            "num_blocks": self.motion_blocks,
            "scale_factor": self.scale_factor,
        }
        generator = {
            "num_kp": self.num_kp,
            "block_expansion": self.block_expansion,
            "max_features": self.max_features,
            "num_down_blocks": self.num_down_blocks,
            "num_bottleneck_blocks": self.num_bottleneck_blocks,
            "dense_motion_params": motion,
        }
        detector = {
            "num_kp": self.num_kp,
            "block_expansion": self.kp_expansion,
            "max_features": self.kp_features,
            "num_blocks": self.kp_blocks,
            "scale_factor": self.scale_factor,
        }
        judge = {
            "num_kp": self.num_kp,
            "block_expansion": self.judge_expansion,
            "max_features": self.judge_features,
            "num_blocks": self.judge_blocks,
        }
        return {
            "generator": (f"DaGAN.{self.generator}", generator),
            "kp_detector": ("DaGAN.KPDetector", detector),
            "discriminator": ("DaGAN.MultiScaleDiscriminator", judge),
        }


_RATES = dict.fromkeys(("lr_generator", "lr_discriminator", "lr_kp_detector"), (1e-9, 1.0))
_LOSSES = dict.fromkeys(Weights.__slots__, (0.0, 1000.0))
_WIDTHS = dict.fromkeys((name for name in _ARCHITECTURE if "expansion" in name or "features" in name), (1.0, 4096.0))
_RANGES: dict[str, tuple[float, float]] = {
    **{"size": (32, 1024), "num_kp": (1, 256), "scale_factor": (0.03125, 1)},
    **{"num_down_blocks": (1, 5), "num_bottleneck_blocks": (0, 32), "motion_blocks": (1, 8), "kp_blocks": (1, 8)},
    **{"judge_blocks": (1, 8), "iterations": (1, 10**9), "batch_size": (1, 4096)},
    **{
        "lr_step": (1, 10**9),
        "beta1": (0, 0.9999),
        "beta2": (0, 0.99999),
        "sigma_affine": (0, 1),
        "sigma_tps": (0, 1),
        "jitter": (0, 0.5),
    },
    **_RATES,
    **_LOSSES,
    **_WIDTHS,
}

PRESETS: dict[str, DaganPreset] = {
    # vox-adv-256 with the 15 key points of every published command line
    "vox": DaganPreset(),
    "vox_spade": DaganPreset(generator="SPADEDepthAwareGenerator"),
    # T2's table 13, its rates read as powers of ten
    "t2": DaganPreset(batch_size=8, lr_generator=2e-6),
    # minutes on two cores: one step down, so that little has to be drawn anew, and pixels before judges
    "tiny": DaganPreset(
        size=64,
        num_kp=10,
        block_expansion=16,
        max_features=64,
        num_down_blocks=1,
        num_bottleneck_blocks=2,
        motion_expansion=16,
        motion_features=64,
        motion_blocks=4,
        kp_expansion=16,
        kp_features=64,
        kp_blocks=4,
        judge_expansion=8,
        judge_features=64,
        scale_factor=0.5,
        iterations=600,
        lr_generator=1e-3,
        lr_discriminator=4e-4,
        lr_kp_detector=1e-3,
        lr_step=400,
        perceptual=30.0,
        generator_gan=0.3,
        feature_matching=1.0,
        kp_hinge=True,
    ),
}
"""Trainings by name."""


@dataclass(frozen=True, slots=True)
class DepthPreset:
    """Everything about a depth training but its clips. The first field is fixed for the life of the networks."""

    num_layers: int = 18
    """Of the ResNet that sees the depth; the one that sees the motion has 18."""

    size: int = 256
    iterations: int = 31_250
    """Twenty rounds over 100,000 frames, 64 at a time, as published."""
    batch_size: int = 64
    lr: float = 1e-5
    lr_step: int = 23_437
    """Iterations after which the learning rate falls to a tenth, and again after as many."""
    stride: int = 1
    """Frames between a picture and its neighbours."""

    def __post_init__(self) -> None:
        ranges = {"size": (64, 1024), "iterations": (1, 1e9), "batch_size": (1, 4096), "lr": (1e-9, 1)}
        in_ranges(self, ranges | {"lr_step": (1, 1e9), "stride": (1, 1000)})
        if self.size % 32:
            raise ConfigError(f"size must be a multiple of 32, got {self.size}.")


DEPTH_PRESETS: dict[str, DepthPreset] = {
    "vox": DepthPreset(),
    "vox_r50": DepthPreset(num_layers=50),
    # minutes on two cores
    "tiny": DepthPreset(size=128, iterations=200, batch_size=4, lr=1e-4, lr_step=10_000, stride=3),
}
"""Depth trainings by name."""
