"""Readers: from a data set on disk to rows. Each returns the classes and one row per frame, in a fixed order."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from fsa_data.errors import BadTableError, DatasetNotFoundError, UnknownNameError
from fsa_data.frames.labels import MASKDAR, MASKDAR_CODES, STATE_FARM, STATE_FARM_CODES, LabelMap
from fsa_data.frames.media import IMAGE_SUFFIXES
from fsa_data.frames.tables import Record, read_table
from fsa_data.frames.typos import check_labels

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


def state_farm(root: Path) -> tuple[LabelMap, list[Row]]:
    """Rows of ``driver_imgs_list.csv``, in its order; everything of one driver is one session."""
    listing = root / "driver_imgs_list.csv"
    if not root.is_dir():
        raise DatasetNotFoundError(
            f"No State Farm folder at {root}. Expected {listing.name} and imgs/train/c0 .. c9 in it."
        )
    if not listing.is_file():
        raise DatasetNotFoundError(
            f"No {listing.name} in {root}. It says who drives in which image, and without it nobody can be left out of "
            "training; it is part of the download. Put it beside the folder imgs."
        )
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, record in read_table(listing, ("subject", "classname", "img"), "image"):
        where, name, code = f"{listing}, row {number}", record["img"], record["classname"]
        if code not in STATE_FARM_CODES:
            raise UnknownNameError(f"class in {where}:", code, STATE_FARM_CODES)
        if not record["subject"]:
            raise BadTableError(f"{where}: the subject is empty.")
        first = seen.setdefault(name, number)
        if first != number:
            raise BadTableError(f"{where}: the image {name} is already in row {first}. Remove one of them.")
        file = root / "imgs" / "train" / code / name
        if not name or not file.is_file():
            raise DatasetNotFoundError(f"{where}: no file {file}. Copy it there, or remove the row.")
        label = STATE_FARM_CODES.index(code)
        rows.append(Row(str(file), record["subject"], label, session=record["subject"], condition="unmasked"))
    return STATE_FARM, rows


def table(path: Path, root: Path | None, labels: LabelMap | None) -> tuple[LabelMap, list[Row]]:
    """Rows of a CSV, in its order."""
    records = read_table(path, REQUIRED, "frame")
    if labels is None:
        labels = _labels_of([record["label"] for _, record in records])
        if labels is not MASKDAR:
            check_labels(path, [(number, record["label"]) for number, record in records])
    index = labels.index
    if labels.names == MASKDAR.names:
        index |= {code: i for i, code in enumerate(MASKDAR_CODES)}
    base = root if root is not None else path.parent
    rows: list[Row] = []
    seen: dict[tuple[str, int], int] = {}
    for number, record in records:
        where = f"{path}, row {number}"
        if record["label"] not in index:
            raise UnknownNameError(f"label in {where}:", record["label"], labels.names)
        row = _row(record, base, index[record["label"]], where)
        first = seen.setdefault((row.path, row.video_index), number)
        if first != number:
            raise BadTableError(f"{where}: the frame {record['path']} is already in row {first}. Remove one of them.")
        rows.append(row)
    return labels, rows


def _row(record: Record, base: Path, label: int, where: str) -> Row:
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
    """MaskDAR's classes if all values are its codes or names; else the distinct values, sorted."""
    distinct = set(values)
    if distinct <= {*MASKDAR_CODES, *MASKDAR.names}:
        return MASKDAR
    return LabelMap(tuple(sorted(distinct)))
