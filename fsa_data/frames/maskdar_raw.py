"""From MaskDAR's raw recordings to its class folders ``C00`` .. ``C14``.

A recording is a simulator log ``recording_<name>.csv`` (``time``, ``hud_driver_action_popup``), a frame map
``capture-<name>.csv`` with one row per frame of the video (``simulation_time``), and the video ``capture-<name>.avi``.
Swapped copies of the videos may lie in a folder of their own, as ``capture-<name>.*``, with
``capture-<name>.validity.csv`` (``frame,valid_face``) beside them; frames are then taken from these, and only where the
face is valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fsa_data.errors import BadTableError, BadVideoError, ConfigError, DatasetNotFoundError, UnknownNameError
from fsa_data.frames.extract import progress
from fsa_data.frames.frame_folder import Extracted, check_new, new_folder
from fsa_data.frames.labels import MASKDAR, MASKDAR_CODES
from fsa_data.frames.maskdar_log import Performance, read_frame_map, read_log, read_validity
from fsa_data.frames.media import VIDEO_SUFFIXES
from fsa_data.frames.picking import Sampling, Timeline, frames_at, read_timeline
from fsa_data.frames.tables import read_table

TRIM_S = 2.0
"""What the published images leave out at both ends of an action: the driver still moves into it, or out of it."""

_LOG, _CAPTURE = "recording_", "capture-"
_ROUNDING_S = 1e-6  # what differences of two clocks lose


@dataclass(frozen=True, slots=True)
class Options:
    """How MaskDAR's recordings are cut.

    Attributes:
        sampling: which frames of a performance; published: 2, drawn, 2 s trimmed at both ends.
        every_performance: of each action all performances; else, as published, the last one of a recording.
        mirror: also write each frame of a left or right action as its mirror image, in the other action's folder.
        condition: ``unmasked`` or ``masked``, recorded for every frame.
    """

    sampling: Sampling = field(default_factory=lambda: Sampling(trim_s=TRIM_S))
    every_performance: bool = False
    mirror: bool = False
    condition: str = "unmasked"


@dataclass(frozen=True, slots=True)
class _Recording:
    """One drive; ``key`` is the log's path from the root, without ``recording_`` and ending."""

    key: str
    subject: str
    log: Path
    frame_map: Path
    video: Path
    validity: Path | None


@dataclass(frozen=True, slots=True)
class _Shot:
    """One frame to write."""

    recording: _Recording
    number: int
    time_s: float
    action: str
    mirrored: bool = False


def extract_maskdar(
    raw: str | Path,
    out: str | Path,
    options: Options | None = None,
    subjects: str | Path | None = None,
    processed: str | Path | None = None,
) -> Extracted:
    """Cut MaskDAR's raw recordings into ``C00`` .. ``C14`` with ``<subject>-f<number>.png``, counted per class.

    ``frames.csv`` beside the class folders tells for each image the video, the frame and whether it was mirrored; a
    mirrored copy has the subject of its original. The videos are checked before anything is written.

    Args:
        raw: folder with the recordings, in subfolders or not.
        out: a new folder.
        options: how to cut; default as published, but spread evenly instead of drawn.
        subjects: CSV with ``recording,subject``. Without it the subject is the subfolder of ``raw`` that a recording
            lies in, or else the recording's own name.
        processed: folder with swapped copies of the videos.

    Raises:
        DatasetNotFoundError: a folder or a part of a recording is missing.
        BadTableError: a table that cannot be used.
        BadVideoError: a video cannot be decoded, or does not have the frames that its map lists.
        UnknownNameError: an action that MaskDAR does not have.
        ConfigError: ``out`` holds something already, or a subject that cannot be part of a file name.
        OutputError: ``out`` cannot be written.
    """
    raw, out, options = Path(raw), Path(out), options or Options()
    check_new(out)
    recordings = _recordings(raw, Path(subjects) if subjects else None, Path(processed) if processed else None)
    timelines = {one.key: _timeline(one) for one in recordings}
    shots: list[_Shot] = []
    failures: list[str] = []
    counts: list[int] = []
    for one in recordings:
        for performance, taken, reason in _performances(one, options):
            shots += taken
            counts += [len(taken)] if taken else []
            failures += [f"{one.key}: {performance}: {reason}"] if reason else []
    if not shots:
        raise BadTableError("\n  ".join([f"No frame can be taken from {raw}.", *failures[:20]]))
    if options.mirror:
        swap = {name: other for name, other in MASKDAR.mirror.items() if name != other}
        shots += [_Shot(s.recording, s.number, s.time_s, swap[s.action], True) for s in shots if s.action in swap]
    _write(out, shots, timelines, options.condition)
    return Extracted(
        frames=len(shots),
        intervals=len(counts),
        videos=len({shot.recording.key for shot in shots}),
        subjects=len({shot.recording.subject for shot in shots}),
        fewer=sum(count < options.sampling.per_interval for count in counts),
        failures=tuple(failures),
        notes=tuple(_notes(recordings, shots, subjects is not None, processed is not None)),
    )


def _write(out: Path, shots: Sequence[_Shot], timelines: dict[str, Timeline], condition: str) -> None:
    numbers: dict[tuple[str, str], int] = {}
    rows: dict[str, dict[int, list[dict[str, str]]]] = {}
    for shot in shots:  # originals come first, so that asking for mirrored copies renames none of them
        code, subject = MASKDAR_CODES[MASKDAR.index[shot.action]], shot.recording.subject
        count = numbers[code, subject] = numbers.get((code, subject), -1) + 1
        row = {
            "path": f"{code}/{subject}-f{count:02d}.png",
            "subject": subject,
            "label": shot.action,
            "session": shot.recording.key,
            "condition": condition,
            "time_s": f"{shot.time_s:.6f}",
            "video": shot.recording.video.name,
            "video_frame": str(shot.number),
            "mirrored": str(int(shot.mirrored)),
        }
        rows.setdefault(shot.recording.key, {}).setdefault(shot.number, []).append(row)
    with new_folder(out) as folder, progress(len(shots)) as bar:
        for key, wanted in rows.items():
            for number, image in frames_at(timelines[key], wanted):
                for row in wanted[number]:
                    folder.add(row, np.ascontiguousarray(image[:, ::-1]) if row["mirrored"] == "1" else image)
                    bar.update()


def _recordings(raw: Path, subjects: Path | None, processed: Path | None) -> list[_Recording]:
    if not raw.is_dir():
        raise DatasetNotFoundError(f"No folder of raw MaskDAR recordings at {raw}.")
    if processed is not None and not processed.is_dir():
        raise DatasetNotFoundError(f"No folder of processed videos at {processed}.")
    if processed is not None and processed.resolve() == raw.resolve():
        raise ConfigError(f"Processed videos must lie elsewhere than the raw ones: both are to be read from {raw}.")
    logs = {_key(raw, log): log for log in sorted(raw.rglob(f"{_LOG}*.csv"))}
    if not logs:
        raise DatasetNotFoundError(f"No {_LOG}*.csv under {raw}; MaskDAR's simulator logs are named so.")
    known = _subjects(subjects, logs) if subjects is not None else {}
    found = []
    for key, log in logs.items():
        stem = _CAPTURE + log.stem.removeprefix(_LOG)
        subject = known.get(key) or key.split("/")[0]
        if "/" in subject or subject.startswith("."):
            raise ConfigError(f"The subject {subject!r} of {log} cannot be part of a file name. Choose another id.")
        frame_map = log.with_name(f"{stem}.csv")
        if not frame_map.is_file():
            raise DatasetNotFoundError(f"{log} has no frame map: no file {frame_map}.")
        video = _video(log.parent if processed is None else _beside(processed, log.parent.relative_to(raw)), stem, log)
        validity = _validity_of(video) if processed is not None else None
        found.append(_Recording(key, subject, log, frame_map, video, validity))
    return found


def _beside(processed: Path, subfolder: Path) -> Path:
    return processed / subfolder if (processed / subfolder).is_dir() else processed


def _key(raw: Path, log: Path) -> str:
    relative = log.relative_to(raw)
    return relative.with_name(relative.stem.removeprefix(_LOG)).as_posix()


def _video(folder: Path, stem: str, log: Path) -> Path:
    files = folder.iterdir() if folder.is_dir() else ()
    found = sorted(file for file in files if file.stem == stem and file.suffix.lower() in VIDEO_SUFFIXES)
    if len(found) != 1:
        names = ", ".join(file.name for file in found)
        raise DatasetNotFoundError(
            f"{log} needs one video named {stem}.* in {folder}, e.g. {stem}.avi; found {names or 'none'}."
        )
    return found[0]


def _validity_of(video: Path) -> Path | None:
    named = (video.with_name(f"{video.stem}.validity.csv"), video.with_name(f"{video.stem}.csv"))
    return next((file for file in named if file.is_file()), None)


def _subjects(table: Path, logs: dict[str, Path]) -> dict[str, str]:
    known: dict[str, str] = {}
    for row, record in read_table(table, ("recording", "subject"), "recording"):
        name = record["recording"]
        if name not in logs:
            raise UnknownNameError(f"recording in {table}, row {row}:", name, logs)
        if not record["subject"] or name in known:
            what = "is already there" if name in known else "has no subject"
            raise BadTableError(f"{table}, row {row}: the recording {name} {what}.")
        known[name] = record["subject"]
    missing = sorted(set(logs) - set(known))
    if missing:
        raise BadTableError(f"{table} does not say who drives in {', '.join(missing)}.")
    return known


def _timeline(recording: _Recording) -> Timeline:
    timeline = read_timeline(recording.video)
    listed = len(read_frame_map(recording.frame_map))
    if len(timeline) != listed:
        raise BadVideoError(
            f"{recording.video} has {len(timeline)} frames, but its frame map {recording.frame_map} lists {listed}: "
            "row and frame would not belong together. Take the complete video; if only its end is lost, remove the "
            "last rows of the map."
        )
    return timeline


def _performances(recording: _Recording, options: Options) -> Iterator[tuple[Performance, list[_Shot], str]]:
    """Each performance with the frames taken of it, or with the reason why there is none."""
    sampling = options.sampling
    frame_s = read_frame_map(recording.frame_map)
    performances = read_log(recording.log, float(frame_s[0]))
    if not options.every_performance:
        performances = list({one.action: one for one in performances}.values())
    frame_s = frame_s - frame_s[0]
    valid = read_validity(recording.validity, len(frame_s)) if recording.validity else np.ones(len(frame_s), bool)
    for one in performances:
        low_s, high_s = one.start_s + sampling.trim_s, one.end_s - sampling.trim_s
        inside = np.flatnonzero((low_s - _ROUNDING_S <= frame_s) & (frame_s <= high_s + _ROUNDING_S))
        usable = inside[valid[inside]]
        key = (recording.subject, recording.key, one.action, round(one.start_s, 3))
        numbers = usable[sampling.pick(frame_s[usable], low_s, high_s, *key)]
        shots = [_Shot(recording, int(number), float(frame_s[number]), one.action) for number in numbers]
        yield one, shots, "" if shots else _reason(one, len(inside), float(frame_s[-1]), sampling.trim_s)


def _reason(performance: Performance, inside: int, end_s: float, trim_s: float) -> str:
    if inside:
        return f"no face is valid in its {inside} frames."
    if performance.end_s < 0 or performance.start_s > end_s:
        return f"lies outside of the video, which ends at {end_s:.1f} s."
    return f"no frame is left when {trim_s:g} s are trimmed at both ends."


def _notes(recordings: Sequence[_Recording], shots: Sequence[_Shot], named: bool, processed: bool) -> Iterator[str]:
    """What was decided for the user and may be wrong."""
    if not named and any("/" not in one.key for one in recordings):
        yield (
            "Subjects are named after their recordings. If somebody was recorded twice, these would be two people: "
            "give --subjects, or a folder for each person."
        )
    unknown = sum(one.validity is None for one in recordings)
    if processed and unknown:
        yield f"{unknown} processed videos have no validity table beside them; all their frames count as valid."
    absent = [name for name in MASKDAR.names if name not in {shot.action for shot in shots}]
    if absent:
        yield f"No frame of {', '.join(absent)}."
