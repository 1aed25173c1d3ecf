"""Readers: from a data set on disk to rows. Each returns the classes and one row per frame, in a fixed order."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

from fsa_data.errors import BadTableError, DatasetNotFoundError, UnknownNameError
from fsa_data.frames.labels import MASKDAR, MASKDAR_CODES, LabelMap
from fsa_data.frames.media import IMAGE_SUFFIXES

REQUIRED = ("path", "subject", "label")
_MASKDAR_FILE = re.compile(r"(?P<subject>.+)-f(?P<frame>\d+)")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled frame; the fields are those of :class:`fsa_data.frames.LabelledFrames`."""

    path: str
    subject: str
    label: int
    video_index: int = -1
    session: str = ""
    view: str = ""
    condition: str = ""
    time_s: float = math.nan
    licence: str = ""
    consent: str = ""


def maskdar(root: Path, condition: str) -> tuple[LabelMap, list[Row]]:
    """Rows of ``C00..C14/<subject>-f<frame>.png``, ordered by class folder and file name."""
    if not root.is_dir():
        raise DatasetNotFoundError(f"No MaskDAR folder at {root}. Expected class folders C00 .. C14 in it.")
    rows = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if folder.name not in MASKDAR_CODES:
            raise BadTableError(
                f"{folder} is no class of MaskDAR. Expected folders C00 .. C14 only; move it elsewhere."
            )
        for file in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
            match = _MASKDAR_FILE.fullmatch(file.stem)
            if match is None or file.suffix.lower() not in IMAGE_SUFFIXES:
                raise BadTableError(
                    f"{file} does not follow MaskDAR's naming <subject>-f<frame>.png, e.g. user03-f12.png."
                )
            rows.append(
                Row(
                    str(file),
                    match["subject"],
                    MASKDAR_CODES.index(folder.name),
                    session=condition,
                    condition=condition,
                )
            )
    if not rows:
        raise DatasetNotFoundError(f"No frame under {root}. Expected e.g. {root / 'C00' / 'user01-f01.png'}.")
    return MASKDAR, rows


def table(path: Path, root: Path | None, labels: LabelMap | None) -> tuple[LabelMap, list[Row]]:
    """Rows of a CSV, in its order."""
    if not path.is_file():
        raise DatasetNotFoundError(f"No CSV at {path}. It needs a header with {', '.join(REQUIRED)}.")
    records = _records(path)
    labels = labels or _labels_of([record["label"] for record in records])
    index = labels.index
    if labels.names == MASKDAR.names:
        index |= {code: i for i, code in enumerate(MASKDAR_CODES)}
    base = root if root is not None else path.parent
    rows: list[Row] = []
    seen: dict[tuple[str, int], int] = {}
    for number, record in enumerate(records, start=2):
        where = f"{path}, row {number}"
        if record["label"] not in index:
            raise UnknownNameError(f"label in {where}:", record["label"], labels.names)
        row = _row(record, base, index[record["label"]], where)
        first = seen.setdefault((row.path, row.video_index), number)
        if first != number:
            raise BadTableError(f"{where}: the frame {record['path']} is already in row {first}. Remove one of them.")
        rows.append(row)
    return labels, rows


def _records(path: Path) -> list[dict[str, str]]:
    """The CSV's rows as dictionaries, checked for the required columns."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            # spaces around a name would make two people of one
            records = [{key: (value or "").strip() for key, value in record.items() if key} for record in reader]
    except UnicodeDecodeError as error:
        raise BadTableError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise BadTableError(f"{path} lacks the column {', '.join(missing)}; it has {', '.join(columns) or 'none'}.")
    if not records:
        raise DatasetNotFoundError(f"{path} lists no frame.")
    return records


def _row(record: dict[str, str], base: Path, label: int, where: str) -> Row:
    file = base / record["path"]
    if not record["path"] or not file.is_file():
        raise DatasetNotFoundError(f"{where}: no file {file}. Relative paths start from {base}.")
    if not record["subject"]:
        raise BadTableError(f"{where}: the subject is empty.")
    try:
        video_index = int(record.get("video_index") or -1)
        time_s = float(record.get("time_s") or math.nan)
    except ValueError as error:
        raise BadTableError(f"{where}: video_index must be a whole number and time_s a number: {error}.") from error
    text = {name: record.get(name, "") for name in ("session", "view", "condition", "licence", "consent")}
    return Row(str(file), record["subject"], label, video_index, time_s=time_s, **text)


def _labels_of(values: list[str]) -> LabelMap:
    """MaskDAR's classes if all values are its codes, or all its names; else the distinct values, sorted."""
    distinct = set(values)
    if distinct <= set(MASKDAR_CODES) or distinct <= set(MASKDAR.names):
        return MASKDAR
    return LabelMap(tuple(sorted(distinct)))
