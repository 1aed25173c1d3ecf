"""Regions of a face as masks of a rectangle: the oval, the eyes, the inside of the mouth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fsa_data import mesh
from fsa_data.types import Box, Floats, Mask

_FINE = 4
"""Subdivisions of a pixel, each way, that decide how much of it a polygon covers."""


def polygon_mask(polygons_px: Sequence[Floats], box: Box) -> Mask:
    """Filled polygons; pixels on an outline get the share that is covered.

    Args:
        polygons_px: each ``(N, >=2)`` float32, in pixels of the whole image.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` uint8, 255 inside.
    """
    mask = np.zeros((box.h, box.w), np.uint8)
    for polygon in polygons_px:
        _draw(mask, [polygon], box)
    return mask


def union_mask(polygons_px: Sequence[Floats], box: Box) -> Mask:
    """Polygons that touch or overlap, filled as one: no seam shows where two share an edge.

    Args:
        polygons_px: each ``(N, >=2)`` float32, in pixels of the whole image.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` uint8, 255 inside.
    """
    mask = np.zeros((box.h, box.w), np.uint8)
    _draw(mask, polygons_px, box)
    return mask


def _draw(mask: Mask, polygons: Sequence[Floats], box: Box) -> None:
    """Raise the mask to the share of each pixel that the polygons cover together."""
    local = [polygon[:, :2] - np.array([box.x, box.y], np.float32) for polygon in polygons]
    part = Box.around(np.concatenate(local)).clipped(box.h, box.w)
    if not part.area:
        return
    fine = np.zeros((_FINE * part.h, _FINE * part.w), np.uint8)
    for polygon in local:
        # OpenCV counts from pixel centres, and draws the outline, too: half a subdivision too much
        corners = (polygon - np.array([part.x, part.y], np.float32)) * _FINE - 0.5
        cv2.fillPoly(fine, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    covered = cv2.resize(fine, (part.w, part.h), interpolation=cv2.INTER_AREA)
    mask[part.slices] = np.maximum(mask[part.slices], covered)


def oval_mask(points_px: Floats, box: Box) -> Mask:
    """The face oval; on a turned face its convex hull, since the far side of the oval folds over.

    Args:
        points_px: ``(478, >=2)`` float32 in pixels of the whole image.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` uint8.
    """
    hull = cv2.convexHull(np.ascontiguousarray(points_px[: mesh.VERTICES, :2], np.float32))
    return polygon_mask([np.asarray(hull[:, 0], np.float32)], box)


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
