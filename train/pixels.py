"""Every frame of a run once, resized to the input size, for all folds."""

from __future__ import annotations

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


class PixelPool:
    """Frames by row, decoded and resized when they are first asked for, then kept.

    The whole frame is squeezed into a square: hands at the edges are evidence, so nothing is cut off.

    Args:
        image_size: side of the square, pixels.
        capacity: the most rows that will be asked for.
        folder: where the file goes if they do not fit into memory; it has no name there and vanishes with the process.
    """

    def __init__(self, image_size: int, capacity: int, folder: Path) -> None:
        shape = (capacity, image_size, image_size, 3)
        if np.prod(shape, dtype=np.int64) <= _MEMORY_BYTES:
            self._pixels: NDArray[np.uint8] = np.empty(shape, np.uint8)
        else:
            with tempfile.TemporaryFile(dir=folder) as file:
                self._pixels = np.memmap(file, np.uint8, "w+", shape=shape)
        self._places: dict[tuple[int, int, int], int] = {}

    def places(self, view: HasPixels) -> NDArray[np.int64]:
        """Where the rows of a view lie in the pool, ``(n,)``; reads those that are not there yet."""
        rows = view.rows
        # Of a real row the swap is nothing: shard -1.
        keys = list(zip(rows.frame.tolist(), rows.swap["shard"].tolist(), rows.swap["row"].tolist(), strict=True))
        size = self._pixels.shape[1]
        for number, key in enumerate(keys):
            if key not in self._places:
                at = len(self._places)
                self._pixels[at] = cv2.resize(view.array(number), (size, size), interpolation=cv2.INTER_AREA)
                self._places[key] = at
        return np.array([self._places[key] for key in keys], np.int64)

    def batch(self, places: NDArray[np.int64]) -> Tensor:
        """``(B, 3, S, S)`` uint8 RGB, in channels-last memory order as the pixels are kept."""
        return torch.from_numpy(np.ascontiguousarray(self._pixels[places])).permute(0, 3, 1, 2)
