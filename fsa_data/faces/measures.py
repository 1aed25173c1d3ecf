"""What is measured on a face's points."""

from __future__ import annotations

import math

import numba
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
    return math.sqrt(_area(points_px[: mesh.VERTICES]))


@numba.njit(cache=True, nogil=True)
def _area(points):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    left = right = points[0, 0]
    top = bottom = points[0, 1]
    for n in range(1, points.shape[0]):
        left, right = min(left, points[n, 0]), max(right, points[n, 0])
        top, bottom = min(top, points[n, 1]), max(bottom, points[n, 1])
    return np.float64(right - left) * np.float64(bottom - top)
