"""Faces cut out of pictures, folders and videos into a set of faces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fsa_data.errors import BadImageError, BadVideoError, ConfigError, DatasetNotFoundError, FaceSetError
from fsa_data.faces import align
from fsa_data.faces.face_index import refresh
from fsa_data.faces.face_order import sharpness_of
from fsa_data.faces.face_set import LEAST_QUALITY, FaceRecord, write_face
from fsa_data.faces.measures import face_size_px
from fsa_data.frames import IMAGE_SUFFIXES, read_image
from fsa_data.frames.frame_folder import safe_name
from fsa_data.frames.media import VIDEO_SUFFIXES
from fsa_data.frames.video import decode_video
from fsa_data.types import Face, Image, Landmarker
from fsa_data.weights import file_sha256

AT_ONCE = 8
"""Pictures given to a landmarker together, if it takes several."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that may show faces.

    Attributes:
        name: of its file; becomes part of the faces' names.
        image: ``(H, W, 3)`` uint8 RGB.
        frame: number in a video, -1 for a picture.
        sha256: hex digest of the file it comes from; of its pixels if it comes from none.
        identity: pseudonymous id of who is on it.
    """

    name: str
    image: Image
    frame: int = -1
    sha256: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """How faces are cut out."""

    face_type: str = "whole_face"
    """A key of :data:`fsa_data.faces.align.FACE_TYPES`."""
    size: int = 512
    """Side of a crop in pixels."""
    max_faces: int = 0
    """Most faces of a picture, the largest first; 0 for all that the landmarker gives."""
    smallest_px: float = 32.0
    """Smaller faces (square root of their box's area) are left out."""
    ending: str = ".png"
    """``.png``, or ``.jpg`` for a tenth of the room."""
    quality: int = LEAST_QUALITY
    """Of a JPEG, 95..100."""
    every: int = 1
    """Of a video every how many-th frame."""

    def __post_init__(self) -> None:
        align.face_matrix(align.mean_face(), self.face_type, 1)  # names a wrong face type
        if self.size < 16 or self.every < 1 or self.max_faces < 0:
            raise ConfigError(
                "size must be at least 16, every at least 1 and max_faces at least 0, got "
                f"{self.size}, {self.every} and {self.max_faces}."
            )
        if self.ending not in (".png", ".jpg") or not LEAST_QUALITY <= self.quality <= 100:
            raise ConfigError(
                f"Faces are kept as .png, or as .jpg of a quality in {LEAST_QUALITY}..100; got {self.ending} with "
                f"{self.quality}."
            )


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What was found.

    Attributes:
        faces: written.
        pictures: looked at.
        without: pictures that showed no face, or none large enough.
        kept: pictures whose faces were there already.
        failures: one line per file that could not be read.
    """

    faces: int
    pictures: int
    without: int
    kept: int
    failures: tuple[str, ...] = ()


def extract_faces(
    source: str | Path | Iterable[Picture],
    landmarker: Landmarker,
    out: str | Path,
    options: ExtractOptions | None = None,
    identity: str = "",
) -> ExtractReport:
    """Cut out every face of a source; what an earlier, interrupted run has written is kept and not made again.

    Args:
        source: a picture, a video, a folder of both (subfolders are identities), or pictures from elsewhere.
        landmarker: finds the faces; one with a method ``many`` gets several pictures at once.
        out: a new folder, or a set of the same kind, to which the faces are added.
        options: see :class:`ExtractOptions`.
        identity: who is on all of it; by default a subfolder's name or else the file's, without its ending.

    Raises:
        DatasetNotFoundError: there is nothing at ``source``.
        FaceSetError: the set at ``out`` has faces of another type or size, or from another landmarker.
        OutputError: a face cannot be written.
        MissingWeightsError: the landmarker has none.
    """
    options, folder = options or ExtractOptions(), Path(out).expanduser()
    failures: list[str] = []
    if isinstance(source, str | Path):
        source = pictures_of(Path(source).expanduser(), failures, options.every)
    fingerprint = landmarker.fingerprint  # first: it may miss its weights
    there = _check_set(folder, options, fingerprint)
    folder.mkdir(parents=True, exist_ok=True)
    done = {_key(record) for record in there if record.name.endswith("_0")}
    names = {record.name for record in there if _key(record) in done}
    faces = looked = without = kept = 0
    stream = iter(source)
    while chunk := list(islice(stream, AT_ONCE)):
        fresh = [one for one in chunk if (one.name, one.frame, _sha256(one)) not in done]
        kept += len(chunk) - len(fresh)
        for picture, found in zip(fresh, _find(landmarker, [one.image for one in fresh]), strict=True):
            found = [face for face in found if face_size_px(face.points_px) >= options.smallest_px]
            found = found[: options.max_faces or len(found)]
            looked, without, faces = looked + 1, without + (not found), faces + len(found)
            # the first face is written last: with it, all of the picture's are there
            for number in range(len(found) - 1, -1, -1):
                name, face = _name(picture, number, names), found[number]
                _cut(picture, face, folder / f"{name}{options.ending}", options, identity, fingerprint)
    refresh(folder)
    return ExtractReport(faces, looked, without, kept, tuple(failures))


def pictures_of(path: Path, failures: list[str], every: int = 1) -> Iterator[Picture]:
    """The pictures of a file or folder, in order of name; files that cannot be read are added to ``failures``.

    Raises:
        DatasetNotFoundError: there is nothing there, or no picture and no video in the folder.
    """
    known = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    if path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in known and not any(p.startswith(".") for p in file.relative_to(path).parts)
        )
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise DatasetNotFoundError(
            f"No picture and no video at {path.absolute()} (looked for {', '.join(sorted(known))})."
        )
    return _read_all(files, path, failures, every)


def _read_all(files: Sequence[Path], root: Path, failures: list[str], every: int) -> Iterator[Picture]:
    for file in files:
        inside = file.relative_to(root) if root.is_dir() else Path(file.name)
        name, who = inside.as_posix(), inside.parts[0] if len(inside.parts) > 1 else file.stem
        try:
            if file.suffix.lower() in VIDEO_SUFFIXES:
                digest = file_sha256(file)
                for frame in decode_video(file, lambda number: number % every == 0):
                    yield Picture(name, frame.image, frame.index, digest, who)
            else:
                yield Picture(name, read_image(file), -1, file_sha256(file), who)
        except (BadImageError, BadVideoError, DatasetNotFoundError) as error:
            failures.append(str(error))


def _check_set(folder: Path, options: ExtractOptions, landmarker: str) -> list[FaceRecord]:
    """What is there already, all of the same kind."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise FaceSetError(f"{folder} is a file; a set of faces is a folder.")
    there, problems = refresh(folder)
    if problems:
        raise FaceSetError(f"{folder} holds files that are no faces: {'; '.join(problems[:3])}. Remove them first.")
    for record in there:
        for what, old, new in (
            ("face type", record.face_type, options.face_type),
            ("size", record.size, options.size),
            ("landmarker", record.landmarker, landmarker),
        ):
            if old != new:
                raise FaceSetError(
                    f"{folder} holds {record.name} of another {what}: {old}, where {new} is asked for. Name a new "
                    "folder."
                )
    return there


def _find(landmarker: Landmarker, images: list[Image]) -> list[list[Face]]:
    many: Any = getattr(landmarker, "many", None)
    if many is not None and images:
        found: list[list[Face]] = many(images)
        return found
    return [landmarker(image) for image in images]


def _cut(picture: Picture, face: Face, path: Path, options: ExtractOptions, identity: str, landmarker: str) -> None:
    matrix = align.face_matrix(face.points_px, options.face_type, options.size)
    crop = align.warp(picture.image, matrix, options.size, options.size)
    record = FaceRecord(
        name=path.stem,
        image=path,
        source=picture.name,
        frame=picture.frame,
        source_sha256=_sha256(picture),
        identity=identity or picture.identity or Path(picture.name).stem,
        face=face,
        matrix=matrix,
        face_type=options.face_type,
        size=options.size,
        sharpness=sharpness_of(crop, align.apply_3d(matrix, face.points_px)),
        landmarker=landmarker,
    )
    write_face(record, crop, options.quality)


def _key(record: FaceRecord) -> tuple[str, int, str]:
    return record.source, record.frame, record.source_sha256


def _sha256(picture: Picture) -> str:
    return picture.sha256 or hashlib.sha256(np.ascontiguousarray(picture.image).tobytes()).hexdigest()


def _name(picture: Picture, number: int, taken: set[str]) -> str:
    """Of a face's files: the picture's, the frame, and which face of it; new in the set."""
    stem = safe_name(picture.name.rpartition(".")[0] or picture.name)
    stem += f"_{picture.frame:06d}" if picture.frame >= 0 else ""
    name, again = f"{stem}_{number}", 2
    while name in taken:
        name, again = f"{stem}-{again}_{number}", again + 1
    taken.add(name)
    return name
