"""Regions that a trained engine asks for: the hull of a face up to its raised brows, soft eyes and mouth.

Made from the 68 points, as DeepFaceLab makes them, or from the 478 landmarks that they are read off.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.faces.masks import polygon_mask, union_mask
from fsa_data.faces.points68 import POINTS, points68
from fsa_data.types import Box, Floats, Mask

_HULLS = (
    *((*range(9), 17), (*range(8, 17), 26)),
    *((17, 18, 19, 8), (24, 25, 26, 8), (*range(19, 25), 8)),
    *((*range(17, 22), 27, *range(31, 36), 8), (*range(22, 27), 27, *range(31, 36), 8)),
    tuple(range(27, 36)),
)
"""Parts of the face whose convex hulls together are its region: less than the hull of the whole on a turned face."""

EYES = (tuple(range(36, 42)), tuple(range(42, 48)))
MOUTH = tuple(range(60, 68))


def hull_mask(points_px: NDArray[np.floating], box: Box, raise_brows: float = 1.0) -> Mask:
    """The face from chin to above the brows.

    Args:
        points_px: ``(478, >=2)`` or ``(68, >=2)``, in pixels of the whole image.
        box: the rectangle to fill.
        raise_brows: how far the brows are lifted for some of the forehead; 1 is half the distance from the eye.

    Returns:
        ``(box.h, box.w)`` uint8.
    """
    points = _lifted(_flat(points_px), raise_brows)
    hulls = [cv2.convexHull(np.ascontiguousarray(points[list(part)])) for part in _HULLS]
    return union_mask([np.asarray(hull[:, 0], np.float32) for hull in hulls], box)


def _lifted(points: Floats, share: float) -> Floats:
    """Brows moved away from the edge of the eye below them."""
    p = points.copy()
    outer_left = (p[36] + (p[36] + p[0]) / 2) / 2
    outer_right = (p[45] + (p[45] + p[16]) / 2) / 2
    left, right = np.stack([outer_left, *p[36:40]]), np.stack([*p[42:46], outer_right])
    p[17:22] += share * 0.5 * (p[17:22] - left)
    p[22:27] += share * 0.5 * (p[22:27] - right)
    return p


def features_mask(points_px: NDArray[np.floating], box: Box, mouth: bool = True, eyes: bool = True) -> Mask:
    """Eyes and the inside of the mouth, grown and softened by a share of the rectangle's height.

    Args:
        points_px: ``(478, >=2)`` or ``(68, >=2)``, in pixels of the whole image.
        box: the rectangle to fill, commonly a whole crop.
        mouth: whether the mouth is among them.
        eyes: whether the eyes are among them.

    Returns:
        ``(box.h, box.w)`` uint8.
    """
    points = _flat(points_px)
    parts = [*(EYES if eyes else ()), *((MOUTH,) if mouth else ())]
    mask = polygon_mask([points[list(part)] for part in parts], box)
    grow, soft = max(1, box.h // 32), max(1, box.h // 16) | 1
    mask = np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow))), np.uint8)
    return np.asarray(cv2.GaussianBlur(mask, (soft, soft), 0), np.uint8)


def _flat(points: NDArray[np.floating]) -> Floats:
    return np.asarray(points[:, :2] if len(points) == POINTS else points68(np.asarray(points)), np.float32)
