"""The tables of a raw MaskDAR recording: what the driver did when, when each frame was taken, which faces are valid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import BadTableError, UnknownNameError
from fsa_data.frames.labels import MASKDAR
from fsa_data.frames.tables import Record, read_table

ACTION = "hud_driver_action_popup"
_NO_ACTION = frozenset({"", "nan", "none"})
_TRUTH = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Performance:
    """A driver does an action once.

    Attributes:
        action: one of MaskDAR's class names.
        start_s: seconds from the first frame of the video to the first row of the log that names the action.
        end_s: the same to the last row.
    """

    action: str
    start_s: float
    end_s: float

    def __str__(self) -> str:
        return f"{self.action} from {self.start_s:.1f} to {self.end_s:.1f} s"


def read_frame_map(path: Path) -> NDArray[np.float64]:
    """``simulation_time`` of each frame of the video, ``(N,)`` seconds that never fall.

    Raises:
        DatasetNotFoundError, BadTableError: no such table, or one that cannot be used.
    """
    return _seconds(path, read_table(path, ("simulation_time",), "frame"), "simulation_time")


def read_log(path: Path, first_frame_s: float) -> list[Performance]:
    """Every performance in a simulator log, in order: rows in a row with the same action.

    Some logs count from the start of the recording, others share the clock of the frame map: it is the one that the
    log's first time is nearer to.

    Args:
        path: CSV with ``time`` and ``hud_driver_action_popup``, which is empty or ``nan`` between actions.
        first_frame_s: ``simulation_time`` of frame 0.

    Raises:
        DatasetNotFoundError, BadTableError: no such table, or one that cannot be used.
        UnknownNameError: an action that MaskDAR does not have.
    """
    rows = read_table(path, ("time", ACTION), "action")
    time_s = _seconds(path, rows, "time")
    if abs(time_s[0] - first_frame_s) < abs(time_s[0]):
        time_s = time_s - first_frame_s
    for row, record in rows:
        if record[ACTION] not in MASKDAR.names and record[ACTION].lower() not in _NO_ACTION:
            raise UnknownNameError(f"action in {path}, row {row}:", record[ACTION], MASKDAR.names)
    performances = []
    for action, places in groupby(range(len(rows)), key=lambda i: rows[i][1][ACTION]):
        run = list(places)
        if action in MASKDAR.names:
            performances.append(Performance(action, float(time_s[run[0]]), float(time_s[run[-1]])))
    return performances


def _seconds(path: Path, rows: list[tuple[int, Record]], name: str) -> NDArray[np.float64]:
    values: list[float] = []
    for row, record in rows:
        try:
            value = float(record[name])
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or (values and value < values[-1]):
            raise BadTableError(
                f"{path}, row {row}: {name} must be seconds that never fall, got {record[name]!r}"
                f"{f' after {values[-1]:g}' if values else ''}."
            )
        values.append(value)
    return np.array(values)


def read_validity(table: Path, frames: int) -> NDArray[np.bool_]:
    """Per frame of the video whether its face is valid, by frame number; frames that are not listed are not.

    The order of the rows means nothing.

    Args:
        table: CSV with ``frame`` (from 0) and ``valid_face`` (0 or 1).
        frames: how many the video has.

    Raises:
        DatasetNotFoundError, BadTableError: no such table, or one that cannot be used.
    """
    valid = np.zeros(frames, bool)
    seen: dict[int, int] = {}
    for row, record in read_table(table, ("frame", "valid_face"), "frame"):
        where = f"{table}, row {row}"
        flag = _TRUTH.get(record["valid_face"].lower())
        if flag is None or not record["frame"].isdecimal():
            raise BadTableError(
                f"{where}: expected a frame number and 0 or 1, got {record['frame']!r} and {record['valid_face']!r}."
            )
        number = int(record["frame"])
        if number >= frames:
            raise BadTableError(f"{where}: frame {number}, but the video has {frames} (they count from 0).")
        first = seen.setdefault(number, row)
        if first != row:
            raise BadTableError(f"{where}: frame {number} is already in row {first}. Remove one of them.")
        valid[number] = flag
    return valid
