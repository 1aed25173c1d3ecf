"""Regions of a face as masks of a rectangle: the oval, the eyes, the inside of the mouth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fsa_data import mesh
from fsa_data.types import Box, Floats, Mask

_SHIFT = 4
"""Binary places below the pixel that OpenCV's polygon filling is given."""


def polygon_mask(polygons_px: Sequence[Floats], box: Box) -> Mask:
    """Filled polygons with antialiased edges.

    Args:
        polygons_px: each ``(N, 2)`` float32, in pixels of the whole image.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` uint8, 255 inside.
    """
    mask = np.zeros((box.h, box.w), np.uint8)
    for polygon in polygons_px:
        # OpenCV counts from pixel centres
        local = polygon[:, :2] - np.array([box.x + 0.5, box.y + 0.5], np.float32)
        cv2.fillPoly(mask, [np.round(local * 2**_SHIFT).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return mask


def oval_mask(points_px: Floats, box: Box) -> Mask:
    """The face oval; on a turned face its convex hull, since the far side of the oval folds over.

    Args:
        points_px: ``(478, >=2)`` float32 in pixels of the whole image.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` uint8.
    """
    hull = cv2.convexHull(np.ascontiguousarray(points_px[: mesh.VERTICES, :2], np.float32))
    return polygon_mask([hull[:, 0]], box)


def eyes_mask(points_px: Floats, box: Box) -> Mask:
    """What shows between the lids of both eyes.

    Args:
        points_px: ``(478, >=2)`` float32 in pixels of the whole image.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` uint8.
    """
    return polygon_mask([points_px[list(mesh.RIGHT_EYE)], points_px[list(mesh.LEFT_EYE)]], box)


def mouth_mask(points_px: Floats, box: Box) -> Mask:
    """What shows between the lips.

    Args:
        points_px: ``(478, >=2)`` float32 in pixels of the whole image.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` uint8.
    """
    return polygon_mask([points_px[list(mesh.LIPS_INNER)]], box)
