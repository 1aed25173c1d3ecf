"""Head pose as three angles, in the sign conventions of :mod:`fsa_data.types`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def angles_from_rotation(rotation: NDArray[np.floating]) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a face.

    The rotation takes face coordinates to camera coordinates, both x to the right of the image, y up, z towards the
    camera; a face that looks into the camera has the identity. It is read as roll about z first, then pitch about x,
    then yaw about y.

    Args:
        rotation: ``(3, 3)``; a common scale does not matter.

    Returns:
        ``(yaw_deg, pitch_deg, roll_deg)``.
    """
    matrix = np.asarray(rotation, np.float64)
    matrix = matrix / np.cbrt(np.linalg.det(matrix))
    forward = matrix[:, 2]
    yaw = math.atan2(forward[0], forward[2])
    pitch = math.asin(float(np.clip(-forward[1], -1, 1)))
    # the row that yaw leaves alone, divided by cos(pitch), holds the roll
    roll = -math.atan2(matrix[1, 0], matrix[1, 1])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def rotation_from_angles(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Inverse of :func:`angles_from_rotation`.

    Returns:
        ``(3, 3)`` rotation from face to camera coordinates (x right, y up, z towards the camera).
    """
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, -roll_deg))
    about_y = np.array(
        [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]],
    )
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)
