"""The working frame: the size at which a frame is swapped, kept and trained on."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fsa_data.errors import ConfigError
from fsa_data.types import Image

WorkingSize = int | tuple[int, int] | None
"""An int: the short side. ``(H, W)``: exactly that. None: the native size."""


def checked_size(size: int | Sequence[int] | None) -> WorkingSize:
    """A working size as given by a user (lists from a configuration included), checked.

    Raises:
        ConfigError: not an int, a pair or None, or less than 16 pixels.
    """
    sides = [] if size is None else list(size) if isinstance(size, Sequence) else [size]
    if any(type(side) is not int or side < 16 for side in sides) or len(sides) > 2:
        raise ConfigError(f"working_size must be the short side, (height, width) or None, from 16 on; got {size!r}.")
    if size is None or isinstance(size, int):
        return size
    if len(sides) != 2:
        raise ConfigError(f"working_size as a pair is (height, width), got {size!r}.")
    return sides[0], sides[1]


def working_frame(native: Image, size: WorkingSize) -> Image:
    """The frame at working size: reduced once by area averaging, never enlarged.

    Args:
        native: ``(H, W, 3)`` uint8 RGB as decoded.
        size: see :data:`WorkingSize`. With an int, a frame whose short side is not larger stays as it is.

    Raises:
        ConfigError: an exact size that is larger than the frame.
    """
    height, width = native.shape[:2]
    if size is None:
        return native
    if isinstance(size, int):
        scale = size / min(height, width)
        if scale >= 1:
            return native
        size = max(1, round(height * scale)), max(1, round(width * scale))
    elif size[0] > height or size[1] > width:
        raise ConfigError(
            f"A frame of {height} x {width} pixels (height x width) cannot get the working size {size[0]} x {size[1]}: "
            "frames are never enlarged. Give a smaller working_size, or an int for the short side."
        )
    reduced = cv2.resize(native, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(reduced, np.uint8)
