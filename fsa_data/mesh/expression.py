"""What a face does: jaw, lids, brows and mouth corners moved by hand-made weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fsa_data.mesh.curves import smoothstep
from fsa_data.mesh.topology import LEFT_EYE, RIGHT_EYE, face_mesh

Vectors = NDArray[np.float64]

UPPER_INNER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
UPPER_NEXT = (183, 42, 41, 38, 12, 268, 271, 272, 407)
LOWER_NEXT = (96, 89, 179, 86, 15, 316, 403, 319, 325)
UPPER_MIDDLE = (184, 74, 73, 72, 11, 302, 303, 304, 408)
LOWER_MIDDLE = (77, 90, 180, 85, 16, 315, 404, 320, 307)
UPPER_OUTER = (185, 40, 39, 37, 0, 267, 269, 270, 409)
LOWER_OUTER = (146, 91, 181, 84, 17, 314, 405, 321, 375)
RIGHT_CORNER = (61, 76, 62, 78)
LEFT_CORNER = (291, 306, 292, 308)
"""Rings of the lips, from the person's right to the left."""

JAW_LIMIT_DEG = 29.0
_JAW_AXIS = np.array([0.0, 0.5, -3.0])
_LIDS = {
    "right": ((246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155), (247, 30, 29, 27, 28, 56, 190)),
    "left": (
        (466, 388, 387, 386, 385, 384, 398),
        (249, 390, 373, 374, 380, 381, 382),
        (467, 260, 259, 257, 258, 286, 414),
    ),
}


@cache
def rest_face() -> Vectors:
    """``(468, 3)`` float64 cm: the canonical face, mouth closed, eyes open (the model's own stand between)."""
    points = face_mesh().vertices_cm.astype(np.float64)
    for upper, lower, share in ((UPPER_INNER, LOWER_INNER, 0.47), (UPPER_NEXT, LOWER_NEXT, 0.22)):
        gap = points[list(upper), 1] - points[list(lower), 1]
        points[list(upper), 1] -= share * np.minimum(gap, 0.6)
        points[list(lower), 1] += share * np.minimum(gap, 0.6)
    for ring in (RIGHT_EYE, LEFT_EYE):
        # a driver's alert eye: lids a little further apart than the canonical ones
        height = points[list(ring), 1] - points[list(ring[:1] + ring[8:9]), 1].mean()
        points[list(ring), 1] += np.where(height > 0, 0.3, 0.12) * height
    corners = list(RIGHT_CORNER + LEFT_CORNER)
    points[corners, 1] += 0.14
    points.flags.writeable = False
    return points


@dataclass(frozen=True, slots=True)
class Expression:
    """How far each movement goes.

    Attributes:
        jaw: 0 closed .. 1 widest.
        blink: 0 open .. 1 shut.
        smile: -1 .. 1, mouth corners in and down .. out and up.
        pucker: 0 .. 1, mouth corners in and lips forward.
        brow: -1 lowered .. 1 raised.
        gaze_x: -1 image left .. 1 image right, relative to the head.
        gaze_y: -1 up .. 1 down, relative to the head.
    """

    jaw: float = 0.0
    blink: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    brow: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@cache
def _weights() -> dict[str, Vectors]:
    """Per-vertex weights of each movement on the canonical face."""
    rest = rest_face()
    x, y = rest[:, 0], rest[:, 1]
    jaw = smoothstep(-y, 3.2, 6.5)
    jaw = np.maximum(jaw, np.exp(-((x / 2.4) ** 2)) * smoothstep(-y, 4.5, 5.5))
    jaw *= 1 - 0.65 * smoothstep(rest[:, 2], 0.5, -2.5)
    for ring, value in (
        (UPPER_INNER + UPPER_NEXT + UPPER_MIDDLE + UPPER_OUTER, 0.0),
        (LOWER_INNER + LOWER_NEXT + LOWER_MIDDLE + LOWER_OUTER, 1.0),
        (RIGHT_CORNER + LEFT_CORNER, 0.42),
    ):
        jaw[list(ring)] = value
    # next to a corner the lower lip follows only partly, or the mouth opens as a box
    lower = list(LOWER_INNER + LOWER_NEXT + LOWER_MIDDLE + LOWER_OUTER)
    jaw[lower] = 0.42 + 0.58 * smoothstep(2.35 - np.abs(x[lower]), 0, 1.3)
    upper = list(UPPER_INNER + UPPER_NEXT + UPPER_MIDDLE + UPPER_OUTER)
    jaw[upper] = 0.42 * (1 - smoothstep(2.4 - np.abs(x[upper]), 0, 1.1))
    corner = np.exp(-((np.abs(x) - 2.5) ** 2 + (y + 4.3) ** 2) / (2 * 1.1**2))
    return {
        "jaw": jaw,
        "corner": corner,
        "cheek": np.exp(-((np.abs(x) - 4.2) ** 2 + (y + 0.6) ** 2) / (2 * 1.6**2)),
        "brow": np.exp(-((np.abs(x) - 3.2) ** 2 / (2 * 2.2**2) + (y - 4.8) ** 2 / (2 * 1.0**2))),
        "lips": np.exp(-(x**2 / (2 * 1.6**2) + (y + 4.3) ** 2 / (2 * 0.9**2))),
    }


def express(face: Vectors, expression: Expression) -> Vectors:
    """Move a face at rest.

    Args:
        face: ``(468, 3)`` float64 cm, the face at rest.
        expression: how far each movement goes.

    Returns:
        ``(468, 3)`` float64 cm.
    """
    weights = _weights()
    points = face.copy()
    side = np.sign(points[:, 0])
    points[:, 1] += expression.brow * 0.55 * weights["brow"]
    smile, pucker = expression.smile, expression.pucker
    points[:, 0] += side * (0.55 * smile - 0.75 * pucker) * weights["corner"]
    points[:, 1] += 0.5 * smile * weights["corner"] + 0.3 * smile * weights["cheek"]
    points[:, 2] += -0.35 * smile * weights["corner"] + 0.3 * smile * weights["cheek"] + 0.45 * pucker * weights["lips"]
    _blink(points, expression.blink)
    angle = np.radians(JAW_LIMIT_DEG) * expression.jaw * weights["jaw"]
    arm = points - _JAW_AXIS
    points[:, 1] = _JAW_AXIS[1] + np.cos(angle) * arm[:, 1] - np.sin(angle) * arm[:, 2]
    points[:, 2] = _JAW_AXIS[2] + np.sin(angle) * arm[:, 1] + np.cos(angle) * arm[:, 2]
    # a wide open mouth is narrower
    points[:, 0] -= side * 0.35 * expression.jaw * weights["corner"]
    return points


def _blink(points: Vectors, amount: float) -> None:
    """Lower the upper lids; the fold above follows a third of the way."""
    for upper, lower, fold in _LIDS.values():
        drop = points[list(lower)] - points[list(upper)]
        points[list(upper)] += 0.94 * amount * drop
        points[list(upper), 2] += 0.12 * amount
        points[list(fold)] += 0.35 * amount * drop
