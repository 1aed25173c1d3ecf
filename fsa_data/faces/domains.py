"""Folders of pictures, one for each domain, as aligned faces: what StarGAN v2 is trained on.

``ROOT/train/female``, ``ROOT/train/male`` (CelebA-HQ), or ``ROOT/angry`` to ``ROOT/surprise`` (expressions, 48 px
grey): each folder is a domain, by the order of their names. A folder within a domain is a person; a loose picture is a
person named by its stem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from fsa_data import simdrive
from fsa_data.errors import BadImageError, ConfigError, DatasetNotFoundError
from fsa_data.faces import align
from fsa_data.faces.prepared import new_folder, write_picture, write_rows
from fsa_data.frames import IMAGE_SUFFIXES, read_image
from fsa_data.types import Image, Landmarker

TABLE, COLUMNS = "faces.csv", ("path", "domain", "identity", "source")
"""Of a prepared folder: its table, and the columns of it."""

_LEGIBLE_PX = 192


@dataclass(frozen=True, slots=True)
class DomainOptions:
    """How faces are cut out."""

    size: int = 256
    """Side in pixels."""
    face_type: str = "whole_face"
    """A key of :data:`fsa_data.faces.align.FACE_TYPES`."""
    aligned: bool = False
    """The pictures are squares of aligned faces already, and are only resized."""

    def __post_init__(self) -> None:
        align.face_matrix(align.mean_face(), self.face_type, 1)  # names a wrong face type
        if self.size < 16:
            raise ConfigError(f"Faces are at least 16 pixels wide, got size={self.size}.")


@dataclass(frozen=True, slots=True)
class DomainReport:
    """What was prepared.

    Attributes:
        faces: by domain.
        failures: a line for each picture that is left out.
    """

    faces: dict[str, int]
    failures: tuple[str, ...]


def prepare_domains(
    root: Path, out: Path, landmarker: Landmarker, options: DomainOptions | None = None, progress: bool = False
) -> DomainReport:
    """Cut the largest face out of every picture.

    Args:
        root: holds a folder for each domain, perhaps within ``train``.
        out: a new folder: ``DOMAIN/NAME.png``, and ``faces.csv``.
        landmarker: finds faces.
        options: see :class:`DomainOptions`.
        progress: show a bar on stderr if that is a terminal.

    Raises:
        DatasetNotFoundError: no such folder, or no picture in it.
        ConfigError: fewer than two domains, or one in which no face was found.
        OutputError: the folder is there already or cannot be written.
    """
    options = options or DomainOptions()
    pictures = _pictures(root)
    rows: list[tuple[str, str, str, str]] = []
    failures: list[str] = []
    with new_folder(out) as folder:
        for domain, path in tqdm(pictures, desc="faces", unit="picture", disable=None if progress else True):
            base = path.relative_to(_base(root) / domain)
            try:
                face = _face(read_image(path), landmarker, options)
            except BadImageError as error:
                failures.append(str(error))
                continue
            if face is None:
                failures.append(f"{path}: no face found; it is left out")
                continue
            name = f"{domain}/{'__'.join(base.with_suffix('').parts)}-{len(rows):06d}.png"
            write_picture(folder / name, face)
            identity = base.parts[0] if len(base.parts) > 1 else base.stem
            rows.append((name, domain, identity, str(path.relative_to(root))))
        counts = Counter(row[1] for row in rows)
        if empty := sorted({domain for domain, _ in pictures} - set(counts)):
            raise ConfigError(
                f"No face was found in the domain {', '.join(empty)}, e.g. {failures[0]}. If the pictures are aligned "
                "faces already, say so (--aligned)."
            )
        write_rows(folder / TABLE, COLUMNS, rows)
    return DomainReport(dict(sorted(counts.items())), tuple(failures))


def prepare_procedural_domains(people: int, first: int, out: Path, size: int, each: int = 8) -> DomainReport:
    """Faces of procedural people in two moods, without a picture of anybody.

    Args:
        people: how many.
        first: number of the first; sources use 50 and up, data 0 and up.
        out: a new folder.
        size: side in pixels.
        each: pictures of a person in each mood.

    Raises:
        OutputError: the folder is there already or cannot be written.
    """
    rows: list[tuple[str, str, str, str]] = []
    with new_folder(out) as folder:
        for index in range(first, first + people):
            who = simdrive.subject_name(0, index)
            for mood in simdrive.MOODS:
                for number in range(each):
                    name = f"{mood}/{who}-{number:03d}.png"
                    write_picture(folder / name, simdrive.mood_photo(0, index, mood, number, size))
                    rows.append((name, mood, who, f"simdrive {index}"))
        write_rows(folder / TABLE, COLUMNS, rows)
    return DomainReport(dict(sorted(Counter(row[1] for row in rows).items())), ())


def _base(root: Path) -> Path:
    return root / "train" if (root / "train").is_dir() else root


def _pictures(root: Path) -> list[tuple[str, Path]]:
    """Domain and path of every picture, in a fixed order."""
    if not root.is_dir():
        raise DatasetNotFoundError(f"There is no folder {root}.")
    domains = sorted(each for each in _base(root).iterdir() if each.is_dir() and each.name[0] != ".")
    found = [(domain.name, path) for domain in domains for path in _within(domain)]
    names = sorted({domain for domain, _ in found})
    if not found:
        raise DatasetNotFoundError(f"No picture in the folders of {_base(root)}: each of them should be a domain.")
    if len(names) < 2:
        raise ConfigError(
            f"{_base(root)} holds one domain with pictures, {names[0]!r}. StarGAN v2 changes faces from one domain to "
            "another: put the pictures into a folder for each of at least two."
        )
    return found


def _within(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".":
            yield path


def _face(image: Image, landmarker: Landmarker, options: DomainOptions) -> Image | None:
    size = options.size
    if options.aligned:
        small = cv2.INTER_AREA if min(image.shape[:2]) > size else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image, (size, size), interpolation=small), np.uint8)
    times = max(1, -(-_LEGIBLE_PX // min(image.shape[:2])))  # landmarkers do not see faces of 48 px
    large = image if times == 1 else cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    found = landmarker(np.asarray(large, np.uint8))
    if not found:
        return None
    matrix = align.face_matrix(found[0].points_px, options.face_type, size)
    return align.warp(np.asarray(large, np.uint8), matrix, size, size, edge=True)
