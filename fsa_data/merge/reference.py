"""What a person's own face usually looks like: the median of some frames, laid out on the canonical texture square.

A hand in front of a face has the colour of the face. What gives it away is that the face does not look there as it
does in the other frames of the same person. The median over frames in different poses is that usual look, the median
deviation from it is how far it may differ (eyes, lips and hair move, skin does not). Light that changes from frame to
frame is taken out first, as a smooth field over the face.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces import face_size_px
from fsa_data.merge.light import apply_light, fit_light, light_basis
from fsa_data.types import Box, Face, FaceReference, Floats, Image, Ints

VERSION = 1
"""Raised whenever equal frames would give another reference."""

SIDE = 96
"""Texels along a side of the square."""

FRAMES = 32
"""Most frames that a reference is made of."""

FEWEST = 6
"""A texel is known when it is seen in so many frames; with fewer frames there is no reference."""

ANALYSED_PX = 96.0
"""Larger faces are reduced to this size first: a hand is as plain there, and it costs the same for every frame."""

MOST_TURNED_DEG = 50.0
"""Frames in which the head is turned further tell nothing: their landmarks are too uncertain."""

UNKNOWN = 60.0
"""Spread of texels that are not known: nothing differs from them."""

NOISE = (2.5, 1.3, 1.3)
"""Standard deviation of Y, Cr and Cb that is never held against a pixel."""

ERROR_TEXELS = 1.4
"""How far landmarks are off, in texels."""

_SEEN = 0.25
"""Cosine to the camera from which a texel counts as seen."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """A face in a picture of moderate size, ready to be compared.

    Attributes:
        picture: ``(h, w, 3)`` uint8 YCrCb (BT.601, full range), lightly smoothed.
        points_px: ``(468, 3)`` float32 in pixels of ``picture``.
        facing: ``(468,)`` float32, how much each vertex looks at the camera.
    """

    picture: Image
    points_px: Floats
    facing: Floats


@dataclass(frozen=True, slots=True)
class Texels:
    """Where the texels of the face lie on its surface.

    Attributes:
        rows: ``(n,)`` row of each in the square.
        columns: ``(n,)`` its column.
        corners: ``(n, 3)`` vertices of the triangle.
        weights: ``(n, 3)`` float32 barycentric.
        where_cm: ``(n, 3)`` float32, on the canonical face.
        basis: ``(n, 6)`` float32, see :func:`fsa_data.merge.light.light_basis`.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    corners: Ints
    weights: Floats
    where_cm: Floats
    basis: Floats

    @staticmethod
    @cache
    def all() -> Texels:
        """Every texel of the face."""
        face = mesh.face_mesh()
        flat = np.concatenate([face.uv * SIDE, np.zeros((mesh.VERTICES, 1), np.float32)], axis=1)
        fragments = mesh.rasterise(flat.astype(np.float32), face.triangles, Box(0, 0, SIDE, SIDE))
        rows, columns = np.nonzero(fragments.triangle >= 0)
        corners, weights = face.triangles[fragments.triangle[rows, columns]], fragments.bary[rows, columns]
        where = np.asarray(np.einsum("nvk,nv->nk", face.vertices_cm[corners], weights), np.float32)
        return Texels(rows, columns, corners, weights, where, light_basis(where))

    def spread(self, values: Floats) -> Floats:
        """Values of the vertices, ``(468,)``, at the texels, ``(n,)``."""
        return np.asarray(np.einsum("nv,nv->n", values[self.corners], self.weights), np.float32)

    def where(self, chosen: slice | NDArray[np.bool_]) -> Texels:
        """Some of them."""
        return Texels(*(np.ascontiguousarray(getattr(self, field.name)[chosen]) for field in fields(self)))


def analyse(image: Image, points_px: Floats) -> Analysed:
    """Reduce and smooth the rectangle of a face.

    Args:
        image: ``(h, w, 3)`` uint8 RGB, the face's rectangle.
        points_px: ``(>=468, 3)`` float32 in pixels of ``image``.
    """
    points = np.ascontiguousarray(points_px[: mesh.VERTICES], np.float32)
    scale = ANALYSED_PX / face_size_px(points)
    if scale < 1:
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        points = points * np.array(
            [size[0] / image.shape[1], size[1] / image.shape[0], size[0] / image.shape[1]], np.float32
        )
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    smooth = cv2.blur(image, (3, 3), borderType=cv2.BORDER_REPLICATE)
    facing = mesh.facing(points, mesh.face_mesh().triangles)
    return Analysed(np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2YCrCb), np.uint8), points, facing)


def make_reference(frames: Iterable[tuple[Image, Face]]) -> FaceReference | None:
    """The usual look of one person.

    Args:
        frames: at most :data:`FRAMES` count; pictures ``(H, W, 3)`` uint8 RGB with the person's face in each.

    Returns:
        None if fewer than :data:`FEWEST` frames show the face well enough.
    """
    texels = Texels.all()
    colours: list[Floats] = []
    seen: list[NDArray[np.bool_]] = []
    for image, face in frames:
        if abs(face.yaw_deg) > MOST_TURNED_DEG or len(colours) == FRAMES:
            continue
        colour, visible = _unwrapped(image, face, texels)
        colours.append(colour)
        seen.append(visible)
    if len(colours) < FEWEST:
        return None
    stack, visible = np.stack(colours), np.stack(seen)
    usual, spread = _medians(stack, visible)
    for _ in range(2):
        plain = np.stack([_without_light(one, usual, at, texels.basis) for one, at in zip(stack, visible, strict=True)])
        usual, spread = _medians(plain, visible)
    colour = np.zeros((SIDE, SIDE, 3), np.float32)
    around = np.full((SIDE, SIDE, 3), UNKNOWN, np.float32)
    known = np.zeros((SIDE, SIDE), np.float32)
    at = texels.rows, texels.columns
    colour[at], around[at], known[at] = usual, spread, 1
    colour, around = _grown(colour, known), _grown(around, known)
    return FaceReference(_rounded(colour), _rounded(_tolerance(colour, around)))


@cache
def some_texels() -> Texels:
    """Evenly spread texels, enough to tell the light."""
    return Texels.all().where(slice(None, None, 24))


def unwrap(analysed: Analysed, texels: Texels) -> tuple[Floats, NDArray[np.bool_]]:
    """What a picture shows at each texel.

    Args:
        analysed: the face.
        texels: n of them.

    Returns:
        Colours, ``(n, 3)`` float32 YCrCb, and ``(n,)`` bool, whether the texel faces the camera inside the picture.
    """
    colour = np.empty((len(texels.rows), 3), np.float32)
    seen = np.empty(len(colour), np.bool_)
    _unwrap(analysed.picture, analysed.points_px, analysed.facing, texels.corners, texels.weights, colour, seen)
    return colour, seen


@numba.njit(cache=True, nogil=True)
def _unwrap(picture, points, turned, corners, weights, colour, seen):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    height, width = picture.shape[:2]
    for n in range(corners.shape[0]):
        i, j, k = corners[n, 0], corners[n, 1], corners[n, 2]
        u, v, w = weights[n, 0], weights[n, 1], weights[n, 2]
        x = u * points[i, 0] + v * points[j, 0] + w * points[k, 0]
        y = u * points[i, 1] + v * points[j, 1] + w * points[k, 1]
        inside = 0 <= x < width and 0 <= y < height
        seen[n] = inside and u * turned[i] + v * turned[j] + w * turned[k] > _SEEN
        x = min(max(x - np.float32(0.5), np.float32(0)), np.float32(width - 1))
        y = min(max(y - np.float32(0.5), np.float32(0)), np.float32(height - 1))
        x0, y0 = int(x), int(y)
        x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
        fx, fy = x - np.float32(x0), y - np.float32(y0)
        for c in range(3):
            upper = picture[y0, x0, c] * (1 - fx) + picture[y0, x1, c] * fx
            lower = picture[y1, x0, c] * (1 - fx) + picture[y1, x1, c] * fx
            colour[n, c] = upper * (1 - fy) + lower * fy


def _unwrapped(image: Image, face: Face, texels: Texels) -> tuple[Floats, NDArray[np.bool_]]:
    """As :func:`unwrap`, for a face anywhere in an image."""
    box = Box.around(face.points_px[: mesh.VERTICES], 0.05).clipped(*image.shape[:2])
    local = face.points_px[: mesh.VERTICES] - np.array([box.x, box.y, 0], np.float32)
    return unwrap(analyse(np.ascontiguousarray(image[box.slices]), local), texels)


def _medians(stack: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Median over the frames in which a texel is seen, and its (robust) standard deviation."""
    known = seen.sum(axis=0) >= FEWEST
    usual = _median(stack, seen)
    spread = np.float32(1.4826) * _median(np.abs(stack - usual), seen)
    fallback = np.median(usual[known], axis=0) if known.any() else np.zeros(3, np.float32)
    usual[~known], spread[~known] = fallback, UNKNOWN
    return usual, spread


def _median(stack: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Lower median along the first axis of what is seen; 0 where nothing is."""
    ordered = np.sort(np.where(seen[:, :, None], stack, np.float32(np.inf)), axis=0)
    middle = np.maximum((seen.sum(axis=0) - 1) // 2, 0)
    picked = np.take_along_axis(ordered, middle[None, :, None], axis=0)[0]
    return np.asarray(np.where(np.isfinite(picked), picked, 0), np.float32)


def _without_light(colour: Floats, usual: Floats, seen: NDArray[np.bool_], basis: Floats) -> Floats:
    """A frame's colours with its difference in light to the usual look taken out."""
    some = slice(None, None, 7)
    scale = np.full_like(usual[some], 4)
    field = fit_light(colour[some] - usual[some], scale, seen[some].astype(np.float32), basis[some])
    return np.asarray(colour - apply_light(field, basis), np.float32)


def _tolerance(colour: Floats, spread: Floats) -> Floats:
    """Noise, what the person's looks vary, and what neighbouring texels differ where landmarks err."""
    across = cv2.Sobel(colour, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(colour, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    slope = across * across + down * down
    return np.asarray(np.sqrt(np.array(NOISE) ** 2 + spread**2 + ERROR_TEXELS**2 * slope), np.float32)


def _rounded(values: Floats) -> Floats:
    """As it is kept in a store, so that it makes no difference whether it has been there."""
    return values.astype(np.float16).astype(np.float32)


def _grown(values: Floats, covered: Floats, steps: int = 3) -> Floats:
    """Spread values a few texels beyond the outline, so that looking up between texels finds no gap."""
    out, known = values.copy(), covered.copy()
    for _ in range(steps):
        near = cv2.blur(known, (3, 3), borderType=cv2.BORDER_CONSTANT)
        total = cv2.blur(out * known[:, :, None], (3, 3), borderType=cv2.BORDER_CONSTANT)
        new = (known == 0) & (near > 0)
        out[new] = total[new] / near[new][:, None]
        known[new] = 1
    return out
