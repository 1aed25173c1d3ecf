"""Contact sheets: rows of pictures of one size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor

from fsa_data.engines.autoencoder.face_tensors import images_of
from fsa_data.types import Image


def sheet(rows: Sequence[Sequence[Image]]) -> Image:
    """Rows of equally large pictures as one; shorter rows are filled with grey."""
    side = rows[0][0].shape
    blank = np.full(side, 128, np.uint8)
    widest = max(map(len, rows))
    return np.concatenate([np.concatenate([*row, *[blank] * (widest - len(row))], axis=1) for row in rows], axis=0)


def pictures(batch: Tensor) -> list[Image]:
    """``(B, 3, H, W)`` in 0..1, or ``(B, 1, H, W)`` as grey, as ``(H, W, 3)`` uint8 RGB."""
    return images_of(batch.expand(-1, 3, -1, -1))


def heat(maps: Tensor) -> list[Image]:
    """``(B, 1, H, W)``, each stretched to its own range, from dark to bright (matplotlib's inferno)."""
    low, high = maps.amin((1, 2, 3), keepdim=True), maps.amax((1, 2, 3), keepdim=True)
    grey = images_of(((maps - low) / (high - low + 1e-6)).expand(-1, 3, -1, -1))
    coloured = (cv2.applyColorMap(image[..., 0].copy(), cv2.COLORMAP_INFERNO) for image in grey)
    return [np.asarray(image[..., ::-1], np.uint8) for image in coloured]
