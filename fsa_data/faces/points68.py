"""The 68 points of the iBUG scheme (300-W: Sagonas et al., 2013), read off the 478 of the landmark model.

Much that was published about faces speaks of these 68: the landmark score of T1, the alignment and the landmark loss
of 3-D reconstruction networks, DeepFaceLab's crops. Each is one vertex of the mesh, chosen in two steps. First the
feature says on which line of the mesh a point must lie: jaw on the face oval, brows on their upper edge, bridge and tip
of the nose on the midline, eyes and lips on their rings, corners on the corners of the ring. Then, along that line,
the vertex nearest on photos to where a 68-point predictor trained on 300-W sees the point (mean over frontal
photos of the distance in units of the outer eye corners' distance), left and right decided together, so that the
choice is mirror-symmetric. The jaw is the weakest part: 68-point annotations follow the visible outline, which moves
over the skin as the head turns; mesh vertices stay where they are, like the "3D" annotations of the same scheme do.
"""

from __future__ import annotations

import numpy as np

from fsa_data.types import LANDMARKS, Floats

POINTS = 68
"""Points of the scheme."""

INDEX_68 = (
    *(127, 234, 93, 132, 172, 136, 149, 176, 152, 400, 378, 365, 397, 361, 323, 454, 356),  # 0-16 jaw, along the oval
    *(70, 63, 105, 66, 107),  # 17-21 brow on the left of the image, outer end first
    *(336, 296, 334, 293, 300),  # 22-26 the other, inner end first
    *(168, 197, 195, 4),  # 27-30 bridge from between the eyes to the tip, the vertex that stands out most
    *(75, 97, 2, 326, 305),  # 31-35 below the nose, from wing to wing
    *(33, 160, 158, 133, 153, 144),  # 36-41 eye on the left of the image: outer corner, lid, inner corner, lower lid
    *(362, 385, 387, 263, 373, 380),  # 42-47 the other: inner corner, lid, outer corner, lower lid
    *(61, 39, 37, 0, 267, 269, 291),  # 48-54 outer lips, upper edge from corner to corner
    *(405, 314, 17, 84, 181),  # 55-59 and back along the lower edge
    *(78, 82, 13, 312, 308),  # 60-64 inner lips, upper
    *(317, 14, 87),  # 65-67 and lower
)
"""For each of the 68 points the landmark that stands for it."""

MIRROR_68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
"""For each of the 68 points the one that takes its place in a mirrored image."""


def points68(points_px: Floats) -> Floats:
    """The 68 points of a face.

    Args:
        points_px: ``(478, >=2)`` float32, landmarks of :class:`fsa_data.types.Face` (the first 468 suffice).

    Returns:
        ``(68, 2)`` float32, in the same pixels.

    Raises:
        ValueError: the array is no set of landmarks.
    """
    if points_px.ndim != 2 or len(points_px) < LANDMARKS - 10 or points_px.shape[1] < 2:
        raise ValueError(f"Landmarks must be ({LANDMARKS}, >=2), got {points_px.shape}.")
    return np.ascontiguousarray(points_px[list(INDEX_68), :2], np.float32)
