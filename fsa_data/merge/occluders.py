"""What lies in front of a face: hands, cups, phones, face masks. It stays where it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces import face_size_px
from fsa_data.merge.face_mask import FaceMask, find_face_mask, mask_region
from fsa_data.merge.light import apply_light, fit_light, light_basis
from fsa_data.merge.reference import SIDE, Analysed, Texels, analyse, some_texels
from fsa_data.merge.surface import surface
from fsa_data.types import Box, FaceReference, Floats, Image, Mask

WEAK, STRONG = 6.0, 15.0
"""Mean squared misfit (in squared standard deviations, summed over the channels) from which a pixel may belong to
something in front, and which some pixel of it must reach."""

FINE, COARSE = 0.015, 0.04
"""Radius of the two means, as a share of the face size."""

CLOSING, DILATION = 0.05, 0.01
"""Gaps that are closed, and what is added around, as shares of the face size."""

SMALLEST = 0.004
"""Smaller spots (share of the squared face size) are left out."""

PLAIN = (16.0, 5.0, 5.0)
"""How far bare skin may differ from a smooth field of colour when nothing else is known of a person."""

ANYTHING = 60.0
"""The same where features are: nothing differs from them."""

_CAP = 30.0
"""A single pixel counts at most so much."""

_SEEN = 0.25


@dataclass(frozen=True, slots=True)
class InFront:
    """What lies in front of a face.

    Attributes:
        mask: ``(h, w)`` uint8 of the face's rectangle, 255 where something is in front, 0 where the face shows.
        vertices: ``(468,)`` bool, vertices behind it.
        by: ``reference`` when the person's usual look was there to compare with, else ``colour``.
        face_mask: whether a face mask over nose and mouth is part of it.
    """

    mask: Mask
    vertices: NDArray[np.bool_]
    by: str
    face_mask: bool


def find_in_front(image: Image, points_px: Floats, reference: FaceReference | None) -> InFront:
    """What lies in front of a face.

    Args:
        image: ``(h, w, 3)`` uint8 RGB, the face's rectangle.
        points_px: ``(468, 3)`` float32 in pixels of ``image``.
        reference: the person's usual look; without it only what has another colour than the face is found.
    """
    analysed = analyse(image, points_px)
    face = mesh.face_mesh()
    height, width = analysed.picture.shape[:2]
    fragments = mesh.rasterise(analysed.points_px, face.triangles, Box(0, 0, width, height), cull="back")
    covered = (fragments.triangle >= 0).astype(np.float32)
    usual = reference or plain_skin()
    look = _look(analysed, some_texels())
    worn = _worn(look, reference)
    light = _light(look, usual, worn.above if worn is not None and reference is None else None)
    attributes = np.concatenate([face.uv * SIDE, light, face.vertices_cm[:, :2]], axis=1, dtype=np.float32)
    values = mesh.interpolate(fragments, face.triangles, attributes)
    misfit = np.zeros((height, width), np.float32)
    _misfit(analysed.picture, values, covered, usual.colour, usual.tolerance, np.float32(_CAP), misfit)
    region = _regions(misfit, covered, face_size_px(analysed.points_px))
    if worn is not None:
        region |= mask_region(worn, analysed.picture, values[..., 5:7], covered, face_size_px(analysed.points_px))
    at = np.floor(analysed.points_px[:, :2]).astype(int)
    behind = region[np.clip(at[:, 1], 0, height - 1), np.clip(at[:, 0], 0, width - 1)] > 0
    if region.shape != image.shape[:2]:
        grown = cv2.resize(region * np.uint8(255), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        region = (grown > 100).astype(np.uint8)
    return InFront(region * np.uint8(255), behind, "reference" if reference else "colour", worn is not None)


@cache
def plain_skin() -> FaceReference:
    """The usual look of anybody: skin of one colour, and features that may look like anything."""
    texels = Texels.all()
    bare = texels.spread(surface().skin) > 0.9
    tolerance = np.full((SIDE, SIDE, 3), ANYTHING, np.float32)
    tolerance[texels.rows[bare], texels.columns[bare]] = PLAIN
    return FaceReference(np.zeros((SIDE, SIDE, 3), np.float32), tolerance)


@dataclass(frozen=True, slots=True)
class _Look:
    colour: Floats
    seen: NDArray[np.bool_]


def _look(analysed: Analysed, texels: Texels) -> _Look:
    at = texels.positions(analysed.points_px)
    height, width = analysed.picture.shape[:2]
    colour = mesh.sample(analysed.picture, at[None])[0].astype(np.float32)
    inside = ((at >= 0) & (at < np.array([width, height]))).all(axis=1)
    turned = texels.spread(mesh.facing(analysed.points_px, mesh.face_mesh().triangles))
    return _Look(colour, inside & (turned > _SEEN))


def _worn(look: _Look, reference: FaceReference | None) -> FaceMask | None:
    """The face mask, if there is one: as the person usually looks if that is known, else as this frame does.

    A person who usually wears none and does so now has something in front of the usual face, which is found as such.
    """
    texels = some_texels()
    if reference is None:
        return find_face_mask(look.colour, look.seen, texels)
    usual = reference.colour[texels.rows, texels.columns]
    known = reference.tolerance[texels.rows, texels.columns, 0] < ANYTHING / 2
    worn = find_face_mask(usual, known, texels)
    return worn and worn.in_light_of(look.colour, look.seen)


def _light(look: _Look, usual: FaceReference, where: NDArray[np.bool_] | None) -> Floats:
    """Difference of light at each vertex, ``(468, 3)``."""
    texels = some_texels()
    told = usual.colour[texels.rows, texels.columns], usual.tolerance[texels.rows, texels.columns]
    seen = look.seen if where is None else look.seen & where
    field = fit_light(look.colour - told[0], told[1], seen.astype(np.float32), texels.basis)
    return apply_light(field, light_basis(mesh.face_mesh().vertices_cm))


def _regions(misfit: Floats, covered: Floats, size_px: float) -> Mask:
    """Connected regions of misfit, closed and a little grown; ``(h, w)`` uint8, 1 inside."""
    fine, coarse = _mean(misfit, covered, FINE * size_px), _mean(misfit, covered, COARSE * size_px)
    weak = ((coarse > WEAK) | ((fine > WEAK) & (coarse > 0.7 * WEAK))) & (covered > 0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak.astype(np.uint8), connectivity=4)
    keep = np.zeros(count, bool)
    keep[labels[(coarse > STRONG) & weak]] = True
    keep &= stats[:, cv2.CC_STAT_AREA] > SMALLEST * size_px * size_px
    keep[0] = False
    region: Mask = keep[labels].astype(np.uint8)
    if not keep.any():
        return region
    region = _closed(region, round(CLOSING * size_px))
    return np.asarray(cv2.dilate(region, disc(round(DILATION * size_px))), np.uint8)


def _closed(region: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Close gaps up to twice the radius, and fill holes."""
    if radius > 0:
        padded = cv2.copyMakeBorder(region, radius, radius, radius, radius, cv2.BORDER_CONSTANT)
        closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc(radius))
        region = np.asarray(closed[radius:-radius, radius:-radius], np.uint8)
    around = cv2.copyMakeBorder(region, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(around, None, (0, 0), 2)
    return np.asarray(around[1:-1, 1:-1] != 2, np.uint8)


def disc(radius: int) -> NDArray[np.uint8]:
    """A disc for morphology, ``(2 radius + 1, 2 radius + 1)``."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _mean(values: Floats, covered: Floats, radius_px: float) -> Floats:
    side = 2 * max(1, round(radius_px)) + 1
    total = cv2.blur(values, (side, side), borderType=cv2.BORDER_CONSTANT)
    share = cv2.blur(covered, (side, side), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total / np.maximum(share, np.float32(1e-3)), np.float32)


@numba.njit(cache=True, nogil=True)
def _bilinear(square, x, y, k):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    side = square.shape[0]
    x = min(max(x - np.float32(0.5), np.float32(0)), np.float32(side - 1.001))
    y = min(max(y - np.float32(0.5), np.float32(0)), np.float32(side - 1.001))
    x0, y0 = int(x), int(y)
    fx, fy = x - np.float32(x0), y - np.float32(y0)
    upper = square[y0, x0, k] * (1 - fx) + square[y0, x0 + 1, k] * fx
    lower = square[y0 + 1, x0, k] * (1 - fx) + square[y0 + 1, x0 + 1, k] * fx
    return upper * (1 - fy) + lower * fy


@numba.njit(cache=True, nogil=True)
def _misfit(picture, values, covered, usual, tolerance, cap, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            if covered[row, column] == 0:
                continue
            x, y = values[row, column, 0], values[row, column, 1]
            total = np.float32(0)
            for k in range(3):
                told = _bilinear(usual, x, y, k) + values[row, column, 2 + k]
                away = (np.float32(picture[row, column, k]) - told) / _bilinear(tolerance, x, y, k)
                total += away * away
            out[row, column] = min(total, cap)
