"""Expressions for a face that was photographed with one: T1's generated faces were frozen.

The shape is moved by the house's weights (:mod:`fsa_data.mesh.expression`); the colours stay, but for the inside of a
mouth that the photo shows shut.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.mesh.curves import smoothstep
from fsa_data.mesh.expression import LOWER_INNER, UPPER_INNER, Expression, express
from fsa_data.mesh.subdivide import fine_face
from fsa_data.recon.embedded import Reconstruction
from fsa_data.types import Floats

EXPRESSIONS = {
    "own": Expression(),
    "open_mouth": Expression(jaw=0.55),
    "smile": Expression(smile=1.0),
    "closed_eyes": Expression(blink=1.0),
    "raised_brows": Expression(brow=1.0),
}
"""Movements by name, relative to what the photo shows; ``own`` leaves it as it is."""

SHUT_CM, OPEN_CM = 0.25, 0.8
"""Distance between the lips at which a photo shows nothing of the mouth's inside, and at which it shows it all."""

CAVITY = (62.0, 28.0, 26.0)
TEETH = (196.0, 184.0, 172.0)
TEETH_SHARE = 0.38
"""Share of the opening, from above, that shows teeth."""


def valence_arousal(valence: float, arousal: float) -> Expression:
    """The movement for a place on the circumplex of affect (Russell, 1980, "A circumplex model of affect").

    Pleasure lifts the corners of the mouth, displeasure lowers them and the brows; arousal opens the mouth and raises
    the brows, its opposite lets the lids fall.

    Args:
        valence: -1 unpleasant .. 1 pleasant.
        arousal: -1 asleep .. 1 excited.

    Raises:
        ConfigError: a value out of range.
    """
    for name, value in (("valence", valence), ("arousal", arousal)):
        if not -1 <= value <= 1:
            raise ConfigError(f"{name} must lie between -1 and 1, got {value!r}.")
    up, down = max(arousal, 0.0), max(-arousal, 0.0)
    return Expression(
        jaw=0.45 * up, blink=0.7 * down, smile=valence, brow=float(np.clip(0.8 * up - 0.6 * max(-valence, 0), -1, 1))
    )


def find_expression(wanted: str | Sequence[float]) -> tuple[str, Expression]:
    """An expression and its name, from a name of :data:`EXPRESSIONS` or a pair of valence and arousal.

    Raises:
        UnknownNameError: no such name.
        ConfigError: neither a name nor a pair of numbers in range.
    """
    if isinstance(wanted, str):
        if wanted not in EXPRESSIONS:
            raise UnknownNameError("expression", wanted, EXPRESSIONS)
        return wanted, EXPRESSIONS[wanted]
    if len(wanted) != 2 or not all(isinstance(value, int | float) for value in wanted):
        raise ConfigError(f"An expression is a name or a pair [valence, arousal], got {wanted!r}.")
    valence, arousal = (float(value) for value in wanted)
    return f"valence{valence:+g}arousal{arousal:+g}", valence_arousal(valence, arousal)


def expressed(face: Reconstruction, expression: Expression) -> ColouredMesh:
    """The reconstructed face with another expression."""
    shape = express(face.shape_cm.astype(np.float64), expression).astype(np.float32)
    moved = face.mesh(shape)
    before, after = mouth_gap_cm(face.shape_cm), mouth_gap_cm(shape)
    new = float(smoothstep(after - before, 0.0, SHUT_CM) * (1 - smoothstep(before, SHUT_CM, OPEN_CM)))
    if new == 0:
        return moved
    inside, height = _mouth()
    paint = np.where((height > 1 - TEETH_SHARE)[:, None], TEETH, CAVITY)
    brightness = np.clip(face.colours[: mesh.VERTICES].mean() / 140, 0.5, 1.1)
    share = (new * inside)[:, None]
    colours = (1 - share) * moved.colours + share * paint * brightness
    return ColouredMesh(moved.vertices, moved.triangles, np.clip(colours + 0.5, 0, 255).astype(np.uint8))


def mouth_gap_cm(shape_cm: Floats) -> float:
    """Mean distance between upper and lower inner lip, ``(468, 3)`` centimetres in."""
    middle = slice(2, 7)
    gap = shape_cm[list(UPPER_INNER[middle]), 1] - shape_cm[list(LOWER_INNER[middle]), 1]
    return float(gap.mean())


@cache
def _mouth() -> tuple[Floats, NDArray[np.float32]]:
    """Per fine vertex 1 where it lies between the lips, and how near the upper one it is, 0..1."""
    fine = fine_face()
    upper, lower = (np.zeros((mesh.VERTICES, 1), np.float32) for _ in range(2))
    upper[list(UPPER_INNER)], lower[list(LOWER_INNER)] = 1, 1
    high, low = fine.spread(upper)[:, 0], fine.spread(lower)[:, 0]
    inner = np.isin(mesh.face_mesh().triangles, mesh.LIPS_INNER).all(axis=1)
    per = len(fine.triangles) // len(inner)  # the pieces of a triangle follow each other
    between = np.zeros(len(high), np.float32)
    between[fine.triangles[np.repeat(inner, per)].ravel()] = 1
    between[: mesh.VERTICES] = 0
    share = np.divide(high, high + low, out=np.zeros_like(high), where=high + low > 0)
    between[(share == 0) | (share == 1)] = 0  # on the lips themselves
    return between, share
