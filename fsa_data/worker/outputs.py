"""Where a swapped clip goes: a folder of lossless pictures, or one file; with its tables, and whole or not at all.

Everything is written under a temporary name beside its place and renamed when it is complete.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

import cv2
import numpy as np

import fsa_data
from fsa_data.errors import ConfigError, OutputError
from fsa_data.frames import CONTAINERS, IMAGE_SUFFIXES, VideoInfo, VideoWriter
from fsa_data.types import Box, Image, Mask, Reason

SWAPS, VALIDITY, MASKS = "swaps.csv", "validity.csv", "masks"
COLUMNS = ("frame", "swapped", "reason", "source_identity", "x", "y", "w", "h")

_QUALITY = {
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 97),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 97),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 101),  # above 100 is without loss
}
"""What the encoder is told; the other formats lose nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One face of one frame, or a frame without any: a line of ``swaps.csv``.

    Attributes:
        frame: frame number, or the name of a picture.
        reason: :class:`fsa_data.types.Reason`, or why the face was not even tried.
        source_identity: whose face it wears now; empty when not swapped.
        box: the patch; None when not swapped.
    """

    frame: str
    reason: str
    source_identity: str = ""
    box: Box | None = None

    @property
    def swapped(self) -> bool:
        """Whether the face was replaced."""
        return self.reason == Reason.SWAPPED


@dataclass
class Tables:
    """What is told about a clip besides its pixels.

    Attributes:
        rows: one per face.
        valid: frame name and whether the frame's face was swapped, one per frame.
    """

    rows: list[Row] = field(default_factory=list)
    valid: list[tuple[str, bool]] = field(default_factory=list)

    def write(self, swaps: Path, validity: Path) -> None:
        """Write both as CSV."""
        lines = [(row.frame, int(row.swapped), row.reason, row.source_identity, *_corner(row.box)) for row in self.rows]
        _write_csv(swaps, COLUMNS, lines)
        _write_csv(validity, ("frame", "valid_face"), [(name, int(valid)) for name, valid in self.valid])


def _corner(box: Box | None) -> tuple[int | str, ...]:
    return (box.x, box.y, box.w, box.h) if box is not None else ("", "", "", "")


def _write_csv(path: Path, header: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


class Output(Protocol):
    """A place for results; a context manager that puts everything in place on a clean exit and nothing otherwise."""

    tables: Tables

    def write(self, name: str, image: Image, mask: Mask | None, pts: int = 0, duration: int = 0) -> None:
        """The next frame, ``(H, W, 3)`` uint8 RGB, with the region that was changed, ``(H, W)`` uint8, if wanted."""
        ...

    def __enter__(self) -> Output: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class FolderOutput:
    """PNG files in a folder, ``masks/`` on request, ``swaps.csv`` and ``validity.csv``.

    Args:
        path: the folder; if there is one, it is replaced.
        masks: whether to write masks.
    """

    def __init__(self, path: Path, masks: bool) -> None:
        self.tables = Tables()
        self._path, self._masks = path, masks
        self._part = _part(path)

    def write(self, name: str, image: Image, mask: Mask | None, pts: int = 0, duration: int = 0) -> None:
        """Write ``<name>.png``."""
        del pts, duration
        write_image(self._part / f"{name}.png", image, ".png")
        if mask is not None:
            write_image(self._part / MASKS / f"{name}.png", mask, ".png")

    def __enter__(self) -> FolderOutput:
        try:
            (self._part / MASKS if self._masks else self._part).mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"Cannot write to {self._path.parent}: {error.strerror}. Name another folder.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.tables.write(self._part / SWAPS, self._part / VALIDITY)
                old = self._path.with_name(f"{self._path.name}.{os.getpid()}.old")
                if self._path.exists():
                    self._path.rename(old)
                self._part.rename(self._path)
                shutil.rmtree(old, ignore_errors=True)
        except OSError as failed:
            raise OutputError(
                f"Cannot write {self._path}: {failed.strerror}. Free some space or write elsewhere."
            ) from failed
        finally:
            shutil.rmtree(self._part, ignore_errors=True)


class FileOutput:
    """A video or a picture, with ``<stem>.swaps.csv``, ``<stem>.validity.csv`` and ``<stem>.mask.*`` beside it.

    Args:
        path: the file.
        masks: whether to write the mask.
        like: the video to follow; None for a picture.
    """

    def __init__(self, path: Path, masks: bool, like: VideoInfo | None = None) -> None:
        self.tables = Tables()
        self._path, self._like, self._stack = path, like, ExitStack()
        self._mask_path = beside(path)[2] if masks else None
        self._writers: list[VideoWriter] = []

    def write(self, name: str, image: Image, mask: Mask | None, pts: int = 0, duration: int = 0) -> None:
        """Append the frame to the video, or write the picture."""
        del name
        if self._like is None:
            write_image(_part(self._path), image, self._path.suffix)
            if mask is not None and self._mask_path is not None:
                write_image(_part(self._mask_path), mask, self._mask_path.suffix)
            return
        self._writers[0].write(image, pts, duration)
        if mask is not None:
            self._writers[1].write(np.repeat(mask[..., None], 3, axis=2), pts, duration)

    def __enter__(self) -> FileOutput:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot write to {self._path.parent}: {error.strerror}. Name another folder.") from error
        if self._like is None:
            return self
        try:
            suffix, told = self._path.suffix.lower(), f"faces replaced by fsa-data {fsa_data.__version__}"
            writer = VideoWriter(_part(self._path), self._like, suffix, comment=told)
            self._writers.append(self._stack.enter_context(writer))
            if self._mask_path is not None:
                writer = VideoWriter(_part(self._mask_path), self._like, suffix, sound=False)
                self._writers.append(self._stack.enter_context(writer))
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        swaps, validity, _ = beside(self._path)
        masks = [self._mask_path] if self._mask_path is not None else []
        try:
            self._stack.__exit__(kind, error, trace)
            if kind is None:
                self.tables.write(_part(swaps), _part(validity))
                for path in (swaps, validity, *masks, self._path):  # the file that is waited for comes last
                    _part(path).replace(path)
        except OutputError:
            raise
        except OSError as failed:
            raise OutputError(
                f"Cannot write {self._path}: {failed.strerror}. Free some space or write elsewhere."
            ) from failed
        finally:
            for path in (swaps, validity, *masks, self._path):
                _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """The temporary name: its ending is no picture's and no video's."""
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def beside(path: Path) -> tuple[Path, Path, Path]:
    """Names of the tables and of the mask that belong to an output file."""
    suffix = path.suffix if path.suffix.lower() in CONTAINERS else ".png"
    return path.with_suffix(f".{SWAPS}"), path.with_suffix(f".{VALIDITY}"), path.with_suffix(f".mask{suffix}")


def write_image(path: Path, image: Image | Mask, suffix: str) -> None:
    """Write ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 in the format that ``suffix`` names.

    Raises:
        OutputError: the file cannot be written.
    """
    pixels = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
    ok, data = cv2.imencode(suffix.lower(), pixels, _QUALITY.get(suffix.lower(), ()))
    try:
        if not ok:
            raise OSError(0, "the picture cannot be encoded")
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror}. Free some space or write elsewhere.") from error


def check_output(target: Path, out: Path, video: bool, overwrite: bool) -> bool:
    """Whether results go to a folder; refuses an output that makes no sense, before any work is done.

    Args:
        target: the input, a file or a folder.
        out: what the user asked for. Names without an ending, folders that exist, and names that end with a slash
            (which ``Path`` drops, so say so by making the folder) are folders.
        video: whether the input is a video.
        overwrite: whether a former result may be replaced.

    Raises:
        ConfigError: an unknown ending, one that does not fit the input, the input itself, or something that is there
            already and may not be replaced.
    """
    if out.resolve() == target.resolve():
        raise ConfigError(f"The output {out} is the input itself. Give it another name.")
    suffix = out.suffix.lower()
    if out.is_dir() or not suffix:
        if out.exists() and not out.is_dir():
            raise ConfigError(f"The output {out} is a file without an ending. Give a folder, or a name with an ending.")
        _check_folder(out, overwrite)
        return True
    fits = CONTAINERS if video else IMAGE_SUFFIXES
    if target.is_dir() or suffix not in fits:
        can = "" if target.is_dir() else f"one of {', '.join(sorted(fits))}, or "
        hint = " An AVI file cannot hold timestamps." if suffix == ".avi" else ""
        raise ConfigError(
            f"The output {out} does not fit the input {target}: give {can}a folder (a name without an ending).{hint}"
        )
    there = [path for path in (out, *beside(out)) if path.exists()]
    if there and not overwrite:
        raise ConfigError(f"{there[0]} is there already. Give another name, or --overwrite to replace it.")
    if target.resolve() in {path.resolve() for path in beside(out)}:
        raise ConfigError(f"The output {out} would replace the input {target}. Give it another name.")
    return False


def _check_folder(out: Path, overwrite: bool) -> None:
    entries = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if not entries:
        return
    strange = sorted(name for name in entries - {SWAPS, VALIDITY, MASKS} if not name.endswith(".png"))
    if SWAPS not in entries or strange:
        named = strange[0] if strange else min(entries)
        raise ConfigError(f"The folder {out} holds other files ({named}, ...). Give an empty or a new one.")
    if not overwrite:
        raise ConfigError(f"The folder {out} holds a former result. Give another one, or --overwrite to replace it.")
