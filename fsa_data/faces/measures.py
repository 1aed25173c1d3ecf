"""What is measured on a face's points."""

from __future__ import annotations

import numpy as np

from fsa_data import mesh
from fsa_data.types import Floats


def face_size_px(points_px: Floats) -> float:
    """Size of a face that turning hardly changes: square root of the area of its box.

    Args:
        points_px: ``(478, >=2)`` float32.

    Returns:
        Pixels.
    """
    extent = points_px[: mesh.VERTICES, :2].max(axis=0) - points_px[: mesh.VERTICES, :2].min(axis=0)
    return float(np.sqrt(extent[0] * extent[1]))
