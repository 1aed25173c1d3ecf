"""What is trained and how: one frozen record, and the sets of values that are worth a name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from fsa_data.engines.autoencoder.optim import KINDS
from fsa_data.engines.autoencoder.samples import SampleOptions
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.types import Json

if TYPE_CHECKING:
    from fsa_data.nets.saehd import SAEHD

_ARCHITECTURE = ("network", "resolution", "archi", "ae_dims", "e_dims", "d_dims", "d_mask_dims", "face_type")


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything about a training but its faces. The first eight fields are fixed for the life of a model."""

    network: Literal["saehd", "quick96"] = "saehd"
    resolution: int = 128
    archi: str = "liae-ud"
    ae_dims: int = 256
    e_dims: int = 64
    d_dims: int = 64
    d_mask_dims: int = 22
    face_type: str = "full_face"
    """How much of the head the aligned pictures show."""

    iterations: int = 10_000
    batch_size: int = 4
    optimiser: Literal["adabelief", "rmsprop"] = "adabelief"
    lr: float = 5e-5
    lr_warm_up: int = 0
    """Iterations over which the learning rate rises to its value."""
    lr_decay: float = 0.0
    """Share of the iterations, at their end, over which the learning rate falls to a tenth."""
    lr_dropout: float = 1.0
    """Probability that a weight moves in a step; 1 is no dropout."""
    lr_cosine: bool = False
    """Whether the learning rate swings between its value and 0, 500 iterations long."""
    clip_gradients: float = 0.0
    """Largest norm of all gradients; 0 leaves them."""

    random_warp: bool = True
    warp_share: float = 1.0
    """Share of the iterations, at their beginning, with random warp. Without it liae's ``inter_ab`` is left alone."""
    plain_every: int = 0
    """Every so many iterations the inputs are not bent; 0 is never."""
    scale: float = 0.15
    """Random scale of the faces."""
    flip_src: bool = False
    flip_dst: bool = False
    uniform_yaw: bool = False
    hsv: float = 0.0
    colour_transfer: Literal["none", "rct", "lct"] = "none"
    """Of the source's faces, towards the target's."""
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"

    masked: bool = True
    """Whether only the face counts, not what is around it."""
    clip_mask: bool = True
    """Whether the weight of pixels is 1 up to the outline, or falls before it."""
    blur_outside: bool = False
    eyes_mouth: bool = False
    """Whether eyes and mouth count 300 fold."""
    face_style: float = 0.0
    """0..100."""
    background_style: float = 0.0
    """0..100."""
    true_face: float = 0.0
    """Weight of the code discriminator, ``df`` only."""
    gan: float = 0.0
    """Weight of the patch discriminator."""
    gan_patch: int = 0
    """Its patches in pixels; 0 is an eighth of the resolution."""
    gan_dims: int = 16
    pretrain: bool = False
    """Both sides are one large set of faces of many people: mirrored, not bent, no discriminators, no styles."""

    def __post_init__(self) -> None:
        if self.network not in ("saehd", "quick96"):
            raise UnknownNameError("network", self.network, ("saehd", "quick96"))
        if self.optimiser not in KINDS:
            raise UnknownNameError("optimiser", self.optimiser, KINDS)
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} must lie in {low:g}..{high:g}, got {value!r}.")
        if self.true_face and not self.archi.startswith("df"):
            raise ConfigError(f"true_face works with df only, but archi is {self.archi!r}; set it to 0.")

    @property
    def architecture(self) -> Json:
        """What two trainings must share for one to go on from the other."""
        return {name: getattr(self, name) for name in _ARCHITECTURE}

    @property
    def json(self) -> Json:
        """All fields, JSON-serialisable."""
        return asdict(self)

    def build(self) -> SAEHD:
        """The network, with fresh weights.

        Raises:
            ConfigError: sizes of which none can be made.
        """
        from fsa_data.nets.quick96 import Quick96
        from fsa_data.nets.saehd import SAEHD

        if self.network == "quick96":
            return Quick96()
        return SAEHD(self.resolution, self.archi, self.ae_dims, self.e_dims, self.d_dims, self.d_mask_dims)

    def sample_options(self, side: Literal["src", "dst"]) -> SampleOptions:
        """What happens to the faces of one side."""
        src = side == "src"
        if self.pretrain:
            return SampleOptions(
                warp=False, scale=self.scale, flip=True, uniform_yaw=True, interpolation=self.interpolation
            )
        return SampleOptions(
            warp=self.random_warp,
            scale=self.scale,
            flip=self.flip_src if src else self.flip_dst,
            hsv=self.hsv if src else 0.0,
            colour_transfer=self.colour_transfer if src else "none",
            uniform_yaw=self.uniform_yaw,
            interpolation=self.interpolation,
        )


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("iterations", 1, 10**9),
    ("batch_size", 1, 4096),
    ("lr", 1e-9, 1.0),
    ("lr_warm_up", 0, 10**9),
    ("lr_decay", 0, 1),
    ("lr_dropout", 0.01, 1),
    ("clip_gradients", 0, 1e6),
    ("warp_share", 0, 1),
    ("plain_every", 0, 10**9),
    ("scale", 0, 0.5),
    ("hsv", 0, 0.3),
    ("face_style", 0, 100),
    ("background_style", 0, 100),
    ("true_face", 0, 10),
    ("gan", 0, 10),
    ("gan_patch", 0, 640),
    ("gan_dims", 4, 512),
)

PRESETS: dict[str, Preset] = {
    # T1's unattended runs: DeepFaceLab's factory sizes, and the answers that T1 gave
    "thesis": Preset(uniform_yaw=True, colour_transfer="lct"),
    "quick": Preset(
        network="quick96",
        resolution=96,
        archi="df-ud",
        ae_dims=128,
        d_mask_dims=16,
        optimiser="rmsprop",
        lr=2e-4,
        lr_dropout=0.3,
        clip_mask=False,
        scale=0.05,
        plain_every=3,
    ),
    # minutes on two cores
    "tiny": Preset(
        resolution=64,
        archi="df-ud",
        ae_dims=64,
        e_dims=16,
        d_dims=16,
        d_mask_dims=8,
        iterations=1000,
        batch_size=8,
        lr=7e-4,
        lr_warm_up=200,
        lr_decay=0.3,
        clip_gradients=1.0,
        scale=0.05,
        warp_share=0.3,
        uniform_yaw=True,
        interpolation="bilinear",
    ),
}
"""Trainings by name."""


def load_preset(name: str, **changes: Any) -> Preset:
    """A preset by name, with some fields changed.

    Raises:
        UnknownNameError: no such preset or field.
        ConfigError: a value out of range.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    known = {field.name for field in fields(Preset)}
    for key in changes:
        if key not in known:
            raise UnknownNameError("training option", key, known)
    return replace(PRESETS[name], **changes)
