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

_STEPS = 1024
_ENCODED = np.array(
    [
        255 * (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055)
        for c in (np.arange(_STEPS + 2) / _STEPS) ** 2
    ],
    np.float32,
)
"""8-bit value (not rounded) of light whose square root is so many steps of 1 / ``_STEPS``: nearly a straight line."""

_WHITE_X, _WHITE_Z = 0.950456, 1.088754
_KNEE = 6 / 29
_ANY_ORDER = {"reassoc", "contract", "arcp", "nsz"}


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
    source, target = float(source_tone[0]), float(target_tone[0])
    depth, room = target / max(source, 1.0), (100 - target) / max(100 - source, 1.0)
    gains = (min(max(depth, 0.25), 1.6), min(max(min(room, depth), 0.25), 1.0), min(max(depth, 0.25), 1.0))
    return np.array([1 + contrast * (gain - 1) for gain in gains], np.float32)


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


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def _light(f):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    cube, line = f * f * f, np.float32(3 * _KNEE * _KNEE) * (f - np.float32(4 / 29))
    return cube if f > np.float32(_KNEE) else line


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def _step(light):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return np.sqrt(min(max(light, np.float32(0)), np.float32(1))) * np.float32(_STEPS)


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def lab_to_steps(lab, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """First half of :func:`lab_to_rgb` for a row of pixels, for compiled loops; :func:`eight_bit` is the second.

    Without looking anything up, so that several pixels are done at once.

    Args:
        lab: ``(3, n)`` float32.
        out: ``(3, n)`` float32, where the result goes.
    """
    f = np.float32
    for n in range(lab.shape[1]):
        fy = (lab[0, n] + f(16)) * f(1 / 116)
        x = f(_WHITE_X) * _light(fy + lab[1, n] * f(1 / 500))
        y = _light(fy)
        z = f(_WHITE_Z) * _light(fy - lab[2, n] * f(1 / 200))
        out[0, n] = _step(f(3.240479) * x - f(1.537150) * y - f(0.498535) * z)
        out[1, n] = _step(f(-0.969256) * x + f(1.875991) * y + f(0.041556) * z)
        out[2, n] = _step(f(0.055648) * x - f(0.204043) * y + f(1.057311) * z)


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def eight_bit(step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Second half of :func:`lab_to_rgb` for one channel of a pixel, for compiled loops."""
    low = np.uint32(step)
    value = _ENCODED[low] + (step - np.float32(low)) * (_ENCODED[low + np.uint32(1)] - _ENCODED[low])
    return np.uint8(value + np.float32(0.5))


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
    steps = np.empty((3, lab.shape[1]), np.float32)
    for row in range(lab.shape[0]):
        lab_to_steps(np.ascontiguousarray(lab[row].T), steps)
        for column in range(lab.shape[1]):
            for k in range(3):
                out[row, column, k] = eight_bit(steps[k, column])
