"""Videos in and out with PyAV: every frame with its exact timestamp, and a writer that keeps time and sound.

Frames come upright: a rotation that the file only notes (phones do that) is applied when a frame is decoded, as it is
for photos, and a written video needs none.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np

from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError, OutputError
from fsa_data.types import Image

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Endings that can be written. AVI is missing because it cannot hold timestamps."""

QUALITY = "14"
"""Constant rate factor of H.264; about 18 cannot be told from the original by eye."""

UNSPECIFIED = 2
"""Code of an untagged colour space (ITU-T H.273); it is read and written as ITU-R BT.601."""


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""What the disk, not the video, is to blame for."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One decoded frame.

    Attributes:
        index: frame number, from 0.
        image: ``(H, W, 3)`` uint8 RGB, upright.
        pts: when it is shown, in units of the video's time base.
        duration: how long, in the same unit; 0 if the file does not say.
    """

    index: int
    image: Image
    pts: int
    duration: int


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video says about itself, and the look of its first frame.

    Attributes:
        path: the file.
        height: of an upright frame, in pixels.
        width: of an upright frame, in pixels.
        rate: mean frames per second.
        time_base: seconds per unit of ``pts``.
        pixel_aspect: width of a pixel by its height, upright; 0 if the file does not say.
        colours: codes of colour space, range, primaries and transfer (ITU-T H.273).
        frames: how many there are by the file's own word; 0 if it does not say.
        lasts_s: how long it lasts by the file's own word, in seconds; 0 if it does not say.
    """

    path: str
    height: int
    width: int
    rate: Fraction
    time_base: Fraction
    pixel_aspect: Fraction
    colours: tuple[int, int, int, int]
    frames: int
    lasts_s: float


def describe_video(path: str | Path) -> VideoInfo:
    """Open a video and look at its first frame.

    Raises:
        DatasetNotFoundError: no such file.
        BadVideoError: not a video, or no frame of it can be decoded.
    """
    path = _existing(path)
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            frame = next(container.decode(stream), None)
            if frame is None:
                raise BadVideoError(f"{path} holds no frame.")
            height, width = upright(frame).shape[:2]
            aspect = Fraction(stream.sample_aspect_ratio or 0)
            context = stream.codec_context
            return VideoInfo(
                path=path,
                height=height,
                width=width,
                rate=Fraction(stream.average_rate or stream.guessed_rate or 25),
                time_base=Fraction(stream.time_base or Fraction(1, 1000)),
                pixel_aspect=1 / aspect if aspect and _quarter_turns(frame) % 2 else aspect,
                colours=(frame.colorspace, frame.color_range, context.color_primaries, context.color_trc),
                frames=stream.frames,
                lasts_s=_length(container.format.name, stream),
            )
    except (av.FFmpegError, IndexError) as error:
        raise BadVideoError(_undecodable(path, 0, error)) from error


def _length(kind: str, stream: Any) -> float:
    """Seconds that a stream lasts by its header; 0 if that does not say."""
    if kind == "avi":  # FFmpeg corrects the duration of one that is cut off, and leaves the number of frames
        return float(stream.frames / stream.average_rate) if stream.average_rate else 0.0
    if stream.duration:
        return float(stream.duration * stream.time_base)
    told = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d*)?)", stream.metadata.get("DURATION", ""))  # Matroska
    return 3600 * int(told[1]) + 60 * int(told[2]) + float(told[3]) if told else 0.0


def _undecodable(path: str, index: int, error: Exception) -> str:
    if index == 0 and isinstance(error, av.EOFError):
        return f"{path} holds no frame."
    why = "there is no video stream in it" if isinstance(error, IndexError) else getattr(error, "strerror", error)
    return (
        f"{path} cannot be decoded as a video at frame {index}: {why}. Copy it again, or see whether "
        f"`ffmpeg -i {Path(path).name} NEW.mkv` mends it."
    )


def decode_video(path: str | Path, wanted: Callable[[int], bool] | None = None) -> Iterator[VideoFrame]:
    """The frames of a video in the order in which they are shown.

    Args:
        path: the file.
        wanted: which frame numbers to return; the others are decoded, but not turned into pixels. Default all.

    Yields:
        Frames with rising ``pts``; a timestamp that is missing or does not rise becomes the one before plus one.

    Raises:
        DatasetNotFoundError: no such file.
        BadVideoError: it breaks off; every frame before was yielded.
    """
    path = _existing(path)
    last = -(2**62)
    index = -1
    try:
        for index, frame in enumerate(_frames(path)):
            last = max(last + 1, frame.pts if frame.pts is not None else max(last + 1, 0))
            if wanted is None or wanted(index):
                yield VideoFrame(index, upright(frame), last, int(frame.duration or 0))
    except (av.FFmpegError, IndexError) as error:
        raise BadVideoError(_undecodable(path, index + 1, error)) from error


def _frames(path: str) -> Iterator[av.VideoFrame]:
    """What the decoder gives; before an error comes what it still holds."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                yield from stream.codec_context.decode(None)
                raise
            yield from frames


def _existing(path: str | Path) -> str:
    if not Path(path).is_file():
        raise DatasetNotFoundError(f"Cannot read the video {path}: no such file.")
    return str(path)


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise, as the frame has to be turned."""
    return round(frame.rotation / 90) % 4


def upright(frame: av.VideoFrame) -> Image:
    """Pixels of a decoded frame, ``(H, W, 3)`` uint8 RGB, turned as the file notes (phones do that)."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = _quarter_turns(frame)
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


class VideoWriter:
    """Writes frames as H.264 (VP9 in ``.webm``) with the time base, colours, metadata and sound of another video.

    Sound is copied packet by packet, not encoded again. H.264 halves the colour resolution, which needs even sides;
    frames with an odd side keep it whole (4:4:4), which desktop players show and some browsers do not. There are no
    B-frames, so that the timestamps in the file are the frames' own. ``.mkv`` and ``.webm`` round them to milliseconds.

    Use it as a context manager: the file is complete after a clean exit, after an exception it is not.

    Args:
        path: where to write; the ending does not matter, so that it can be a temporary name.
        like: the video to follow; its size, too.
        suffix: a key of :data:`CONTAINERS`.
        sound: whether to copy the sound.
        comment: added to the file's metadata.

    Raises:
        ConfigError: this container cannot hold the sound.
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, like: VideoInfo, suffix: str, sound: bool = True, comment: str = "") -> None:
        self._path, self._like = path, like
        self._durations: dict[int, int] = {}
        ticks = str(like.time_base.denominator)
        options = {"video_track_timescale": ticks, "movie_timescale": ticks}  # the second counts a late start
        kind = CONTAINERS[suffix]
        try:
            path.touch()
        except OSError as error:
            raise OutputError(_unwritable(path, error)) from error
        self._out = av.open(str(path), "w", format=kind, options=options if kind in ("mp4", "mov") else {})
        self._sound: _Sound | None = None
        self._stream = self._video_stream(kind)
        with av.open(like.path) as original:
            self._out.metadata.update(original.metadata)
            self._stream.metadata.update(original.streams.video[0].metadata)
        if comment:
            told = self._out.metadata.get("comment", "")
            self._out.metadata["comment"] = f"{told}; {comment}" if told else comment
        try:
            self._sound = _Sound(like.path, self._out) if sound else None
            self._out.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            self._close_all()
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise OutputError(_unwritable(self._path, error)) from error
            raise ConfigError(
                f"{like.path}: its sound or pictures cannot be put into {suffix} as they are: {error}. Write .mkv."
            ) from error

    def _video_stream(self, kind: str) -> Any:
        like = self._like
        codec = "libvpx-vp9" if kind == "webm" else "libx264"
        stream: Any = self._out.add_stream(codec, rate=like.rate)
        stream.width, stream.height = like.width, like.height
        even = like.width % 2 == 0 and like.height % 2 == 0
        stream.pix_fmt = "yuv420p" if even or kind == "webm" else "yuv444p"
        stream.time_base = like.time_base
        context = stream.codec_context
        context.time_base = like.time_base
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = like.colours
        if like.pixel_aspect:
            context.sample_aspect_ratio = like.pixel_aspect
        vp9 = {"crf": "20", "b": "0", "row-mt": "1", "cpu-used": "4", "auto-alt-ref": "0", "lag-in-frames": "0"}
        context.options = vp9 if kind == "webm" else {"crf": QUALITY, "bf": "0", "preset": "veryfast"}
        return stream

    def write(self, image: Image, pts: int, duration: int = 0) -> None:
        """Append a frame.

        Args:
            image: ``(H, W, 3)`` uint8 RGB of the size of ``like``.
            pts: rising, in units of the time base of ``like``.
            duration: in the same unit; 0 if not known.

        Raises:
            OutputError: the file cannot be written.
        """
        space, levels = self._like.colours[:2]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
            format=self._stream.pix_fmt,
            dst_colorspace=space if space != UNSPECIFIED else None,
            dst_color_range=levels or None,
        )
        frame.pts, frame.time_base = pts, self._like.time_base
        self._durations[pts] = duration
        self._mux(self._stream.encode(frame))
        if self._sound is not None:
            self._copy(self._sound.until(pts * self._like.time_base))

    def _mux(self, packets: list[Any]) -> None:
        try:
            for packet in packets:
                packet.duration = self._durations.pop(packet.pts, 0) or packet.duration
                self._out.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(_unwritable(self._path, error)) from error

    def _copy(self, packets: Iterator[Any]) -> None:
        for packet in packets:
            try:
                self._out.mux(packet)
            except (av.FFmpegError, OSError) as error:
                raise OutputError(_unwritable(self._path, error)) from error

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._mux(self._stream.encode(None))
                if self._sound is not None:
                    self._copy(self._sound.until(None))
        finally:
            self._close_all()

    def _close_all(self) -> None:
        if self._sound is not None:
            self._sound.close()
        try:
            self._out.close()
        except (av.FFmpegError, OSError) as error:
            raise OutputError(_unwritable(self._path, error)) from error


def _unwritable(path: Path, error: OSError | av.FFmpegError) -> str:
    return f"Cannot write {path}: {error.strerror}. Free some space or write elsewhere."


class _Sound:
    """The sound packets of a video, read as the writer needs them; opens the file a second time."""

    def __init__(self, path: str, out: Any) -> None:
        self._container = av.open(path)
        streams = self._container.streams.audio
        try:
            self._streams = {stream.index: out.add_stream_from_template(stream) for stream in streams}
        except ValueError:
            self._container.close()
            raise
        for stream in streams:
            self._streams[stream.index].metadata.update(stream.metadata)
        self._packets = self._read(streams) if streams else iter(())
        self._next: Any = None

    def _read(self, streams: Any) -> Iterator[Any]:
        try:
            for packet in self._container.demux(*streams):
                if packet.dts is not None:
                    yield packet
        except av.FFmpegError:
            return  # the file breaks off; whoever reads its frames says so

    def until(self, time_s: Fraction | None) -> Iterator[Any]:
        """Packets up to a time, each once, ready for the output; None: all that are left."""
        while (packet := self._next or next(self._packets, None)) is not None:
            self._next = packet
            if time_s is not None and packet.dts * packet.time_base > time_s:
                return
            self._next = None
            packet.stream = self._streams[packet.stream.index]
            yield packet

    def close(self) -> None:
        """Close the file."""
        self._container.close()
