"""A folder of extracted frames with their table, made whole or not at all."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2

from fsa_data.errors import ConfigError, FsaError, OutputError
from fsa_data.types import Image

COLUMNS = (
    *("path", "subject", "label", "session", "view", "condition", "time_s", "licence", "consent"),
    *("video", "video_frame", "mirrored"),
)
"""Columns of ``frames.csv``. The last three say where a frame comes from; readers ignore them."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extraction made.

    Attributes:
        frames: images written.
        intervals: intervals, or performances of an action, that they come from.
        videos: videos that they come from.
        subjects: people on them.
        fewer: intervals with fewer frames than asked for.
        failures: one line per interval that gave no frame.
        notes: what was decided and may be wrong, one line each.
    """

    frames: int
    intervals: int
    videos: int
    subjects: int
    fewer: int = 0
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class FrameFolder:
    """Where images and the rows of their table go.

    Args:
        root: an existing folder.
        columns: of the table; ``path`` is one of them.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: Path, columns: Sequence[str] = COLUMNS) -> None:
        self.root, self._columns = root, tuple(columns)
        self._rows: list[dict[str, str]] = []

    def add(self, row: dict[str, str], image: Image) -> None:
        """Write an image, and remember its row.

        Args:
            row: values of the columns; ``path`` is relative to the folder, new in it, and ends in ``.png``, which is
                lossless, or ``.jpg``.
            image: ``(H, W, 3)`` uint8 RGB.

        Raises:
            OSError: it cannot be written, or is there already.
        """
        file = self.root / row["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as out:
            out.write(encoded(image, file.suffix))
        self._rows.append(row)

    def finish(self) -> None:
        """Write ``frames.csv``, ordered by path."""
        with (self.root / "frames.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, self._columns, restval="", lineterminator="\n")
            table.writeheader()
            table.writerows(sorted(self._rows, key=lambda row: row["path"]))


def check_new(out: Path) -> None:
    """Refuse a folder that holds something already.

    Raises:
        ConfigError: it does, or it is a file.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        what = "a file" if out.is_file() else "not empty"
        raise ConfigError(f"{out} is {what}, and nothing is overwritten. Name a new folder, or remove it first.")


@contextmanager
def new_folder(out: Path, columns: Sequence[str] = COLUMNS) -> Iterator[FrameFolder]:
    """A folder that appears, with its ``frames.csv``, when the block ends; after an error there is none.

    Raises:
        ConfigError: ``out`` holds something already.
        OutputError: it cannot be written.
    """
    with whole_folder(out) as building:
        folder = FrameFolder(building, columns)
        yield folder
        folder.finish()


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Where to build a folder that appears when the block ends; after an error there is none.

    Raises:
        ConfigError: ``out`` holds something already.
        OutputError: it cannot be written.
    """
    check_new(out)
    building: Path | None = None
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        name = out.absolute().name
        building = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=out.absolute().parent))
        yield building
        # mkdtemp makes a folder that only its owner can read
        building.chmod(0o755)
        building.rename(out.absolute())
    except BaseException as error:
        if building is not None:
            shutil.rmtree(building, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, FsaError):
            raise OutputError(f"The frames cannot be written to {out}: {error}.") from error
        raise


def encoded(image: Image, suffix: str) -> bytes:
    """The bytes of a ``.png`` or ``.jpg`` (quality 95) file; ``(H, W, 3)`` uint8 RGB in."""
    _, content = cv2.imencode(suffix, image[:, :, ::-1])
    return content.tobytes()


def safe_name(text: str) -> str:
    """``text`` as part of a file name: letters, digits, ``.``, ``_`` and ``-``; others become ``_``.

    >>> safe_name("on the phone/left")
    'on_the_phone_left'
    """
    return re.sub(r"[^\w.-]+", "_", text).strip(".") or "_"
