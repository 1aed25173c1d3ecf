"""What lies in front of a face: hands, cups, phones, face masks, spectacles. It stays where it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces import face_size_px
from fsa_data.merge.face_mask import FaceMask, find_face_mask, mask_region
from fsa_data.merge.glasses import find_rims
from fsa_data.merge.light import apply_light, fit_light, light_basis
from fsa_data.merge.reference import SIDE, Texels, analyse, some_texels, unwrap
from fsa_data.merge.surface import surface
from fsa_data.types import Box, FaceReference, Floats, Image, Mask

WEAK, STRONG = 6.5, 15.0
"""Mean squared misfit (in squared standard deviations, summed over the channels) from which a pixel may belong to
something in front, and which some pixel of it must reach."""

FINE, COARSE = 0.015, 0.04
"""Radius of the two means, as a share of the face size."""

CLOSING = 0.04
"""Gaps up to twice this share of the face size are closed."""

SMALLEST = 0.004
"""Smaller spots (share of the squared face size) are left out."""

PLAIN = (16.0, 5.0, 5.0)
"""How far bare skin may differ from a smooth field of colour when nothing else is known of a person."""

ANYTHING = 60.0
"""The same where features are: nothing differs from them."""

_CAP = 30.0
"""A single pixel counts at most so much."""


@dataclass(frozen=True, slots=True)
class InFront:
    """What lies in front of a face.

    Attributes:
        mask: ``(h, w)`` uint8 of the face's rectangle, 255 where something is in front, 0 where the face shows.
        vertices: ``(468,)`` bool, vertices behind it.
        by: ``reference`` when the person's usual look was there to compare with, else ``colour``.
        face_mask: whether a face mask over nose and mouth is part of it.
        glasses: whether rims of spectacles are.
    """

    mask: Mask
    vertices: NDArray[np.bool_]
    by: str
    face_mask: bool
    glasses: bool


def find_in_front(
    image: Image, points_px: Floats, reference: FaceReference | None, fragments: mesh.Fragments | None = None
) -> InFront:
    """What lies in front of a face.

    Args:
        image: ``(h, w, 3)`` uint8 RGB, the face's rectangle.
        points_px: ``(468, 3)`` float32 in pixels of ``image``.
        reference: the person's usual look; without it only what has another colour than the face is found.
        fragments: the face's mesh drawn into ``image``, if that has been done.
    """
    analysed = analyse(image, points_px)
    face = mesh.face_mesh()
    height, width = analysed.picture.shape[:2]
    if fragments is None or (height, width) != image.shape[:2]:
        fragments = mesh.rasterise(analysed.points_px, face.triangles, Box(0, 0, width, height), cull="back")
    usual = reference or plain_skin()
    colour, seen = unwrap(analysed, some_texels())
    worn = _worn(colour, seen, reference)
    light = _light(colour, seen & worn.above if worn is not None and reference is None else seen, usual)
    attributes = np.concatenate([_places(), light], axis=1, dtype=np.float32)
    misfit, covered = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    drawn = fragments.triangle, fragments.bary, face.triangles
    _misfit(analysed.picture, *drawn, attributes, usual.colour, _precision(usual), misfit, covered)
    size = face_size_px(analysed.points_px)
    region = _regions(misfit, covered, size)
    if worn is not None:
        where = mesh.interpolate(fragments, face.triangles, face.vertices_cm[:, :2])
        region |= mask_region(worn, analysed.picture, where, covered, size)
    rims = find_rims(analysed, fragments)
    if rims is not None:
        region |= rims
    behind = np.empty(len(analysed.points_px), np.bool_)
    _look_up(region, analysed.points_px, behind)
    if region.shape != image.shape[:2]:
        grown = cv2.resize(region * np.uint8(255), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        region = (grown > 100).astype(np.uint8)
    return InFront(
        region * np.uint8(255), behind, "reference" if reference else "colour", worn is not None, rims is not None
    )


@cache
def _vertex_basis() -> Floats:
    return light_basis(mesh.face_mesh().vertices_cm)


@cache
def _places() -> Floats:
    """Where each vertex lies on the texture square, ``(468, 2)`` float32 in texels."""
    return np.asarray(mesh.face_mesh().uv * np.float32(SIDE), np.float32)


@cache
def plain_skin() -> FaceReference:
    """The usual look of anybody: skin of one colour, and features that may look like anything."""
    texels = Texels.all()
    bare = (texels.spread(surface().skin) > 0.9) & (texels.spread(surface().lips.astype(np.float32)) < 0.1)
    tolerance = np.full((SIDE, SIDE, 3), ANYTHING, np.float32)
    tolerance[texels.rows[bare], texels.columns[bare]] = PLAIN
    return FaceReference(np.zeros((SIDE, SIDE, 3), np.float32), tolerance)


def _worn(colour: Floats, seen: NDArray[np.bool_], reference: FaceReference | None) -> FaceMask | None:
    """The face mask, if there is one: as the person usually looks if that is known, else as this frame does.

    A person who usually wears none and does so now has something in front of the usual face, which is found as such.
    """
    if reference is None:
        return find_face_mask(colour, seen, some_texels())
    worn = _usually_worn(reference)
    return worn and worn.in_light_of(colour, seen)


@lru_cache(maxsize=64)
def _usually_worn(reference: FaceReference) -> FaceMask | None:
    """The face mask of a person's usual look; references are told apart by identity."""
    colour, tolerance = _told(reference)
    return find_face_mask(colour, tolerance[:, 0] < ANYTHING / 2, some_texels())


@lru_cache(maxsize=64)
def _told(reference: FaceReference) -> tuple[Floats, Floats]:
    """Usual colour and tolerance of :func:`some_texels`."""
    texels = some_texels()
    return reference.colour[texels.rows, texels.columns], reference.tolerance[texels.rows, texels.columns]


@lru_cache(maxsize=64)
def _precision(reference: FaceReference) -> Floats:
    """One over the tolerance."""
    return np.asarray(1 / reference.tolerance, np.float32)


def _light(colour: Floats, seen: NDArray[np.bool_], usual: FaceReference) -> Floats:
    """Difference of light at each vertex, ``(468, 3)``."""
    usually, tolerance = _told(usual)
    field = fit_light(colour - usually, tolerance, seen.astype(np.float32), some_texels().basis)
    return apply_light(field, _vertex_basis())


def _regions(misfit: Floats, covered: Floats, size_px: float) -> Mask:
    """Connected regions of misfit, closed; ``(h, w)`` uint8, 1 inside."""
    coarse = _mean(misfit, covered, COARSE * size_px)
    strong = (coarse > STRONG) & (covered > 0)
    if not strong.any():
        return np.zeros(misfit.shape, np.uint8)
    fine = _mean(misfit, covered, FINE * size_px)
    weak = ((coarse > WEAK) | ((fine > WEAK) & (coarse > 0.7 * WEAK))) & (covered > 0)
    region = np.zeros(misfit.shape, np.uint8)
    if not _grow(strong, weak, np.float32(SMALLEST * size_px * size_px), region):
        return region
    return _closed(region, round(CLOSING * size_px))


def _closed(region: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Close gaps up to twice the radius, and fill holes."""
    region = np.asarray(cv2.morphologyEx(region, cv2.MORPH_CLOSE, _square(radius)), np.uint8)
    around = cv2.copyMakeBorder(region, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(around, None, (0, 0), 2)
    return np.asarray(around[1:-1, 1:-1] != 2, np.uint8)


def _square(radius: int) -> NDArray[np.uint8]:
    """A square for morphology: taken apart into rows and columns, it costs the same at any size."""
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def _mean(values: Floats, covered: Floats, radius_px: float) -> Floats:
    side = 2 * max(1, round(radius_px)) + 1
    total = cv2.blur(values, (side, side), borderType=cv2.BORDER_CONSTANT)
    share = cv2.blur(covered, (side, side), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total / np.maximum(share, np.float32(1e-3)), np.float32)


@numba.njit(cache=True, nogil=True)
def _look_up(region, points, behind):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Which points lie in a region; those outside the picture are at its nearest edge."""
    height, width = region.shape
    for n in range(points.shape[0]):
        row = min(max(int(np.floor(points[n, 1])), 0), height - 1)
        column = min(max(int(np.floor(points[n, 0])), 0), width - 1)
        behind[n] = region[row, column] > 0


@numba.njit(cache=True, nogil=True)
def _grow(strong, weak, least, region):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Mark the connected parts (by edges) of ``weak`` that hold a strong pixel and are larger than ``least``.

    Returns whether there is any.
    """
    height, width = strong.shape
    reached = np.zeros((height, width), np.bool_)
    members = np.empty((height * width, 2), np.int32)
    found = False
    for y in range(height):
        for x in range(width):
            if not strong[y, x] or reached[y, x]:
                continue
            members[0], reached[y, x] = (y, x), True
            count, done = 1, 0
            while done < count:
                row, column = members[done]
                done += 1
                for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                    r, c = row + down, column + right
                    if 0 <= r < height and 0 <= c < width and weak[r, c] and not reached[r, c]:
                        members[count, 0], members[count, 1], reached[r, c] = r, c, True
                        count += 1
            if count > least:
                found = True
                for n in range(count):
                    region[members[n, 0], members[n, 1]] = 1
    return found


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _misfit(picture, triangle, bary, triangles, attributes, usual, precision, out, covered):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Squared misfit of each covered pixel; colours are interpolated between texels, precisions are the nearest's."""
    one = np.uint32(1)  # unsigned, so that no index is checked for counting from the end
    last = np.float32(usual.shape[0] - 1.001)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            index = triangle[row, column]
            if index < 0:
                continue
            covered[row, column] = 1
            t = np.uint32(index)
            a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
            wa, wb, wc = bary[row, column, 0], bary[row, column, 1], bary[row, column, 2]
            x = wa * attributes[a, 0] + wb * attributes[b, 0] + wc * attributes[c, 0] - np.float32(0.5)
            y = wa * attributes[a, 1] + wb * attributes[b, 1] + wc * attributes[c, 1] - np.float32(0.5)
            x, y = min(max(x, np.float32(0)), last), min(max(y, np.float32(0)), last)
            x0, y0 = np.uint32(x), np.uint32(y)
            fx, fy = x - np.float32(x0), y - np.float32(y0)
            nearest_x, nearest_y = np.uint32(x + np.float32(0.5)), np.uint32(y + np.float32(0.5))
            total = np.float32(0)
            for k in range(3):
                upper = usual[y0, x0, k] + fx * (usual[y0, x0 + one, k] - usual[y0, x0, k])
                lower = usual[y0 + one, x0, k] + fx * (usual[y0 + one, x0 + one, k] - usual[y0 + one, x0, k])
                light = wa * attributes[a, 2 + k] + wb * attributes[b, 2 + k] + wc * attributes[c, 2 + k]
                away = np.float32(picture[row, column, k]) - (upper + fy * (lower - upper)) - light
                away *= precision[nearest_y, nearest_x, k]
                total += away * away
            out[row, column] = min(total, np.float32(_CAP))
