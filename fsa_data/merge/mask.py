"""Soft masks and blending, inside the face rectangle only."""

from __future__ import annotations

import cv2
import numba
import numpy as np

from fsa_data.types import Floats, Image, Mask


def soft_mask(region: Mask, erode_px: float, feather_px: float) -> Floats:
    """A mask that rises inwards from the outline of a region: 0 outside and on the outline, 1 deep inside.

    Args:
        region: ``(h, w)`` uint8, not 0 inside. What lies beyond the rectangle counts as inside.
        erode_px: the mask stays 0 up to this distance from the outline.
        feather_px: from there to 1 it takes this distance (smoothstep).

    Returns:
        ``(h, w)`` float32 in 0..1.
    """
    distance = np.asarray(cv2.distanceTransform(np.asarray(region, np.uint8), cv2.DIST_L2, 3), np.float32)
    # the first pixel inside is half a pixel away from the outline
    _rise(distance, np.float32(0.5 + erode_px), np.float32(1 / max(feather_px, 1e-3)))
    return distance


def blend(target: Image, source: Image, alpha: Floats) -> Image:
    """``source`` over ``target``.

    Args:
        target: ``(h, w, 3)`` uint8.
        source: ``(h, w, 3)`` uint8.
        alpha: ``(h, w)`` float32 in 0..1; where it is 0 the result is the target exactly.

    Returns:
        ``(h, w, 3)`` uint8.
    """
    out = np.empty(target.shape, np.uint8)
    _blend(np.ascontiguousarray(target), np.ascontiguousarray(source), np.ascontiguousarray(alpha, np.float32), out)
    return out


@numba.njit(cache=True, nogil=True)
def _rise(distance, start, steepness):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Smoothstep of each distance, in place."""
    for row in range(distance.shape[0]):
        for column in range(distance.shape[1]):
            t = min(max((distance[row, column] - start) * steepness, np.float32(0)), np.float32(1))
            distance[row, column] = t * t * (3 - 2 * t)


@numba.njit(cache=True, nogil=True)
def _blend(target, source, alpha, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    height, width = alpha.shape
    shares = np.empty(3 * width, np.float32)
    for row in range(height):
        for column in range(width):
            shares[3 * column : 3 * column + 3] = alpha[row, column]
        # as plain rows of numbers, so that many are done at once
        lower, upper, mixed = target[row].reshape(-1), source[row].reshape(-1), out[row].reshape(-1)
        for n in range(3 * width):
            below = np.float32(lower[n])
            mixed[n] = np.uint8(np.int32(below + shares[n] * (np.float32(upper[n]) - below) + np.float32(0.5)))
