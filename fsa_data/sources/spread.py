"""Which of many sights of a person to keep: sharp ones that differ in pose and expression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.types import Face, Floats, Image

EXPRESSION_DEG = 30.0
"""Degrees of head pose that one unit of difference in an expression counts as much as."""

NEIGHBOURS = 8
"""Sights, nearest in pose, that a sight's sharpness is compared with."""

BLURRED = 0.8
"""A sight with less than this share of its neighbours' median sharpness is left out."""

SMEARED = 0.1
"""And so is one with less than this share of the median of all."""

SIDE_PX = 96
"""Sharpness is measured at this size, so that near and far faces compare."""


def looks_of(face: Face) -> Floats:
    """Pose and expression as one point; distances between points are degrees.

    Returns:
        ``(2 + 52,)`` float32: yaw, pitch, and every blendshape times :data:`EXPRESSION_DEG`.
    """
    return np.array([face.yaw_deg, face.pitch_deg, *(EXPRESSION_DEG * face.blendshapes).tolist()], np.float32)


def sharpness(image: Image, face: Face) -> float:
    """Variance of the Laplacian over the face's box; the larger, the sharper.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        face: in its pixels.
    """
    part = image[face.box.clipped(*image.shape[:2]).slices]
    if not part.size:
        return 0.0
    grey = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def sharp_ones(looks: Floats, sharp: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions of the sights that are not blurred, as compared with others that show the same.

    A head that turns fast is blurred where it is turned; a comparison over the whole clip would leave no turned one.

    Args:
        looks: ``(N, D)`` float32, from :func:`looks_of`.
        sharp: ``(N,)`` of :func:`sharpness`.

    Returns:
        Rising; at least one.
    """
    apart = _distances(looks, looks)
    near = np.argsort(apart, axis=1, kind="stable")[:, :NEIGHBOURS]
    usual = np.median(sharp[near], axis=1)
    return np.flatnonzero((sharp >= BLURRED * usual) & (sharp >= SMEARED * np.median(sharp)))


def spread(looks: Floats, count: int, least_deg: float) -> list[int]:
    """Farthest-point selection (Gonzalez, 1985, "Clustering to minimize the maximum intercluster distance").

    Begins with the sight that looks most calmly into the camera; each further one is that farthest from all taken.

    Args:
        looks: ``(N, D)`` float32, from :func:`looks_of`; N is at least 1.
        count: most that are taken.
        least_deg: sights nearer than this to one that is taken bring nothing.

    Returns:
        Positions, in the order in which they were taken.
    """
    taken = [int(np.argmin(np.square(looks).sum(axis=1)))]
    nearest = _distances(looks, looks[taken])[:, 0]
    while len(taken) < count:
        farthest = int(np.argmax(nearest))
        if nearest[farthest] < least_deg:
            break
        taken.append(farthest)
        nearest = np.minimum(nearest, _distances(looks, looks[[farthest]])[:, 0])
    return taken


def _distances(one: Floats, other: Floats) -> NDArray[np.float64]:
    a, b = one.astype(np.float64), other.astype(np.float64)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))
