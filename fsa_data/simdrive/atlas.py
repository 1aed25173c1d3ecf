"""One texture for the whole scene: which tile of it belongs to what."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fsa_data.types import Image

ATLAS_WIDTH, ATLAS_HEIGHT = 512, 448


class Area(NamedTuple):
    """A rectangle of the atlas in pixels."""

    x: int
    y: int
    width: int
    height: int


class Tile(Enum):
    """The tiles of the atlas."""

    FACE = Area(0, 0, 256, 256)
    HAIR = Area(256, 0, 128, 128)
    SKIN = Area(384, 0, 128, 128)
    CLOTH = Area(256, 128, 128, 128)
    WHITE = Area(384, 128, 32, 32)
    MOUTH = Area(416, 128, 32, 32)
    LABEL = Area(448, 128, 64, 64)
    SCREEN = Area(384, 192, 64, 64)
    CUP = Area(448, 192, 64, 64)
    SEAT = Area(0, 256, 128, 128)
    MASK = Area(128, 256, 128, 128)
    SCALP = Area(256, 256, 128, 128)
    TROUSERS = Area(384, 256, 128, 128)


def to_atlas(tile: Tile, uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Atlas pixels of ``(N, 2)`` coordinates in 0..1, kept off the edges so that neighbours do not bleed in."""
    area = tile.value
    inset = 1.5
    scale = np.array([area.width - 2 * inset, area.height - 2 * inset])
    pixels: NDArray[np.float64] = np.array([area.x, area.y]) + inset + np.clip(uv, 0, 1) * scale
    return pixels


def put(atlas: Image, tile: Tile, picture: Image) -> None:
    """Write a picture of the tile's size into the atlas."""
    area = tile.value
    atlas[area.y : area.y + area.height, area.x : area.x + area.width] = picture
