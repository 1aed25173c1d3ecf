"""Light that differs over a face: what a transfer that treats all pixels alike leaves, fitted and put right.

The difference in colour between two faces is fitted by a quadratic of place (the same six terms as
:mod:`fsa_data.merge.light`), robustly, so that brows and lips that differ do not count as light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsa_data.merge.transfer import FEWEST, to_lab, to_rgb
from fsa_data.types import Floats

SAMPLES = 2000
"""About so many pixels are looked at."""

ROUNDS = 3
"""Times that the fit is repeated with new weights."""

HALF = 1.5
"""At this many medians of the distances from the fit a pixel counts for half (Cauchy weights)."""

FARTHEST = 1.6
"""Beyond this the terms stay as they are: a fit says nothing far from what it has seen."""

_RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Looks:
    """How the colours of two faces differ; CIE Lab.

    Attributes:
        tone_distance: of the mean colours.
        light_distance: root mean square over the face by which the slow fields of lightness differ, means aside.
        lightness: of the target, mean.
    """

    tone_distance: float
    light_distance: float
    lightness: float


def look(drawn: Floats, original: Floats, counts: Floats) -> Looks | None:
    """Compare the complexion and the light of two faces.

    Args:
        drawn: ``(h, w, 3)`` float32 RGB in 0..1, the new face.
        original: the same of the target.
        counts: ``(h, w)`` float32, at least a half where both show the face.

    Returns:
        None if too few pixels count.
    """
    at = _at(counts)
    if len(at[0]) < FEWEST:
        return None
    goal = to_lab(original[at])
    difference = goal - to_lab(drawn[at])
    terms = _terms(*at, counts)
    field = terms @ _fitted(terms, difference, np.ones(len(terms), np.float32))
    light = field[:, 0] - field[:, 0].mean()
    return Looks(
        float(np.linalg.norm(difference.mean(axis=0))),
        float(np.sqrt(np.square(light).mean())),
        float(goal[:, 0].mean()),
    )


def follow_light(drawn: Floats, original: Floats, counts: Floats) -> Floats:
    """Give a face the target's light and, in the median, its tone.

    Args:
        drawn: ``(h, w, 3)`` float32 RGB in 0..1, the new face; changed wholly.
        original: the same of the target.
        counts: ``(h, w)`` float32, at least a half where both show the face.

    Returns:
        ``(h, w, 3)`` float32 in 0..1; the face itself if too few pixels count.
    """
    at = _at(counts)
    if len(at[0]) < FEWEST:
        return drawn
    lab, goal = to_lab(drawn), to_lab(original[at])
    difference = goal - lab[at]
    terms = _terms(*at, counts)
    weight = np.ones(len(terms), np.float32)
    for _ in range(ROUNDS):
        away = np.linalg.norm(difference - terms @ _fitted(terms, difference, weight), axis=1)
        weight = np.asarray(1 / (1 + np.square(away / (HALF * np.median(away) + 1e-6))), np.float32)
    field = _fitted(terms, difference, weight)
    rest = np.median(goal, axis=0) - np.median(lab[at] + terms @ field, axis=0)
    rows, columns = np.mgrid[: counts.shape[0], : counts.shape[1]].reshape(2, -1)
    lab += (_terms(rows, columns, counts) @ field + rest).reshape(lab.shape)
    return to_rgb(lab)


def _at(counts: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of evenly chosen pixels that count."""
    rows, columns = np.nonzero(counts >= 0.5)
    step = max(1, len(rows) // SAMPLES)
    return rows[::step], columns[::step]


def _terms(rows: NDArray[np.int64], columns: NDArray[np.int64], counts: Floats) -> Floats:
    """1, x, y, x^2, xy, y^2 at some pixels, ``(n, 6)``; x and y about -1..1 over what counts."""
    seen = counts >= 0.5
    down, across = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    y, x = (
        np.clip((at - (span[0] + span[-1]) / 2) / max((span[-1] - span[0]) / 2, 1), -FARTHEST, FARTHEST)
        for at, span in ((rows, down), (columns, across))
    )
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1).astype(np.float32)


def _fitted(terms: Floats, values: Floats, weight: Floats) -> Floats:
    """Weighted least squares with a small ridge on all but the constant, ``(6, 3)``."""
    weighted = terms * weight[:, None]
    ridge = _RIDGE * float(weight.sum()) * np.diag([0.0, 1, 1, 1, 1, 1])
    return np.asarray(np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ values), np.float32)
