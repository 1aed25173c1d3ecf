"""Crops for a landmark network, and points from its heat maps, as face-alignment (Bulat and Tzimiropoulos) does both.

A face is placed by a centre and a scale; its crop is a square of ``200 * scale`` pixels. Points are found in two steps:
the largest cell of each map, then a quarter of a cell towards its larger neighbour on each axis. Whole pixels, where
asked for, are rounded towards zero like the original's, so that its published numbers are met exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.faces.points68 import MIRROR_68
from fsa_data.types import Floats, Image

UNIT_PX = 200.0
"""Side of the crop at scale 1."""

CROP_PX = 256
"""Side of the square that the network sees."""

LIFT = 0.12
"""How far the crop's centre lies above that of the detector's box, in heights of the box."""

REFERENCE_PX = 195.0
"""Width plus height of a box at scale 1."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a crop lies.

    Attributes:
        x: of its centre, in pixels of the image.
        y: likewise, down.
        scale: its side, in units of 200 px.
    """

    x: float
    y: float
    scale: float

    @classmethod
    def of_box(cls, box: NDArray[np.floating], reference_px: float = REFERENCE_PX) -> Place:
        """The crop of a detected face.

        Args:
            box: ``(>=4,)``: left, top, right, bottom.
            reference_px: depends on the detector; S3FD's by default.
        """
        left, top, right, bottom = (float(edge) for edge in box[:4])
        width, height = right - left, bottom - top
        return cls(right - width / 2, bottom - height / 2 - height * LIFT, (width + height) / reference_px)

    def _rows(self, resolution: float) -> list[list[float]]:
        """From the image to a crop of ``resolution`` pixels, ``(3, 3)``."""
        side = UNIT_PX * self.scale
        zoom = resolution / side
        return [
            [zoom, 0.0, resolution * (-self.x / side + 0.5)],
            [0.0, zoom, resolution * (-self.y / side + 0.5)],
            [0.0, 0.0, 1.0],
        ]

    def to_image(self, points: NDArray[np.floating], resolution: float) -> Floats:
        """Points of a crop (or heat map) of this size, in the image, as they are.

        Args:
            points: ``(..., 2)``.
            resolution: side of the crop.

        Returns:
            The same shape, float32.
        """
        origin = np.array([self.x, self.y])
        return np.asarray(
            (np.asarray(points, np.float64) / resolution - 0.5) * UNIT_PX * self.scale + origin, np.float32
        )

    def to_whole_image(self, points: NDArray[np.floating], resolution: float) -> NDArray[np.int32]:
        """Like :meth:`to_image`, in whole pixels.

        Points often fall on the border of two pixels. Where the original puts them there depends on the last bit of a
        pseudo-inverse; it is composed here in the same order, and applied to one point at a time.
        """
        u, stretch, vt = np.linalg.svd(np.array(self._rows(resolution)))
        inverse = (vt.T * (1 / stretch)) @ u.T
        flat = np.concatenate([points.reshape(-1, 2), np.ones((points.size // 2, 1))], axis=1, dtype=np.float64)
        placed = np.stack([inverse @ point for point in flat])[:, :2] if len(flat) else flat[:, :2]
        return placed.astype(np.int32).reshape(points.shape)

    def whole_point(self, x: float, y: float, resolution: float, inverse: bool) -> tuple[int, int]:
        """One point from the image to a crop or back, in whole pixels and single precision, as crops are placed."""
        import torch

        matrix = torch.tensor(self._rows(resolution), dtype=torch.float32)
        moved = (torch.inverse(matrix) if inverse else matrix) @ torch.tensor([x, y, 1.0], dtype=torch.float32)
        return int(moved[0]), int(moved[1])


def crop(image: Image, place: Place, resolution: int = CROP_PX) -> Image:
    """The square around a face, black outside the image, resampled bilinearly.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        place: where.
        resolution: side of the result.

    Returns:
        ``(resolution, resolution, 3)`` uint8 RGB.

    Raises:
        ValueError: the square is smaller than a pixel.
    """
    left, top = place.whole_point(1, 1, resolution, inverse=True)
    right, bottom = place.whole_point(resolution, resolution, resolution, inverse=True)
    if right <= left or bottom <= top:
        raise ValueError(f"A crop must hold a pixel at least; scale {place.scale:.3g} gives {right - left} px.")
    height, width = image.shape[:2]
    square = np.zeros((bottom - top, right - left, 3), np.uint8)
    x0, x1 = min(max(left, 0), width), min(max(right, 0), width)
    y0, y1 = min(max(top, 0), height), min(max(bottom, 0), height)
    square[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return np.asarray(cv2.resize(square, (resolution, resolution), interpolation=cv2.INTER_LINEAR), np.uint8)


def points_of_maps(maps: Floats) -> tuple[Floats, Floats]:
    """Where each heat map is largest, to a quarter of a cell.

    Args:
        maps: ``(B, N, S, S)`` float32.

    Returns:
        ``(B, N, 2)`` float32 x and y in cells, counted from the map's edge, and the ``(B, N)`` largest values. Cells
        on the border of the map are not refined.

    Raises:
        ValueError: the maps are not square.
    """
    if maps.ndim != 4 or maps.shape[2] != maps.shape[3]:
        raise ValueError(f"Heat maps must be (B, N, S, S), got {maps.shape}.")
    side = maps.shape[3]
    flat = maps.reshape(*maps.shape[:2], -1)
    best = flat.argmax(axis=2)
    scores = np.take_along_axis(flat, best[..., None], axis=2)[..., 0]
    row, column = np.divmod(best, side)
    inner = (column > 0) & (column < side - 1) & (row > 0) & (row < side - 1)

    def step(along: int) -> NDArray[np.float32]:
        at = np.where(inner, best, side + 1)[..., None]  # any inner cell will do where none is wanted
        ahead, behind = (np.take_along_axis(flat, at + sign * along, axis=2)[..., 0] for sign in (1, -1))
        return np.where(inner, np.float32(0.25) * np.sign(ahead - behind), np.float32(0))

    found = np.stack([column + np.float32(0.5) + step(1), row + np.float32(0.5) + step(side)], axis=2)
    return np.asarray(found, np.float32), np.asarray(scores, np.float32)


def mirrored_maps(maps: NDArray[np.floating]) -> NDArray[np.floating]:
    """Heat maps of a mirrored crop as those of the crop itself: left and right of map and face change places.

    Args:
        maps: ``(B, 68, S, S)``.
    """
    return maps[:, list(MIRROR_68), :, ::-1]


def gaussian_maps(points: NDArray[np.floating], resolution: int = CROP_PX) -> Floats:
    """What the depth network sees of the points: a spot of 13 x 13 pixels around each.

    Args:
        points: ``(N, 2)`` in pixels of the crop.
        resolution: side of the crop.

    Returns:
        ``(N, resolution, resolution)`` float32, 1 in the middle of each spot; empty for a point outside.
    """
    maps = np.zeros((len(points), resolution, resolution), np.float32)
    steps = np.arange(-6, 7, dtype=np.float64) / (0.25 * 13)
    bell = np.exp(-(np.square(steps)[:, None] + np.square(steps)[None]) / 2)
    for one, (x, y) in zip(maps, np.asarray(points, np.float64), strict=True):
        (columns, across), (rows, down) = _overlap(x, resolution), _overlap(y, resolution)
        if x > 0 and y > 0:
            one[rows, columns] = bell[down, across]
    return maps


def _overlap(middle: float, size: int) -> tuple[slice, slice]:
    """Where a spot of 13 lies on an axis, and which part of it; cut at the start it moves by two, as it always did."""
    first, last = math.floor(middle - 6), math.floor(middle + 6)  # counted from 1
    start, begin = max(first, 1), max(-first, 1)
    length = max(min(last, size) - start + 1, 0)
    return slice(start - 1, start - 1 + length), slice(begin - 1, begin - 1 + length)
