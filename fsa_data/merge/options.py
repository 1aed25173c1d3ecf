"""What may be chosen about putting a face back into its frame."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from fsa_data.errors import ConfigError
from fsa_data.merge.paste_options import PASTE_VERSION, PasteOptions, names_paste, paste_options
from fsa_data.types import Json


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How a new face is put back; every field is part of the engine's fingerprint.

    Lengths are shares of the face size (square root of the area of the face's box).
    """

    colour: float = 1.0
    """0 keeps the donor's skin tone, 1 gives the face the target's."""
    contrast: float = 1.0
    """0 keeps the donor's contrasts, 1 scales them with the skin tone, so that brows do not turn black on a darker
    target nor grey on a lighter one."""
    shading: float = 1.0
    """How much of the target's light over the face is taken in place of the donor's, 0..1."""
    sharpness: bool = True
    """Whether a face that is sharper than the picture around it is blurred to match."""
    erode: float = 0.0
    """How far inside the outline the new face begins."""
    feather: float = 0.10
    """Width of the soft edge, inwards from there."""
    occluders: bool = True
    """Whether hands, cups and face masks in front of the face are looked for and kept."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            high = 0.5 if field.name in ("erode", "feather") else 1.0
            if not isinstance(value, int | float) or not 0 <= value <= high:
                raise ConfigError(f"merge.{field.name} must lie in 0..{high:g}, got {value!r}.")
            # 1, 1.0 and True are one value and must be one fingerprint
            object.__setattr__(
                self, field.name, bool(value) if field.name in ("sharpness", "occluders") else float(value)
            )

    @property
    def json(self) -> Json:
        """All fields, JSON-serialisable."""
        return asdict(self)


def merge_options(
    given: MergeOptions | PasteOptions | Json | None, own: MergeOptions | PasteOptions | None = None
) -> MergeOptions | PasteOptions:
    """Options from a mapping, or the defaults.

    There are two ways to put a face back. A mapping that has a ``mode``, a ``preset`` or a colour by name speaks of
    :class:`~fsa_data.merge.paste_options.PasteOptions`, any other of the engine's own way.

    Args:
        given: options, or their fields.
        own: the engine's own way, from which fields that are not given are taken; default ``MergeOptions()``.

    Raises:
        ConfigError: an unknown field or a value out of range.
        UnknownNameError: no such preset.
    """
    if isinstance(given, MergeOptions | PasteOptions):
        return given
    values: dict[str, Any] = dict(given or {})
    if isinstance(own, PasteOptions):
        return paste_options(values if "preset" in values else {**own.json, **values})
    if names_paste(values):
        return paste_options(values)
    known = {field.name for field in fields(MergeOptions)}
    if strange := sorted(set(values) - known):
        pasting = [name for name in strange if name in {field.name for field in fields(PasteOptions)}]
        if pasting:
            raise ConfigError(
                f"merge.{pasting[0]} belongs to DeepFaceLab's way of putting faces back; choose that as well, with "
                "merge.preset=deepfacelab, a merge.mode, or a merge.colour by name."
            )
        raise ConfigError(
            f"merge has no option {', '.join(map(repr, strange))}. Known: {', '.join(sorted(known))}; with a mode, a "
            "preset or a colour by name also those of DeepFaceLab's way (docs/merging.md)."
        )
    return replace(own or MergeOptions(), **values)


def merge_fingerprint(merge: MergeOptions | PasteOptions) -> dict[str, Any]:
    """What an engine's fingerprint says of its merging."""
    if isinstance(merge, PasteOptions):
        return {"paste": PASTE_VERSION, **merge.json}
    return dict(merge.json)
