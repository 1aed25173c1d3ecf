"""One frame from disk: an image file, or a frame of a video; its pixels and its content hash."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from fsa_data.errors import BadImageError, BadVideoError, DatasetNotFoundError
from fsa_data.frames.video import decode_video
from fsa_data.types import Image

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})


@dataclass(frozen=True, slots=True)
class FrameRef:
    """Where a frame lies.

    Attributes:
        path: the image or video file.
        index: frame number in a video, from 0; -1 for an image file.
    """

    path: str
    index: int = -1

    def __str__(self) -> str:
        return self.path if self.index < 0 else f"{self.path}#{self.index}"


def read_frame(ref: FrameRef) -> Image:
    """The frame's pixels at native size.

    Reading the frames of one video in rising order costs one pass over it; going back starts it again.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        DatasetNotFoundError: the file is not there.
        BadImageError, BadVideoError: it cannot be decoded, or the video has no such frame.
    """
    if ref.index < 0:
        return read_image(ref.path)
    return _open_video(os.getpid(), ref.path, *_state(ref.path)).frame(ref.index)


def hash_frame(ref: FrameRef) -> str:
    """Content hash of a frame: 32 hex digits of BLAKE2b over the file's bytes, and the frame number of a video.

    Nothing is decoded, so hashing costs reading. The same picture in another encoding is other content.

    Raises:
        DatasetNotFoundError: the file is not there.
    """
    content = _hash_file(ref.path, *_state(ref.path))
    if ref.index < 0:
        return content
    return hashlib.blake2b(f"{content}#{ref.index}".encode(), digest_size=16).hexdigest()


def read_image(path: str | Path) -> Image:
    """Decode an image file; alpha is dropped, one channel becomes three, 16 bit becomes 8, EXIF rotation is applied.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        DatasetNotFoundError: no file there.
        BadImageError: not an image, truncated, or empty.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetNotFoundError(f"Cannot read the image {path}: {error.strerror}.") from error
    return decode_image(data, str(path))


def decode_image(data: bytes, name: str) -> Image:
    """Decode the bytes of an image file, as :func:`read_image` does.

    Args:
        data: the whole file.
        name: what it is called in an error.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        BadImageError: not an image, truncated, or empty.
    """
    if not data:
        raise BadImageError(f"{name} is empty (0 bytes).")
    if is_cut_off(data):
        raise BadImageError(f"{name} is cut off: the end of the image is missing ({len(data):,} bytes). Copy it again.")
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        bgr = None
    if bgr is None:
        raise BadImageError(f"{name} is not an image that can be decoded ({len(data):,} bytes).")
    return np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)


def is_cut_off(data: bytes) -> bool:
    """Whether a PNG or JPEG lacks its end; decoders fill the rest with grey instead of failing."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        at = 8
        while at + 12 <= len(data):
            (size,) = struct.unpack_from(">I", data, at)
            if data[at + 4 : at + 8] == b"IEND":
                return False
            at += 12 + size
        return True
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in data[-4096:]
    return False


def _state(path: str) -> tuple[int, int]:
    """Size and time of a file: tells this process when to hash again; never part of a key."""
    try:
        stat = Path(path).stat()
    except OSError as error:
        raise DatasetNotFoundError(f"Cannot read {path}: {error.strerror}.") from error
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=1 << 17)
def _hash_file(path: str, size: int, mtime_ns: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


class _Video:
    """A video that is read forwards; asking for an earlier frame starts it again."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._next = 0
        self._frames: Iterator[Image] = iter(())
        self._restart()

    def _restart(self) -> None:
        self._next = 0
        self._frames = (frame.image for frame in decode_video(self._path))

    def frame(self, index: int) -> Image:
        """Frame number ``index``, ``(H, W, 3)`` uint8 RGB."""
        if index < self._next:
            self._restart()
        for image in self._frames:
            self._next += 1
            if self._next > index:
                return image
        raise BadVideoError(f"{self._path} has {self._next} frames; frame {index} was asked for (they count from 0).")


@lru_cache(maxsize=4)
def _open_video(pid: int, path: str, size: int, mtime_ns: int) -> _Video:
    """A few open videos per process.

    ``pid`` keeps a forked child from using its parent's decoder, size and time keep a file that was replaced from being
    read through the decoder of the old one.
    """
    return _Video(path)
