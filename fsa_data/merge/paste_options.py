"""What may be chosen about putting a predicted face back: the merge of DeepFaceLab, option by option.

Names and ranges are DeepFaceLab's (Perov et al., 2020); its merge modes and mask modes keep their names and numbers, so
that settings of others can be taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.merge.transfer import TRANSFERS
from fsa_data.types import Json

PASTE_VERSION = 1
"""Raised whenever equal predictions and options would give other pixels."""

MODES = ("overlay", "hist-match", "seamless", "seamless-hist-match", "raw")
"""Blend through the mask; the same after matching histograms; Poisson cloning (Perez et al., 2003); both; the predicted
square as it is."""

MASK_MODES = {
    0: "full",
    1: "dst",
    2: "learned-prd",
    3: "learned-dst",
    4: "learned-prd*learned-dst",
    5: "learned-prd+learned-dst",
    6: "XSeg-prd",
    7: "XSeg-dst",
    8: "XSeg-prd*XSeg-dst",
    9: "learned-prd*learned-dst*XSeg-prd*XSeg-dst",
}
"""Everything; the hull of the target's landmarks; masks that the engine predicted of the new face and of the target's;
masks of a segmentation network looking at either."""

NEEDS_XSEG = 6
"""First mask mode that needs the segmentation network."""

_NAMES = tuple(name for name in TRANSFERS if name != "hist")

COLOURS = ("none", "auto", *_NAMES, *(f"{name}-m" for name in _NAMES), *(f"{name}-l" for name in _NAMES))
"""Colour transfers to the predicted face. Behind ``-m`` (and for ``rct``) only what the mask covers counts; behind
``-l`` the same, and what is left of the difference in light is put right (:mod:`fsa_data.merge.follow_light`). ``auto``
chooses for each pair (:mod:`fsa_data.merge.choose_colour`)."""

SHARPENING = ("none", "box", "gaussian")

_RANGES = {
    "hist_match_threshold": (0, 255),
    "erode": (-400, 400),
    "blur": (0, 400),
    "motion_blur": (0, 100),
    "face_scale": (-50, 50),
    "sharpen_amount": (-100, 100),
    "denoise": (0, 500),
    "bicubic_degrade": (0, 100),
    "colour_degrade": (0, 100),
}


@dataclass(frozen=True, slots=True)
class PasteOptions:
    """How a predicted face is put back; every field is part of the engine's fingerprint.

    Lengths of masks are counted on a crop 512 pixels wide, whatever the engine's resolution and the face's size: these
    are DeepFaceLab's pixels for a model of resolution 128, the size of T1's.
    """

    mode: str = "overlay"
    """One of :data:`MODES`."""
    mask_mode: int = 4
    """A key of :data:`MASK_MODES`."""
    erode: int = 0
    """Diameter of the ellipse that the mask is eroded with, -400..400; negative ones dilate."""
    blur: int = 0
    """Width of the Gaussian kernel that the mask is blurred with, 0..400."""
    colour: str = "rct"
    """One of :data:`COLOURS`."""
    masked_hist_match: bool = True
    """Whether only what the mask covers counts in matching histograms."""
    hist_match_threshold: int = 255
    """0..255; less than 255 darkens."""
    motion_blur: int = 0
    """Per cent of the face's own motion since the frame before that it is blurred by, 0..100."""
    face_scale: int = 0
    """Per cent by which the new face is larger than the target's, -50..50."""
    sharpen: str = "none"
    """One of :data:`SHARPENING`."""
    sharpen_amount: int = 0
    """-100..100; negative amounts blur, by medians."""
    denoise: int = 0
    """0..500, hundreds of medians of 5 pixels."""
    bicubic_degrade: int = 0
    """Per cent by which the face is made smaller and larger again, 0..100."""
    colour_degrade: int = 0
    """Per cent of the way to a palette of 256 colours, 0..100."""
    occluders: bool = True
    """Whether hands, cups and face masks in front of the face are looked for and kept."""

    def __post_init__(self) -> None:
        for name, known in (("mode", MODES), ("colour", COLOURS), ("sharpen", SHARPENING)):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"merge.{name} must be one of {', '.join(known)}, got {value!r}.")
        if type(self.mask_mode) is not int or self.mask_mode not in MASK_MODES:
            names = ", ".join(f"{number} {name}" for number, name in MASK_MODES.items())
            raise ConfigError(f"merge.mask_mode must be a number of {names}; got {self.mask_mode!r}.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not float(value).is_integer():
                raise ConfigError(f"merge.{name} must be a whole number, got {value!r}.")
            if not low <= value <= high:
                raise ConfigError(f"merge.{name} must lie in {low}..{high}, got {value!r}.")
            object.__setattr__(self, name, int(value))  # 80 and 80.0 are one value and must be one fingerprint
        for name in ("masked_hist_match", "occluders"):
            value = getattr(self, name)
            if value not in (0, 1):
                raise ConfigError(f"merge.{name} must be true or false, got {value!r}.")
            object.__setattr__(self, name, bool(value))

    @property
    def json(self) -> Json:
        """All fields, JSON-serialisable."""
        return asdict(self)


THESIS = PasteOptions(mode="overlay", mask_mode=4, erode=80, blur=100, colour="rct")
"""T1's settings."""

PRESETS: dict[str, PasteOptions] = {"deepfacelab": PasteOptions(), "thesis": THESIS}
"""Named settings, for ``preset=``: DeepFaceLab's defaults, and T1's."""


def paste_options(given: PasteOptions | Mapping[str, Any] | None) -> PasteOptions:
    """Options from a mapping, in which ``preset`` names where to begin, or the defaults.

    Raises:
        ConfigError: an unknown field or a value out of range.
        UnknownNameError: no such preset.
    """
    if isinstance(given, PasteOptions):
        return given
    values: dict[str, Any] = dict(given or {})
    preset = values.pop("preset", "deepfacelab")
    if preset not in PRESETS:
        raise UnknownNameError("merge preset", str(preset), PRESETS)
    known = {field.name for field in fields(PasteOptions)}
    if strange := sorted(set(values) - known):
        raise ConfigError(
            f"merge has no option {', '.join(map(repr, strange))} beside a mode, a preset or a colour by name. Known: "
            f"preset, {', '.join(sorted(known))}."
        )
    return PasteOptions(**{**PRESETS[preset].json, **values})


def names_paste(given: Mapping[str, Any]) -> bool:
    """Whether a mapping of merge options speaks of :class:`PasteOptions`: a mode, a preset or a colour by name."""
    return "mode" in given or "preset" in given or isinstance(given.get("colour"), str)
