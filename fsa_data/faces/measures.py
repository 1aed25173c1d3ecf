"""What is measured on a face's points."""

from __future__ import annotations

import math

from fsa_data import mesh
from fsa_data.types import Floats


def face_size_px(points_px: Floats) -> float:
    """Size of a face that turning hardly changes: square root of the area of its box.

    Args:
        points_px: ``(478, >=2)`` float32.

    Returns:
        Pixels.
    """
    xs, ys = points_px[: mesh.VERTICES, 0], points_px[: mesh.VERTICES, 1]
    return math.sqrt(float(xs.max() - xs.min()) * float(ys.max() - ys.min()))
