"""Surfaces: tubes, ellipsoids, rounded boxes and grids with normals and texture coordinates, and how to join them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fsa_data.simdrive.atlas import Tile, to_atlas
from fsa_data.simdrive.parts import Part
from fsa_data.types import Floats, Ints

Vectors = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Piece:
    """A surface of one part, ready to be drawn.

    Attributes:
        points: ``(N, 3)`` float64 cm; x to the right of the image, y up, z towards the camera.
        triangles: ``(M, 3)`` int32.
        uv: ``(N, 2)`` float64, pixels of the atlas.
        tint: ``(N, 3)`` float64, multiplies the texture.
        gloss: 0..1, strength of the highlight.
        part: what its pixels are in the part map.
        sheet: whether both sides can be seen; the far side of a closed body is not drawn.
        normals: ``(N, 3)`` float64, unit, outward; None: those of its own triangles, found when it is drawn.
    """

    points: Vectors
    triangles: Ints
    uv: Vectors
    tint: Vectors
    gloss: float
    part: Part
    sheet: bool = False
    normals: Vectors | None = None

    def moved(self, turn: Vectors, offset: ArrayLike) -> Piece:
        """The same piece rotated about the origin by a ``(3, 3)`` matrix, then shifted."""
        normals = None if self.normals is None else self.normals @ turn.T
        return replace(self, points=self.points @ turn.T + np.asarray(offset), normals=normals)


@dataclass(frozen=True, slots=True)
class Surface:
    """A bare surface: ``(N, 3)`` points in cm, ``(M, 3)`` triangles, ``(N, 2)`` texture coordinates in 0..1."""

    points: Vectors
    triangles: Ints
    uv: Vectors

    def piece(
        self, part: Part, tile: Tile, tint: ArrayLike = (1.0, 1.0, 1.0), gloss: float = 0.05, sheet: bool = False
    ) -> Piece:
        """Make it drawable.

        Args:
            part: what its pixels are in the part map.
            tile: where its texture lies in the atlas.
            tint: ``(3,)`` or ``(N, 3)``, multiplies the texture.
            gloss: 0..1, strength of the highlight.
            sheet: whether both sides can be seen.
        """
        tints = np.broadcast_to(np.asarray(tint, np.float64), (len(self.points), 3))
        return Piece(self.points, self.triangles, to_atlas(tile, self.uv), tints, gloss, part, sheet)

    def outward(self) -> Surface:
        """The same surface, all triangles turned over if most of them look towards the middle of the points."""
        corners = self.points[self.triangles]
        faces = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        away = corners.mean(axis=1) - self.points.mean(axis=0)
        return self if float((faces * away).sum()) >= 0 else self.turned_over()

    def turned_over(self) -> Surface:
        """The same surface, seen from its other side."""
        return replace(self, triangles=self.triangles[:, ::-1])


def _cross(a: Vectors, b: Vectors) -> Vectors:
    """Cross product of ``(..., 3)`` arrays; numpy's own spends most of its time on checks."""
    return np.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        axis=-1,
    )


def normalised(vectors: ArrayLike) -> Vectors:
    """Unit vectors along the last axis (zero stays zero)."""
    array = np.asarray(vectors, np.float64)
    length = np.sqrt((array * array).sum(axis=-1, keepdims=True))
    unit: Vectors = array / np.maximum(length, 1e-9)
    return unit


def vertex_normals(points: Vectors, triangles: Ints) -> Vectors:
    """``(N, 3)`` unit normals: area-weighted mean of the triangles around each vertex."""
    corners = points[triangles]
    faces = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    index = triangles.T.ravel()
    sums = [np.bincount(index, np.tile(faces[:, k], 3), len(points)) for k in range(3)]
    return normalised(np.stack(sums, axis=1))


@lru_cache(maxsize=64)
def grid_triangles(rows: int, columns: int, closed: bool) -> Ints:
    """``(M, 3)`` triangles of a grid of ``rows x columns`` vertices, numbered row by row.

    Args:
        rows: vertices along the first axis.
        columns: vertices along the second axis.
        closed: whether the last column joins the first.
    """
    last = columns if closed else columns - 1
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(last), indexing="ij")
    here, right = row * columns + column, row * columns + (column + 1) % columns
    below, diagonal = here + columns, right + columns
    both = np.stack([np.stack([here, diagonal, below], -1), np.stack([here, right, diagonal], -1)], axis=2)
    triangles = both.reshape(-1, 3).astype(np.int32)
    triangles.flags.writeable = False
    return triangles


@lru_cache(maxsize=64)
def grid_uv(rows: int, columns: int, closed: bool) -> Vectors:
    """``(rows * columns, 2)`` texture coordinates; round a closed grid u runs 0..1..0, so that it has no seam."""
    u = np.arange(columns) / (columns if closed else max(columns - 1, 1))
    if closed:
        u = 1 - np.abs(2 * u - 1)
    v = np.arange(rows) / max(rows - 1, 1)
    uv = np.stack([np.tile(u, rows), np.repeat(v, columns)], axis=1)
    uv.flags.writeable = False
    return uv


def grid(points: Vectors, closed: bool) -> Surface:
    """A surface over a ``(rows, columns, 3)`` grid of points.

    Its front is on the side of columns x rows: where columns run to the right and rows up.
    """
    rows, columns = points.shape[:2]
    return Surface(points.reshape(-1, 3), grid_triangles(rows, columns, closed), grid_uv(rows, columns, closed))


_CAP = np.array([1.0, 0.92, 0.7, 0.38, 0.02])
_CAP_OUT = np.sin(np.arccos(_CAP))


def tube(path: ArrayLike, radii: ArrayLike, sides: int = 10, flat: float = 1.0, caps: bool = True) -> Surface:
    """A tube along a path, its ends rounded.

    Args:
        path: ``(K, 3)`` centre line in cm.
        radii: ``(K,)`` or one radius in cm.
        sides: vertices around.
        flat: the second half axis of the cross section over the first.
        caps: whether to close the ends with half spheres.
    """
    line = np.asarray(path, np.float64)
    return tubes(line[None], np.broadcast_to(np.asarray(radii, np.float64), (1, len(line))), sides, flat, caps)


def tubes(paths: Vectors, radii: Vectors, sides: int = 10, flat: float = 1.0, caps: bool = True) -> Surface:
    """Several tubes of equally many points as one surface.

    Args:
        paths: ``(B, K, 3)`` centre lines in cm.
        radii: ``(B, K)`` cm.
        sides: vertices around.
        flat: the second half axis of the cross section over the first.
        caps: whether to close the ends with half spheres.
    """
    line, width = paths, radii
    step = np.empty_like(line)
    step[:, 1:-1] = line[:, 2:] - line[:, :-2]
    step[:, 0], step[:, -1] = line[:, 1] - line[:, 0], line[:, -1] - line[:, -2]
    tangents = normalised(step)
    if caps:
        before, after = _CAP_OUT[:0:-1, None], _CAP_OUT[1:, None]
        start = line[:, :1] - tangents[:, :1] * width[:, :1, None] * before
        end = line[:, -1:] + tangents[:, -1:] * width[:, -1:, None] * after
        line = np.concatenate([start, line, end], axis=1)
        tangents = np.concatenate([tangents[:, :1].repeat(4, 1), tangents, tangents[:, -1:].repeat(4, 1)], axis=1)
        width = np.concatenate([width[:, :1] * _CAP[:0:-1], width, width[:, -1:] * _CAP[1:]], axis=1)
    first = _across(tangents)
    second = _cross(tangents, first)
    angle = np.arange(sides) * (2 * np.pi / sides)
    cos, sin = np.cos(angle)[:, None], flat * np.sin(angle)[:, None]
    points = line[:, :, None] + width[:, :, None, None] * (cos * first[:, :, None] + sin * second[:, :, None])
    count, rows = points.shape[:2]
    single = grid_triangles(rows, sides, True)
    triangles = (single + (np.arange(count) * rows * sides)[:, None, None]).reshape(-1, 3).astype(np.int32)
    return Surface(points.reshape(-1, 3), triangles, np.tile(grid_uv(rows, sides, True), (count, 1)))


def _across(tangents: Vectors) -> Vectors:
    """``(B, K, 3)`` a unit vector across each tangent, carried along each path without twisting."""
    first = np.empty_like(tangents)
    vector = np.eye(3)[np.argmin(np.abs(tangents[:, 0]), axis=1)]
    for k in range(tangents.shape[1]):
        tangent = tangents[:, k]
        vector = normalised(vector - tangent * (vector * tangent).sum(1, keepdims=True))
        first[:, k] = vector
    return first


def loop(path: Vectors, radius: float, axis: ArrayLike, sides: int = 8) -> Surface:
    """A tube along a closed path that lies roughly in a plane, like a tyre.

    Args:
        path: ``(K, 3)`` cm, the last point joins the first.
        radius: of the tube in cm.
        axis: ``(3,)`` direction across the plane.
        sides: vertices around the tube.
    """
    tangents = normalised(np.roll(path, -1, 0) - np.roll(path, 1, 0))
    first = normalised(_cross(tangents, np.broadcast_to(np.asarray(axis, np.float64), tangents.shape)))
    second = _cross(tangents, first)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.cos(angle)[:, None, None] * first + np.sin(angle)[:, None, None] * second
    return grid(path + radius * ring, closed=True).outward()


def ellipsoid(
    centre: ArrayLike,
    radii: ArrayLike,
    axes: Vectors | None = None,
    rows: int = 10,
    columns: int = 16,
    square: float = 1.0,
) -> Surface:
    """An ellipsoid, or a rounded box.

    Args:
        centre: ``(3,)`` cm.
        radii: ``(3,)`` half axes in cm.
        axes: ``(3, 3)`` rows are the directions of the half axes; x, y, z by default.
        rows: vertices from pole to pole (the poles lie on the second axis).
        columns: vertices around.
        square: 1 is an ellipsoid; towards 0 it turns into a box.
    """
    polar = np.linspace(0.02, np.pi - 0.02, rows)[:, None]
    azimuth = (np.arange(columns) * (2 * np.pi / columns))[None, :]
    unit = np.stack(
        [
            _power(np.sin(polar), square) * _power(np.sin(azimuth), square),
            _power(np.cos(polar), square) * np.ones_like(azimuth),
            _power(np.sin(polar), square) * _power(np.cos(azimuth), square),
        ],
        axis=-1,
    )
    points = unit * np.asarray(radii, np.float64)
    if axes is not None:
        points = points @ axes
    return grid(points + np.asarray(centre, np.float64), closed=True).turned_over()


def _power(values: Vectors, exponent: float) -> Vectors:
    return np.sign(values) * np.abs(values) ** exponent


def sweep(centres: ArrayLike, first: ArrayLike, second: ArrayLike, columns: int = 20, square: float = 1.0) -> Surface:
    """A stack of (super)elliptic rings.

    Args:
        centres: ``(K, 3)`` cm.
        first: ``(K, 3)`` half axes towards u = 0, cm.
        second: ``(K, 3)`` half axes across it, cm.
        columns: vertices around.
        square: 1 is an ellipse; smaller is boxier.
    """
    angle = np.arange(columns) * (2 * np.pi / columns)
    cos, sin = _power(np.cos(angle), square)[None, :, None], _power(np.sin(angle), square)[None, :, None]
    points = (
        np.asarray(centres, np.float64)[:, None]
        + cos * np.asarray(first, np.float64)[:, None]
        + sin * np.asarray(second, np.float64)[:, None]
    )
    return grid(points, closed=True).outward()


def basis(direction: ArrayLike, normal: ArrayLike) -> Vectors:
    """``(3, 3)`` orthonormal rows: across, along ``direction``, and ``normal`` made perpendicular to it."""
    along = normalised(direction)
    across = normalised(_cross(along, np.asarray(normal, np.float64)))
    return np.stack([across, along, _cross(across, along)])


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Vectors:
    """``(3, 3)`` head rotation: yaw positive to the right of the image, pitch down, roll clockwise as seen."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    matrix: Vectors = about_y @ about_x @ about_z
    return matrix


@dataclass(frozen=True, slots=True)
class Scene:
    """Several pieces as one mesh.

    Attributes:
        points: ``(N, 3)`` float32 cm.
        attributes: ``(N, 9)`` float32: normal, atlas position, tint, gloss.
        triangles: ``(M, 3)`` int32.
        parts: ``(M,)`` uint8, the part of each triangle.
        sheets: ``(M,)`` bool, whether a triangle can be seen from both sides.
    """

    points: Floats
    attributes: Floats
    triangles: Ints
    parts: NDArray[np.uint8]
    sheets: NDArray[np.bool_]


def joined(pieces: Sequence[Piece]) -> Scene:
    """All pieces as one mesh."""
    starts = np.cumsum([0, *(len(p.points) for p in pieces)])
    points = np.concatenate([p.points for p in pieces])
    triangles = np.concatenate([p.triangles + s for p, s in zip(pieces, starts, strict=False)]).astype(np.int32)
    attributes = np.empty((len(points), 9), np.float32)
    attributes[:, :3] = vertex_normals(points, triangles)
    attributes[:, 3:5] = np.concatenate([p.uv for p in pieces])
    attributes[:, 5:8] = np.concatenate([p.tint for p in pieces])
    for piece, start, end in zip(pieces, starts, starts[1:], strict=False):
        attributes[start:end, 8] = piece.gloss
        if piece.normals is not None:
            attributes[start:end, :3] = piece.normals
    count = [len(p.triangles) for p in pieces]
    parts = np.repeat(np.array([int(p.part) for p in pieces], np.uint8), count)
    return Scene(points.astype(np.float32), attributes, triangles, parts, np.repeat([p.sheet for p in pieces], count))
