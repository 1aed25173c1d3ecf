"""The index of a set of faces: every JSON file's contents as arrays, and by which state of the file they hold."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fsa_data.errors import FaceSetError
from fsa_data.faces.face_set import INDEX, FaceRecord, from_json
from fsa_data.paths import write_atomic
from fsa_data.types import Face

_VERSION = 1
_TEXTS = ("name", "ending", "source", "source_sha256", "identity", "face_type", "landmarker")
_NUMBERS = ("frame", "size", "sharpness", "confidence", "pose", "matrix", "points", "blendshapes")
_COLUMNS = (*_TEXTS, *_NUMBERS, "state")

State = tuple[int, int]
"""Size and time of a file; tells when to read it again."""


def refresh(folder: Path) -> tuple[list[FaceRecord], list[str]]:
    """The faces of a folder by name, and what is wrong with the others.

    Only files that have changed since the index was written are read; then it is written again, if it can be.
    """
    entries = {path.name: path for path in folder.iterdir() if not path.name.startswith(".")}
    sidecars = {path.stem: path for path in entries.values() if path.suffix == ".json"}
    known = _load(folder)
    records: list[FaceRecord] = []
    states: list[State] = []
    problems: list[str] = []
    changed = len(known) != len(sidecars)
    for name, path in sorted(sidecars.items()):
        try:
            state = _state(path)
            record, before = known.get(name, (None, None))
            if record is None or before != state:
                changed, record = True, from_json(path.read_bytes(), path)
            if record.image.name not in entries:
                raise FaceSetError(f"its picture {record.image.name} is not there")
        except (FaceSetError, OSError) as error:
            problems.append(f"{path.name}: {error}")
            continue
        records.append(record)
        states.append(state)
    if changed and records:
        with suppress(OSError):  # a folder that cannot be written costs time, nothing else
            write_atomic(folder / INDEX, _packed(records, states))
    return records, problems


def _state(path: Path) -> State:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _packed(records: Sequence[FaceRecord], states: Sequence[State]) -> bytes:
    faces = [record.face for record in records]
    columns: dict[str, Any] = {
        name: np.array([getattr(record, name) for record in records], np.str_) for name in _TEXTS if name != "ending"
    }
    columns |= {
        "ending": np.array([record.image.suffix for record in records], np.str_),
        "frame": np.array([record.frame for record in records], np.int64),
        "size": np.array([record.size for record in records], np.int64),
        "sharpness": np.array([record.sharpness for record in records]),
        "confidence": np.array([face.confidence for face in faces]),
        "pose": np.array([(face.yaw_deg, face.pitch_deg, face.roll_deg) for face in faces]),
        "matrix": np.stack([record.matrix for record in records]),
        "points": np.stack([face.points_px for face in faces]),
        "blendshapes": np.stack([face.blendshapes for face in faces]),
        "state": np.array(states, np.int64),
    }
    out = io.BytesIO()
    np.savez(out, version=np.array(_VERSION), **columns)
    return out.getvalue()


def _load(folder: Path) -> dict[str, tuple[FaceRecord, State]]:
    """What the index says; nothing if there is none, or none that can be read."""
    try:
        # not by its path: numpy leaves the file open if it is no archive
        with np.load(io.BytesIO((folder / INDEX).read_bytes()), allow_pickle=False) as file:
            if int(file["version"]) != _VERSION:
                return {}
            columns = {name: file[name] for name in _COLUMNS}
        if len({len(column) for column in columns.values()}) != 1:
            return {}
        texts = {name: columns[name].tolist() for name in (*_TEXTS, "frame", "size", "sharpness", "confidence")}
        rows = [{name: column[at] for name, column in texts.items()} for at in range(len(columns["name"]))]
        records = [_record(folder, row, columns, at) for at, row in enumerate(rows)]
        states = [(int(size), int(time)) for size, time in columns["state"]]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return {}
    return {record.name: (record, state) for record, state in zip(records, states, strict=True)}


def _record(folder: Path, row: dict[str, Any], columns: dict[str, Any], at: int) -> FaceRecord:
    yaw, pitch, roll = columns["pose"][at].tolist()
    face = Face(columns["points"][at], yaw, pitch, roll, columns["blendshapes"][at], row["confidence"])
    return FaceRecord(
        name=row["name"],
        image=folder / f"{row['name']}{row['ending']}",
        source=row["source"],
        frame=row["frame"],
        source_sha256=row["source_sha256"],
        identity=row["identity"],
        face=face,
        matrix=columns["matrix"][at],
        face_type=row["face_type"],
        size=row["size"],
        sharpness=row["sharpness"],
        landmarker=row["landmarker"],
    )
