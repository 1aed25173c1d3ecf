"""Prepared faces and clips as tensors: held in memory if they fit, read when they are wanted if not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError
from fsa_data.faces import clips as clip_files
from fsa_data.faces import domains as domain_files
from fsa_data.faces.prepared import read_rows
from fsa_data.frames import FrameRef, decode_video, read_frame
from fsa_data.frames.cuts import is_cut
from fsa_data.types import Image

HELD_BYTES = 2 * 2**30
"""Pictures that take no more are read once and held."""


class Pictures:
    """Pictures of one size.

    Args:
        refs: where they lie.
        size: side in pixels; others are resized.
    """

    def __init__(self, refs: Sequence[FrameRef], size: int) -> None:
        self.refs, self.size = list(refs), size
        fits = 3 * size * size * len(self.refs) <= HELD_BYTES
        self._held: dict[int, Tensor] | None = {} if fits else None

    def __len__(self) -> int:
        return len(self.refs)

    def at(self, numbers: Sequence[int]) -> Tensor:
        """``(N, 3, size, size)`` uint8 RGB."""
        return torch.stack([self._one(number) for number in numbers])

    def hold(self, number: int, image: Image) -> None:
        """Take a picture that was read already, if pictures are held at all."""
        if self._held is not None:
            self._held[number] = self._tensor(image)

    def _one(self, number: int) -> Tensor:
        if self._held is not None and number in self._held:
            return self._held[number]
        made = self._tensor(read_frame(self.refs[number]))
        if self._held is not None:
            self._held[number] = made
        return made

    def _tensor(self, image: Image) -> Tensor:
        if image.shape[:2] != (self.size, self.size):
            how = cv2.INTER_AREA if min(image.shape[:2]) > self.size else cv2.INTER_CUBIC
            image = np.asarray(cv2.resize(image, (self.size, self.size), interpolation=how), np.uint8)
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


@dataclass(frozen=True, slots=True, eq=False)
class DomainFaces:
    """Faces of several domains.

    Attributes:
        pictures: all of them.
        domains: names, sorted; a domain's number is its place.
        members: by domain the numbers of its pictures.
        identities: everybody who is on them.
    """

    pictures: Pictures
    domains: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    identities: frozenset[str]


def read_domains(folder: str | Path, size: int) -> DomainFaces:
    """A folder that ``fsa prepare faces`` has made.

    Raises:
        DatasetNotFoundError: no such folder, or none that was prepared.
        ConfigError: fewer than two domains.
    """
    folder = Path(folder).expanduser()
    rows = read_rows(folder, domain_files.TABLE, domain_files.COLUMNS[:3], "fsa prepare faces PICTURES -o DIR")
    domains = tuple(sorted({row["domain"] for row in rows}))
    if len(domains) < 2:
        raise ConfigError(f"{folder} holds one domain, {domains[0]!r}; StarGAN v2 needs at least two.")
    refs = [FrameRef(str(_there(folder, row["path"]))) for row in rows]
    members = tuple(tuple(i for i, row in enumerate(rows) if row["domain"] == domain) for domain in domains)
    return DomainFaces(Pictures(refs, size), domains, members, frozenset(row["identity"] for row in rows))


@dataclass(frozen=True, slots=True, eq=False)
class FaceClips:
    """Clips of faces.

    Attributes:
        pictures: the frames of all clips.
        spans: first frame and number of frames of each clip.
        who: identity of each clip.
        names: of each clip, as in the table.
    """

    pictures: Pictures
    spans: tuple[tuple[int, int], ...]
    who: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def identities(self) -> frozenset[str]:
        """Everybody who is in them."""
        return frozenset(self.who)


def read_clips(folder: str | Path, size: int, fewest: int = 2) -> FaceClips:
    """A folder that ``fsa prepare clips`` has made.

    Args:
        folder: prepared.
        size: side in pixels.
        fewest: frames that a clip must have.

    Raises:
        DatasetNotFoundError: no such folder, or none that was prepared.
        BadVideoError: a clip that has too few frames, or jumps from one scene to another.
    """
    folder = Path(folder).expanduser()
    rows = read_rows(folder, clip_files.TABLE, clip_files.COLUMNS[:3], "fsa prepare clips VIDEOS -o DIR")
    refs: list[FrameRef] = []
    spans: list[tuple[int, int]] = []
    for row in rows:
        frames = _frames_of(_there(folder, row["path"]))
        if len(frames) < fewest:
            raise BadVideoError(
                f"The clip {row['path']} of {folder} has {len(frames)} frames; at least {fewest} are needed. Prepare "
                "the clips again with a larger --min-frames."
            )
        spans.append((len(refs), len(frames)))
        refs += frames
    pictures = Pictures(refs, size)
    for (first, count), row in zip(spans, rows, strict=True):
        _look_through(pictures, first, count, row["path"])
    return FaceClips(pictures, tuple(spans), tuple(row["identity"] for row in rows), tuple(row["path"] for row in rows))


def _there(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        raise DatasetNotFoundError(f"{folder} lists {name}, which is not there. Prepare the folder again.")
    return path


def _frames_of(path: Path) -> list[FrameRef]:
    if path.is_dir():
        return [FrameRef(str(picture)) for picture in sorted(path.glob("*.png"))]
    return [FrameRef(str(path), frame.index) for frame in decode_video(path)]


def _look_through(pictures: Pictures, first: int, count: int, name: str) -> None:
    """Read a clip in order once: to hold it, and to see that it is one scene."""
    before: Image | None = None
    for at in range(first, first + count):
        image = read_frame(pictures.refs[at])
        if before is not None and is_cut(before, image):
            raise BadVideoError(
                f"The clip {name} jumps to another scene between its frames {at - first - 1} and {at - first}. "
                "fsa prepare clips divides videos there; prepare it from the video."
            )
        pictures.hold(at, image)
        before = image
