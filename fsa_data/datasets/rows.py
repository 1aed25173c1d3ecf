"""Rows of a data set: which frame, real or swapped, and whose face it wears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError
from fsa_data.frames import FrameRef, LabelledFrames, read_frame
from fsa_data.store import PayloadReader
from fsa_data.store.index import Entries, nothing
from fsa_data.types import Image
from fsa_data.worker import WorkingSize, working_frame


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of equal length, one entry per row.

    Attributes:
        frame: ``(n,)`` int64, position among the frames.
        is_fake: ``(n,)`` bool.
        source_identity: ``(n,)`` str, whose face is worn; empty for real rows.
        swap: ``(n,)`` where the patch lies; nothing for real rows.
    """

    frame: NDArray[np.int64]
    is_fake: NDArray[np.bool_]
    source_identity: NDArray[np.str_]
    swap: Entries

    @classmethod
    def real(cls, frame: NDArray[np.int64]) -> Self:
        """The real frames at these positions."""
        count = len(frame)
        return cls(frame.astype(np.int64), np.zeros(count, bool), np.zeros(count, "U1"), nothing(count))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Several tables, one below the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.frame)

    def at(self, indices: Sequence[int] | NDArray[Any]) -> Self:
        """The rows at these positions, or where a boolean mask is True."""
        chosen = np.asarray(indices, dtype=None if len(indices) else np.int64)
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))


class Pixels(Protocol):
    """Where the pixels of rows come from. Picklable, and without open handles when pickled."""

    def frame(self, at: int) -> Image:
        """Working frame at a position among the frames, ``(H, W, 3)`` uint8 RGB; may be read-only."""
        ...

    def swapped(self, at: int, swap: np.void) -> Image:
        """The same with a patch put in its place."""
        ...

    def order(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """In which order frames at these positions are read at the least cost."""
        ...


class StoredPixels:
    """Pixels from a store: the frame pack and the patches.

    Args:
        reader: of the store.
        frames: ``(N,)`` where each working frame lies.
    """

    def __init__(self, reader: PayloadReader, frames: Entries) -> None:
        self._reader, self._frames = reader, frames

    def frame(self, at: int) -> Image:
        """See :class:`Pixels`."""
        return self._reader.image(self._frames[at])

    def swapped(self, at: int, swap: np.void) -> Image:
        """See :class:`Pixels`."""
        return self._reader.pasted(self._frames[at], swap)

    def order(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """As they lie on the disk."""
        entries = self._frames[frames]
        return np.lexsort((entries["start"], entries["shard"]))

    def preload(self, rows: Rows) -> None:
        """Keep the pixels of some rows in memory; see :meth:`fsa_data.store.PayloadReader.preload`."""
        self._reader.preload(np.concatenate([self._frames[np.unique(rows.frame)], rows.swap[rows.is_fake]]))


class DecodedPixels:
    """Pixels straight from the files, decoded each time.

    Args:
        frames: where they lie.
        working_size: see :data:`fsa_data.worker.WorkingSize`.
    """

    def __init__(self, frames: LabelledFrames, working_size: WorkingSize) -> None:
        self._path, self._video_index, self._size = frames.path, frames.video_index, working_size

    def frame(self, at: int) -> Image:
        """See :class:`Pixels`."""
        return working_frame(read_frame(FrameRef(str(self._path[at]), int(self._video_index[at]))), self._size)

    def order(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Frames of a video one after the other: going back starts it again."""
        return np.lexsort((self._video_index[frames], self._path[frames]))

    def swapped(self, at: int, swap: np.void) -> Image:
        """There are no patches here.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"Frame {at} has no swap: this data set has real frames only.")
