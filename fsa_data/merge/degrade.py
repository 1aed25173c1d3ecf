"""Making a pasted face as good, or as bad, as the picture around it: sharpening, blur, noise and colours taken away.

All on ``(h, w, 3)`` float32 RGB in 0..1; amounts and kernels are DeepFaceLab's.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from fsa_data.merge.transfer import as_eight_bit, as_float
from fsa_data.types import Floats, Image

_MEDIAN = 5
"""Side of the median's window."""

_LONGEST = 50
"""Longest motion blur, in pixels."""


def sharpened(image: Floats, kind: str, amount: int) -> Floats:
    """Sharpen, or with a negative amount blur by medians.

    Args:
        image: the face.
        kind: ``none``, ``box`` (the picture plus ``amount`` times its difference to the mean of 3 x 3) or
            ``gaussian`` (plus half of ``amount`` times that to a Gaussian of 3 x 3).
        amount: -100..100; every 10 below 0 are one median, the rest is blended.
    """
    if kind == "none" or amount == 0:
        return image
    if amount < 0:
        return _medians(image, -amount / 10)
    if kind == "box":
        gain, smooth = float(amount), cv2.blur(image, (3, 3), borderType=cv2.BORDER_REPLICATE)
    else:
        gain, smooth = 0.5 * amount, cv2.GaussianBlur(image, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(image + np.float32(gain) * (image - smooth), 0, 1), np.float32)


def denoised(image: Floats, power: int) -> Floats:
    """Medians, one for every 100 of ``power`` (0..500), the rest blended."""
    return _medians(image, power / 100)


def rescaled(image: Floats, power: int) -> Floats:
    """Make a picture smaller by ``power`` of 101 parts and larger again, bicubically; ``power`` 0..100."""
    if power == 0:
        return image
    height, width = image.shape[:2]
    share = 1 - power / 101
    size = max(1, round(width * share)), max(1, round(height * share))
    small = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1), np.float32)


def fewer_colours(image: Floats, power: int) -> Floats:
    """Go ``power`` per cent of the way to a palette of 256 colours made for the picture (median cut)."""
    if power == 0:
        return image
    from PIL import Image as Pillow

    palette = Pillow.fromarray(as_eight_bit(image)).quantize(256, Pillow.Quantize.MEDIANCUT, dither=Pillow.Dither.NONE)
    flat: Image = np.asarray(palette.convert("RGB"), np.uint8)
    share = np.float32(power / 100)
    return np.asarray((1 - share) * image + share * as_float(flat), np.float32)


def motion_blurred(image: Floats, motion_px: tuple[float, float], power: int) -> Floats:
    """Blur along the way that a face moved.

    Args:
        image: the face.
        motion_px: how far it moved in x and y, in pixels of ``image``.
        power: per cent of that.
    """
    length = int(math.hypot(*motion_px) * power / 100)
    if length < 1:
        return image
    side = min(max(length + 1, 2), _LONGEST)
    return np.asarray(cv2.filter2D(image, -1, _line(side, motion_px), borderType=cv2.BORDER_REPLICATE), np.float32)


def _line(side: int, direction: tuple[float, float]) -> Floats:
    """A kernel that averages along a line: ``(n, n)`` float32 with sum 1, n odd."""
    half = side // 2 + 1
    norm = math.hypot(*direction)
    dx, dy = direction[0] / norm, direction[1] / norm
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for at in np.linspace(-(side - 1) / 2, (side - 1) / 2, 4 * side):
        x, y = half + at * dx, half + at * dy
        x0, y0 = math.floor(x), math.floor(y)
        for row, high in ((y0, 1 - (y - y0)), (y0 + 1, y - y0)):
            for column, wide in ((x0, 1 - (x - x0)), (x0 + 1, x - x0)):
                kernel[min(row, 2 * half), min(column, 2 * half)] += high * wide
    return np.asarray(kernel / kernel.sum(), np.float32)


def _medians(image: Floats, steps: float) -> Floats:
    """So many medians one after the other; of a broken number the last is blended."""
    whole = int(steps)
    for _ in range(whole):
        image = np.asarray(cv2.medianBlur(image, _MEDIAN), np.float32)
    share = np.float32(steps - whole)
    if share > 0:
        image = np.asarray((1 - share) * image + share * cv2.medianBlur(image, _MEDIAN), np.float32)
    return image
