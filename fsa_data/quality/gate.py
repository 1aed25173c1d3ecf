"""A gate behind an engine: a swap that does not show what the frame showed is rejected, and counted as such.

The face is looked for again in the swapped frame and compared with the one before. Head, mouth, lids and gaze carry the
label, so a swap in which they drift teaches something wrong. What is rejected is a reason like others: stored, counted
per class, and left out of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from fsa_data.errors import ConfigError
from fsa_data.quality.kept import Kept, compare_faces, found_again
from fsa_data.types import (
    Face,
    FaceReference,
    Image,
    Json,
    Landmarker,
    Reason,
    SourceFace,
    Swap,
    SwapEngine,
    paste,
)


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Limits beyond which a swap is rejected; every field is part of the fingerprint. See :class:`Kept` for units."""

    max_pose_deg: float = 10.0
    max_expression: float = 0.10
    max_mouth: float = 0.15
    max_lids: float = 0.20
    max_gaze: float = 0.20
    max_landmark: float = 0.06

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float) and value > 0):
                raise ConfigError(f"gate.{field.name} must be more than 0, got {value!r}.")
            object.__setattr__(self, field.name, float(value))  # 1 and 1.0 are one fingerprint

    def objection(self, kept: Kept) -> str:
        """The first limit that is exceeded, by name; empty if none is."""
        found = {
            "max_pose_deg": kept.pose_error_deg,
            "max_expression": kept.expression_error,
            "max_mouth": kept.mouth_error,
            "max_lids": kept.lids_error,
            "max_gaze": kept.gaze_error,
            "max_landmark": kept.landmark_error,
        }
        return next((name for name, value in found.items() if value > getattr(self, name)), "")


class Gated:
    """An engine whose swaps are looked at once more.

    Args:
        engine: makes the swaps.
        landmarker: finds the face again.
        options: what is let through.
    """

    def __init__(self, engine: SwapEngine, landmarker: Landmarker, options: GateOptions | None = None) -> None:
        self.engine, self.landmarker, self.options = engine, landmarker, options or GateOptions()

    @property
    def fingerprint(self) -> Json:
        """That of the engine, with the gate's limits and landmarker."""
        gate = asdict(self.options) | {"landmarker": self.landmarker.fingerprint}
        return {**self.engine.fingerprint, "gate": gate}

    @property
    def trained_on(self) -> frozenset[str]:
        """That of the engine."""
        return self.engine.trained_on

    @property
    def uses_reference(self) -> bool:
        """That of the engine."""
        return self.engine.uses_reference

    @property
    def device(self) -> str:
        """That of the engine."""
        return str(getattr(self.engine, "device", "cpu"))

    def swap(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Swap:
        """See :meth:`fsa_data.types.SwapEngine.swap`; a swap that is not let through is ``rejected``."""
        swap = self.engine.swap(frame, target, donors, params, reference)
        if swap.box is None or swap.patch is None:
            return swap
        again = found_again(target, self.landmarker(paste(frame, swap.box, swap.patch)))
        if again is None:
            return Swap(Reason.REJECTED, notes={**swap.notes, "gate": "no face found again"})
        kept = compare_faces(target, again)
        said = {name: round(value, 4) for name, value in asdict(kept).items()}
        if objection := self.options.objection(kept):
            return Swap(Reason.REJECTED, notes={**swap.notes, "gate": objection, **said})
        return replace(swap, notes={**swap.notes, **said})


def gated(engine: SwapEngine, landmarker: Landmarker, options: Mapping[str, Any] | None) -> SwapEngine:
    """The engine behind a gate, or as it is for None.

    Args:
        engine: makes the swaps.
        landmarker: finds the face again.
        options: fields of :class:`GateOptions`.

    Raises:
        ConfigError: an unknown limit, or one that is not positive.
    """
    if options is None:
        return engine
    known = [field.name for field in fields(GateOptions)]
    if strange := sorted(set(options) - set(known)):
        raise ConfigError(f"The gate has no limit {', '.join(strange)}. Known: {', '.join(known)}.")
    return Gated(engine, landmarker, GateOptions(**options))
