"""Colour: CIE Lab, robust statistics, and the transfer of one picture's statistics to another.

The transfer follows Reinhard et al. (2001), "Color Transfer between Images", eq. 10-11, in CIE Lab instead of lab,
with weights, outliers left out and the ratio of spreads kept within limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fsa_data.types import Floats, Image


def rgb_to_lab(image: Image) -> Floats:
    """CIE Lab (D65) of sRGB pixels.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        ``(H, W, 3)`` float32; L in 0..100, a and b about -127..127.
    """
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32)


def lab_to_rgb(lab: Floats) -> Image:
    """Inverse of :func:`rgb_to_lab`; colours that do not exist are clipped.

    Args:
        lab: ``(H, W, 3)`` float32.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    rgb = cv2.cvtColor(np.ascontiguousarray(lab, np.float32), cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb * 255 + 0.5, 0, 255), np.uint8)


@dataclass(frozen=True, slots=True)
class ColourStatistics:
    """Where colours lie and how far they spread.

    Attributes:
        mean: ``(3,)`` float32, Lab.
        spread: ``(3,)`` float32, standard deviation per channel.
    """

    mean: Floats
    spread: Floats


def robust_statistics(lab: Floats, weight: Floats, tolerance: float = 2.5) -> ColourStatistics:
    """Mean and standard deviation without the outliers (brows, spectacle rims, strands of hair, glare).

    Args:
        lab: ``(N, 3)`` float32.
        weight: ``(N,)`` float32, at least 0; some of it must be positive.
        tolerance: colours further than this many (robust) standard deviations from the median count nothing.

    Returns:
        Statistics of what is left.
    """
    centre = np.array([_weighted_median(lab[:, k], weight) for k in range(3)], np.float32)
    away = np.abs(lab - centre)
    # 1.4826: a normal distribution's standard deviation over its median absolute deviation
    scale = np.array([1.4826 * _weighted_median(away[:, k], weight) for k in range(3)], np.float32)
    kept = weight * np.all(away <= tolerance * np.maximum(scale, 1.0), axis=1)
    if kept.sum() <= 0:
        kept = weight
    share = (kept / kept.sum())[:, None]
    mean = (share * lab).sum(axis=0)
    variance = (share * (lab - mean) ** 2).sum(axis=0)
    return ColourStatistics(mean.astype(np.float32), np.sqrt(variance).astype(np.float32))


def lab_transfer(
    lab: Floats,
    source: ColourStatistics,
    target: ColourStatistics,
    colour: float = 1.0,
    contrast: float = 1.0,
    limits: tuple[float, float] = (0.6, 1.6),
) -> Floats:
    """Give colours the mean and spread of others.

    Args:
        lab: ``(..., 3)`` float32 colours whose statistics are ``source``.
        source: statistics of the colours as they are.
        target: statistics that they shall have.
        colour: 0 keeps the mean, 1 takes the target's.
        contrast: 0 keeps the spread, 1 takes the target's.
        limits: bounds of the ratio of spreads.

    Returns:
        ``(..., 3)`` float32.
    """
    ratio = np.clip(target.spread / np.maximum(source.spread, 1e-3), *limits)
    gain = (1 + contrast * (ratio - 1)).astype(np.float32)
    mean = source.mean + np.float32(colour) * (target.mean - source.mean)
    return np.asarray((lab - source.mean) * gain + mean, np.float32)


def detail_gains(source_tone: Floats, target_tone: Floats, contrast: float = 1.0) -> Floats:
    """How detail must be scaled when it moves from one skin to another.

    Details darker than the skin (brows, lashes, nostrils, lips) lie between skin and black and keep their place there:
    black stays black, and no brow turns grey. Lighter ones are glare, which does not depend on the skin; they only
    must not burn out. Chroma is bounded by lightness and goes with it.

    Args:
        source_tone: ``(3,)`` float32 Lab of the skin that the detail was seen on.
        target_tone: ``(3,)`` float32 Lab of the skin that it is put on.
        contrast: 0 leaves detail as it is, 1 scales it fully.

    Returns:
        ``(3,)`` float32: gain of lightness below the skin's, above it, and of a and b.
    """
    depth = target_tone[0] / max(float(source_tone[0]), 1.0)
    room = (100 - target_tone[0]) / max(100 - float(source_tone[0]), 1.0)
    gains = np.array([np.clip(depth, 0.4, 1.6), np.clip(room, 0.5, 1.0), np.clip(depth, 0.4, 1.3)])
    return np.asarray(1 + contrast * (gains - 1), np.float32)


def move_detail(lab: Floats, source_base: Floats, target_base: Floats, gains: Floats) -> Floats:
    """Put a face's detail on another skin.

    Args:
        lab: ``(h, w, 3)`` float32 colours of the face.
        source_base: ``(h, w, 3)`` float32, its slow colour.
        target_base: ``(h, w, 3)`` float32, the slow colour that it shall have.
        gains: ``(3,)`` float32 of :func:`detail_gains`.

    Returns:
        ``(h, w, 3)`` float32.
    """
    detail = lab - source_base
    lightness = detail[..., :1]
    scaled = np.where(lightness < 0, gains[0], gains[1]) * lightness
    return np.asarray(target_base + np.concatenate([scaled, gains[2] * detail[..., 1:]], axis=-1), np.float32)


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])
