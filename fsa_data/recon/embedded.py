"""A photo's landmarks as a coloured surface: the reconstruction that needs nothing but the landmark model.

The landmark model gives 478 points in 3-D, in pixels with weak perspective. A similarity that takes the canonical face
to them (Umeyama, 1991, "Least-squares estimation of transformation parameters between two point patterns") is undone,
which leaves the person's own shape, frontal and of a common size. Colours come from the photo. Where the photo does
not show the skin well, the other side of the face serves, and where neither does, the colour around.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces import face_size_px
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.mesh.subdivide import fine_face
from fsa_data.types import Box, Face, Floats, Image

ALGORITHM_VERSION = 1
"""Raised whenever an equal photo would give another surface."""

SEEN = (0.15, 0.45)
"""Cosine between normal and view at which the photo tells nothing of a vertex's colour, and at which it tells all."""

TEXTURE_PX = 300.0
"""Size to which larger faces are reduced before their colours are read: the surface has no finer vertices."""


OUTLINE_CM = 0.8
"""So far inside the outline of the face the photo is not trusted fully: landmarks there lie on hair and background."""

AROUND_CM = 1.0
"""Reach of the colour that fills what no side shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """A face taken off its photo.

    Attributes:
        shape_cm: ``(468, 3)`` float32, frontal: x to the right of the image, y up, z towards the viewer.
        colours: ``(N, 3)`` uint8 RGB of the vertices of :func:`fsa_data.mesh.fine_face`.
    """

    shape_cm: Floats
    colours: NDArray[np.uint8]

    def mesh(self, shape_cm: Floats | None = None) -> ColouredMesh:
        """The surface, or one of another shape with the same colours."""
        shape = self.shape_cm if shape_cm is None else shape_cm
        fine = fine_face()
        return ColouredMesh(fine.spread(shape / 10), fine.triangles, self.colours)


def reconstruct(image: Image, face: Face) -> Reconstruction:
    """Take a face off its photo.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        face: the face in it.
    """
    shape = frontal_shape(face.points_px)
    fine = fine_face()
    points = fine.spread(face.points_px[: mesh.VERTICES])
    told = _told(points, fine.triangles) * _inward()
    coarse = told[: mesh.VERTICES]
    mirrored = shape[fine_face(0).mirror] * np.array([-1, 1, 1], np.float32)
    other = coarse[fine_face(0).mirror]
    own = np.where(coarse + other > 0, coarse / np.maximum(coarse + other * (1 - coarse), 1e-6), 1)[:, None]
    shape = np.asarray(own * shape + (1 - own) * mirrored, np.float32)
    return Reconstruction(shape, _colours(image, points, told))


def frontal_shape(points_px: Floats) -> Floats:
    """The 468 points without the photo's pose and scale.

    Args:
        points_px: ``(478, 3)`` or ``(468, 3)`` float32, z growing away from the camera.

    Returns:
        ``(468, 3)`` float32 centimetres of the canonical face: x right, y up, z towards the viewer.
    """
    canonical = mesh.face_mesh()
    seen = points_px[: mesh.VERTICES].astype(np.float64) * (1, -1, -1)
    weights = np.zeros(mesh.VERTICES)
    weights[canonical.pose_landmarks] = canonical.pose_weights
    weights /= weights.sum()
    model = canonical.vertices_cm.astype(np.float64)
    middle, centre = weights @ seen, weights @ model
    u, d, vt = np.linalg.svd((weights[:, None] * (seen - middle)).T @ (model - centre))
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = (d * np.diag(sign)).sum() / (weights @ np.square(model - centre)).sum()
    return np.asarray((seen - middle) @ rotation / scale + centre, np.float32)


def _told(points_px: Floats, triangles: NDArray[np.int32]) -> Floats:
    """``(N,)`` float32 in 0..1: how well the photo shows each vertex."""
    low, high = SEEN
    facing = np.clip((mesh.facing(points_px, triangles) - low) / (high - low), 0, 1)
    box = Box.around(points_px).clipped(100_000, 100_000)
    depth = mesh.rasterise(points_px, triangles, box).depth
    row = np.clip(np.floor(points_px[:, 1] - box.y).astype(int), 0, box.h - 1)
    column = np.clip(np.floor(points_px[:, 0] - box.x).astype(int), 0, box.w - 1)
    front = depth[row, column]
    hidden = np.isfinite(front) & (points_px[:, 2] > front + 0.03 * face_size_px(points_px))
    return np.asarray(facing * ~hidden, np.float32)


def _colours(image: Image, points_px: Floats, told: Floats) -> NDArray[np.uint8]:
    """Colours of the fine vertices: the photo's, the other side's, the surroundings', in this order of preference."""
    fine = fine_face()
    scale = TEXTURE_PX / face_size_px(points_px)
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        points_px = points_px * np.float32(scale)
    direct = mesh.sample(image, points_px[None, :, :2])[0].astype(np.float32)
    total = told + told[fine.mirror] * (1 - told)
    own = (told / np.maximum(total, 1e-6))[:, None]
    mixed = own * direct + (1 - own) * direct[fine.mirror]
    weight = _nearness() * total[: mesh.VERTICES]
    around = weight @ mixed[: mesh.VERTICES] / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    filled = total[:, None] * mixed + (1 - total[:, None]) * fine.spread(around)
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8)


@cache
def _nearness() -> Floats:
    """``(468, 468)`` float32: how much each vertex's surroundings are like each other vertex."""
    vertices = mesh.face_mesh().vertices_cm
    apart = np.square(vertices[:, None] - vertices[None]).sum(axis=2)
    return np.asarray(np.exp(-apart / (2 * AROUND_CM**2)) + 1e-6 * np.exp(-apart / (2 * (6 * AROUND_CM) ** 2)), np.float32)


@cache
def _inward() -> Floats:
    """``(N,)`` float32 in 0..1: 0 on the outline of the face, where photos show hair and background, 1 inside."""
    fine = fine_face()
    vertices = fine.spread(mesh.face_mesh().vertices_cm)
    apart = vertices[:, None] - vertices[list(mesh.FACE_OVAL)][None]
    away = np.sqrt(np.square(apart).sum(axis=2)).min(axis=1)
    return np.asarray(np.clip(away / OUTLINE_CM, 0, 1), np.float32)
