"""The mask as a surface on a head: stretched cloth and the loops around the ears."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numba
import numpy as np

from fsa_data.datasets.face_mask.head import AXIS_Z_CM, Head, Wrap
from fsa_data.datasets.face_mask.shapes import SHAPES, relief, smooth
from fsa_data.types import Floats, Ints, Json

ROWS, COLUMNS = 49, 73
_LOOP_CM = 0.10  # half the width of an ear loop
_LOOP_SIDES, _LOOP_STEPS = 6, 16
LOOPS, LOOP_RING = 4, _LOOP_SIDES + 1
"""Strands of the ear loops, and vertices around each; the last repeats the first."""

_EAR = ((2.7, 1.52), (-2.1, 1.50))  # height and direction in which the loops vanish behind the ear


@dataclass(frozen=True, slots=True)
class Cloth:
    """A mask put on, in head coordinates.

    Attributes:
        points_cm: ``(N, 3)`` float32; the grid first, then the loops.
        triangles: ``(M, 3)`` int32, counter-clockwise seen from outside with y up.
        normals: ``(N, 3)`` float32 unit vectors.
        uv: ``(N, 2)`` float32, place on the cloth.
        loop: ``(N,)`` float32, 1 on the loops.
        turn: ``(N,)`` float32, direction about the head's axis.
        depth: ``(N,)`` float32 in 0..1, how far the cloth has bent in under the chin.
    """

    points_cm: Floats
    triangles: Ints
    normals: Floats
    uv: Floats
    loop: Floats
    turn: Floats
    depth: Floats


def put_on(head: Head, skin: Wrap, params: Json) -> Cloth:
    """Stretch a mask over a face.

    Args:
        head: whose.
        skin: the face unrolled.
        params: of the mask.
    """
    name = str(params["shape"])
    shape = SHAPES[name]
    u = np.broadcast_to(np.linspace(-1, 1, COLUMNS, dtype=np.float32), (ROWS, COLUMNS))
    v = np.broadcast_to(np.linspace(0, 1, ROWS, dtype=np.float32)[:, None], (ROWS, COLUMNS))
    aside = np.abs(u)
    top = shape.top + float(params["lift_cm"]) + (shape.top_side - shape.top) * aside**shape.top_bend
    bottom = shape.bottom + (shape.bottom_side - shape.bottom) * aside**shape.bottom_bend
    tilt = float(params["tilt_cm"]) * u
    y = head.height(np.asarray(top + tilt, np.float32))
    y = np.asarray(y + (head.height(np.asarray(bottom + tilt, np.float32)) - y) * v, np.float32)
    turn = np.asarray(u * shape.turn, np.float32)
    face, under = np.moveaxis(skin.at(turn, y)[..., :2], -1, 0)
    curl = np.asarray(np.square(np.clip(cv2.GaussianBlur(under, (0, 0), 1.0) / 0.8, 0, 1)), np.float32)
    radius = _taut(np.ascontiguousarray(face), np.ascontiguousarray(y))
    radius = np.maximum(cv2.GaussianBlur(radius, (0, 0), 1.6, borderType=cv2.BORDER_REPLICATE), face)
    radius = cv2.GaussianBlur(radius, (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE) + np.float32(shape.gap)
    edge = smooth(np.minimum(v, 1 - v), 0.0, 0.1) * smooth(1 - aside, 0.0, 0.12)
    radius = radius + relief(name, u, v, params) * edge - shape.curl * curl
    points = np.stack([radius * np.sin(turn), y, AXIS_Z_CM + radius * np.cos(turn)], axis=-1)
    grid = np.asarray(points.reshape(-1, 3), np.float32)
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)
    pieces = [_Piece(grid, _grid_triangles(ROWS, COLUMNS), uv, turn.ravel(), curl.ravel())]
    for column in (0, COLUMNS - 1):
        for row, (height, away) in zip((1, ROWS - 2), _EAR, strict=True):
            start = (float(turn[row, column]), float(y[row, column]))
            side = np.sign(turn[row, column])
            behind = (float(side * away), float(head.height(np.array([height], np.float32))[0]))
            pieces.append(_loop(skin, start, behind, float(radius[row, column])))
    return _joined(pieces)


@dataclass(frozen=True, slots=True)
class _Piece:
    points_cm: Floats
    triangles: Ints
    uv: Floats
    turn: Floats
    depth: Floats


def _joined(pieces: list[_Piece]) -> Cloth:
    starts = np.cumsum([0, *(len(piece.points_cm) for piece in pieces)])
    points = np.concatenate([piece.points_cm for piece in pieces])
    triangles = np.concatenate([piece.triangles + at for piece, at in zip(pieces, starts, strict=False)])
    loop = np.zeros(len(points), np.float32)
    loop[starts[1] :] = 1
    return Cloth(
        points_cm=points,
        triangles=np.asarray(triangles, np.int32),
        normals=normals(points, triangles),
        uv=np.concatenate([piece.uv for piece in pieces]).astype(np.float32),
        loop=loop,
        turn=np.concatenate([piece.turn for piece in pieces]).astype(np.float32),
        depth=np.concatenate([piece.depth for piece in pieces]).astype(np.float32),
    )


def _loop(skin: Wrap, start: tuple[float, float], end: tuple[float, float], radius: float) -> _Piece:
    """A thin tube over the skin from a corner of the mask to the ear's root."""
    t = np.linspace(0, 1, _LOOP_STEPS, dtype=np.float32)
    turn, y = (np.asarray(a + (b - a) * t, np.float32) for a, b in zip(start, end, strict=True))
    face = skin.at(turn[None], y[None])[0, :, 0]
    # taut: straight between its ends, above the skin
    line = np.linspace(radius, float(face[-1]) + _LOOP_CM, _LOOP_STEPS)
    away = np.maximum(face + 1.2 * _LOOP_CM, line)
    centre = np.stack([away * np.sin(turn), y, AXIS_Z_CM + away * np.cos(turn)], axis=1)
    forward = np.gradient(centre, axis=0)
    outward = np.stack([np.sin(turn), np.zeros_like(turn), np.cos(turn)], axis=1)
    beside = np.cross(forward, outward)
    beside /= np.linalg.norm(beside, axis=1, keepdims=True)
    angle = np.arange(LOOP_RING) * (2 * np.pi / _LOOP_SIDES)
    ring = np.cos(angle)[:, None] * beside[:, None] + 0.6 * np.sin(angle)[:, None] * outward[:, None]
    points = (centre[:, None] + _LOOP_CM * ring).reshape(-1, 3).astype(np.float32)
    uv = np.zeros((len(points), 2), np.float32)
    return _Piece(
        points,
        _grid_triangles(_LOOP_STEPS, LOOP_RING),
        uv,
        np.repeat(turn, LOOP_RING),
        np.zeros(len(points), np.float32),
    )


@cache
def _grid_triangles(rows: int, columns: int) -> Ints:
    """``(2 (rows - 1) (columns - 1), 3)``; rows run down, columns to the right as seen from outside."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1].ravel(), at[:-1, 1:].ravel(), at[1:, :-1].ravel(), at[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def normals(points: Floats, triangles: Ints) -> Floats:
    """Area-weighted unit normals of vertices, outwards for triangles that are counter-clockwise from outside.

    Args:
        points: ``(N, 3)``, a right-handed frame (y up, z to the viewer).
        triangles: ``(M, 3)``.

    Returns:
        ``(N, 3)`` float32.
    """
    a, b, c = (points[triangles[:, k]].astype(np.float64) for k in range(3))
    area = np.cross(b - a, c - a)
    out = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(area[:, k], 3), len(points)) for k in range(3)],
        axis=1,
    )
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9), np.float32)


@numba.njit(cache=True, nogil=True)
def _taut(radius, y):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Cloth under tension spans hollows: the upper concave envelope of each column."""
    rows, columns = radius.shape
    out = radius.copy()
    for column in range(columns):
        first = 0
        while first < rows - 1:
            best, steepest = first + 1, -np.inf
            for last in range(first + 1, rows):
                run = max(y[first, column] - y[last, column], np.float32(1e-6))
                slope = (radius[last, column] - radius[first, column]) / run
                if slope >= steepest:
                    best, steepest = last, slope
            for row in range(first + 1, best):
                out[row, column] = radius[first, column] + steepest * (y[first, column] - y[row, column])
            first = best
    return out
