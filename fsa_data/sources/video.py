"""Flow ``video:PATH|DIR``: the people in videos, each in frames that differ in pose and expression.

A video has to be looked at once: who is in it, and which frames to take, is written down in the cache under the hash of
the file, and the pictures are kept beside it. Every later use decodes nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fsa_data.errors import BadVideoError, ConfigError, SourceError
from fsa_data.faces import load_landmarker
from fsa_data.frames import VIDEO_SUFFIXES, FrameRef, hash_frame
from fsa_data.frames.picking import frames_at, read_timeline
from fsa_data.paths import cache_dir
from fsa_data.sources.kept import keep_bytes, keep_picture, kept_picture
from fsa_data.sources.video_people import Shot, find_people
from fsa_data.types import Box, Image, Landmarker, Photo

VERSION = 1
"""Raised whenever the same video and options would give other frames."""

MOST_FACES = 8
"""Faces that are looked for in a frame."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """Options of the flow ``video``."""

    frames_per_person: int = 64
    """Most pictures of a person."""
    every_s: float = 0.0
    """Least time between the frames that are looked at; 0 looks at every frame of a short video."""
    most_frames: int = 500
    """Most frames of a video that are looked at, evenly spread in time."""
    one_person: bool = False
    """Whether the largest face is the same person's throughout: cuts and moving cameras then part nobody."""

    def __post_init__(self) -> None:
        for name in ("frames_per_person", "most_frames"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not (math.isfinite(self.every_s) and self.every_s >= 0):
            raise ConfigError(f"every_s must be 0 or greater, got {self.every_s}.")


def video_photos(argument: str, options: VideoOptions) -> list[Photo]:
    """Pictures of the people in a video, or in every video of a folder.

    The person who is seen most is named by the file's stem, further ones ``STEM-2``, ``STEM-3``, and so on (names that
    another file bears are passed over). Who sits where somebody sat before, without a cut between, is taken for the
    same person; who comes back elsewhere, or after a cut, for another one.

    Args:
        argument: path of a video, or of a folder; subfolders are looked into.
        options: see :class:`VideoOptions`.

    Returns:
        By identity, then by time.

    Raises:
        SourceError: no such file, no video in the folder, two with the same stem, or no usable face in any.
        BadVideoError: the one video cannot be decoded.
    """
    root = Path(argument).expanduser()
    where = f"Source 'video:{argument}'"
    paths = _videos(root, where)
    stems = {path.stem for path in paths}
    landmarker = load_landmarker(max_faces=MOST_FACES)
    photos: list[Photo] = []
    failed: list[str] = []
    contents: dict[str, Path] = {}
    for path in paths:
        content = hash_frame(FrameRef(str(path)))
        if (same := contents.setdefault(content, path)) is not path:
            failed.append(f"{path.name} is the same file as {same.name}")
            continue
        try:
            people = _people(path, content, options, landmarker)
        except BadVideoError as error:
            if len(paths) == 1:
                raise
            failed.append(str(error))
            continue
        if not people:
            failed.append(f"{path.name} shows no usable face")
        for number, (name, person) in enumerate(zip(_names(path.stem, stems), people, strict=False), start=1):
            photos += [_photo(path, content, name, number, shot) for shot in person]
    if not photos:
        raise SourceError(f"{where}: {'; '.join(failed[:5])}. Give a video with a clear face of 32 pixels or more.")
    if failed:
        _log.warning("%s: %d of %d videos are left out: %s", where, len(failed), len(paths), "; ".join(failed[:5]))
    return photos


def _videos(root: Path, where: str) -> list[Path]:
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise SourceError(f"{where}: there is no file or folder {root.absolute()}.")
    paths = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    if not paths:
        endings = ", ".join(sorted(VIDEO_SUFFIXES))
        raise SourceError(f"{where}: no video in {root.absolute()} (looked for {endings}).")
    named: dict[str, Path] = {}
    for path in paths:
        if (other := named.setdefault(path.stem, path)) is not path:
            raise SourceError(
                f"{where}: {other.relative_to(root)} and {path.relative_to(root)} would be one identity, "
                f"{path.stem!r}. Rename one; if both show the same person, say so in an identity map."
            )
    return paths


def _names(stem: str, stems: set[str]) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        if (name := f"{stem}-{number}") not in stems:
            yield name
        number += 1


def _people(path: Path, content: str, options: VideoOptions, landmarker: Landmarker) -> list[list[Shot]]:
    """From the cache, or by looking; then the pictures are kept in one go."""
    facts = {"video": content, "version": VERSION, "landmarker": landmarker.fingerprint, **asdict(options)}
    note = _folder() / f"{_digest(facts)}.json"
    if (people := _noted(note)) is not None:
        return people
    people = find_people(
        path, landmarker, options.frames_per_person, options.every_s, options.most_frames, options.one_person
    )
    _keep_pictures(path, content, people)
    plain = [[[shot.frame, shot.time_s, *_sides(shot.box)] for shot in person] for person in people]
    keep_bytes(note, json.dumps({"video": path.name, "people": plain}).encode())
    return people


def _noted(note: Path) -> list[list[Shot]] | None:
    """What was written down; None if nothing was, or it cannot be understood."""
    try:
        people = json.loads(note.read_text(encoding="utf-8"))["people"]
        return [[Shot(int(frame), float(time_s), Box(*box)) for frame, time_s, *box in person] for person in people]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep_pictures(path: Path, content: str, people: Sequence[Sequence[Shot]]) -> None:
    wanted: dict[int, list[Shot]] = {}
    for shot in (shot for person in people for shot in person):
        wanted.setdefault(shot.frame, []).append(shot)
    for number, image in frames_at(read_timeline(path), wanted) if wanted else ():
        for shot in wanted[number]:
            keep_picture(_picture(_shot_digest(content, shot)), image[shot.box.slices])


def _photo(path: Path, content: str, identity: str, person: int, shot: Shot) -> Photo:
    return Photo(
        identity=identity,
        digest=_shot_digest(content, shot),
        load=partial(_load, str(path), content, shot),
        provenance={
            "flow": "video",
            "file": path.name,
            "licence": "",
            "person": person,
            "frame": shot.frame,
            "time_s": round(shot.time_s, 3),
        },
    )


def _load(path: str, content: str, shot: Shot) -> Image:
    """The kept picture; decoded again if the cache has lost it."""
    return kept_picture(_picture(_shot_digest(content, shot)), partial(_decode, path, content, shot))


def _decode(path: str, content: str, shot: Shot) -> Image:
    if hash_frame(FrameRef(path)) != content:
        raise BadVideoError(f"{path} was replaced since it was looked at. Load the source again.")
    ((_, image),) = frames_at(read_timeline(path), [shot.frame])
    return np.ascontiguousarray(image[shot.box.slices])


def _shot_digest(content: str, shot: Shot) -> str:
    return _digest({"video": content, "frame": shot.frame, "box": _sides(shot.box)})


def _sides(box: Box) -> list[int]:
    return [box.x, box.y, box.w, box.h]


def _digest(facts: dict[str, object]) -> str:
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def _folder() -> Path:
    return cache_dir() / "video-faces"


def _picture(digest: str) -> Path:
    return _folder() / f"{digest}.png"
