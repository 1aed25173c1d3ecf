"""From labelled intervals of videos to labelled images on disk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fsa_data.errors import BadTableError, DatasetNotFoundError, FsaError
from fsa_data.frames.frame_folder import Extracted, check_new, new_folder, safe_name
from fsa_data.frames.picking import Sampling, Timeline, frames_at, read_timeline
from fsa_data.frames.tables import Record, read_table
from fsa_data.frames.typos import check_labels

REQUIRED = ("video", "subject", "start_s", "end_s", "label")
COPIED = ("subject", "label", "session", "view", "condition", "licence", "consent")
SLACK_S = 0.5
"""How far an interval may reach beyond the last frame: annotators round, and sound often outlasts the pictures."""

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Interval:
    """One row of the table; bounds are exact, so that a frame on a bound is never lost to rounding."""

    row: int
    record: Record
    start_s: Fraction
    end_s: Fraction

    def __str__(self) -> str:
        return f"row {self.row} ({self.record['video'] or 'no video'})"


@dataclass(frozen=True, slots=True)
class _Chosen:
    interval: _Interval
    numbers: NDArray[np.int64]


def extract_intervals(
    videos: str | Path, intervals: str | Path, out: str | Path, sampling: Sampling | None = None
) -> Extracted:
    """Cut labelled intervals of videos into images.

    A frame belongs to an interval if ``start_s + trim <= t < end_s - trim``, where ``t`` is its own timestamp in
    seconds as a player shows it, whatever the frame rate does. Everything is checked before anything is written.

    Args:
        videos: folder that the column ``video`` starts from.
        intervals: CSV with ``video,subject,start_s,end_s,label`` and optional ``session,view,condition,licence,
            consent``; an empty session becomes the video, because frames of one recording are not independent.
        out: a new folder; it gets ``<label>/<subject>-row<row>-frame<number>.png`` and a ``frames.csv`` that
            :meth:`fsa_data.frames.LabelledFrames.from_csv` reads.
        sampling: which frames of an interval; default 2, spread evenly, nothing trimmed.

    Raises:
        DatasetNotFoundError: no such folder or table.
        BadTableError: rows that cannot be used, all of them named.
        UnknownNameError: a label that is probably one of MaskDAR's with a typing error.
        BadVideoError: a frame that was chosen is damaged.
        ConfigError: ``out`` holds something already.
        OutputError: ``out`` cannot be written.
    """
    videos, intervals, out = Path(videos), Path(intervals), Path(out)
    check_new(out)
    if not videos.is_dir():
        raise DatasetNotFoundError(f"No folder of videos at {videos}.")
    sampling = sampling or Sampling()
    timelines, chosen = _plan(videos, intervals, sampling)
    by_video: dict[str, list[_Chosen]] = {}
    for one in chosen:
        by_video.setdefault(one.interval.record["video"], []).append(one)
    frames = sum(len(one.numbers) for one in chosen)
    with new_folder(out) as folder, progress(frames) as bar:
        for video, parts in by_video.items():
            timeline = timelines[video]
            owner = {int(number): one.interval for one in parts for number in one.numbers}
            for number, image in frames_at(timeline, owner):
                folder.add(_frame_row(owner[number], number, float(timeline.time_s[number])), image)
                bar.update()
    return Extracted(
        frames=frames,
        intervals=len(chosen),
        videos=len(by_video),
        subjects=len({one.interval.record["subject"] for one in chosen}),
        fewer=sum(len(one.numbers) < sampling.per_interval for one in chosen),
    )


def progress(frames: int) -> tqdm[None]:
    """A bar on standard error, if that is a terminal."""
    return tqdm(total=frames, desc="extracting", unit="frame", disable=None, file=sys.stderr)


def _plan(videos: Path, table: Path, sampling: Sampling) -> tuple[dict[str, Timeline], list[_Chosen]]:
    """Which frames of which video; or one error with every row that cannot be used."""
    wrong: dict[int, str] = {}
    timelines: dict[str, Timeline | str] = {}
    chosen: list[_Chosen] = []
    good: list[_Interval] = []
    for row, record in read_table(table, REQUIRED, "interval"):
        try:
            interval = _interval(row, record)
            timeline = _timeline(videos, interval.record["video"], timelines)
            chosen.append(_Chosen(interval, _choose(interval, timeline, sampling)))
            good.append(interval)
        except BadTableError as error:
            wrong[row] = f"row {row} ({record['video'] or 'no video'}): {error}"
    wrong |= _overlaps(good)
    if wrong:
        lines = [wrong[row] for row in sorted(wrong)]
        more = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        raise BadTableError("\n  ".join([f"{table}: {len(lines)} rows cannot be used.", *lines[:_SHOWN], *more]))
    check_labels(table, [(one.row, one.record["label"]) for one in good])
    return {name: found for name, found in timelines.items() if isinstance(found, Timeline)}, chosen


def _interval(row: int, record: Record) -> _Interval:
    empty = [name for name in REQUIRED if not record[name]]
    if empty:
        raise BadTableError(f"{', '.join(empty)} is empty.")
    try:
        start_s, end_s = Fraction(record["start_s"]), Fraction(record["end_s"])
    except (ValueError, ZeroDivisionError):
        raise BadTableError(
            f"start_s and end_s are seconds, e.g. 83.5; got {record['start_s']!r} and {record['end_s']!r}."
        ) from None
    if start_s >= end_s:
        raise BadTableError(f"start_s {record['start_s']} does not lie before end_s {record['end_s']}.")
    return _Interval(row, record | {"video": Path(record["video"]).as_posix()}, start_s, end_s)


def _timeline(videos: Path, name: str, known: dict[str, Timeline | str]) -> Timeline:
    """The video's timeline, read once; what is wrong with it is remembered as well."""
    if name not in known:
        try:
            known[name] = read_timeline(videos / name)
        except FsaError as error:
            known[name] = str(error)
    found = known[name]
    if isinstance(found, str):
        raise BadTableError(found)
    return found


def _choose(interval: _Interval, timeline: Timeline, sampling: Sampling) -> NDArray[np.int64]:
    """Numbers of the frames taken, from 0."""
    record = interval.record
    said = f"{record['start_s']} to {record['end_s']} s"
    if interval.start_s < 0 or interval.start_s >= timeline.end_s or interval.end_s > timeline.end_s + SLACK_S:
        raise BadTableError(f"{said} reaches outside of the video, which ends at {timeline.end_s:.3f} s.")
    trim = Fraction(str(sampling.trim_s))
    low_s, high_s = float(interval.start_s + trim), float(interval.end_s - trim)
    if low_s >= high_s:
        raise BadTableError(f"nothing of {said} is left when {sampling.trim_s:g} s are trimmed at both ends.")
    first, last = np.searchsorted(timeline.time_s, (low_s, high_s))
    if first == last:
        raise BadTableError(f"no frame of the video is shown between {low_s:g} and {high_s:g} s.")
    picked = sampling.pick(
        timeline.time_s[first:last], low_s, high_s, record["video"], str(interval.start_s), str(interval.end_s)
    )
    return picked + int(first)


def _overlaps(intervals: Sequence[_Interval]) -> dict[int, str]:
    """A frame has one label: intervals of one video must not overlap."""
    wrong = {}
    furthest: dict[str, _Interval] = {}
    for one in sorted(intervals, key=lambda one: one.start_s):
        before = furthest.setdefault(one.record["video"], one)
        if one is not before and one.start_s < before.end_s:
            wrong[one.row] = f"{one}: overlaps row {before.row}, so that some frames would have two labels."
        if one.end_s > before.end_s:
            furthest[one.record["video"]] = one
    return wrong


def _frame_row(interval: _Interval, number: int, time_s: float) -> dict[str, str]:
    record = interval.record
    name = f"{safe_name(record['subject'])}-row{interval.row}-frame{number:06d}.png"
    row = {key: record.get(key, "") for key in COPIED}
    return row | {
        "path": f"{safe_name(record['label'])}/{name}",
        "session": row["session"] or record["video"],
        "time_s": f"{time_s:.6f}",
        "video": record["video"],
        "video_frame": str(number),
        "mirrored": "0",
    }
