"""Frames of a video by the time at which they are shown: when that is, which to take, and their pixels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError
from fsa_data.frames.video import upright
from fsa_data.types import Image

SKIP = 48
"""So many frames are decoded rather than jumped over: opening the file again costs about as much."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """When the frames of a video are shown, by its own timestamps.

    Attributes:
        path: the video.
        ticks: ``(N,)`` int64, rising; timestamp of frame 0, 1, ... in units of the file's time base.
        time_s: ``(N,)`` float64, the same in seconds from the start that a player shows.
        end_s: when the last frame ends.
        keys: int64, rising; timestamps of the frames at which decoding can begin.
    """

    path: str
    ticks: NDArray[np.int64]
    time_s: NDArray[np.float64]
    end_s: float
    keys: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ticks)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of an interval are taken.

    Attributes:
        per_interval: how many; all of them where there are fewer.
        trim_s: seconds left out at both ends of the interval.
        seed: None spreads the frames evenly in time; a number draws them, each interval by itself, so that further
            intervals change nothing about the others.

    Raises:
        ConfigError: a number is out of range.
    """

    per_interval: int = 2
    trim_s: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.per_interval < 1:
            raise ConfigError(f"At least 1 frame is taken per interval, got {self.per_interval}.")
        if not (math.isfinite(self.trim_s) and self.trim_s >= 0):
            raise ConfigError(f"What is trimmed at both ends is 0 seconds or more, got {self.trim_s}.")
        if self.seed is not None and self.seed < 0:
            raise ConfigError(f"A seed is 0 or more, got {self.seed}.")

    def pick(self, time_s: NDArray[np.float64], low_s: float, high_s: float, *key: object) -> NDArray[np.int64]:
        """Positions in ``time_s`` of the frames taken, rising.

        Args:
            time_s: ``(N,)`` seconds, rising: when the candidates are shown.
            low_s: where the trimmed interval starts.
            high_s: where it ends.
            key: what this interval is, for the draw.
        """
        count, wanted = len(time_s), self.per_interval
        if count <= wanted:
            return np.arange(count)
        if self.seed is not None:
            digest = hashlib.blake2b(repr((self.seed, *key)).encode(), digest_size=8).digest()
            drawn = np.random.default_rng(int.from_bytes(digest)).choice(count, wanted, replace=False)
            return np.sort(drawn).astype(np.int64)
        picked: list[int] = []
        for k in range(wanted):
            middle_s = low_s + (high_s - low_s) * (k + 0.5) / wanted
            # the nearest one, after those taken and with enough left for those to come
            first, last = picked[-1] + 1 if picked else 0, count - wanted + k
            picked.append(first + int(np.abs(time_s[first : last + 1] - middle_s).argmin()))
        return np.array(picked, np.int64)


def read_timeline(path: str | Path) -> Timeline:
    """The timestamps of a video's frames; nothing is decoded. What is cut off at a broken end is left out.

    Raises:
        DatasetNotFoundError: no such file.
        BadVideoError: not a video, no frame in it, or frames without timestamps.
    """
    path = str(path)
    if not Path(path).is_file():
        raise DatasetNotFoundError(f"Cannot read the video {path}: no such file.")
    ticks: dict[int, int] = {}
    keys: set[int] = set()
    try:
        with av.open(path) as container:
            stream = _video_stream(container, path)
            base, offset = Fraction(stream.time_base or Fraction(1, 1000)), _start(container)
            for packet in container.demux(stream):
                if not packet.size or packet.is_corrupt or packet.is_discard:
                    continue
                if packet.pts is None:
                    raise BadVideoError(
                        f"{path} says of frames that are there, but not when they are shown. "
                        f"Give it timestamps, e.g. ffmpeg -fflags +genpts -i {Path(path).name} -c copy NEW.mkv"
                    )
                ticks[packet.pts] = packet.duration or 0
                if packet.is_keyframe:
                    keys.add(packet.pts)
    except av.EOFError:
        pass  # headers and nothing else
    except av.FFmpegError as error:
        raise BadVideoError(f"{path} cannot be read as a video: {error.strerror}.") from error
    if not ticks:
        raise BadVideoError(f"{path} holds no frame.")
    ordered = np.array(sorted(ticks), np.int64)
    time_s = np.array([float(int(tick) * base - offset) for tick in ordered])
    last_s = float(ticks[int(ordered[-1])] * base)
    if not last_s and len(time_s) > 1:
        last_s = float(np.median(np.diff(time_s)))
    return Timeline(path, ordered, time_s, float(time_s[-1]) + last_s, np.array(sorted(keys), np.int64))


def frames_at(timeline: Timeline, numbers: Collection[int]) -> Iterator[tuple[int, Image]]:
    """Number and pixels of some frames, in rising order; one pass over the video, up to the last of them.

    Where more than ``SKIP`` frames can be left out, the pass goes on at the next key frame. Damaged frames are no
    hindrance unless they are asked for.

    Args:
        timeline: of the video.
        numbers: which frames, from 0.

    Yields:
        The number, and ``(H, W, 3)`` uint8 RGB, upright.

    Raises:
        BadVideoError: one of them cannot be decoded.
    """
    try:
        for start, run in _runs(timeline, sorted({int(number) for number in numbers})):
            at = 0
            # a seek may land late (no index, a key frame in name only): then from the beginning
            for begin in (start, None) if start is not None else (None,):
                for image in _in_order(timeline, begin, [int(timeline.ticks[number]) for number in run[at:]]):
                    yield run[at], image
                    at += 1
                if at == len(run):
                    break
            else:
                raise BadVideoError(
                    f"{timeline.path}: frame {run[at]} at {timeline.time_s[run[at]]:.3f} s is damaged and cannot be "
                    "decoded. Copy the file again, or leave this part of it out."
                )
    except av.FFmpegError as error:
        raise BadVideoError(f"{timeline.path} cannot be decoded as a video: {error.strerror}.") from error


def _runs(timeline: Timeline, numbers: list[int]) -> list[tuple[int | None, list[int]]]:
    """Frames to be read in one go, each with the timestamp to begin at; None is the beginning of the video."""
    runs: list[tuple[int | None, list[int]]] = []
    before = -1
    for number in numbers:
        found = int(np.searchsorted(timeline.keys, timeline.ticks[number], side="right")) - 1
        key = int(timeline.keys[found]) if found > 0 else None
        if key is not None and int(np.searchsorted(timeline.ticks, key)) - before > SKIP:
            runs.append((key, [number]))
        elif runs:
            runs[-1][1].append(number)
        else:
            runs.append((None, [number]))
        before = number
    return runs


def _in_order(timeline: Timeline, begin: int | None, ticks: list[int]) -> Iterator[Image]:
    """The frames with these rising timestamps, up to the first that is not there or damaged."""
    with av.open(timeline.path) as container:
        stream = _video_stream(container, timeline.path)
        stream.thread_type = "AUTO"
        if begin is not None:
            container.seek(begin, stream=stream)
        wanted = iter(ticks)
        tick = next(wanted)
        for frame in _decoded(container, stream):
            if frame.pts is None or frame.pts < tick:
                continue
            if frame.pts > tick or frame.is_corrupt:
                return
            yield upright(frame)
            if (following := next(wanted, None)) is None:
                return
            tick = following


def _video_stream(container: Any, path: str) -> Any:
    if not container.streams.video:
        raise BadVideoError(f"{path} holds no frame: there is no video stream in it.")
    return container.streams.video[0]


def _start(container: Any) -> Fraction:
    """What a player calls 0 s. A start below zero is sound that is decoded ahead and not played."""
    return max(Fraction(0), Fraction(container.start_time or 0, av.time_base))


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue  # a damaged packet; whoever needs its frame misses it
