"""Who is seen in a video, and in which frames best."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fsa_data.errors import BadVideoError
from fsa_data.faces import face_size_px
from fsa_data.faces.tracks import find_tracks
from fsa_data.frames.picking import Timeline, frames_at, read_timeline
from fsa_data.sources.find import SMALLEST_PX
from fsa_data.sources.spread import looks_of, sharp_ones, sharpness, spread
from fsa_data.types import Box, Face, Image, Landmarker

LEAST_SIGHTS = 3
"""Somebody who is seen in fewer of the frames looked at is a passer-by, or no face at all."""

LEAST_DEG = 3.0
"""Frames that differ less than this in pose and expression show the same."""

MARGINS = (0.6, 0.35, 0.2)
"""What is cut out around a face, on each side, in its own size: as much as leaves out the others."""

THUMB = (32, 18)
"""Width and height of the pictures by which cuts are noticed."""

CUTS = ((0.15, 0.96, 8.0), (0.6, 0.85, 12.0), (float("inf"), 0.5, 20.0))
"""Two frames up to so many seconds apart are of different shots if they correlate less than the second number, and
differ by more than the third (mean, of 255). From one frame to the next little changes; over a long while much does."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shot:
    """Where a picture of a person is.

    Attributes:
        frame: number in the video.
        time_s: when it is shown.
        box: what is cut out of it.
    """

    frame: int
    time_s: float
    box: Box


@dataclass(frozen=True, slots=True)
class _Sight:
    """A face in a frame."""

    frame: int
    face: Face
    sharp: float
    box: Box | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame that was looked at."""

    time_s: float
    sights: tuple[_Sight, ...]
    thumb: NDArray[np.float32]


def frames_to_look_at(timeline: Timeline, every_s: float, most: int) -> list[int]:
    """Frames evenly spread in time, not nearer to each other than ``every_s``; all of them if there are few."""
    lasts_s = max(float(timeline.end_s - timeline.time_s[0]), 1e-9)
    step_s = max(every_s, lasts_s / most)
    times_s = timeline.time_s[0] + step_s * np.arange(max(1, min(most, int(np.ceil(lasts_s / step_s - 1e-6)))))
    at = np.searchsorted(timeline.time_s, times_s - 1e-6)
    if len(timeline) <= most and every_s <= 0:
        return list(range(len(timeline)))
    return sorted({int(number) for number in np.minimum(at, len(timeline) - 1)})


def find_people(
    path: str | Path, landmarker: Landmarker, per_person: int, every_s: float, most: int, one_person: bool
) -> list[list[Shot]]:
    """The people in a video, whoever is seen most first, each in frames that are sharp and differ.

    Faces that follow each other in the same place are one person; a cut to another shot, or a face in another place,
    begins another one. ``one_person`` takes the largest face of every frame for the same person's instead.

    Args:
        path: the video.
        landmarker: finds the faces.
        per_person: most frames of a person.
        every_s: least time between frames that are looked at.
        most: frames that are looked at.
        one_person: whether only one person is in it.

    Returns:
        Per person the shots, rising in time; empty if there is no usable face.

    Raises:
        BadVideoError: it cannot be decoded.
    """
    timeline = read_timeline(path)
    seen = _look(timeline, frames_to_look_at(timeline, every_s, most), landmarker)
    people = _one(seen) if one_person else [person for scene in _scenes(seen) for person in _people(scene)]
    few = min(LEAST_SIGHTS, len(seen))
    people = [person for person in people if len(person) >= few]
    people.sort(key=lambda person: -sum(face_size_px(sight.face.points_px) for sight in person))
    shots = [_best(person, timeline, per_person) for person in people]
    return [person for person in shots if person]


def _look(timeline: Timeline, numbers: Sequence[int], landmarker: Landmarker) -> list[_Seen]:
    seen: list[_Seen] = []
    frames = frames_at(timeline, numbers)
    name = Path(timeline.path).name
    try:
        for number, image in tqdm(frames, desc=f"looking at {name}", total=len(numbers), unit="frame", disable=None):
            faces = [face for face in landmarker(image) if face_size_px(face.points_px) >= SMALLEST_PX]
            sights = [_Sight(number, face, sharpness(image, face), cut_out_box(face, faces, image)) for face in faces]
            seen.append(_Seen(float(timeline.time_s[number]), tuple(sights), _thumb(image)))
    except BadVideoError as error:
        if not seen:
            raise
        _log.warning("%s The %d frames before it are used.", error, len(seen))
    return seen


def cut_out_box(face: Face, faces: Sequence[Face], image: Image) -> Box | None:
    """What to cut out around a face so that it is the largest in it; None if others are too near."""
    others = [other.box for other in faces if other is not face and other.box.area > 0.7 * face.box.area]
    for margin in MARGINS:
        box = Box.around(face.points_px, margin).clipped(*image.shape[:2])
        if all(_overlap(box, other) < 0.4 * other.area for other in others):
            return box
    return None


def _overlap(one: Box, other: Box) -> int:
    w = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    h = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    return max(w, 0) * max(h, 0)


def _thumb(image: Image) -> NDArray[np.float32]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, THUMB, interpolation=cv2.INTER_AREA), np.float32)


def _scenes(seen: Sequence[_Seen]) -> list[list[_Seen]]:
    """The frames, parted where one shot is cut to another."""
    scenes: list[list[_Seen]] = []
    for number, one in enumerate(seen):
        if number == 0 or _is_cut(seen[number - 1], one):
            scenes.append([])
        scenes[-1].append(one)
    return scenes


def _is_cut(before: _Seen, after: _Seen) -> bool:
    a, b = before.thumb - before.thumb.mean(), after.thumb - after.thumb.mean()
    alike = float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))
    apart = float(np.abs(before.thumb - after.thumb).mean())
    _, least_alike, most_apart = next(rule for rule in CUTS if after.time_s - before.time_s <= rule[0])
    return alike < least_alike and apart > most_apart


def _people(scene: Sequence[_Seen]) -> list[list[_Sight]]:
    by_face = {id(sight.face): sight for one in scene for sight in one.sights}
    tracks = find_tracks([[sight.face for sight in one.sights] for one in scene])
    return [[by_face[id(face)] for face in track.faces] for track in tracks]


def _one(seen: Sequence[_Seen]) -> list[list[_Sight]]:
    """The largest face of every frame; landmarkers give it first."""
    largest = [one.sights[0] for one in seen if one.sights]
    return [largest] if largest else []


def _best(person: Sequence[_Sight], timeline: Timeline, count: int) -> list[Shot]:
    clear = [(sight, sight.box) for sight in person if sight.box is not None]
    if not clear:
        return []
    looks = np.stack([looks_of(sight.face) for sight, _ in clear])
    sharp = sharp_ones(looks, np.array([sight.sharp for sight, _ in clear]))
    taken = sharp[spread(looks[sharp], count, LEAST_DEG)]
    return [Shot(clear[at][0].frame, float(timeline.time_s[clear[at][0].frame]), clear[at][1]) for at in np.sort(taken)]
