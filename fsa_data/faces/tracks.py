"""Faces joined to tracks over a clip, by place and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fsa_data.faces.measures import face_size_px
from fsa_data.types import Face

REACH = 1.0
"""How far a face may have moved since it was last seen, in face sizes."""

GROWTH = 1.8
"""By which factor its size may have changed since."""


@dataclass(frozen=True, slots=True)
class Track:
    """One person's face over a clip.

    Attributes:
        frames: rising frame numbers in which the face was found.
        faces: the face in each of them.
    """

    frames: tuple[int, ...]
    faces: tuple[Face, ...]

    def alive(self, frame: int) -> bool:
        """Whether the frame lies between the first and the last sight of the person."""
        return self.frames[0] <= frame <= self.frames[-1]


def find_tracks(found: Sequence[Sequence[Face]]) -> list[Track]:
    """Join the faces of a clip to tracks.

    In each frame the nearest pairs of a track and a face are joined first. A track goes on after any gap if a face
    turns up where the last one was (a driver who looks over the shoulder comes back as the same person). Cuts from one
    scene to another are not noticed.

    Args:
        found: the faces of every frame.

    Returns:
        By first frame, then from left to right.
    """
    joined: list[tuple[list[int], list[Face]]] = []
    last: list[Place] = []
    for number, faces in enumerate(found):
        places = [place(face) for face in faces]
        pairs = sorted(
            (distance, t, i)
            for t, before in enumerate(last)
            for i, now in enumerate(places)
            if (distance := _distance(before, now)) is not None
        )
        done: set[int] = set()
        for _, t, i in pairs:
            frames, seen = joined[t]
            if i not in done and frames[-1] != number:
                done.add(i)
                frames.append(number)
                seen.append(faces[i])
                last[t] = places[i]
        for i in sorted(set(range(len(faces))) - done, key=lambda i: places[i]):
            joined.append(([number], [faces[i]]))
            last.append(places[i])
    return [Track(tuple(frames), tuple(faces)) for frames, faces in joined]


Place = tuple[float, float, float]
"""Centre (x, y) and size of a face, in pixels."""


def place(face: Face) -> Place:
    """Where a face is, and how large."""
    points = face.points_px[:, :2]
    x, y = ((points.min(axis=0) + points.max(axis=0)) / 2).tolist()
    return x, y, face_size_px(face.points_px)


def _distance(one: Place, other: Place) -> float | None:
    """In face sizes; None if these cannot be the same person."""
    small, large = sorted((one[2], other[2]))
    distance = math.hypot(one[0] - other[0], one[1] - other[1])
    return distance / large if distance <= REACH * large and large <= GROWTH * small else None
