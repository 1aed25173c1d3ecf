"""Light on a face, so that cloth on it is lit alike.

Its direction comes from the skin's slow colours, its strength and colour from skin and frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fsa_data.types import Floats, Image

SKIN = 0.25
"""Middling share of light that skin reflects; from about 0.05 (very dark) to 0.5 (very light)."""

_STEEPER = 1.6  # smoothing the skin's colours over the face flattens a gradient of light by this power
_WHITE = 1.0  # what the brightest things in a frame reflect
SHOULDER = 0.7
"""Linear light above which brightness is compressed, as cameras do, instead of clipped."""

_TRUST = 0.8  # how far the brightest things are believed, against the skin
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """Light relative to that on the middling skin of the face.

    Attributes:
        direction: ``(4,)`` float64: light on a surface with the unit normal n (camera frame: x right, y up, z to the
            camera) is ``direction[0] + direction[1:] @ n``: the first order of spherical harmonics.
        colour: ``(3,)`` float32, linear RGB that a perfectly white surface would show at light 1.
    """

    direction: Floats
    colour: Floats

    def on(self, normals: Floats) -> Floats:
        """``(N,)`` float32 light on surfaces with these ``(N, 3)`` normals, 0.15 or more."""
        return np.asarray(np.maximum(self.direction[0] + normals @ self.direction[1:], 0.15), np.float32)


def to_linear(values: Floats) -> Floats:
    """Linear light 0..1 of sRGB values 0..255 (IEC 61966-2-1)."""
    c = np.asarray(values, np.float32) / 255
    return np.asarray(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), np.float32)


def to_srgb(light: Floats) -> Floats:
    """Values 0..255 (sRGB, not rounded) of linear light 0..1."""
    c = np.clip(light, 0, 1)
    encoded = np.where(c <= 0.0031308, c * 12.92, 1.055 * np.power(np.maximum(c, 1e-6), 1 / 2.4) - 0.055)
    return np.asarray(255 * encoded, np.float32)


def luminance(lab: Floats) -> Floats:
    """``(N,)`` linear luminance of ``(N, 3)`` Lab colours."""
    f = (lab[:, 0] + 16) / 116
    return np.asarray(np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)), np.float32)


def relative_light(base: Floats, tone: Floats) -> Floats:
    """``(N,)`` light at each vertex of a face over that on its middling skin, from slow colours (Lab)."""
    ratio = luminance(base) / max(float(luminance(tone[None])[0]), 1e-3)
    return np.asarray(np.clip(ratio, 0.3, 2.2) ** _STEEPER, np.float32)


def read_light(frame: Image, tone: Floats, ratio: Floats, weight: Floats, normals: Floats) -> Light:
    """The light of a scene.

    How bright white cloth would be cannot be told from skin alone, whose reflectance is not known, nor from the
    brightest things in the frame alone, which may be lamps or a window: the two are weighed against each other.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        tone: ``(3,)`` float32 Lab of the skin.
        ratio: ``(N,)`` float32 of :func:`relative_light`.
        weight: ``(N,)`` float32, how well each vertex tells of the light.
        normals: ``(N, 3)`` float32, camera frame.
    """
    terms = np.column_stack([np.ones(len(normals)), normals]).astype(np.float64)
    weighted = terms * weight[:, None]
    slack = np.diag([1e-3, 1, 1, 1]) * 0.03 * max(float(weight.sum()), 1e-3)
    prior = np.array([1.0, 0, 0, 0])
    direction = prior + np.linalg.solve(weighted.T @ terms + slack, weighted.T @ (ratio - terms @ prior))

    step = max(1, min(frame.shape[:2]) // 96)
    small = cv2.resize(frame, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA) if step > 1 else frame
    pixels = to_linear(np.asarray(small, np.float32).reshape(-1, 3))
    shine = float(np.percentile(pixels @ _LUMA, 98)) / _WHITE
    skin = max(float(luminance(tone[None])[0]), 1e-3)
    strength = (skin / SKIN) ** (1 - _TRUST) * shine**_TRUST
    strength = float(np.clip(strength, skin / 0.55, skin / 0.05))
    cast = np.maximum((pixels**4).mean(axis=0) ** 0.25, 1e-3)  # shades of grey (Finlayson and Trezzi, 2004)
    cast = (cast / float(cast @ _LUMA)) ** 0.5
    return Light(np.asarray(direction, np.float32), np.asarray(strength * cast / float(cast @ _LUMA), np.float32))
