"""The square that the autoencoder looks at, from a face's landmarks.

A similarity takes the inner points of the face (brows, nose, eyes, corners of the mouth) as near as it can to a mean
face in the unit square (Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
1991); each face type shows a square around it. The mean face is the landmark model's canonical face, seen from the
front.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import UnknownNameError
from fsa_data.faces import points68
from fsa_data.mesh import face_mesh
from fsa_data.types import Floats, Image

INNER_68 = (*range(17, 49), 54)
"""Points that are fitted."""

# how much is seen around the unit square, and how far up the picture moves
FACE_TYPES = {
    "half_face": (0.0, 0.0),
    "midfull_face": (0.0675, 0.0),
    "full_face": (0.2109375, 0.0),
    "whole_face": (0.40, 0.07),
}
"""Padding and upward shift of each face type, in units of the unit square."""

Matrix = NDArray[np.float64]
"""``(2, 3)`` affine map of pixels."""


@cache
def mean_face() -> NDArray[np.float64]:
    """``(33, 2)`` inner points of the mean face: brows as wide as the unit square, all about its middle."""
    points = points68(face_mesh().vertices_cm).astype(np.float64) * (1, -1)
    inner = points[17:]
    low, high = inner.min(0), inner.max(0)
    points = (points - (low + high) / 2) / (high[0] - low[0]) + 0.5
    return np.asarray(points[list(INNER_68)])


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> Matrix:
    """The turn, scale and shift that take points nearest to others, in the mean square.

    Args:
        source: ``(N, 2)``.
        target: ``(N, 2)``.
    """
    mean_s, mean_t = source.mean(0), target.mean(0)
    a, b = source - mean_s, target - mean_t
    u, strengths, vt = np.linalg.svd(b.T @ a / len(a))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = (strengths * signs).sum() / np.square(a).sum(1).mean()
    return np.column_stack([scale * rotation, mean_t - scale * rotation @ mean_s])


def crop_matrix(points_px: Floats, size_px: int, face_type: str) -> Matrix:
    """From pixels of an image to pixels of the aligned face.

    Args:
        points_px: ``(478, >=2)``, ``(468, >=2)`` or ``(68, >=2)`` landmarks.
        size_px: side of the aligned face.
        face_type: a key of :data:`FACE_TYPES`.

    Raises:
        UnknownNameError: no such face type.
    """
    if face_type not in FACE_TYPES:
        raise UnknownNameError("face type", face_type, FACE_TYPES)
    points = points_px if len(points_px) == 68 else points68(points_px)
    padding, up = FACE_TYPES[face_type]
    side = 1 + 2 * math.sqrt(2) * padding
    matrix = similarity(points[list(INNER_68), :2].astype(np.float64), mean_face())
    matrix[:, 2] -= (0.5 - side / 2, 0.5 - up - side / 2)
    return np.asarray(matrix * (size_px / side))


def inverted(matrix: Matrix) -> Matrix:
    """The map back."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def moved(points_px: Floats, matrix: Matrix) -> Floats:
    """``(N, 2)`` points under a map."""
    return np.asarray(points_px[:, :2] @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _centred(matrix: Matrix) -> Matrix:
    """The same map for OpenCV, which counts from the middle of the first pixel."""
    shift = matrix.copy()
    shift[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return shift


def cut_out(image: Image, matrix: Matrix, size_px: int) -> Image:
    """The aligned face; outside the image its border is repeated.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        matrix: of :func:`crop_matrix`.
        size_px: side of the aligned face.

    Returns:
        ``(size_px, size_px, 3)`` uint8 RGB.
    """
    shrink = 1 / math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink > 1.5:  # bilinear pixels would miss what lies between them
        sigma = 0.4 * shrink
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    out = cv2.warpAffine(
        image, _centred(matrix), (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)
