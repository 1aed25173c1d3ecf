"""The wearer's head: landmarks turned to the front, in centimetres, and how far the skin is from the head's axis.

Directions around the head are ``turn`` (radians about a vertical axis, positive to the right of the image) and height
``y`` (cm, up), as on a label around a jar.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.types import Box, Floats

AXIS_Z_CM = -3.0
"""Depth of the vertical axis in the canonical face: a little before the ears."""

_FLIP = np.array([1, -1, -1], np.float64)  # y down and z away, as landmarks are, to y up and z to the camera
_PER_CM, _PER_RADIAN = 8.0, 56.0  # resolution of the map of radii
_TURN, _LOW_CM, _HIGH_CM = 1.5, -15.0, 5.0


@dataclass(frozen=True, slots=True)
class Head:
    """A face seen from the front.

    Attributes:
        rotation: ``(3, 3)`` float64, head to camera (x right, y up, z to the camera).
        px_per_cm: scale.
        origin: ``(3,)`` float64, where the head's origin lies, pixels.
        face_cm: ``(468, 3)`` float32 vertices in head coordinates, the person's own shape and expression.
    """

    rotation: NDArray[np.float64]
    px_per_cm: float
    origin: NDArray[np.float64]
    face_cm: Floats

    def to_px(self, points_cm: Floats) -> Floats:
        """``(N, 3)`` points of the head in pixels, z growing away from the camera."""
        turned = self.px_per_cm * points_cm.astype(np.float64) @ self.rotation.T
        return np.asarray(turned * _FLIP + self.origin, np.float32)

    def height(self, canonical_cm: Floats) -> Floats:
        """Heights on the canonical face as heights on this one: by bridge, tip of the nose and chin."""
        anchors = np.array([152, mesh.NOSE_TIP, 6])
        there, here = mesh.face_mesh().vertices_cm[anchors, 1], self.face_cm[anchors, 1]
        slope = np.diff(here) / np.diff(there)
        inside = np.interp(canonical_cm, there, here)
        above = np.maximum(canonical_cm - there[-1], 0) * slope[-1]
        below = np.minimum(canonical_cm - there[0], 0)  # what hangs below a chin does not grow with the mouth's opening
        return np.asarray(inside + above + below, np.float32)


def read_head(points_px: Floats) -> Head:
    """The similarity that takes the canonical face to the landmarks (Umeyama, 1991), and the face without it.

    Args:
        points_px: ``(468, 3)`` float32 in pixels of the image.
    """
    face = mesh.face_mesh()
    weight = np.zeros(mesh.VERTICES)
    weight[face.pose_landmarks] = face.pose_weights
    weight /= weight.sum()
    there, here = face.vertices_cm.astype(np.float64), points_px.astype(np.float64) * _FLIP
    middle, goal = weight @ there, weight @ here
    there, here = there - middle, here - goal
    left, stretch, right = np.linalg.svd((here * weight[:, None]).T @ there)
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    rotation = (left * sign) @ right
    scale = float((stretch * sign).sum() / (weight @ np.square(there).sum(axis=1)))
    face_cm = here @ rotation / scale + middle
    origin = (goal - scale * rotation @ middle) * _FLIP
    return Head(rotation, scale, origin, np.asarray(face_cm, np.float32))


@dataclass(frozen=True, slots=True)
class Wrap:
    """Values around the head, as a picture over ``turn`` and height.

    Attributes:
        values: ``(h, w, C)`` float32; channel 0 is the distance of the skin from the axis, channel 1 how far below the
            jaw a place lies, both cm.
    """

    values: Floats

    def at(self, turn: Floats, y_cm: Floats) -> Floats:
        """Values at ``(n, m)`` directions, ``(n, m, C)`` float32."""
        column = np.asarray((turn + _TURN) * _PER_RADIAN - 0.5, np.float32)
        row = np.asarray((_HIGH_CM - y_cm) * _PER_CM - 0.5, np.float32)
        picked = cv2.remap(self.values, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(picked, np.float32).reshape(*turn.shape, -1)


def wrap(head: Head, attributes: Floats) -> Wrap:
    """Unroll the face; beyond the mesh the nearest value goes on, downwards from the jaw and sideways from the ears.

    Args:
        head: whose.
        attributes: ``(468, C)`` float32, what is wanted besides the radius.
    """
    x, y, z = head.face_cm.T
    radius = np.hypot(x, z - AXIS_Z_CM)
    turn = np.arctan2(x, z - AXIS_Z_CM)
    flat = np.stack([(turn + _TURN) * _PER_RADIAN, (_HIGH_CM - y) * _PER_CM, -radius], axis=1).astype(np.float32)
    box = Box(0, 0, round(2 * _TURN * _PER_RADIAN), round((_HIGH_CM - _LOW_CM) * _PER_CM))
    triangles = mesh.face_mesh().triangles
    fragments = mesh.rasterise(flat, triangles, box)
    columns = np.column_stack([radius, np.zeros_like(radius), attributes])
    values = mesh.interpolate(fragments, triangles, columns.astype(np.float32))
    return Wrap(_filled(values, fragments.triangle >= 0))


def _filled(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Unknown pixels take the nearest known value of their column, then columns without any that of a neighbour.

    Channel 1 becomes the distance below the last known value, cm.
    """
    rows, columns = known.shape
    number = np.arange(rows)[:, None]
    above = np.maximum.accumulate(np.where(known, number, -1), axis=0)
    below = np.minimum.accumulate(np.where(known, number, rows)[::-1], axis=0)[::-1]
    nearer = np.where((above >= 0) & ((number - above <= below - number) | (below == rows)), above, below)
    filled = values[np.clip(nearer, 0, rows - 1), np.arange(columns)[None]]
    filled[..., 1] = np.where((above >= 0) & (below == rows), number - above, 0) / _PER_CM
    whole = np.flatnonzero(known.any(axis=0))
    nearest = whole[np.abs(np.arange(columns)[:, None] - whole[None]).argmin(axis=1)]
    return np.ascontiguousarray(filled[:, nearest])
