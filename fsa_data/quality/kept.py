"""What a swap kept of the frame: the face is looked for again in the result and compared with the one before.

The landmark score (:mod:`fsa_data.quality.landmark_score`) never looks at a result; this does. A swap should change who
is seen and nothing else: head pose, expression and the place of every feature carry the label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces import BLENDSHAPE_NAMES, face_size_px, rotation_from_angles
from fsa_data.types import Face

SAME_PLACE = 0.5
"""A face whose landmarks lie further away than this, in face sizes, is another one."""

_EXPRESSION = [i for i, name in enumerate(BLENDSHAPE_NAMES) if name != "_neutral"]
_MOUTH = [i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith(("mouth", "jaw"))]
_GAZE = [i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith("eyeLook")]
_LIDS = [i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith("eye") and i not in _GAZE]


@dataclass(frozen=True, slots=True)
class Kept:
    """How far the face in a result is from the face before; 0 everywhere for the same face.

    Attributes:
        pose_error_deg: angle of the rotation between the two heads.
        expression_error: mean absolute difference of the 51 blendshapes besides ``_neutral``, 0..1.
        mouth_error: the same for those of mouth and jaw.
        lids_error: the same for the lids: how far the eyes are closed, squinted or wide open.
        gaze_error: the same for where the eyes look.
        landmark_error: normalised mean error: distance of the 468 points in the image, in sizes of the face before.
    """

    pose_error_deg: float
    expression_error: float
    mouth_error: float
    lids_error: float
    gaze_error: float
    landmark_error: float


def compare_faces(before: Face, after: Face) -> Kept:
    """Differences between two faces in the same image, usually before and after a swap.

    Args:
        before: the face in the frame.
        after: the face in the result, in the same pixels.
    """
    shapes = np.abs(before.blendshapes.astype(np.float64) - after.blendshapes)
    return Kept(
        pose_error_deg=_between_deg(before, after),
        expression_error=float(shapes[_EXPRESSION].mean()),
        mouth_error=float(shapes[_MOUTH].mean()),
        lids_error=float(shapes[_LIDS].mean()),
        gaze_error=float(shapes[_GAZE].mean()),
        landmark_error=_apart(before, after),
    )


def jitter(now: tuple[Face, Face], earlier: tuple[Face, Face]) -> float:
    """How far the error of the landmarks moves from one frame to another; 0 where it is the same in both.

    Args:
        now: the face before and after a swap.
        earlier: the same in an earlier frame of that person, wearing the same face.

    Returns:
        Mean over the 468 points of how much their displacement changes, in sizes of the face.
    """
    change = _displacement(*now) - _displacement(*earlier)
    return float(np.hypot(change[:, 0], change[:, 1]).mean())


def found_again(before: Face, faces: Sequence[Face]) -> Face | None:
    """Which of the faces found in a result stands where one was before.

    Args:
        before: the face in the frame.
        faces: everything found in the result.

    Returns:
        The nearest; None if there is none within :data:`SAME_PLACE`.
    """
    nearest = min(faces, key=lambda face: _apart(before, face), default=None)
    return nearest if nearest is not None and _apart(before, nearest) <= SAME_PLACE else None


def _apart(before: Face, after: Face) -> float:
    away = _displacement(before, after)
    return float(np.hypot(away[:, 0], away[:, 1]).mean())


def _displacement(before: Face, after: Face) -> NDArray[np.float64]:
    """``(468, 2)``, in sizes of the face before."""
    away = after.points_px[: mesh.VERTICES, :2].astype(np.float64) - before.points_px[: mesh.VERTICES, :2]
    return np.asarray(away / face_size_px(before.points_px))


def _between_deg(one: Face, other: Face) -> float:
    turn, back = (rotation_from_angles(face.yaw_deg, face.pitch_deg, face.roll_deg) for face in (one, other))
    apart = turn - back
    # the sine of half the angle; the cosine of the whole says nothing about small ones
    return math.degrees(2 * math.asin(min(1.0, float(np.sqrt((apart * apart).sum() / 8)))))
