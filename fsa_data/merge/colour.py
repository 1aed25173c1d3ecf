"""Colour: CIE Lab, robust statistics, and the transfer of one picture's statistics to another.

The transfer follows Reinhard et al. (2001), "Color Transfer between Images", eq. 10-11, in CIE Lab instead of lab,
with weights, outliers left out and the ratio of spreads kept within limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from fsa_data.types import Floats, Image

_LINEAR = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.arange(256) / 255])
"""Light of each 8-bit value, 0..1."""

_STEPS = 8192
_ENCODED = np.array(
    [255 * (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055) for c in np.arange(_STEPS + 1) / _STEPS],
    np.float32,
)
"""8-bit value (not rounded) of light in steps of 1 / ``_STEPS``."""

_WHITE_X, _WHITE_Z = 0.950456, 1.088754
_KNEE = 6 / 29


def rgb_to_lab(image: Image) -> Floats:
    """CIE Lab (D65) of sRGB pixels (IEC 61966-2-1, CIE 15).

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        ``(H, W, 3)`` float32; L in 0..100, a and b about -127..127.
    """
    out = np.empty(image.shape, np.float32)
    _to_lab(np.ascontiguousarray(image), _LINEAR, out)
    return out


def lab_to_rgb(lab: Floats) -> Image:
    """Inverse of :func:`rgb_to_lab`; colours that do not exist are clipped.

    Args:
        lab: ``(H, W, 3)`` float32.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    out = np.empty(lab.shape, np.uint8)
    _to_rgb(np.ascontiguousarray(lab, np.float32), _ENCODED, out)
    return out


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
    black stays black, and no brow turns grey. Lighter ones are glare: as strong as the light, but they must not burn
    out. Chroma is bounded by lightness and goes with it.

    Args:
        source_tone: ``(3,)`` float32 Lab of the skin that the detail was seen on.
        target_tone: ``(3,)`` float32 Lab of the skin that it is put on.
        contrast: 0 leaves detail as it is, 1 scales it fully.

    Returns:
        ``(3,)`` float32: gain of lightness below the skin's, above it, and of a and b.
    """
    depth = target_tone[0] / max(float(source_tone[0]), 1.0)
    room = (100 - target_tone[0]) / max(100 - float(source_tone[0]), 1.0)
    gains = np.array([np.clip(depth, 0.25, 1.6), np.clip(min(room, depth), 0.25, 1.0), np.clip(depth, 0.25, 1.0)])
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
    out = np.empty(lab.shape, np.float32)
    _move(lab, source_base, target_base, gains, out)
    return out


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])


@numba.njit(cache=True, nogil=True)
def _to_lab(image, linear, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            r, g, b = linear[image[row, column, 0]], linear[image[row, column, 1]], linear[image[row, column, 2]]
            x = (0.412453 * r + 0.357580 * g + 0.180423 * b) / _WHITE_X
            y = 0.212671 * r + 0.715160 * g + 0.072169 * b
            z = (0.019334 * r + 0.119193 * g + 0.950227 * b) / _WHITE_Z
            fx = np.cbrt(x) if x > _KNEE**3 else x / (3 * _KNEE * _KNEE) + 4 / 29
            fy = np.cbrt(y) if y > _KNEE**3 else y / (3 * _KNEE * _KNEE) + 4 / 29
            fz = np.cbrt(z) if z > _KNEE**3 else z / (3 * _KNEE * _KNEE) + 4 / 29
            out[row, column, 0] = 116 * fy - 16
            out[row, column, 1] = 500 * (fx - fy)
            out[row, column, 2] = 200 * (fy - fz)


@numba.njit(cache=True, nogil=True)
def _light(f: float) -> float:
    return f * f * f if f > _KNEE else 3 * _KNEE * _KNEE * (f - 4 / 29)


@numba.njit(cache=True, nogil=True)
def _eight_bit(light, encoded):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    at = min(max(light, 0.0), 1.0) * _STEPS
    low = min(int(at), _STEPS - 1)
    return np.uint8(encoded[low] + (at - low) * (encoded[low + 1] - encoded[low]) + 0.5)


@numba.njit(cache=True, nogil=True)
def _to_rgb(lab, encoded, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(lab.shape[0]):
        for column in range(lab.shape[1]):
            fy = (lab[row, column, 0] + 16.0) / 116.0
            x = _WHITE_X * _light(fy + lab[row, column, 1] / 500.0)
            y = _light(fy)
            z = _WHITE_Z * _light(fy - lab[row, column, 2] / 200.0)
            out[row, column, 0] = _eight_bit(3.240479 * x - 1.537150 * y - 0.498535 * z, encoded)
            out[row, column, 1] = _eight_bit(-0.969256 * x + 1.875991 * y + 0.041556 * z, encoded)
            out[row, column, 2] = _eight_bit(0.055648 * x - 0.204043 * y + 1.057311 * z, encoded)


@numba.njit(cache=True, nogil=True)
def _move(lab, source, target, gains, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(lab.shape[0]):
        for column in range(lab.shape[1]):
            detail = lab[row, column, 0] - source[row, column, 0]
            out[row, column, 0] = target[row, column, 0] + detail * (gains[0] if detail < 0 else gains[1])
            for k in range(1, 3):
                detail = lab[row, column, k] - source[row, column, k]
                out[row, column, k] = target[row, column, k] + detail * gains[2]
