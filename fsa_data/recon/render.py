"""Views of a coloured mesh: a camera in front of it, the mesh turned before it, no light but its own colours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from fsa_data import mesh
from fsa_data.faces import rotation_from_angles
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.types import Box, Floats, Image

DISTANCE = 6.0
"""Decimetres from the camera to the middle of the face, as in T1's Blender script."""

FIELD_DEG = 2 * math.degrees(math.atan(18 / 50 * 1080 / 1920))
"""Vertical field of view: T1's 50 mm lens on a 36 mm sensor, of whose 1920 x 1080 pixels the middle square is kept."""

BACKGROUND = (128, 128, 128)
"""Colour where nothing is drawn."""

FINER = 2
"""Views are drawn so many times larger and reduced: edges are smooth."""

YAWS_DEG = tuple(np.linspace(-90, 90, 11).tolist())
PITCHES_DEG = tuple(np.linspace(-50, 50, 7).tolist())
"""T1's grid: 7 x 11 = 77 views."""


def project(vertices: Floats, yaw_deg: float, pitch_deg: float, size_px: int) -> Floats:
    """Where vertices appear in a view.

    Args:
        vertices: ``(N, 3)`` float32 decimetres, y up, z towards the viewer.
        yaw_deg: see :mod:`fsa_data.types`.
        pitch_deg: likewise.
        size_px: side of the picture.

    Returns:
        ``(N, 3)`` float32: x and y in pixels, z in the same scale, growing away from the camera.
    """
    turned = vertices @ rotation_from_angles(yaw_deg, pitch_deg, 0).T.astype(np.float32)
    away = DISTANCE - turned[:, 2]
    focal = size_px / 2 / math.tan(math.radians(FIELD_DEG / 2))
    x, y = (size_px / 2 + sign * focal * turned[:, axis] / away for sign, axis in ((1, 0), (-1, 1)))
    return np.stack([x, y, focal / DISTANCE * away], axis=1).astype(np.float32)


def render_view(face: ColouredMesh, yaw_deg: float, pitch_deg: float, size_px: int = 256) -> Image:
    """One view.

    Args:
        face: the mesh; its middle in the origin.
        yaw_deg: see :mod:`fsa_data.types`.
        pitch_deg: likewise.
        size_px: side of the picture.

    Returns:
        ``(size_px, size_px, 3)`` uint8 RGB.
    """
    points = project(face.vertices, yaw_deg, pitch_deg, FINER * size_px)
    drawn = Box.around(points)
    x0, y0 = FINER * (drawn.x // FINER), FINER * (drawn.y // FINER)
    wide, high = -(-(drawn.x + drawn.w - x0) // FINER), -(-(drawn.y + drawn.h - y0) // FINER)
    part = Box(x0 // FINER, y0 // FINER, wide, high).clipped(size_px, size_px)
    box = Box(FINER * part.x, FINER * part.y, FINER * part.w, FINER * part.h)
    fragments = mesh.rasterise(points, face.triangles, box, cull="back")
    colours = mesh.interpolate(fragments, face.triangles, face.colours.astype(np.float32))
    colours[fragments.triangle < 0] = BACKGROUND
    out = np.full((size_px, size_px, 3), BACKGROUND, np.uint8)
    if part.area:
        small = cv2.resize(colours, (part.w, part.h), interpolation=cv2.INTER_AREA)
        out[part.slices] = np.clip(small + np.float32(0.5), 0, 255)
    return out


def render_views(
    face: ColouredMesh,
    yaws_deg: Sequence[float] = YAWS_DEG,
    pitches_deg: Sequence[float] = PITCHES_DEG,
    size_px: int = 256,
) -> Iterator[Image]:
    """Every view of a grid: pitches outside, yaws inside."""
    for pitch in pitches_deg:
        for yaw in yaws_deg:
            yield render_view(face, yaw, pitch, size_px)
