"""Colour transfers that move whole distributions, each by matching marginals along directions of colour space.

Iterative distribution transfer: Pitie, Kokaram and Dahyot, "Automated colour grading using colour distribution
transfer" (2007). Sliced optimal transport: Rabin, Peyre, Delon and Bernot, "Wasserstein barycenter and its application
to texture mixing" (2012). Directions come from a fixed stream of numbers, so that equal pictures give equal results.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.types import Floats

ROTATIONS = 20
"""Bases that ``idt`` matches one after the other."""

STEPS, BATCH = 10, 30
"""Steps of ``sot`` and directions per step."""

QUANTILES = 256
"""Points of a marginal that are matched; between them, and along the same line beyond the outermost, it is linear."""

SAMPLES = 4096
"""From about so many pixels on each side quantiles are taken."""

SEED = 2007
"""Of the directions."""

GRAIN_COLOUR, GRAIN_PX = 5.0, 16.0
"""Bilateral smoothing of what ``sot`` changes: standard deviations of colour (0..1: everything is alike) and place."""

_REACH_PX = 8
"""Radius of the bilateral filter's window: beyond it the weights of a face's size change little."""


def iterative_transfer(image: Floats, own: Floats, goal: Floats) -> Floats:
    """Match the three marginals in one random basis after the other (``idt``).

    Args:
        image: ``(h, w, 3)`` float32 RGB in 0..1, changed wholly.
        own: ``(n, 3)`` its colours that count.
        goal: ``(m, 3)`` the reference's.

    Returns:
        ``(h, w, 3)`` float32 in 0..1.
    """
    everything, counted, goal = image.reshape(-1, 3), some_of(own), some_of(goal)
    for basis in rotations():
        axes = basis.T.astype(np.float32)
        turned, some, wanted = everything @ axes, counted @ axes, goal @ axes
        for axis in range(3):
            marks, values = _marks(some[:, axis], wanted[:, axis])
            turned[:, axis] = _followed(turned[:, axis], marks, values)
            some[:, axis] = _followed(some[:, axis], marks, values)
        everything, counted = turned @ axes.T, some @ axes.T
    return np.asarray(np.clip(everything, 0, 1).reshape(image.shape), np.float32)


def sliced_transport(
    image: Floats, own: Floats, goal: Floats, steps: int = STEPS, batch: int = BATCH, keep_grain: bool = True
) -> Floats:
    """Move colours along random directions so that their projections match, many directions at once (``sot``).

    The mean over directions of the moves along them is about a third of the way, so that ten steps leave a fiftieth.
    What has changed in the end is smoothed over the picture, so that its grain stays; that costs some likeness of the
    distributions where colours change from pixel to pixel.

    Args:
        image: ``(h, w, 3)`` float32 RGB in 0..1, changed wholly.
        own: ``(n, 3)`` its colours that count.
        goal: ``(m, 3)`` the reference's.
        steps: how often.
        batch: directions per step.
        keep_grain: whether the change is smoothed.

    Returns:
        ``(h, w, 3)`` float32 in 0..1.
    """
    everything, counted, goal = image.reshape(-1, 3).copy(), some_of(own).copy(), some_of(goal)
    for directions in _directions(steps, batch):
        along, some, wanted = directions @ everything.T, directions @ counted.T, directions @ goal.T
        for row in range(batch):
            marks, values = _marks(some[row], wanted[row])
            along[row] = _followed(along[row], marks, values) - along[row]
            some[row] = _followed(some[row], marks, values) - some[row]
        everything += along.T @ directions / np.float32(batch)
        counted += some.T @ directions / np.float32(batch)
    if not keep_grain:
        return np.asarray(np.clip(everything.reshape(image.shape), 0, 1), np.float32)
    change = everything.reshape(image.shape) - image
    smooth = cv2.bilateralFilter(change, 2 * _REACH_PX + 1, GRAIN_COLOUR, GRAIN_PX, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(image + smooth, 0, 1), np.float32)


def histogram_match(image: Floats, own: Floats, goal: Floats, threshold: float = 255.0) -> Floats:
    """Give each channel the reference's histogram of 8-bit values (``hist``).

    Args:
        image: ``(h, w, 3)`` float32 RGB in 0..1, changed wholly.
        own: ``(n, 3)`` its colours that count.
        goal: ``(m, 3)`` the reference's.
        threshold: 0..255; the highest quantile, times 255, that is looked up: less than 255 darkens.

    Returns:
        ``(h, w, 3)`` float32 in 0..1.
    """
    out = np.empty_like(image)
    levels = np.arange(256, dtype=np.float64)
    for c in range(3):
        quantile = np.cumsum(_histogram(own[:, c])) / len(own) * (threshold / 255)
        counts = _histogram(goal[:, c])
        there = np.flatnonzero(counts)
        table = np.interp(quantile, np.cumsum(counts[there]) / len(goal), there) / 255
        out[..., c] = np.interp(image[..., c] * 255, levels, table)
    return out


def some_of(pixels: Floats) -> Floats:
    """Evenly chosen ones of many colours: at least :data:`SAMPLES` if there are as many, less than twice that."""
    return pixels[:: max(1, len(pixels) // SAMPLES)]


@cache
def rotations() -> NDArray[np.float64]:
    """``(ROTATIONS, 3, 3)`` orthonormal bases, the channels first, then drawn evenly (QR of normal numbers)."""
    drawn = np.random.Generator(np.random.PCG64(SEED)).normal(size=(ROTATIONS - 1, 3, 3))
    turned, upper = np.linalg.qr(drawn)
    turned *= np.sign(np.diagonal(upper, axis1=1, axis2=2))[:, None, :]
    return np.concatenate([np.eye(3)[None], turned])


@cache
def _directions(steps: int, batch: int) -> Floats:
    """``(steps, batch, 3)`` float32 unit vectors."""
    drawn = np.random.Generator(np.random.PCG64(SEED)).normal(size=(steps, batch, 3))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=2, keepdims=True), np.float32)


def _marks(own: Floats, goal: Floats) -> tuple[Floats, Floats]:
    """Rising quantiles of a sample, and the mean of the other's quantiles at each; up to :data:`QUANTILES` of them."""
    marks, which = np.unique(_quantiles(own), return_inverse=True)
    shares = np.bincount(which, minlength=len(marks))
    return marks, np.asarray(np.bincount(which, _quantiles(goal), len(marks)) / shares, np.float32)


def _quantiles(values: Floats) -> Floats:
    """Evenly spaced quantiles, linear between order statistics."""
    ordered = np.sort(values)
    at = np.linspace(0, len(ordered) - 1, QUANTILES)
    low = at.astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    return np.asarray(ordered[low] + (at - low).astype(np.float32) * (ordered[high] - ordered[low]), np.float32)


def _followed(values: Floats, marks: Floats, goals: Floats) -> Floats:
    """Take values along the map from marks to goals; beyond the ends they keep their distance to the end."""
    inside = np.interp(values, marks, goals)
    beyond = np.minimum(values - marks[0], 0) + np.maximum(values - marks[-1], 0)
    return np.asarray(inside + beyond, np.float32)


def _histogram(values: Floats) -> NDArray[np.int64]:
    return np.bincount(np.clip(np.round(values * 255), 0, 255).astype(np.int64), minlength=256)
