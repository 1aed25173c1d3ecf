"""Videos of people as clips of their faces, a square that stays where it is: what DaGAN is trained on (VoxCeleb's way).

Each person is followed through each scene; a clip ends where the scene is cut, where the face is lost, or where it has
moved so far that one square no longer holds it. Clips whose square would have to be enlarged are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from fsa_data import simdrive
from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError, SourceError
from fsa_data.faces.prepared import new_folder, write_picture, write_rows
from fsa_data.faces.tracks import find_tracks
from fsa_data.frames import IMAGE_SUFFIXES, decode_video, describe_video, read_image
from fsa_data.frames.cuts import is_cut
from fsa_data.frames.media import VIDEO_SUFFIXES
from fsa_data.frames.video import VideoWriter
from fsa_data.types import Box, Face, Image, Landmarker

TABLE, COLUMNS = "clips.csv", ("path", "identity", "frames", "source", "first_frame", "side_px")
"""Of a prepared folder: its table, and the columns of it."""

MARGIN = 0.45
"""Of the square around the face, on each side, in sizes of the box around all its places."""

RAISED = 0.12
"""How far the square's middle lies above the box's, in heights of it: a head goes on above the brows."""

SPREAD = 1.7
"""A clip ends where the box around all places of the face would be more than this as wide or high as the face."""


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """How clips are cut out."""

    size: int = 256
    """Side in pixels."""
    min_frames: int = 16
    """Shorter clips are left out."""
    min_side_px: int = 0
    """Smallest side of the square in the video; 0 is ``size``: nothing is enlarged."""
    form: str = "png"
    """``png``, a folder of pictures for each clip, or ``mp4``."""
    max_frames: int = 250
    """Longer clips are divided."""

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 2 or self.min_frames < 2 or self.max_frames < self.min_frames:
            raise ConfigError(
                "A clip is an even number of pixels wide, at least 32, and has at least 2 frames, got "
                f"size={self.size}, min_frames={self.min_frames}, max_frames={self.max_frames}."
            )
        if self.form not in ("png", "mp4"):
            raise ConfigError(f"Clips are png or mp4, got {self.form!r}.")


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What was prepared.

    Attributes:
        clips: by identity.
        frames: in all.
        dropped: clips left out, by reason.
        failures: a line for each video that could not be read, or showed nobody.
    """

    clips: dict[str, int]
    frames: int
    dropped: dict[str, int]
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames of one person that one square holds.

    Attributes:
        first: number of its first frame.
        box: around all places of the face.
        frames: how many.
    """

    first: int
    box: Box
    frames: int

    @property
    def square(self) -> tuple[float, float, float]:
        """Left edge, top edge and side of what is cut out."""
        side = max(self.box.w, self.box.h) * (1 + 2 * MARGIN)
        middle_y = self.box.y + self.box.h * (0.5 - RAISED)
        return self.box.x + self.box.w / 2 - side / 2, middle_y - side / 2, side


def segments(found: Sequence[Sequence[Face]], cuts: Sequence[int], most: int) -> list[Segment]:
    """Divide a video's faces.

    Args:
        found: the faces of every frame.
        cuts: numbers of the frames that begin a new scene.
        most: frames of a segment.
    """
    made: list[Segment] = []
    edges = [0, *cuts, len(found)]
    for begin, end in pairwise(edges):
        for track in find_tracks(found[begin:end]):
            for part in _steady(track.frames, track.faces, most):
                made.append(replace(part, first=part.first + begin))
    return sorted(made, key=lambda part: (part.first, part.box.x))


def _steady(frames: Sequence[int], faces: Sequence[Face], most: int) -> Iterator[Segment]:
    start, box = 0, faces[0].box
    for at in range(1, len(frames) + 1):
        grown = _around(box, faces[at].box) if at < len(frames) else box
        ends = at == len(frames) or frames[at] != frames[at - 1] + 1 or at - start >= most
        if ends or max(grown.w / faces[start].box.w, grown.h / faces[start].box.h) > SPREAD:
            yield Segment(frames[start], box, at - start)
            if at < len(frames):
                start, box = at, faces[at].box
        else:
            box = grown


def _around(one: Box, other: Box) -> Box:
    x, y = min(one.x, other.x), min(one.y, other.y)
    return Box(x, y, max(one.x + one.w, other.x + other.w) - x, max(one.y + one.h, other.y + other.h) - y)


def prepare_clips(
    root: Path, out: Path, landmarker: Landmarker, options: ClipOptions | None = None, progress: bool = False
) -> ClipReport:
    """Cut clips of faces out of videos.

    Args:
        root: a video, or a folder of videos and of folders of pictures; the first folder below it names the person
            (``id10001/video/00001.mp4``), a loose video its stem.
        out: a new folder: ``IDENTITY/CLIP/000000.png`` (or ``IDENTITY/CLIP.mp4``), and ``clips.csv``.
        landmarker: finds faces.
        options: see :class:`ClipOptions`.
        progress: show a bar on stderr if that is a terminal.

    Raises:
        DatasetNotFoundError: no such file or folder, or no video in it.
        SourceError: no clip is left.
        OutputError: the folder is there already or cannot be written.
    """
    options = options or ClipOptions()
    rows: list[tuple[str, str, int, str, int, int]] = []
    dropped: Counter[str] = Counter()
    failures: list[str] = []
    with new_folder(out) as folder:
        for path, identity in tqdm(_films(root), desc="videos", unit="video", disable=None if progress else True):
            try:
                found, cuts = _look(path, landmarker)
                parts = _worth(segments(found, cuts, options.max_frames), options, dropped)
                if not any(found):
                    failures.append(f"{path}: no face in any of its {len(found)} frames")
                for name, part in _write(path, folder, identity, parts, options):
                    side = round(part.square[2])
                    rows.append((name, identity, part.frames, _relative(path, root), part.first, side))
            except BadVideoError as error:
                failures.append(str(error))
        if not rows:
            lost = ", ".join(f"{count} {why}" for why, count in dropped.items())
            raise SourceError(
                f"No clip of a face is left of {root}{f': {lost}' if lost else ''}. "
                + (failures[0] if failures else "Smaller or shorter ones are taken with --min-side and --min-frames.")
            )
        write_rows(folder / TABLE, COLUMNS, rows)
    counts = Counter(row[1] for row in rows)
    return ClipReport(dict(sorted(counts.items())), sum(row[2] for row in rows), dict(dropped), tuple(failures))


def prepare_procedural_clips(
    people: int, first: int, out: Path, size: int, frames: int = 60, each: int = 2
) -> ClipReport:
    """Clips of procedural people who turn, talk and smile, without a video of anybody.

    Args:
        people: how many.
        first: number of the first; sources use 50 and up, data 0 and up.
        out: a new folder.
        size: side in pixels.
        frames: of a clip.
        each: clips of a person.

    Raises:
        OutputError: the folder is there already or cannot be written.
    """
    rows = []
    with new_folder(out) as folder:
        for index in range(first, first + people):
            who = simdrive.subject_name(0, index)
            for number in range(each):
                name = f"{who}/{number:05d}"
                for at, image in enumerate(simdrive.identity_clip(0, index, frames, size, number)):
                    write_picture(folder / name / f"{at:06d}.png", image)
                rows.append((name, who, frames, f"simdrive {index}", 0, size))
        write_rows(folder / TABLE, COLUMNS, rows)
    return ClipReport(dict(Counter(row[1] for row in rows)), frames * len(rows), {}, ())


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if root.is_dir() else path.name


def _films(root: Path) -> list[tuple[Path, str]]:
    """Every video and every folder of pictures, and who is in it."""
    if not root.exists():
        raise DatasetNotFoundError(f"There is no file or folder {root}.")
    if root.is_file():
        return [(root, root.stem)]
    found = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]
    pictures = {path.parent for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES}
    films = sorted({*found, *pictures})
    if not films:
        raise DatasetNotFoundError(
            f"No video and no picture in {root} (looked for {', '.join(sorted(VIDEO_SUFFIXES))})."
        )
    return [(film, _who(film, root)) for film in films]


def _who(film: Path, root: Path) -> str:
    parts = film.relative_to(root).parts
    return parts[0] if len(parts) > 1 or (parts and film.is_dir()) else (film.stem or root.name)


def _frames(path: Path) -> Iterator[Image]:
    if not path.is_dir():
        yield from (frame.image for frame in decode_video(path))
        return
    for picture in sorted(each for each in path.iterdir() if each.suffix.lower() in IMAGE_SUFFIXES):
        yield read_image(picture)


def _look(path: Path, landmarker: Landmarker) -> tuple[list[list[Face]], list[int]]:
    """First reading: the faces of every frame, and where scenes begin."""
    found: list[list[Face]] = []
    cuts: list[int] = []
    before: Image | None = None
    for at, image in enumerate(_frames(path)):
        if before is not None and (image.shape != before.shape or is_cut(before, image)):
            cuts.append(at)
        found.append(landmarker(image))
        before = image
    return found, cuts


def _worth(parts: Sequence[Segment], options: ClipOptions, dropped: Counter[str]) -> list[Segment]:
    least = options.min_side_px or options.size
    kept = []
    for part in parts:
        if part.frames < options.min_frames:
            dropped[f"shorter than {options.min_frames} frames"] += 1
        elif part.square[2] < least:
            dropped[f"smaller than {least} px"] += 1
        else:
            kept.append(part)
    return kept


def _write(
    path: Path, folder: Path, identity: str, parts: Sequence[Segment], options: ClipOptions
) -> Iterator[tuple[str, Segment]]:
    """Second reading: name and segment of each clip as it is complete."""
    if options.form == "mp4" and path.is_dir():
        raise ConfigError(f"{path} is a folder of pictures, whose clips are folders of pictures, too: leave out mp4.")
    stem = path.stem if path.is_file() else "-".join(path.parts[-1:])
    names = [f"{identity}/{stem}-{part.first:06d}-{number}" for number, part in enumerate(parts)]
    if options.form == "mp4":
        yield from _write_videos(path, folder, names, parts, options.size)
        return
    for at, image in enumerate(_frames(path) if parts else ()):
        for name, part in zip(names, parts, strict=True):
            if part.first <= at < part.first + part.frames:
                write_picture(
                    folder / name / f"{at - part.first:06d}.png", cut_square(image, part.square, options.size)
                )
    yield from zip(names, parts, strict=True)


def _write_videos(
    path: Path, folder: Path, names: Sequence[str], parts: Sequence[Segment], size: int
) -> Iterator[tuple[str, Segment]]:
    like = replace(describe_video(path), width=size, height=size, pixel_aspect=Fraction(0))
    for name, part in zip(names, parts, strict=True):
        target = folder / f"{name}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        wanted = range(part.first, part.first + part.frames)
        with VideoWriter(target, like, ".mp4", sound=False) as writer:
            begin: int | None = None
            for frame in decode_video(path, wanted.__contains__):
                begin = frame.pts if begin is None else begin
                writer.write(cut_square(frame.image, part.square, size), frame.pts - begin, frame.duration)
        yield f"{name}.mp4", part


def cut_square(image: Image, square: tuple[float, float, float], size: int) -> Image:
    """Left edge, top edge and side of a square of an image, at ``size`` pixels; the image's edge goes on outside.

    Returns:
        ``(size, size, 3)`` uint8 RGB.
    """
    left, top, side = (round(value) for value in square)
    height, width = image.shape[:2]
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image[rows[:, None], columns], (size, size), interpolation=how), np.uint8)
