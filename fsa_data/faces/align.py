"""Faces cut out upright and of one size, as DeepFaceLab's trained networks are fed, and the way back.

33 of the 68 points (brows, nose, eyes, left corner and right corner of the mouth) are taken onto a mean face in a unit
square by the best similarity (Umeyama, 1991); a square of that plane, whose size and place depend on the face type, is
the crop. The mean face is the canonical one of the landmark model, so crops of other programs differ a little.

Matrices act on the house's points (pixel edges, not centres).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.errors import UnknownNameError
from fsa_data.faces.points68 import INDEX_68, POINTS, points68
from fsa_data.types import Floats, Image, Mask

Matrix = NDArray[np.float64]
"""``(2, 3)``, for column vectors ``(x, y, 1)``."""

FITTED = (*range(17, 49), 54)
"""Points of the 68 that decide the alignment; the jaw and most of the mouth move too much."""


@dataclass(frozen=True, slots=True)
class FaceType:
    """How much of a head a crop shows.

    Attributes:
        pad: around the mean face's square; a crop is ``1 + 2 sqrt(2) pad`` squares wide.
        raised: how far its centre lies above the square's, in squares.
        turns: whether it moves sideways with the yaw, so that the back of the head stays inside.
    """

    pad: float
    raised: float = 0.0
    turns: bool = False

    @property
    def side(self) -> float:
        """Of the crop, in squares."""
        return 1 + 2 * math.sqrt(2) * self.pad


FACE_TYPES: dict[str, FaceType] = {
    "half_face": FaceType(0.0),
    "midfull_face": FaceType(0.0675),
    "full_face": FaceType(0.2109375),
    "whole_face": FaceType(0.40, raised=0.07),
    "head": FaceType(0.70, raised=0.50, turns=True),
}
"""From brows and mouth to the whole head."""


def face_matrix(
    points_px: NDArray[np.floating], face_type: str = "whole_face", size: int = 512, scale: float = 1.0
) -> Matrix:
    """From an image to the crop of a face.

    Args:
        points_px: ``(478, >=2)`` landmarks or ``(68, >=2)`` points, in pixels of the image.
        face_type: a key of :data:`FACE_TYPES`.
        size: side of the crop in pixels.
        scale: how much larger the face is drawn than usual.

    Returns:
        ``(2, 3)``.

    Raises:
        UnknownNameError: no such face type.
        ValueError: no such points, or they lie on one spot.
    """
    if face_type not in FACE_TYPES:
        raise UnknownNameError("face type", face_type, FACE_TYPES)
    kind, points = FACE_TYPES[face_type], _as_68(points_px)
    square = similarity(points[list(FITTED)], mean_face()[list(FITTED)])
    middle = np.array([0.5, 0.5 - kind.raised])
    if kind.turns:
        yaw = _yaw(apply(square, points))
        middle[0] += yaw * abs(math.tanh(2 * yaw)) / 2
    zoom = size * scale / kind.side
    out = square * zoom
    out[:, 2] += size / 2 - zoom * middle
    return out


def similarity(points: NDArray[np.floating], goal: NDArray[np.floating]) -> Matrix:
    """Rotation, scale and shift that take points nearest to others, without mirroring (Umeyama, 1991).

    Args:
        points: ``(N, 2)``.
        goal: ``(N, 2)``.

    Raises:
        ValueError: the points lie on one spot, or are not finite.
    """
    p, q = np.asarray(points, np.float64), np.asarray(goal, np.float64)
    middle, wanted = p.mean(axis=0), q.mean(axis=0)
    spread = np.square(p - middle).sum()
    if not np.isfinite(p).all() or not spread > 0:
        raise ValueError("The points of the face are not finite, or lie on one spot.")
    u, stretch, vt = np.linalg.svd((q - wanted).T @ (p - middle))
    signs = np.array([1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    linear = float((stretch * signs).sum() / spread) * ((u * signs) @ vt)
    return np.concatenate([linear, (wanted - linear @ middle)[:, None]], axis=1)


@cache
def mean_face() -> Matrix:
    """``(68, 2)``: the canonical face from the front; all but its jaw just fit into the unit square, in the middle."""
    points = mesh.face_mesh().vertices_cm[list(INDEX_68), :2].astype(np.float64) * [1, -1]
    low, high = points[17:].min(axis=0), points[17:].max(axis=0)
    fitting: Matrix = (points - (low + high) / 2) / (high - low).max() + 0.5
    fitting.flags.writeable = False
    return fitting


def apply(matrix: Matrix, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points ``(N, 2)`` moved."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def apply_3d(matrix: Matrix, points_px: Floats) -> Floats:
    """Landmarks ``(N, 3)`` moved by a similarity; z takes its scale."""
    flat = apply(matrix, points_px[:, :2])
    return np.concatenate([flat, points_px[:, 2:] * zoom_of(matrix)], axis=1, dtype=np.float32)


def inverse(matrix: Matrix) -> Matrix:
    """The way back.

    Raises:
        ValueError: there is none.
    """
    try:
        linear = np.linalg.inv(matrix[:, :2])
    except np.linalg.LinAlgError as error:
        raise ValueError("The matrix cannot be inverted.") from error
    return np.concatenate([linear, -linear @ matrix[:, 2:]], axis=1)


def zoom_of(matrix: Matrix) -> float:
    """Pixels of the result per pixel of the image."""
    return math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))


def between(size: int, face_type: str, points_px: NDArray[np.floating], new_type: str, new_size: int) -> Matrix:
    """From one crop of a face to another.

    Args:
        size: of the crop that there is.
        face_type: of the crop that there is.
        points_px: landmarks in pixels of the *image* that it was cut from.
        new_type: of the crop that is wanted.
        new_size: of the crop that is wanted.
    """
    there = face_matrix(points_px, face_type, size)
    return compose(face_matrix(points_px, new_type, new_size), inverse(there))


def compose(second: Matrix, first: Matrix) -> Matrix:
    """First one matrix, then the other."""
    linear = second[:, :2] @ first
    linear[:, 2] += second[:, 2]
    return np.asarray(linear)


def warp(image: Image | Mask, matrix: Matrix, width: int, height: int, edge: bool = False) -> Image:
    """An image drawn through a matrix, bicubically; what is reduced much is averaged first.

    Args:
        image: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8.
        matrix: from the image to the result.
        width: of the result.
        height: of the result.
        edge: whether the image's last pixels go on outside of it; black otherwise.

    Returns:
        ``(height, width, 3)`` or ``(height, width)`` uint8.
    """
    times = int(1 / max(zoom_of(matrix), 1e-6))
    if times >= 2:
        h, w = image.shape[:2]
        small = max(1, w // times), max(1, h // times)
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = compose(matrix, np.array([[w / small[0], 0, 0], [0, h / small[1], 0]]))
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV counts from pixel centres
    border = cv2.BORDER_REPLICATE if edge else cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(image, centred, (width, height), flags=cv2.INTER_CUBIC, borderMode=border), np.uint8
    )


def _as_68(points: NDArray[np.floating]) -> NDArray[np.float64]:
    flat = points[:, :2] if len(points) == POINTS else points68(np.asarray(points))
    return np.asarray(flat, np.float64)


def _yaw(points: NDArray[np.floating]) -> float:
    """How much wider the cheek on the right of the image is than the other, in squares of the mean face."""
    x = points[:, 0]
    right = np.mean([x[16 - k] - x[27 + k] for k in range(3)])
    left = np.mean([x[27 + k] - x[k] for k in range(3)])
    return float(right - left)
