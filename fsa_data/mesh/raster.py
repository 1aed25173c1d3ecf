"""The z-buffer rasteriser that everybody shares: which triangle shows at each pixel, and where on it.

Drawing has two steps: :func:`rasterise` decides visibility and gives barycentric coordinates, :func:`interpolate`
spreads any per-vertex attribute over the pixels (colours, texture coordinates, depths). A pixel is covered when its
centre ``(column + 0.5, row + 0.5)`` lies inside the triangle; on a shared edge the top-left rule gives it to one
triangle only. Interpolation is affine in the image, right for triangles that are small against their distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np

from fsa_data.types import Box, Floats, Image, Ints

_NARROW = 16
"""Triangles up to so many pixels wide are tried pixel by pixel: finding the ends of each row costs more."""


@dataclass(frozen=True, slots=True)
class Fragments:
    """What shows at each pixel of a box.

    Attributes:
        triangle: ``(h, w)`` int32, index of the nearest triangle; -1 where there is none.
        bary: ``(h, w, 3)`` float32, weights of its three vertices, sum 1; 0 where there is none.
        depth: ``(h, w)`` float32, interpolated depth; +inf where there is none.
    """

    triangle: Ints
    bary: Floats
    depth: Floats


def rasterise(points: Floats, triangles: Ints, box: Box, cull: Literal["none", "back"] = "none") -> Fragments:
    """Draw triangles into a box of the image.

    Args:
        points: ``(N, 3)`` float32; x and y in pixels of the whole image (y down), depth growing away from the camera.
        triangles: ``(M, 3)`` int32 indices into ``points``.
        box: the part of the image to draw; triangles outside cost next to nothing.
        cull: ``"back"`` leaves out triangles that are clockwise as seen with y up (facing away from the camera when
            the mesh is wound like the canonical face).

    Returns:
        Fragments of shape ``(box.h, box.w)``. Equal depths go to the triangle with the lower index.
    """
    triangle = np.full((box.h, box.w), -1, np.int32)
    bary = np.zeros((box.h, box.w, 3), np.float32)
    depth = np.full((box.h, box.w), np.inf, np.float32)
    points, triangles = np.ascontiguousarray(points, np.float32), np.ascontiguousarray(triangles, np.int32)
    left, top = np.float32(box.x), np.float32(box.y)
    _nearest(points, triangles, left, top, cull == "back", triangle, depth)
    _weigh(points, triangles, left, top, triangle, bary)
    return Fragments(triangle, bary, depth)


def interpolate(fragments: Fragments, triangles: Ints, attributes: Floats) -> Floats:
    """Spread per-vertex attributes over the pixels.

    Args:
        fragments: what :func:`rasterise` returned, ``(h, w)``.
        triangles: the same ``(M, 3)`` int32.
        attributes: ``(N, C)`` float32, one row per vertex.

    Returns:
        ``(h, w, C)`` float32; 0 where nothing is drawn.
    """
    out = np.zeros((*fragments.triangle.shape, attributes.shape[1]), np.float32)
    _spread(
        fragments.triangle,
        fragments.bary,
        np.ascontiguousarray(triangles, np.int32),
        np.ascontiguousarray(attributes, np.float32),
        out,
    )
    return out


def sample(image: Image, xy_px: Floats) -> Image:
    """Bilinear look-up; positions outside take the nearest edge pixel.

    Args:
        image: ``(H, W, 3)`` uint8.
        xy_px: ``(h, w, 2)`` float32 positions in pixels of ``image``, pixel centres at .5.

    Returns:
        ``(h, w, 3)`` uint8.
    """
    out = np.empty((*xy_px.shape[:2], image.shape[2]), np.uint8)
    _bilinear(np.ascontiguousarray(image), np.ascontiguousarray(xy_px, np.float32), out)
    return out


@numba.njit(cache=True, nogil=True)
def _owns(dx: float, dy: float) -> bool:
    """Top-left rule for an edge of a triangle whose area is positive with y down."""
    return dy < 0 or (dy == 0 and dx > 0)


@numba.njit(cache=True, nogil=True)
def _span(ax, ay, bx, by, cx, cy, py, x0, x1):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Columns of a row that may lie in the triangle: its crossings with the row, one pixel wider on each side."""
    low, high = np.inf, -np.inf
    for ux, uy, vx, vy in ((ax, ay, bx, by), (bx, by, cx, cy), (cx, cy, ax, ay)):
        if (uy <= py <= vy) or (vy <= py <= uy):
            if uy == vy:
                low, high = min(low, ux, vx), max(high, ux, vx)
            else:
                x = ux + (vx - ux) * (py - uy) / (vy - uy)
                low, high = min(low, x), max(high, x)
    if low > high:
        return x0, x0 - 1
    return max(x0, int(np.floor(low - 1.5))), min(x1, int(np.ceil(high + 0.5)))


@numba.njit(cache=True, nogil=True)
def _corners(points, triangles, index, left, top):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """A triangle in the box, twice its area (negative if counter-clockwise with y up) and the depths of its corners."""
    # unsigned, so that no index is checked for counting from the end
    a, b, c = np.uint32(triangles[index, 0]), np.uint32(triangles[index, 1]), np.uint32(triangles[index, 2])
    ax, ay = np.float64(points[a, 0] - left), np.float64(points[a, 1] - top)
    bx, by = np.float64(points[b, 0] - left), np.float64(points[b, 1] - top)
    cx, cy = np.float64(points[c, 0] - left), np.float64(points[c, 1] - top)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return ax, ay, bx, by, cx, cy, area, points[a, 2], points[b, 2], points[c, 2]


@numba.njit(cache=True, nogil=True)
def _nearest(points, triangles, left, top, cull, triangle, depth):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Which triangle shows at each pixel, and how deep it lies there."""
    height, width = triangle.shape
    for index in range(triangles.shape[0]):
        ax, ay, bx, by, cx, cy, area, za, zb, zc = _corners(points, triangles, np.uint32(index), left, top)
        # y points down here, so a triangle that is counter-clockwise with y up has a negative area
        if not (area < 0 or (area > 0 and not cull)):
            continue
        if area < 0:
            bx, by, zb, cx, cy, zc, area = cx, cy, zc, bx, by, zb, -area
        scale = 1 / area
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        y0 = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        own_a, own_b, own_c = _owns(cx - bx, cy - by), _owns(ax - cx, ay - cy), _owns(bx - ax, by - ay)
        for row in range(y0, y1 + 1):
            py = row + 0.5
            first, last = x0, x1
            if x1 - x0 > _NARROW:
                first, last = _span(ax, ay, bx, by, cx, cy, py, x0, x1)
            row_a, row_b, row_c = (cx - bx) * (py - by), (ax - cx) * (py - cy), (bx - ax) * (py - ay)
            r = np.uint32(row)
            for column in range(np.uint32(first), np.uint32(max(first, last + 1))):
                px = column + 0.5
                wa = row_a - (cy - by) * (px - bx)
                wb = row_b - (ay - cy) * (px - cx)
                wc = row_c - (by - ay) * (px - ax)
                # without branches: they would be taken as often as not
                inside = ((wa > 0) | ((wa == 0) & own_a)) & ((wb > 0) | ((wb == 0) & own_b))
                inside &= (wc > 0) | ((wc == 0) & own_c)
                z = np.float32(wa * scale * za + wb * scale * zb + wc * scale * zc)
                shows = inside & (z < depth[r, column])
                depth[r, column] = z if shows else depth[r, column]
                triangle[r, column] = index if shows else triangle[r, column]


@numba.njit(cache=True, nogil=True)
def _weigh(points, triangles, left, top, triangle, bary):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Barycentric coordinates of each pixel in the triangle that shows there."""
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            index = triangle[row, column]
            if index < 0:
                continue
            ax, ay, bx, by, cx, cy, area, _, _, _ = _corners(points, triangles, np.uint32(index), left, top)
            px, py, scale = column + 0.5, row + 0.5, 1 / area
            bary[row, column, 0] = ((cx - bx) * (py - by) - (cy - by) * (px - bx)) * scale
            bary[row, column, 1] = ((ax - cx) * (py - cy) - (ay - cy) * (px - cx)) * scale
            bary[row, column, 2] = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) * scale


@numba.njit(cache=True, nogil=True)
def _spread(triangle, bary, triangles, attributes, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    height, width = triangle.shape
    for row in range(height):
        for column in range(width):
            index = triangle[row, column]
            if index < 0:
                continue
            a, b, c = triangles[index, 0], triangles[index, 1], triangles[index, 2]
            wa, wb, wc = bary[row, column, 0], bary[row, column, 1], bary[row, column, 2]
            for k in range(attributes.shape[1]):
                out[row, column, k] = wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]


@numba.njit(cache=True, nogil=True)
def _bilinear(image, xy, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    height, width, channels = image.shape
    for row in range(xy.shape[0]):
        for column in range(xy.shape[1]):
            x = min(max(xy[row, column, 0] - np.float32(0.5), np.float32(0)), np.float32(width - 1))
            y = min(max(xy[row, column, 1] - np.float32(0.5), np.float32(0)), np.float32(height - 1))
            x0, y0 = int(x), int(y)
            x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
            fx, fy = x - np.float32(x0), y - np.float32(y0)
            for k in range(channels):
                upper = image[y0, x0, k] * (1 - fx) + image[y0, x1, k] * fx
                lower = image[y1, x0, k] * (1 - fx) + image[y1, x1, k] * fx
                out[row, column, k] = np.uint8(upper * (1 - fy) + lower * fy + np.float32(0.5))
