"""What is known about the face surface whoever wears it: mirror pairs, where skin is, smoothing, visibility."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.merge.shading import smoothing_kernel
from fsa_data.types import Box, Floats, Ints

GRAZING = (0.10, 0.40)
"""Cosine between normal and view at which a vertex is not seen at all, and at which it is seen well."""

HAIR = (0.20, 0.40)
"""Loss of lightness against the skin at which a forehead vertex begins to count as hair, and is nothing else."""

BEARD = (0.15, 0.35)
"""The same for a vertex below the nose, which then does not tell about the skin."""

_BROWS_CM, _NOSE_CM = 5.2, -2.0
"""Heights of the brows and of the bottom of the nose on the canonical face."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Constants of the canonical face, 468 rows each.

    Attributes:
        triangles: ``(898, 3)`` int32.
        mirror: ``(468,)`` int32, the vertex on the other side.
        skin: ``(468,)`` float32 in 0..1, 0 on eyes, brows, lips and nostrils.
        forehead: ``(468,)`` bool, above the brows: where hair may hang.
        beard: ``(468,)`` bool, below the nose: where a beard may grow.
        lips: ``(468,)`` bool.
        inner: ``(898,)`` bool, triangles between the lids and between the lips.
        kernel: ``(468, 468)`` float32 smoothing weights: wide inside, narrow along the oval.
    """

    triangles: Ints
    mirror: Ints
    skin: Floats
    forehead: NDArray[np.bool_]
    beard: NDArray[np.bool_]
    lips: NDArray[np.bool_]
    inner: NDArray[np.bool_]
    kernel: Floats


@cache
def surface() -> Surface:
    """Computed once per process from :func:`fsa_data.mesh.face_mesh`."""
    face = mesh.face_mesh()
    vertices = face.vertices_cm
    apart = np.square(vertices[None] * np.array([-1, 1, 1], np.float32) - vertices[:, None]).sum(axis=2)
    mirror = apart.argmin(axis=1).astype(np.int32)
    oval = _distance_cm(vertices, mesh.FACE_OVAL)
    skin = _skin(vertices)
    sigma = 1.0 + 2.4 * np.clip(oval / 4.0, 0, 1)
    return Surface(
        triangles=face.triangles,
        mirror=mirror,
        skin=skin,
        forehead=(skin > 0) & (vertices[:, 1] > _BROWS_CM),
        beard=(skin > 0) & (vertices[:, 1] < _NOSE_CM),
        lips=_lips(vertices),
        inner=_inner(face.triangles),
        kernel=smoothing_kernel(vertices, sigma.astype(np.float32)),
    )


def _lips(vertices_cm: Floats) -> NDArray[np.bool_]:
    """Vertices on and inside the outer outline of the lips, seen from the front."""
    outline = np.ascontiguousarray(vertices_cm[list(mesh.LIPS_OUTER), :2])
    inside = [cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=False) >= 0 for x, y, _ in vertices_cm]
    return np.array(inside)


def _inner(triangles: Ints) -> NDArray[np.bool_]:
    rings = (mesh.RIGHT_EYE, mesh.LEFT_EYE, mesh.LIPS_INNER)
    return np.asarray(np.any([np.isin(triangles, ring).all(axis=1) for ring in rings], axis=0))


def _distance_cm(vertices_cm: Floats, ring: tuple[int, ...]) -> Floats:
    """Distance of every vertex to the nearest of a ring's vertices."""
    apart = vertices_cm[:, None] - vertices_cm[list(ring)][None]
    return np.asarray(np.sqrt(np.square(apart).sum(axis=2)).min(axis=1), np.float32)


def _skin(vertices_cm: Floats) -> Floats:
    skin = np.ones(len(vertices_cm), np.float32)
    lips = (*mesh.LIPS_OUTER, *mesh.LIPS_INNER)
    nostrils = (98, 97, 2, 326, 327, 60, 290, 99, 328, 75, 305)
    for ring, away_cm in (
        (mesh.RIGHT_EYE, 0.5),
        (mesh.LEFT_EYE, 0.5),
        (mesh.RIGHT_EYEBROW, 0.35),
        (mesh.LEFT_EYEBROW, 0.35),
        (lips, 0.35),
        (nostrils, 0.3),
    ):
        skin[_distance_cm(vertices_cm, ring) <= away_cm] = 0
    return skin


def seen(points_px: Floats, triangles: Ints, box: Box) -> Floats:
    """How well each vertex can be seen: it faces the camera, and nothing of the face lies in front.

    Args:
        points_px: ``(468, 3)`` float32.
        triangles: ``(M, 3)`` int32.
        box: the part of the picture that exists.

    Returns:
        ``(468,)`` float32 in 0..1.
    """
    low, high = GRAZING
    turned = np.clip((mesh.facing(points_px, triangles) - low) / (high - low), 0, 1)
    depth = mesh.rasterise(points_px, triangles, box).depth
    column = np.floor(points_px[:, 0]).astype(int) - box.x
    row = np.floor(points_px[:, 1]).astype(int) - box.y
    inside = (column >= 0) & (column < box.w) & (row >= 0) & (row < box.h)
    front = depth[np.clip(row, 0, box.h - 1), np.clip(column, 0, box.w - 1)]
    size = np.ptp(points_px[:, 0]) + np.ptp(points_px[:, 1])
    behind = np.isfinite(front) & (points_px[:, 2] > front + 0.03 * size)
    return np.asarray(turned * inside * ~behind, np.float32)


def hair(lab: Floats, tone: Floats) -> Floats:
    """Where hair hangs over the forehead: there it is far darker than the face's skin.

    Told by colour alone, so dark hair on dark skin is not seen; then it hardly shows either.

    Args:
        lab: ``(468, 3)`` float32 colour of each vertex.
        tone: ``(3,)`` float32 Lab of the skin.

    Returns:
        ``(468,)`` float32 in 0..1; 0 below the brows.
    """
    out = np.zeros(len(lab), np.float32)
    face = surface()
    low, high = HAIR
    lightness = np.float32(max(float(tone[0]), 1.0))
    _hang(lab, lightness, face.forehead, face.triangles, np.float32(low), np.float32(high), out)
    return out


@numba.njit(cache=True, nogil=True)
def _hang(lab, lightness, forehead, triangles, low, high, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    hanging = np.zeros(lab.shape[0], np.float32)
    for i in range(lab.shape[0]):
        if forehead[i]:
            darker = (lightness - lab[i, 0]) / lightness
            hanging[i] = min(max((darker - low) / (high - low), np.float32(0)), np.float32(1))
    # strands reach beyond the vertices they were seen at
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        most = max(hanging[a], hanging[b], hanging[c])
        out[a], out[b], out[c] = max(out[a], most), max(out[b], most), max(out[c], most)
