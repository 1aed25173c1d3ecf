"""Who is who over a clip: faces joined to tracks by place and size, and which of them are meant."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fsa_data.errors import ConfigError
from fsa_data.faces import face_size_px
from fsa_data.types import Face

REACH = 1.0
"""How far a face may have moved since it was last seen, in face sizes."""

GROWTH = 1.8
"""By which factor its size may have changed since."""

SAMPLE = 32
"""Frames of a track that are looked at to get to know the person."""

TURN_DEG = 30.0
"""A face turned this far shows a person 1/e as well as one that looks into the camera."""

Who = Literal["all", "largest", "left", "right"] | int
"""Whose faces are meant; a number counts people from the left of the image, from 1."""


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


def parse_who(text: str) -> Who:
    """``all``, ``largest``, ``left``, ``right`` or a number from 1 on.

    Raises:
        ConfigError: anything else.
    """
    word = text.strip().lower()
    if word in ("all", "largest", "left", "right"):
        return word  # type: ignore[return-value]
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise ConfigError(
        f"who must be all, largest, left, right or a number that counts people from the left, from 1 on; got {text!r}."
    )


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
    last: list[_Place] = []
    for number, faces in enumerate(found):
        places = [_place(face) for face in faces]
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


_Place = tuple[float, float, float]
"""Centre (x, y) and size of a face, in pixels."""


def _place(face: Face) -> _Place:
    points = face.points_px[:, :2]
    x, y = ((points.min(axis=0) + points.max(axis=0)) / 2).tolist()
    return x, y, face_size_px(face.points_px)


def _distance(one: _Place, other: _Place) -> float | None:
    """In face sizes; None if these cannot be the same person."""
    small, large = sorted((one[2], other[2]))
    distance = math.hypot(one[0] - other[0], one[1] - other[1])
    return distance / large if distance <= REACH * large and large <= GROWTH * small else None


def pick(faces: Sequence[Face], who: Who) -> set[int]:
    """Which faces of one image are meant, as positions in ``faces``."""
    order = sorted(range(len(faces)), key=lambda i: _place(faces[i]))
    if who == "all" or not order:
        return set(order)
    if who == "largest":
        return {max(order, key=lambda i: face_size_px(faces[i].points_px))}
    at = {"left": 0, "right": len(order) - 1}.get(who, -1) if isinstance(who, str) else who - 1
    return {order[at]} if at < len(order) else set()


def pick_tracks(tracks: Sequence[Track], who: Who) -> set[int]:
    """Which tracks are meant: those that are picked in most of their own frames, as positions in ``tracks``."""
    votes = dict.fromkeys(range(len(tracks)), 0)
    for number, present in _presence(tracks):
        for i in pick([face for _, _, face in present], who):
            t, seen, _ = present[i]
            votes[t] += seen == number
    return {t for t, count in votes.items() if 2 * count > len(tracks[t].frames)}


def main_tracks(tracks: Sequence[Track], chosen: set[int]) -> dict[int, int]:
    """Of the chosen tracks, the one with the largest face in every frame in which one is alive, by frame number."""
    main = {}
    for number, present in _presence([track for t, track in enumerate(tracks) if t in chosen]):
        main[number] = max(present, key=lambda one: face_size_px(one[2].points_px))[0]
    order = sorted(chosen)
    return {number: order[t] for number, t in main.items()}


def _presence(tracks: Sequence[Track]) -> Iterator[tuple[int, list[tuple[int, int, Face]]]]:
    """Per frame the tracks that are alive: position, and when and what was last seen of each."""
    at = [0] * len(tracks)
    for number in range(max((track.frames[-1] for track in tracks), default=-1) + 1):
        present = []
        for t, track in enumerate(tracks):
            if track.alive(number):
                while at[t] + 1 < len(track.frames) and track.frames[at[t] + 1] <= number:
                    at[t] += 1
                present.append((t, track.frames[at[t]], track.faces[at[t]]))
        if present:
            yield number, present


def sample(track: Track, limit: int = SAMPLE) -> list[int]:
    """Positions in the track that show the person well, spread over its length, the best first."""
    count = len(track.frames)
    shown = [_shown(face) for face in track.faces]
    edges = np.linspace(0, count, min(limit, count) + 1).round().astype(int).tolist()
    best = [max(range(low, high), key=shown.__getitem__) for low, high in itertools.pairwise(edges)]
    return sorted(best, key=lambda i: -shown[i])


def _shown(face: Face) -> float:
    away = np.hypot(face.yaw_deg, face.pitch_deg) / TURN_DEG
    return float(face.confidence * face_size_px(face.points_px) * np.exp(-away))
