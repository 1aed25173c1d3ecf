"""Whose faces of a clip are meant, and which frames show a person best."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from fsa_data.errors import ConfigError
from fsa_data.faces import face_size_px
from fsa_data.faces.tracks import Track, place
from fsa_data.types import Face

SAMPLE = 32
"""Frames of a track that are looked at to get to know the person."""

TURN_DEG = 30.0
"""A face turned this far shows a person 1/e as well as one that looks into the camera."""

Who = Literal["all", "largest", "left", "right"] | int
"""Whose faces are meant; a number counts people from the left of the image, from 1."""


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


def pick(faces: Sequence[Face], who: Who) -> set[int]:
    """Which faces of one image are meant, as positions in ``faces``."""
    order = sorted(range(len(faces)), key=lambda i: place(faces[i]))
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
