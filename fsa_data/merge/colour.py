"""Colour: CIE Lab, and detail that moves from one skin to another.

Skin tone and light are the slow part of a face's colour and stay the target's; what is put on it is the difference
between the donor's colours and the donor's own slow part, scaled where the two skins differ much.
"""

from __future__ import annotations

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
    _to_rgb(np.ascontiguousarray(lab, np.float32), out)
    return out


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
def pixel_to_rgb(lightness, a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """:func:`lab_to_rgb` of one pixel, for compiled loops."""
    fy = (lightness + 16.0) / 116.0
    x = _WHITE_X * _light(fy + a / 500.0)
    y = _light(fy)
    z = _WHITE_Z * _light(fy - b / 200.0)
    return (
        _eight_bit(3.240479 * x - 1.537150 * y - 0.498535 * z, _ENCODED),
        _eight_bit(-0.969256 * x + 1.875991 * y + 0.041556 * z, _ENCODED),
        _eight_bit(0.055648 * x - 0.204043 * y + 1.057311 * z, _ENCODED),
    )


@numba.njit(cache=True, nogil=True)
def moved_detail(detail, target, gains):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Put one pixel of a face's detail on another skin, for compiled loops; Lab, three numbers each.

    Args:
        detail: colour of the pixel less the slow colour of its face there.
        target: the slow colour that it shall have.
        gains: of :func:`detail_gains`.

    Returns:
        The new colour.
    """
    return (
        target[0] + detail[0] * (gains[0] if detail[0] < 0 else gains[1]),
        target[1] + detail[1] * gains[2],
        target[2] + detail[2] * gains[2],
    )


@numba.njit(cache=True, nogil=True)
def _to_rgb(lab, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(lab.shape[0]):
        for column in range(lab.shape[1]):
            r, g, b = pixel_to_rgb(lab[row, column, 0], lab[row, column, 1], lab[row, column, 2])
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = r, g, b
