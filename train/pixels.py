"""Every frame of a run once, resized to the input size, for all folds."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsa_data.datasets.rows import Rows
from fsa_data.types import Image

_MEMORY_BYTES = 4 << 30  # more than this goes to a file that the system pages in and out


class HasPixels(Protocol):
    """Rows with their pixels: any view of :mod:`fsa_data.datasets`."""

    @property
    def rows(self) -> Rows:
        """What the rows are."""
        ...

    def __len__(self) -> int: ...

    def array(self, index: int) -> Image:
        """Pixels of one row, ``(H, W, 3)`` uint8 RGB."""
        ...


def input_square(frame: Image, size: int, crop: bool) -> Image:
    """A frame as the classifier sees it.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        size: side of the square, pixels.
        crop: see :class:`PixelPool`.

    Returns:
        ``(size, size, 3)`` uint8 RGB.
    """
    if crop:
        side = min(frame.shape[:2])
        top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
        frame = frame[top : top + side, left : left + side]
    return cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


class PixelPool:
    """Frames by row, decoded and resized when they are first asked for, then kept.

    Args:
        image_size: side of the square, pixels.
        crop: cut the largest square out of the middle; otherwise the whole frame is squeezed into the square (hands at
            the edges are evidence).
        capacity: the most rows that will be asked for.
        folder: where the file goes if they do not fit into memory; it has no name there and vanishes with the process.

    Raises:
        OSError: there is no room for the file.
    """

    def __init__(self, image_size: int, crop: bool, capacity: int, folder: Path) -> None:
        self._crop = crop
        shape = (capacity, image_size, image_size, 3)
        size = int(np.prod(shape, dtype=np.int64))
        if size <= _MEMORY_BYTES:
            self._pixels: NDArray[np.uint8] = np.empty(shape, np.uint8)
        else:
            with tempfile.TemporaryFile(dir=folder) as file:
                if hasattr(os, "posix_fallocate"):  # a disk that turns out to be full later would kill the process
                    os.posix_fallocate(file.fileno(), 0, size)
                self._pixels = np.memmap(file, np.uint8, "w+", shape=shape)
        self._places: dict[tuple[int, int, int], int] = {}

    def places(self, view: HasPixels) -> NDArray[np.int64]:
        """Where the rows of a view lie in the pool, ``(n,)``; reads those that are not there yet."""
        rows = view.rows
        # Of a real row the swap is nothing: shard -1.
        keys = list(zip(rows.frame.tolist(), rows.swap["shard"].tolist(), rows.swap["row"].tolist(), strict=True))
        for number, key in enumerate(keys):
            if key not in self._places:
                at = len(self._places)
                self._pixels[at] = input_square(view.array(number), self._pixels.shape[1], self._crop)
                self._places[key] = at
        return np.array([self._places[key] for key in keys], np.int64)

    def batch(self, places: NDArray[np.int64]) -> Tensor:
        """``(B, 3, S, S)`` uint8 RGB, in channels-last memory order as the pixels are kept."""
        return torch.from_numpy(np.ascontiguousarray(self._pixels[places])).permute(0, 3, 1, 2)
