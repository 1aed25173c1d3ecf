"""T1's landmark score: how near the nearest face of a source comes to the face in each frame of a clip.

Each face is its 68 points (:mod:`fsa_data.faces.points68`), stretched so that they fill the unit square: per axis the
least becomes 0 and the greatest 1. Place, size and proportions are gone with that; pose and expression are left. The
distance of two faces is the sum of the 68 Euclidean distances, the score of a frame its distance to the nearest face of
the source, and a frame is valid if its score lies below the 95th percentile of the clip's scores.

What the score cannot see:

* the swap. It compares the faces that go in, before any is put on, and says how well the source covers the poses and
  expressions of the clip; not identity, not colour, not whether the engine made anything of it. See
  :mod:`fsa_data.quality.kept` for what comes out.
* how many faces a source has. It is a minimum, so a larger set scores lower even if it is drawn from the same faces.
* how many frames are bad. The bound moves with the clip: a twentieth of the frames is invalid, be they good or bad.

Here frames without a face have no score (NaN) and take no part in the percentile, and every result stands at the
position of its frame. In the published tool they had -1, which lowered the percentile, and its tables were in no order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.faces import points68
from fsa_data.types import Face, Floats

PERCENTILE = 95.0
"""Frames below this percentile of the scores are valid."""

_AT_ONCE = 1 << 18
"""Pairs of faces that are compared at once: a few megabytes."""


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkScores:
    """Scores of a clip; F frames, at their positions.

    Attributes:
        score: ``(F,)`` float64, 0 at best; NaN where there is no face.
        nearest: ``(F,)`` int64, position of the nearest face of the source (the first of several equal ones); -1 where
            there is no face.
        q95: the 95th percentile (linear interpolation) of the scores of frames with a face; NaN if there is none.
        valid: ``(F,)`` bool, score below ``q95``; False where there is no face.
    """

    score: NDArray[np.float64]
    nearest: NDArray[np.int64]
    q95: float
    valid: NDArray[np.bool_]


def landmark_scores(targets: NDArray[np.floating], sources: NDArray[np.floating]) -> LandmarkScores:
    """Score every frame of a clip against the faces of a source.

    Args:
        targets: ``(F, 68, 2)``, one face per frame in any unit; NaN where there is none.
        sources: ``(S, 68, 2)``, S >= 1, none of them NaN.

    Raises:
        ValueError: other shapes, no source, or a face whose points lie on a horizontal or vertical line.
    """
    found = np.isfinite(_checked("targets", targets)).all(axis=(1, 2))
    if not len(_checked("sources", sources)) or not np.isfinite(sources).all():
        raise ValueError(f"At least one source face is needed, and none with NaN; got {len(sources)}.")
    wanted, offered = _unit(np.asarray(targets, np.float64)[found]), _unit(np.asarray(sources, np.float64))
    score, nearest = np.full(len(targets), np.nan), np.full(len(targets), -1, np.int64)
    score[found], nearest[found] = _minimum(wanted, offered)
    q95 = float(np.percentile(score[found], PERCENTILE)) if found.any() else math.nan
    with np.errstate(invalid="ignore"):
        valid = score < q95
    return LandmarkScores(score, nearest, q95, valid)


def level68(face: Face) -> Floats:
    """The 68 points of a face, turned upright by its roll.

    T1 read its points in crops that DeepFaceLab had turned upright; the score itself does not undo a rotation.

    Returns:
        ``(68, 2)`` float32 pixels, about the middle of the face.
    """
    points = points68(face.points_px)
    cos, sin = math.cos(math.radians(face.roll_deg)), math.sin(math.radians(face.roll_deg))
    turn = np.array([[cos, -sin], [sin, cos]], np.float32)
    return np.asarray((points - points.mean(axis=0)) @ turn, np.float32)


def _checked(name: str, points: NDArray[np.floating]) -> NDArray[np.floating]:
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise ValueError(f"{name} must be (N, 68, 2), got {points.shape}.")
    return points


def _unit(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each face stretched to the unit square."""
    least = points.min(axis=1, keepdims=True)
    extent = points.max(axis=1, keepdims=True) - least
    if not (extent > 0).all():
        raise ValueError("A face's points lie on a horizontal or vertical line.")
    return np.asarray((points - least) / extent)


def _minimum(targets: NDArray[np.float64], sources: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Distance to and position of the nearest source, for some targets at a time."""
    least, nearest = np.empty(len(targets)), np.empty(len(targets), np.int64)
    for first in range(0, len(targets), step := max(1, _AT_ONCE // len(sources))):
        some = targets[first : first + step]
        total = np.zeros((len(some), len(sources)))
        for point in range(some.shape[1]):  # arrays of this size stay in the processor's cache
            x, y = (np.subtract.outer(some[:, point, axis], sources[:, point, axis]) for axis in (0, 1))
            total += np.sqrt(x * x + y * y)
        at = total.argmin(axis=1)
        nearest[first : first + step], least[first : first + step] = at, total[np.arange(len(some)), at]
    return least, nearest
