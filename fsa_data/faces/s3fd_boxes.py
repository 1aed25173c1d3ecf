"""From the maps of the S3FD detector to the boxes of faces: decoding and non-maximum suppression, vectorised.

Anchors of level i lie ``4 * 2**i`` pixels apart and are squares of four times that (Zhang et al., 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

CANDIDATE = 0.05
"""Least probability of a box that is decoded by default."""

OVERLAP = 0.3
"""Intersection over union beyond which the weaker of two boxes goes."""

FINEST_PX = 4
"""Distance of the anchors of the first level."""

Boxes = NDArray[np.float32]
"""``(N, 5)`` float32: left, top, right, bottom in pixels, probability."""


def decode_maps(maps: Sequence[Tensor], least: float = CANDIDATE) -> list[Boxes]:
    """Boxes of every image of a batch.

    Args:
        maps: by level ``(B, 2, h, w)`` logits and ``(B, 4, h, w)`` offsets, on any device. Only what is likelier than
            ``least`` leaves it.
        least: probability.

    Returns:
        Per image ``(N, 5)``, level by level, row by row.
    """
    batch = maps[0].shape[0]
    levels: list[list[Boxes]] = [[] for _ in range(batch)]
    for level, (logits, offsets) in enumerate(zip(maps[0::2], maps[1::2], strict=True)):
        face = logits.float().softmax(dim=1)[:, 1]
        at = (face > least).nonzero()  # row by row of (image, row, column)
        image, row, column = at.unbind(dim=1)
        score = face[image, row, column].cpu().numpy()
        offset = offsets.float()[image, :, row, column].cpu().numpy()
        boxes = _boxes(row.cpu().numpy(), column.cpu().numpy(), offset, score, FINEST_PX << level)
        ends = np.searchsorted(image.cpu().numpy(), np.arange(batch + 1))
        for number, mine in enumerate(levels):
            mine.append(boxes[ends[number] : ends[number + 1]])
    return [np.concatenate(mine) for mine in levels]


def _boxes(
    row: NDArray[np.int64], column: NDArray[np.int64], offset: NDArray[np.float32], score: Boxes, stride: int
) -> Boxes:
    """Variances 0.1 for the centre, 0.2 for the logarithm of the size."""
    side = 4 * stride
    middle = np.stack([column, row], axis=1) * stride + stride / 2 + offset[:, :2] * 0.1 * side
    size = side * np.exp(offset[:, 2:] * 0.2)
    corner = middle - size / 2
    return np.concatenate([corner, corner + size, score[:, None]], axis=1, dtype=np.float32)


def suppress(boxes: NDArray[np.floating], overlap: float = OVERLAP) -> NDArray[np.int64]:
    """Greedy non-maximum suppression; pixels of the right and lower edge count as inside.

    Args:
        boxes: ``(N, 5)``.
        overlap: intersection over union.

    Returns:
        Rows that stay, the likeliest first.
    """
    left, top, right, bottom, scores = np.asarray(boxes, np.float64).T
    area = (right - left + 1) * (bottom - top + 1)
    order = np.argsort(scores, kind="stable")[::-1]
    kept: list[int] = []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(int(first))
        wide = np.minimum(right[first], right[rest]) - np.maximum(left[first], left[rest]) + 1
        high = np.minimum(bottom[first], bottom[rest]) - np.maximum(top[first], top[rest]) + 1
        common = np.maximum(wide, 0) * np.maximum(high, 0)
        order = rest[common / (area[first] + area[rest] - common) <= overlap]
    return np.array(kept, np.int64)


def best_boxes(boxes: Boxes, least: float = 0.5, overlap: float = OVERLAP) -> Boxes:
    """The boxes that stay and are likely enough, the likeliest first.

    Unlikely ones are dropped first: they could only have been suppressed, never suppress a likelier one.
    """
    likely = boxes[boxes[:, 4] > least]
    return likely[suppress(likely, overlap)]
