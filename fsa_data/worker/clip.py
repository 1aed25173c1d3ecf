"""Swap the faces of a clip: a video, a picture or a folder of pictures in, the same with other faces out.

A video is read three times, and never held in memory: once to find the faces, once for the frames that show each person
best, once to swap and write. Between the first two the faces are joined to tracks, so that every person wears one
identity throughout, and the landmarks are calmed. On the way out colours are calmed, too; for that a few frames wait.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm import tqdm

from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError
from fsa_data.faces import load_landmarker
from fsa_data.faces.tracks import Track, find_tracks
from fsa_data.frames import (
    IMAGE_SUFFIXES,
    FrameRef,
    VideoFrame,
    VideoInfo,
    decode_video,
    describe_video,
    hash_frame,
)
from fsa_data.frames.cuts import is_cut
from fsa_data.types import ClipEngine, Face, Image, Landmarker, Reason, Source, SourceFace, Swap, SwapEngine
from fsa_data.worker.outputs import FileOutput, FolderOutput, Output, Row, check_output
from fsa_data.worker.pictures import NOT_SELECTED, list_pictures, swap_pictures
from fsa_data.worker.plan import frame_seed
from fsa_data.worker.smoothing import COLOUR_SIGMA_S, MOST_FRAMES, REACH, mean_offset, shift_colour, smooth_faces
from fsa_data.worker.tracks import Who, main_tracks, pick_tracks, sample
from fsa_data.worker.wear import Person, changed_region, cut_out, find_donors, meet, put_on, swap_person

MOST_FACES = 8
"""Faces that are looked for in a frame."""

MISSING_S = 1.0
"""How much of a video may be missing at its end before that is told."""


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What was done.

    Attributes:
        frames: frames or pictures written.
        frames_swapped: of these, how many got at least one new face.
        swapped: faces replaced.
        by_reason: faces left as they are, and frames without any, by reason.
        seconds: wall time.
        failures: one line for everything that went wrong.
    """

    frames: int
    frames_swapped: int
    swapped: int
    by_reason: dict[str, int]
    seconds: float
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    """What holds for the whole clip."""

    engine: SwapEngine
    landmarker: Landmarker
    donors: tuple[SourceFace, ...]
    seed: int
    who: Who
    smooth: bool
    masks: bool
    progress: bool

    def bar(self, frames: Iterator[VideoFrame], total: int, what: str) -> Iterator[VideoFrame]:
        return iter(tqdm(frames, total=total or None, desc=what, unit="frame", disable=None if self.progress else True))


def swap_clip(
    target: Path,
    out: Path,
    source: Source,
    engine: SwapEngine,
    landmarker: Landmarker | None = None,
    *,
    seed: int = 0,
    who: Who = "all",
    smooth: bool = True,
    masks: bool = False,
    subject: str = "",
    overwrite: bool = False,
    progress: bool = True,
) -> ClipReport:
    """Put new faces on the people of a video, a picture, or a folder of pictures.

    Args:
        target: the input.
        out: a file of the same kind, or a folder that gets lossless PNG files. Tables lie beside it (see
            :mod:`fsa_data.worker.outputs`).
        source: whose faces are put on.
        engine: how.
        landmarker: default :func:`fsa_data.faces.load_landmarker` for up to ``MOST_FACES`` people.
        seed: of everything that is drawn.
        who: whose faces are replaced.
        smooth: calm landmarks and colours of a video over time.
        masks: write the changed region as well.
        subject: identity of the source that is never put on.
        overwrite: replace a former result.
        progress: show bars on stderr if that is a terminal.

    Raises:
        DatasetNotFoundError: no such input, or a folder without pictures.
        BadVideoError, BadImageError: nothing of the input can be decoded.
        ConfigError: an output that does not fit the input or is there already, or nobody left in the source.
        SourceError: no photo of the source shows a usable face.
        OutputError: a result cannot be written.
    """
    started = time.perf_counter()
    if not target.exists():
        raise DatasetNotFoundError(f"There is no file or folder {target}.")
    video = not target.is_dir() and target.suffix.lower() not in IMAGE_SUFFIXES
    into_folder = check_output(target, out, video, overwrite)
    info = describe_video(target) if video else None
    pictures = [] if video else list_pictures(target)
    landmarker = landmarker or load_landmarker(max_faces=MOST_FACES)
    donors = find_donors(source, subject, landmarker)
    job = _Job(engine, landmarker, donors, seed, who, smooth, masks, progress)
    output: Output = FolderOutput(out, masks) if into_folder else FileOutput(out, masks, info)
    with output:
        if info is not None:
            failures = _swap_video(info, job, output)
        else:
            failures = swap_pictures(pictures, engine, landmarker, donors, output, seed, who, masks, progress)
        tables = output.tables
    return ClipReport(
        frames=len(tables.valid),
        frames_swapped=len({row.frame for row in tables.rows if row.swapped}),
        swapped=sum(row.swapped for row in tables.rows),
        by_reason=dict(sorted(Counter(str(row.reason) for row in tables.rows if not row.swapped).items())),
        seconds=time.perf_counter() - started,
        failures=tuple(failures),
    )


def _swap_video(info: VideoInfo, job: _Job, output: Output) -> list[str]:
    found, times_s, failures = _look(info, job)
    tracks = find_tracks(found)
    chosen = pick_tracks(tracks, job.who)
    if job.smooth:
        tracks = [
            replace(track, faces=tuple(smooth_faces(track.faces, [times_s[frame] for frame in track.frames])))
            for track in tracks
        ]
    people = _meet_people(info, job, tracks, chosen)
    return failures + _swap_and_write(info, job, output, _Cast(tracks, people, len(found)))


def _look(info: VideoInfo, job: _Job) -> tuple[list[list[Face]], list[float], list[str]]:
    """First reading: the faces and the time of every frame, and what the video broke off with."""
    found: list[list[Face]] = []
    times_s: list[float] = []
    end_s = 0.0
    one_scene = isinstance(job.engine, ClipEngine) and job.engine.wants_start
    before: Image | None = None
    try:
        for frame in job.bar(decode_video(info.path), info.frames, "finding faces"):
            if frame.image.shape[:2] != (info.height, info.width):
                size = f"{info.width} x {info.height} to {frame.image.shape[1]} x {frame.image.shape[0]}"
                raise BadVideoError(f"{info.path} changes its size at frame {frame.index}, from {size}.")
            if one_scene and before is not None and is_cut(before, frame.image):
                raise ConfigError(
                    f"{info.path} jumps to another scene at frame {frame.index}, but the engine tells motion from one "
                    "start. Divide the video there (fsa prepare clips does), or take --engine-option motion=absolute."
                )
            before = frame.image
            found.append(job.landmarker(frame.image))
            times_s.append(float(frame.pts * info.time_base))
            end_s = float((frame.pts + frame.duration) * info.time_base)
    except BadVideoError as error:
        if not found:
            raise
        return found, times_s, [f"{error} The {len(found)} frames before it are swapped."]
    if one_scene and not any(found):
        raise ConfigError(f"{info.path} shows no face in any of its {len(found)} frames: nothing drives the source.")
    return found, times_s, _breaks_off(info, len(found), end_s - times_s[0])


def _breaks_off(info: VideoInfo, frames: int, shown_s: float) -> list[str]:
    """A line if a video ends long before the time that its header names: it was cut off, as by a broken download."""
    if info.lasts_s - shown_s <= MISSING_S:
        return []
    return [
        f"{info.path} breaks off after {shown_s:.1f} s; by its own word it lasts {info.lasts_s:.1f} s. The {frames} "
        "frames that are there are swapped. Copy it again if the rest is wanted."
    ]


def _meet_people(info: VideoInfo, job: _Job, tracks: Sequence[Track], chosen: set[int]) -> dict[int, Person]:
    """Second reading: up to 32 sights of each person, met as soon as the last of them is read, then forgotten."""
    ranks = {t: sample(tracks[t]) for t in chosen}
    wanted: dict[int, list[tuple[int, int]]] = {}
    for t in sorted(chosen):
        for i in ranks[t]:
            wanted.setdefault(tracks[t].frames[i], []).append((t, i))
    content = hash_frame(FrameRef(info.path))
    sights: dict[int, dict[int, tuple[Image, Face]]] = {t: {} for t in chosen}
    people: dict[int, Person] = {}
    for frame in decode_video(info.path, wanted.__contains__) if wanted else ():
        for t, i in wanted[frame.index]:
            sights[t][i] = cut_out(frame.image, tracks[t].faces[i])
            if len(sights[t]) == len(ranks[t]):
                best_first = [sights[t][i] for i in ranks[t]]
                taken = frozenset(people[other].identity for other in people if _together(tracks[t], tracks[other]))
                people[t] = meet(job.engine, best_first, job.donors, frame_seed(job.seed, f"{content}/{t}"), taken)
                del sights[t]
        if len(people) == len(chosen):
            break
    return people


def _together(one: Track, other: Track) -> bool:
    return one.frames[0] <= other.frames[-1] and other.frames[0] <= one.frames[-1]


class _Cast:
    """Who is seen in which frame."""

    def __init__(self, tracks: Sequence[Track], people: Mapping[int, Person], frames: int) -> None:
        self.people, self.frames = people, frames
        self.main = main_tracks(tracks, set(people))
        self._seen: list[list[tuple[int, Face]]] = [[] for _ in range(frames)]
        for t, track in enumerate(tracks):
            for frame, face in zip(track.frames, track.faces, strict=True):
                self._seen[frame].append((t, face))

    def seen(self, frame: int) -> list[tuple[int, Face]]:
        """Track and face of everybody in a frame."""
        return self._seen[frame]


@dataclass
class _Waiting:
    """A frame that waits for those after it; ``swaps`` by track."""

    frame: VideoFrame
    time_s: float
    swaps: dict[int, Swap] = field(default_factory=dict)


def _swap_and_write(info: VideoInfo, job: _Job, output: Output, cast: _Cast) -> list[str]:
    """Third reading."""
    failures: list[str] = []
    waiting: deque[_Waiting] = deque()
    frames = itertools.islice(decode_video(info.path), cast.frames)  # what comes after cannot be decoded
    for frame in job.bar(frames, cast.frames, "swapping"):
        one = _Waiting(frame, float(frame.pts * info.time_base))
        for t, face in cast.seen(frame.index):
            if t in cast.people:
                one.swaps[t] = _swap(frame, one.time_s, job, face, cast.people[t])
                if one.swaps[t].reason is Reason.FAILED:
                    failures.append(f"{info.path}, frame {frame.index}: {one.swaps[t].notes.get('error', '')}")
        waiting.append(one)
        while waiting and _ready(waiting, job.smooth):
            _write(waiting.popleft(), job, output, cast)
    for one in waiting:
        _write(one, job, output, cast)
    return failures


def _ready(waiting: deque[_Waiting], smooth: bool) -> bool:
    """Whether the first has seen enough of what comes after."""
    return not smooth or len(waiting) > MOST_FRAMES or waiting[-1].time_s - waiting[0].time_s > REACH * COLOUR_SIGMA_S


def _swap(frame: VideoFrame, time_s: float, job: _Job, face: Face, person: Person) -> Swap:
    swap = swap_person(job.engine, frame.image, face, person, steady=job.smooth)
    if job.smooth and swap.box is not None and swap.patch is not None:
        person.colour.add(time_s, mean_offset(frame.image[swap.box.slices], swap.patch))
    return swap


def _write(one: _Waiting, job: _Job, output: Output, cast: _Cast) -> None:
    """Calm the colours of a frame's patches, put them on, and write frame and rows."""
    image, number = one.frame.image, one.frame.index
    swaps = {t: _calm(one, swap, cast.people[t]) if job.smooth else swap for t, swap in one.swaps.items()}
    for t, _ in cast.seen(number):
        swap = swaps.get(t)
        row = Row(str(number), swap.reason, swap.source_identity, swap.box) if swap else Row(str(number), NOT_SELECTED)
        output.tables.rows.append(row)
    if not cast.seen(number):
        output.tables.rows.append(Row(str(number), Reason.NO_FACE))
    main = swaps.get(cast.main.get(number, -1))
    output.tables.valid.append((str(number), main is not None and main.swapped))
    done = list(swaps.values())
    mask = changed_region(image, done) if job.masks else None
    output.write(f"frame-{number:06d}", put_on(image, done), mask, one.frame.pts, one.frame.duration)


def _calm(one: _Waiting, swap: Swap, person: Person) -> Swap:
    if swap.box is None or swap.patch is None:
        return swap
    below = one.frame.image[swap.box.slices]
    return replace(swap, patch=shift_colour(below, swap.patch, person.colour.shift(one.time_s)))
