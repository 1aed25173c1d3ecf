"""What `fsa score` judges sources on: clips, with the face in every frame and some sights kept for swapping.

A clip shows one person: a video, a folder of pictures, a picture, or all frames of a subject of a data set. Where
several faces are seen the largest is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fsa_data.errors import BadImageError, BadVideoError, ConfigError, DatasetNotFoundError
from fsa_data.frames import IMAGE_SUFFIXES, FrameRef, LabelledFrames, decode_video, describe_video, read_frame
from fsa_data.quality import Look, found_again, level68, look_of
from fsa_data.types import Face, Image, Landmarker
from fsa_data.worker.pictures import list_pictures
from fsa_data.worker.wear import cut_out

Read = Callable[[Callable[[int], bool]], Iterator[tuple[int, str, "Image | str"]]]
"""From which positions are wanted to position, name, and pixels, or what is wrong instead of them."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of one person.

    Attributes:
        name: what it is called in tables.
        subject: who it is; a source's photos of them are not put on. Empty if unknown.
        read: reads the frames; an error that ends the clip comes as a last item at position -1.
    """

    name: str
    subject: str
    read: Read


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A frame kept for swapping.

    Attributes:
        image: the face with its surroundings, ``(h, w, 3)`` uint8 RGB.
        target: the face as it was found in the frame, in pixels of ``image``: what an engine is given.
        before: the face as it is found in ``image``: what a result is compared with. None if it is not found there.
        look: tone and light of the face.
    """

    image: Image
    target: Face
    before: Face | None
    look: Look


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A clip that was looked at; F frames.

    Attributes:
        name: of the clip.
        subject: of the clip.
        frames: names of the frames.
        points: ``(F, 68, 2)`` float32, levelled; NaN where no face was found.
        sampled: rising positions of the frames that are swapped, with or without a face.
        sights: those of them with a face, by position.
        failures: one line for everything that could not be read.
    """

    name: str
    subject: str
    frames: tuple[str, ...]
    points: NDArray[np.float32]
    sampled: tuple[int, ...]
    sights: dict[int, Sight]
    failures: tuple[str, ...]

    @property
    def detected(self) -> NDArray[np.bool_]:
        """``(F,)``, where a face was found."""
        return np.asarray(np.isfinite(self.points).all(axis=(1, 2)))


def clips_of_paths(paths: Sequence[Path]) -> list[Clip]:
    """A clip for each video, picture, or folder of pictures, called by its path.

    Raises:
        DatasetNotFoundError: nothing is there, or a folder without pictures.
        ConfigError: one is named twice.
        BadVideoError: a video that cannot be read at all.
    """
    for path in paths:
        if not path.exists():
            raise DatasetNotFoundError(f"There is no file or folder {path}.")
    if twice := sorted({str(path) for path in paths if paths.count(path) > 1}):
        raise ConfigError(f"The target {twice[0]} is given twice.")
    clips = []
    for path in paths:
        if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
            pictures = list_pictures(path)
            refs = [(picture.name, FrameRef(str(picture))) for picture in pictures]
            clips.append(Clip(str(path), path.stem, partial(_read_refs, refs)))
        else:
            describe_video(path)
            clips.append(Clip(str(path), path.stem, partial(_read_video, path)))
    return clips


def clips_of_frames(frames: LabelledFrames) -> list[Clip]:
    """A clip for each subject of a data set, called by the subject."""
    clips = []
    for subject in frames.subjects:
        refs = [(str(frames.ref(i)), frames.ref(i)) for i in np.flatnonzero(frames.subject == subject).tolist()]
        clips.append(Clip(subject, subject, partial(_read_refs, refs)))
    return clips


def look_at(clip: Clip, landmarker: Landmarker, sample: int, progress: bool) -> Looked:
    """Find the face in every frame, and keep some sights.

    Args:
        clip: the frames.
        landmarker: finds the faces.
        sample: how many frames, evenly spread, are kept for swapping.
        progress: show a bar on stderr if that is a terminal.
    """
    names: list[str] = []
    faces: dict[int, Face] = {}
    failures: list[str] = []
    bar = tqdm(clip.read(lambda _: True), desc=clip.name, unit="frame", disable=None if progress else True)
    for at, name, image in bar:
        if at >= 0:
            names.append(name)
        if isinstance(image, str):
            failures.append(image)
        elif found := landmarker(image):
            faces[len(names) - 1] = found[0]
    points = np.full((len(names), 68, 2), np.nan, np.float32)
    for at, face in faces.items():
        points[at] = level68(face)
    sampled = np.unique(np.linspace(0, len(names) - 1, min(sample, len(names))).round().astype(int)).tolist()
    sights = {}
    for at, _, image in clip.read(frozenset(set(sampled) & set(faces)).__contains__):
        if at in faces and not isinstance(image, str):
            sights[at] = _sight(image, faces[at], landmarker)
    return Looked(clip.name, clip.subject, tuple(names), points, tuple(sampled), sights, tuple(failures))


def _sight(image: Image, face: Face, landmarker: Landmarker) -> Sight:
    around, target = cut_out(image, face)
    return Sight(around, target, found_again(target, landmarker(around)), look_of(around, target))


def _read_refs(
    refs: Sequence[tuple[str, FrameRef]], wanted: Callable[[int], bool]
) -> Iterator[tuple[int, str, Image | str]]:
    for at, (name, ref) in enumerate(refs):
        if wanted(at):
            try:
                yield at, name, read_frame(ref)
            except (BadImageError, BadVideoError) as error:
                yield at, name, str(error)


def _read_video(path: Path, wanted: Callable[[int], bool]) -> Iterator[tuple[int, str, Image | str]]:
    try:
        for frame in decode_video(path, wanted):
            yield frame.index, str(frame.index), frame.image
    except BadVideoError as error:
        yield -1, "", str(error)
