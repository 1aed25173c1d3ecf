"""Where to look again for a face that is too small for the whole frame: overlapping squares, in a fixed order."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fsa_data.types import Box

LEVELS = (0.75, 0.5)
"""Side of the squares of each level, in short sides of the image; neighbours overlap by half at least."""

SMALLEST_PX = 64
"""Squares smaller than this are not worth a look."""


def tile_levels(height: int, width: int) -> Iterator[list[Box]]:
    """The squares of each level, coarse levels first, row by row.

    Their number depends on the shape of the image only: 6 and 15 for 4:3, 8 and 21 for 16:9.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.

    Yields:
        Every level's squares; together they cover the image.
    """
    for share in LEVELS:
        side = round(share * min(height, width))
        if side >= SMALLEST_PX:
            yield [Box(x, y, side, side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    steps = math.ceil((length - side) / (side / 2))
    return [round(at * (length - side) / steps) for at in range(steps + 1)] if steps else [0]
