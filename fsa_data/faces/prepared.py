"""Prepared faces on disk: a folder that is there as a whole or not at all, with a table of what lies in it."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2

from fsa_data.errors import BadTableError, DatasetNotFoundError, OutputError, of_system
from fsa_data.types import Image


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write into, which gets its name when all went well and goes when not.

    Raises:
        OutputError: there is something of this name already, or it cannot be written.
    """
    if out.exists():
        raise OutputError(f"{out} is there already; name a new folder, or remove it.")
    rough = out.with_name(f".{out.name}-{os.getpid()}")
    try:
        rough.mkdir(parents=True)
        yield rough
        rough.rename(out)
    except OSError as error:
        if isinstance(error, DatasetNotFoundError | OutputError):
            raise
        raise OutputError(f"Cannot write {out}: {of_system(error)}.") from error
    finally:
        shutil.rmtree(rough, ignore_errors=True)


def write_picture(path: Path, image: Image) -> None:
    """A PNG; folders are made.

    Raises:
        OSError: it cannot be written.
    """
    done, data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes() if done else b"")


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def read_rows(folder: Path, name: str, columns: Sequence[str], command: str) -> list[dict[str, str]]:
    """Rows of a prepared folder's table.

    Args:
        folder: prepared.
        name: of the table in it.
        columns: that it must have.
        command: that prepares such a folder.

    Raises:
        DatasetNotFoundError: no such folder or table.
        BadTableError: a column is missing, or there are no rows.
    """
    path = folder / name
    if not path.is_file():
        what = f"holds no {name}" if folder.is_dir() else "does not exist"
        raise DatasetNotFoundError(f"{folder} {what}. Prepare it with: {command}")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise BadTableError(f"{path} lacks the column {', '.join(missing)}. Prepare it again with: {command}")
        rows = list(reader)
    if not rows:
        raise BadTableError(f"{path} has no rows. Prepare it again with: {command}")
    return rows
