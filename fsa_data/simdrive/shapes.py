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
        normals: ``(N, 3)`` float64, unit, outward.
        triangles: ``(M, 3)`` int32.
        uv: ``(N, 2)`` float64, pixels of the atlas.
        tint: ``(N, 3)`` float64, multiplies the texture.
        gloss: 0..1, strength of the highlight.
        part: what its pixels are in the part map.
    """

    points: Vectors
    normals: Vectors
    triangles: Ints
    uv: Vectors
    tint: Vectors
    gloss: float
    part: Part

    def moved(self, rotation: Vectors, offset: ArrayLike) -> Piece:
        """The same piece rotated about the origin by a ``(3, 3)`` matrix, then shifted."""
        return replace(self, points=self.points @ rotation.T + np.asarray(offset), normals=self.normals @ rotation.T)


@dataclass(frozen=True, slots=True)
class Surface:
    """A bare surface: ``(N, 3)`` points in cm, ``(M, 3)`` triangles, ``(N, 2)`` texture coordinates in 0..1."""

    points: Vectors
    triangles: Ints
    uv: Vectors

    def piece(
        self, part: Part, tile: Tile, tint: ArrayLike = (1.0, 1.0, 1.0), gloss: float = 0.05, outward: bool = True
    ) -> Piece:
        """Make it drawable.

        Args:
            part: what its pixels are in the part map.
            tile: where its texture lies in the atlas.
            tint: ``(3,)`` or ``(N, 3)``, multiplies the texture.
            gloss: 0..1, strength of the highlight.
            outward: turn the triangles so that most normals point away from the middle.
        """
        triangles = facing_out(self.points, self.triangles) if outward else self.triangles
        tints = np.broadcast_to(np.asarray(tint, np.float64), (len(self.points), 3))
        normals = vertex_normals(self.points, triangles)
        return Piece(self.points, normals, triangles, to_atlas(tile, self.uv), tints, gloss, part)


def normalised(vectors: ArrayLike) -> Vectors:
    """Unit vectors along the last axis (zero stays zero)."""
    array = np.asarray(vectors, np.float64)
    return array / np.maximum(np.linalg.norm(array, axis=-1, keepdims=True), 1e-9)


def vertex_normals(points: Vectors, triangles: Ints) -> Vectors:
    """``(N, 3)`` unit normals: area-weighted mean of the triangles around each vertex."""
    corners = points[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    index = triangles.ravel()
    sums = [np.bincount(index, np.repeat(faces[:, k], 3), len(points)) for k in range(3)]
    return normalised(np.stack(sums, axis=1))


def facing_out(points: Vectors, triangles: Ints) -> Ints:
    """The triangles, all turned over if most of them look towards the middle of the points."""
    corners = points[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = corners.mean(axis=1) - points.mean(axis=0)
    return triangles if float((faces * away).sum()) >= 0 else triangles[:, ::-1]


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
    both = np.stack([np.stack([here, below, diagonal], -1), np.stack([here, diagonal, right], -1)], axis=2)
    triangles = both.reshape(-1, 3).astype(np.int32)
    triangles.flags.writeable = False
    return triangles


def grid_uv(rows: int, columns: int, closed: bool) -> Vectors:
    """``(rows * columns, 2)`` texture coordinates; round a closed grid u runs 0..1..0, so that it has no seam."""
    u = np.arange(columns) / (columns if closed else max(columns - 1, 1))
    if closed:
        u = 1 - np.abs(2 * u - 1)
    v = np.arange(rows) / max(rows - 1, 1)
    return np.stack([np.tile(u, rows), np.repeat(v, columns)], axis=1)


def grid(points: Vectors, closed: bool) -> Surface:
    """A surface over a ``(rows, columns, 3)`` grid of points."""
    rows, columns = points.shape[:2]
    return Surface(points.reshape(-1, 3), grid_triangles(rows, columns, closed), grid_uv(rows, columns, closed))


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
    width = np.broadcast_to(np.asarray(radii, np.float64), (len(line),)).copy()
    tangents = normalised(np.gradient(line, axis=0))
    if caps:
        bend = np.array([1.0, 0.92, 0.7, 0.38, 0.02])
        start = line[0] - tangents[0] * (width[0] * np.sin(np.arccos(bend[:0:-1])))[:, None]
        end = line[-1] + tangents[-1] * (width[-1] * np.sin(np.arccos(bend[1:])))[:, None]
        line = np.concatenate([start, line, end])
        tangents = np.concatenate([np.repeat(tangents[:1], 4, 0), tangents, np.repeat(tangents[-1:], 4, 0)])
        width = np.concatenate([width[0] * bend[:0:-1], width, width[-1] * bend[1:]])
    first, second = _frames(tangents)
    angle = np.arange(sides) * (2 * np.pi / sides)
    around = np.cos(angle)[None, :, None] * first[:, None] + flat * np.sin(angle)[None, :, None] * second[:, None]
    return grid(line[:, None] + width[:, None, None] * around, closed=True)


def _frames(tangents: Vectors) -> tuple[Vectors, Vectors]:
    """Two unit vectors across each tangent, carried along the path without twisting."""
    helper = np.eye(3)[int(np.argmin(np.abs(tangents[0])))]
    first = np.empty_like(tangents)
    vector = helper
    for index, tangent in enumerate(tangents):
        vector = vector - tangent * float(vector @ tangent)
        vector = vector / max(float(np.linalg.norm(vector)), 1e-9)
        first[index] = vector
    return first, np.cross(tangents, first)


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
    return grid(points + np.asarray(centre, np.float64), closed=True)


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
    return grid(points, closed=True)


def basis(direction: ArrayLike, normal: ArrayLike) -> Vectors:
    """``(3, 3)`` orthonormal rows: across, along ``direction``, and ``normal`` made perpendicular to it."""
    along = normalised(direction)
    across = normalised(np.cross(along, np.asarray(normal, np.float64)))
    return np.stack([across, along, np.cross(across, along)])


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Vectors:
    """``(3, 3)`` head rotation: yaw positive to the right of the image, pitch down, roll clockwise as seen."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    matrix: Vectors = about_y @ about_x @ about_z
    return matrix


def smoothstep(values: ArrayLike, low: float, high: float) -> Vectors:
    """Cubic step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def joined(pieces: Sequence[Piece]) -> tuple[Floats, Floats, Ints, NDArray[np.uint8]]:
    """All pieces as one mesh.

    Returns:
        points ``(N, 3)``, attributes ``(N, 9)`` (normal, atlas position, tint, gloss), triangles ``(M, 3)`` int32,
        and the part of each triangle ``(M,)`` uint8.
    """
    starts = np.cumsum([0, *(len(p.points) for p in pieces)])
    points = np.concatenate([p.points for p in pieces]).astype(np.float32)
    attributes = np.concatenate(
        [np.column_stack([p.normals, p.uv, p.tint, np.full(len(p.points), p.gloss)]) for p in pieces]
    ).astype(np.float32)
    triangles = np.concatenate([p.triangles + s for p, s in zip(pieces, starts, strict=False)]).astype(np.int32)
    parts = np.concatenate([np.full(len(p.triangles), int(p.part), np.uint8) for p in pieces])
    return points, attributes, triangles, parts
