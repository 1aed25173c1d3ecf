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


@dataclass(frozen=True, eq=False)
class Timeline:
    """When the frames of a video are shown, by its own timestamps.

    Attributes:
        path: the video.
        ticks: ``(N,)`` int64, rising; timestamp of frame 0, 1, ... in units of the file's time base.
        time_s: ``(N,)`` float64, the same in seconds from the start that a player shows.
        end_s: when the last frame ends.
    """

    path: str
    ticks: NDArray[np.int64]
    time_s: NDArray[np.float64]
    end_s: float

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
    return Timeline(path, ordered, time_s, float(time_s[-1]) + last_s)


def frames_at(timeline: Timeline, numbers: Collection[int]) -> Iterator[tuple[int, Image]]:
    """Number and pixels of some frames, in rising order; one pass over the video, up to the last of them.

    Damaged frames are no hindrance unless they are asked for.

    Args:
        timeline: of the video.
        numbers: which frames, from 0.

    Yields:
        The number, and ``(H, W, 3)`` uint8 RGB, upright.

    Raises:
        BadVideoError: one of them cannot be decoded.
    """
    wanted = {int(timeline.ticks[number]): int(number) for number in numbers}
    try:
        with av.open(timeline.path) as container:
            stream = _video_stream(container, timeline.path)
            stream.thread_type = "AUTO"
            for frame in _decoded(container, stream) if wanted else ():
                number = wanted.get(-1 if frame.pts is None else frame.pts)
                if number is not None and not frame.is_corrupt:
                    del wanted[frame.pts]
                    yield number, upright(frame)
                if not wanted:
                    return
    except av.FFmpegError as error:
        raise BadVideoError(f"{timeline.path} cannot be decoded as a video: {error.strerror}.") from error
    if wanted:
        number = min(wanted.values())
        raise BadVideoError(
            f"{timeline.path}: frame {number} at {timeline.time_s[number]:.3f} s is damaged and cannot be decoded. "
            "Copy the file again, or leave this part of it out."
        )


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
