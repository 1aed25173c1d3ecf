"""Spectacles: thin dark rims around the eyes and over the bridge of the nose. They stay in front of the new face."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.merge.reference import SIDE, Analysed, Texels, unwrap
from fsa_data.types import Floats, Image, Mask

RING, QUARTER, BRIDGE = 0.14, 0.08, 0.10
"""Darkness of rims against their surroundings, as a share of the skin's: in most directions from the eyes, in three
quarters of them, and over the nose. Wrinkles and make-up do not go around."""

LINE = 0.08
"""The same for one pixel to be part of a rim."""

DARKEST = 110.0
"""Darker skin (lightness 0..255) counts as this: on it every crease is a large share."""

WIDEST_PX = 7
"""Only lines up to this width count, in the picture that is analysed (faces of at most 96 pixels)."""

_SECTOR_DEG = 20
_EYES = (mesh.RIGHT_EYE, mesh.LEFT_EYE)
_BROWS = (mesh.RIGHT_EYEBROW, mesh.LEFT_EYEBROW)


def find_rims(analysed: Analysed, drawn: mesh.Fragments) -> Mask | None:
    """Rims of spectacles.

    Args:
        analysed: the face.
        drawn: its mesh drawn into ``analysed.picture``.

    Returns:
        ``(h, w)`` uint8, 1 on rims; None if the face wears none.
    """
    lines = _lines(analysed.picture)
    texels, sectors = _around_the_eyes()
    both = np.asarray(cv2.merge([lines, lines, cv2.extractChannel(analysed.picture, 0)]), np.uint8)
    found, seen = unwrap(replace(analysed, picture=both), texels)
    skin = max(float(np.sort(found[:, 2])[len(found) // 2]), DARKEST)
    most = np.full(sectors.max() + 1, -1, np.float32)
    _maxima(found[:, 0], seen, sectors, most)
    around, bridge = np.sort(most[1:][most[1:] >= 0]), most[0]
    if len(around) < 6 or bridge < BRIDGE * skin:
        return None
    if around[len(around) // 2] < RING * skin or around[len(around) // 4] < QUARTER * skin:
        return None
    rims = np.zeros(lines.shape, np.uint8)
    _keep(lines, LINE * skin, drawn.triangle, drawn.bary, mesh.face_mesh().triangles, _uv(), _zone(), rims)
    return rims


def _lines(picture: Image) -> NDArray[np.uint8]:
    """How much darker each pixel is than the brightest way around it: what a closing adds (black hat)."""
    lightness = cv2.extractChannel(picture, 0)
    square = np.ones((WIDEST_PX, WIDEST_PX), np.uint8)
    return np.asarray(cv2.morphologyEx(lightness, cv2.MORPH_BLACKHAT, square), np.uint8)


@cache
def _uv() -> Floats:
    return np.asarray(mesh.face_mesh().uv * np.float32(SIDE), np.float32)


def _distance_cm(where_cm: Floats, rings: tuple[tuple[int, ...], ...]) -> Floats:
    corners = mesh.face_mesh().vertices_cm[[vertex for ring in rings for vertex in ring]]
    return np.asarray(np.sqrt(np.square(where_cm[:, None] - corners[None]).sum(axis=2)).min(axis=1), np.float32)


@cache
def _around_the_eyes() -> tuple[Texels, NDArray[np.int64]]:
    """Texels where rims pass, and the sector of each: 0 the bridge, then the directions from either eye."""
    every = Texels.all()
    x, y = every.where_cm[:, 0], every.where_cm[:, 1]
    eyes, brows = _distance_cm(every.where_cm, _EYES), _distance_cm(every.where_cm, _BROWS)
    sector = np.full(len(x), -1, np.int64)
    per_eye = 180 // _SECTOR_DEG
    for number, ring in enumerate(_EYES):
        centre = mesh.face_mesh().vertices_cm[list(ring)].mean(axis=0)
        outwards = (x - centre[0]) * np.sign(centre[0])
        angle, radius = np.degrees(np.arctan2(y - centre[1], outwards)), np.hypot(outwards, y - centre[1])
        below = (angle >= -170) & (angle < 10) & (radius > 1.1) & (radius < 3.4) & (eyes > 0.45) & (brows > 0.4)
        below &= np.sign(x) == np.sign(centre[0])
        sector[below] = 1 + number * per_eye + ((angle[below] + 170) // _SECTOR_DEG).astype(np.int64)
    sector[(np.abs(x) < 1.0) & (y > 1.8) & (y < 3.6)] = 0
    chosen = sector >= 0
    return every.where(chosen), sector[chosen]


@cache
def _zone() -> NDArray[np.bool_]:
    """``(SIDE, SIDE)``: where a dark line may be a rim or a temple, and not a brow, a lid or a lash."""
    every = Texels.all()
    x, y = every.where_cm[:, 0], every.where_cm[:, 1]
    eyes, brows = _distance_cm(every.where_cm, _EYES), _distance_cm(every.where_cm, _BROWS)
    near = (eyes > 0.35) & (eyes < 2.6) & (brows > 0.3) & (y > -0.6)
    temple = (np.abs(x) > 4.3) & (y > 1.0) & (y < 4.6)
    zone = np.zeros((SIDE, SIDE), np.bool_)
    zone[every.rows, every.columns] = near | temple
    return zone


@numba.njit(cache=True, nogil=True)
def _maxima(values, seen, sectors, most):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for n in range(values.shape[0]):
        if seen[n] and values[n] > most[sectors[n]]:
            most[sectors[n]] = values[n]


@numba.njit(cache=True, nogil=True)
def _keep(lines, least, triangle, bary, triangles, uv, zone, rims):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    last = zone.shape[0] - 1
    for row in range(rims.shape[0]):
        for column in range(rims.shape[1]):
            index = triangle[row, column]
            if index < 0 or lines[row, column] < least:
                continue
            a, b, c = triangles[index, 0], triangles[index, 1], triangles[index, 2]
            u, v, w = bary[row, column, 0], bary[row, column, 1], bary[row, column, 2]
            x = u * uv[a, 0] + v * uv[b, 0] + w * uv[c, 0]
            y = u * uv[a, 1] + v * uv[b, 1] + w * uv[c, 1]
            if zone[min(max(int(y), 0), last), min(max(int(x), 0), last)]:
                rims[row, column] = 1
