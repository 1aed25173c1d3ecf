"""Fewer points: the five that alignment templates use, and what is measured on a face."""

from __future__ import annotations

import numpy as np

from fsa_data import mesh
from fsa_data.types import Floats


def five_points(points_px: Floats) -> Floats:
    """Centre of the eye on the left of the image, of the other, nose tip, mouth corners left and right.

    Args:
        points_px: ``(478, >=2)`` float32.

    Returns:
        ``(5, 2)`` float32 in the same pixels.
    """
    xy = points_px[:, :2]
    eyes = [xy[list(ring)].mean(axis=0) for ring in (mesh.RIGHT_EYE, mesh.LEFT_EYE)]
    corners = [xy[mesh.LIPS_OUTER[0]], xy[mesh.LIPS_OUTER[10]]]
    return np.stack([*eyes, xy[mesh.NOSE_TIP], *corners]).astype(np.float32)


def face_size_px(points_px: Floats) -> float:
    """Size of a face that turning hardly changes: square root of the area of its box.

    Args:
        points_px: ``(478, >=2)`` float32.

    Returns:
        Pixels.
    """
    extent = points_px[: mesh.VERTICES, :2].max(axis=0) - points_px[: mesh.VERTICES, :2].min(axis=0)
    return float(np.sqrt(extent[0] * extent[1]))
