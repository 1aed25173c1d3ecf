"""Where a film goes on somewhere else: frames that have little in common with the one before."""

from __future__ import annotations

import cv2
import numpy as np

from fsa_data.types import Image

MOVED = 20.0
"""Mean difference of two frames' small grey copies (0..255) that no one movement makes."""

SHARED = 0.7
"""Share of their colours that two frames of one scene have in common at least."""

_SMALL = (32, 18)


def is_cut(before: Image, after: Image) -> bool:
    """Whether two successive frames belong to different scenes: where things are differs, and so do the colours.

    Args:
        before: ``(H, W, 3)`` uint8 RGB.
        after: likewise.
    """
    one, other = (
        cv2.resize(image, _SMALL, interpolation=cv2.INTER_AREA).astype(np.float32) for image in (before, after)
    )
    moved = float(np.abs(one.mean(2) - other.mean(2)).mean())
    return moved > MOVED and _shared(before, after) < SHARED


def _shared(one: Image, other: Image) -> float:
    """Overlap of the colour histograms, 8 bins each way, 0..1."""
    histograms = []
    for image in (one, other):
        small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
        counts = cv2.calcHist([small], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
        histograms.append(counts / counts.sum())
    return float(np.minimum(*histograms).sum())
