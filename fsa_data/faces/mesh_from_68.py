"""A whole face from 68 points: the canonical mesh, posed by them and drawn to them.

Other landmarkers give 68 points where the house works with 478. The canonical face is laid over them by a similarity
(in two dimensions a scaled orthographic projection), then each of the 68 vertices is moved onto its point, and the
others follow smoothly: an interpolation with the biharmonic kernel ``-|d|`` of three-dimensional space and an affine
part, distances taken on the canonical face.

What it cannot know: the folds of the lids, which vary from person to person and have no point (their vertices are off
most), the forehead, where the eyes look (straight ahead is assumed), and the expression beyond what moves the points:
blendshapes are zero. Points that follow the visible outline of the jaw, as two-dimensional annotations do, draw the far
cheek of a turned face with them. Of 478 landmarks reduced to their 68, the test beside this file says how far the
others come back from where they were.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces.points68 import INDEX_68, POINTS
from fsa_data.faces.pose import angles_from_rotation
from fsa_data.types import BLENDSHAPES, Face

ALGORITHM_VERSION = 1
"""Raised whenever equal points would give another face."""

JAW_WEIGHT = 0.2
"""Of the jaw's points in the pose, where the others have 1: they may follow the outline instead of the skin."""

SMOOTHING_CM = 0.3
"""How little a point must be off to be met exactly: 0 would reproduce every error of the landmarker."""

IRIS_CM = 0.63
"""Radius of an iris as the landmark model draws it."""

Vectors = NDArray[np.float64]
_FLIP = np.diag([1.0, -1.0, -1.0])


def face_from_68(points: NDArray[np.floating], confidence: float = 1.0) -> Face:
    """The face whose 68 points these are.

    Args:
        points: ``(68, 2)`` x and y in pixels of the image, or ``(68, 3)`` with z in the same scale, growing away from
            the camera. With z, pose and depth are the points' own; without, those of the canonical face.
        confidence: goes into the face as it is.

    Returns:
        A face of 478 points; its blendshapes are zero.

    Raises:
        ValueError: there are not 68 finite points, or they lie on one line.
    """
    given = np.asarray(points, np.float64)
    if given.shape not in ((POINTS, 2), (POINTS, 3)) or not np.isfinite(given).all():
        raise ValueError(f"Expected finite points ({POINTS}, 2) or ({POINTS}, 3), got {given.shape}.")
    rotation, scale, offset = _pose(given)
    placed = scale * _canonical() @ rotation.T + offset
    known = given.shape[1]
    placed[:, :known] += _spread() @ (given - placed[list(INDEX_68), :known])
    irises = [_iris(placed, ring, rotation, scale) for ring in (mesh.RIGHT_EYE, mesh.LEFT_EYE)]
    yaw, pitch, roll = angles_from_rotation(_FLIP @ rotation @ _FLIP)
    return Face(
        np.concatenate([placed, *irises]).astype(np.float32),
        *(yaw, pitch, roll),
        np.zeros(BLENDSHAPES, np.float32),
        confidence,
    )


@cache
def _canonical() -> Vectors:
    """``(468, 3)`` cm as an image shows it: y down, z away from the camera."""
    vertices = mesh.face_mesh().vertices_cm.astype(np.float64) @ _FLIP
    vertices.flags.writeable = False
    return vertices


def _pose(points: Vectors) -> tuple[Vectors, float, Vectors]:
    """Rotation ``(3, 3)``, scale and offset ``(3,)`` from the canonical face to the image (Umeyama, 1991)."""
    weights = np.ones((POINTS, 1))
    weights[:17] = JAW_WEIGHT
    weights /= weights.sum()
    model = _canonical()[list(INDEX_68)]
    middle, goal = (weights * model).sum(axis=0), (weights * points).sum(axis=0)
    model, wanted = model - middle, points - goal
    if np.linalg.matrix_rank(wanted[:, :2], tol=1e-6 * max(float(np.abs(wanted).max()), 1e-6)) < 2:
        raise ValueError("The 68 points lie on one line.")
    if points.shape[1] == 3:
        u, stretch, vt = np.linalg.svd((weights * wanted).T @ model)
        signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        rotation = (u * signs) @ vt
        scale = float((stretch * signs).sum() / (weights * np.square(model)).sum())
    else:
        root = np.sqrt(weights)
        affine = np.linalg.lstsq(root * model, root * wanted, rcond=None)[0].T
        u, stretch, vt = np.linalg.svd(affine, full_matrices=False)
        rows = u @ vt  # the nearest two orthogonal rows
        rotation, scale = np.stack([*rows, np.cross(*rows)]), float(stretch.mean())
    offset = np.zeros(3)
    offset[: len(goal)] = goal
    return rotation, scale, offset - scale * rotation @ middle


@cache
def _spread() -> Vectors:
    """``(468, 68)``: how far each vertex goes for a unit step of each point."""
    vertices = _canonical()
    points = vertices[list(INDEX_68)]

    def terms(at: Vectors) -> Vectors:
        apart = np.linalg.norm(at[:, None] - points[None], axis=2)
        return np.concatenate([-apart, np.ones((len(at), 1)), at], axis=1)

    own = terms(points)
    own[:, :POINTS] += SMOOTHING_CM * np.eye(POINTS)
    system = np.zeros((POINTS + 4, POINTS + 4))
    system[:POINTS], system[POINTS:, :POINTS] = own, own[:, POINTS:].T
    return np.asarray(terms(vertices) @ np.linalg.inv(system)[:, :POINTS])


def _iris(placed: Vectors, ring: tuple[int, ...], rotation: Vectors, scale: float) -> Vectors:
    """Centre, right, upper, left and lower point of an iris in the middle of its eye; right is the image's."""
    around = np.array([[0.0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]])
    return np.asarray(placed[list(ring)].mean(axis=0) + scale * IRIS_CM * around @ rotation.T)
