"""A directory of sealed shards, looked up by key."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import CacheMissError, DamagedShardError, StoreFormatError, StoreWriteError
from fsa_data.store import codec, index, shard
from fsa_data.store.codec import FrameFaces
from fsa_data.store.index import SHARD_NAME, Entries, Index
from fsa_data.store.keys import Keys, as_hex, packed
from fsa_data.store.reader import PayloadReader
from fsa_data.store.writer import StoreWriter, sweep, write_atomically
from fsa_data.types import FaceReference, Image, Json, Swap

MARKER = "store.json"


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in a store that is not what was sealed.

    Attributes:
        shard: file name.
        row: row of the shard, -1 when the whole shard cannot be read.
        key: the row's key, empty for a whole shard.
        what: what is wrong.
    """

    shard: str
    row: int
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store holds; ``swaps`` counts every outcome, ``by_status`` says which."""

    path: str
    format_version: int
    shards: int
    size_bytes: int
    swaps: int
    frames: int
    faces: int
    references: int
    by_status: dict[str, int]
    sources: tuple[str, ...]
    unfinished: tuple[str, ...]


class SwapStore:
    """Swaps, working frames and landmarks by key, in a directory that any number of processes may read and write.

    Picklable: a copy in another process opens the directory again.

    Args:
        path: the directory; made if it is not there.

    Raises:
        StoreFormatError: the directory is no store, or a newer version wrote it.
        StoreWriteError: there is no store yet, and none can be made here.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self._index: Index | None = None
        self._reader: PayloadReader | None = None
        self._notes_at: dict[str, tuple[int, int]] = {}
        _open(self.path)

    def __repr__(self) -> str:
        return f"SwapStore({str(self.path)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_index": None, "_reader": None, "_notes_at": {}}

    @property
    def index(self) -> Index:
        """Where every row lies; as of the last :meth:`refresh`."""
        if self._index is None:
            self._index = index.refreshed(self.path, index.empty())
        return self._index

    @property
    def reader(self) -> PayloadReader:
        """Payloads of the rows in :attr:`index`; picklable, and good for as long as the shards are there."""
        if self._reader is None or self._reader.shards != self.index.shards:
            self._reader = PayloadReader(self.path, self.index.shards)
        return self._reader

    def refresh(self) -> None:
        """Take in what has been sealed (or removed) since the store was opened."""
        self._index = index.refreshed(self.path, self.index)

    def locate(self, kind: str, keys: Sequence[str] | Keys) -> Entries:
        """Where the rows of many keys lie, in their order.

        Args:
            kind: ``swaps``, ``frames`` or ``faces``.
            keys: hex digests, or 16-byte strings.

        Returns:
            ``(N,)`` of :data:`fsa_data.store.index.ENTRY`; ``shard`` is -1 for a key that is not there.
        """
        return self.index.find(kind, keys if isinstance(keys, np.ndarray) else packed(keys))

    def statuses(self, kind: str, keys: Sequence[str] | Keys) -> NDArray[np.uint8]:
        """``(N,)`` uint8: what became of many rows, as :data:`fsa_data.store.STATUSES` counts them; else ``ABSENT``."""
        return self.index.statuses(kind, keys if isinstance(keys, np.ndarray) else packed(keys))

    def get_swap(self, key: str) -> Swap:
        """The swap of a key, or its recorded reason.

        Raises:
            CacheMissError: it is not in the store.
            DamagedShardError: it is, but not as it was sealed.
        """
        entry = self._one("swaps", key)
        status, source = shard.STATUSES[int(entry["status"])], self.index.names[int(entry["source"])]
        return codec.swap_of(status, source, entry["box"], self.reader.payload(entry), self._notes(entry))

    def get_frame(self, key: str) -> Image:
        """The working frame of a key, ``(H, W, 3)`` uint8 RGB, read-only.

        Raises:
            CacheMissError, DamagedShardError: as :meth:`get_swap`.
        """
        return self.reader.image(self._one("frames", key))

    def get_faces(self, key: str) -> FrameFaces:
        """The faces found in an image, and the image's size.

        Raises:
            CacheMissError, DamagedShardError: as :meth:`get_swap`.
        """
        entry = self._one("faces", key)
        return codec.faces_of(entry["box"], self.reader.payload(entry))

    def get_reference(self, key: str) -> FaceReference | None:
        """How a person usually looks; None if too little is known to tell.

        Raises:
            CacheMissError, DamagedShardError: as :meth:`get_swap`.
        """
        entry = self._one("references", key)
        return codec.reference_of(entry["box"], self.reader.payload(entry))

    def references_of(self, subject: str) -> dict[str, Json]:
        """Keys and notes of the references of one person."""
        entries, names = self.index.entries["references"], self.index.names
        if subject not in names:
            return {}
        mine = np.flatnonzero(entries["subject"] == names.index(subject))
        return {key: self.get_notes("references", key) for key in as_hex(self.index.keys["references"][mine])}

    def get_notes(self, kind: str, key: str) -> Json:
        """The notes of a row: facts of a swap, or the message of a failure.

        Raises:
            CacheMissError: it is not in the store.
        """
        return codec.notes_of(self._notes(self._one(kind, key)))

    def writer(self, about: Json | None = None, trained_on: Sequence[str] = ()) -> StoreWriter:
        """A writer of this store (see :class:`fsa_data.store.writer.StoreWriter`).

        Raises:
            StoreWriteError: the directory cannot be written.
        """
        self.check_writable()
        sweep(self.path)
        return StoreWriter(self.path, about, trained_on)

    def check_writable(self) -> None:
        """Refuse a store that cannot be written.

        Raises:
            StoreWriteError: the directory is read-only.
        """
        if not os.access(self.path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise StoreWriteError(f"The store {self.path} is read-only. Make it writable, or use another directory.")

    def forget(self) -> None:
        """Drop what is known of the shards; the next look reads them (or the saved index) anew."""
        self._index = self._reader = None
        self._notes_at.clear()

    def info(self) -> StoreInfo:
        """What the store holds."""
        self.refresh()
        entries, names = self.index.entries, self.index.names
        statuses = Counter(entries["swaps"]["status"].tolist())
        return StoreInfo(
            path=str(self.path),
            format_version=shard.FORMAT_VERSION,
            shards=len(self.index.shards),
            size_bytes=sum(self.index.sizes),
            **{kind: len(entries[kind]) for kind in shard.KINDS},
            by_status={shard.STATUSES[code]: count for code, count in sorted(statuses.items())},
            sources=tuple(sorted({names[at] for at in set(entries["swaps"]["source"].tolist())} - {""})),
            unfinished=tuple(sorted(path.name for path in self.path.glob("*.tmp"))),
        )

    def verify(self) -> list[Damage]:
        """Read every byte of every shard; empty if all is as it was sealed."""
        found = []
        for path in sorted(self.path.iterdir()):
            if SHARD_NAME.match(path.name):
                found += _verified(path)
        return found

    def _one(self, kind: str, key: str) -> Any:
        entry = self.locate(kind, [key])[0]
        if entry["shard"] < 0:
            raise CacheMissError(f"The store {self.path} has no {kind} row with the key {key}.")
        return entry

    def _notes(self, entry: Any) -> bytes:
        """Notes of a row, from the mapped file. A shard's columns are checked when notes are first read from it."""
        number, row = int(entry["shard"]), int(entry["row"])
        name = self.index.shards[number]
        if name not in self._notes_at:
            self._notes_at[name] = shard.read_columns(self.path / name).notes_at
        (offsets, notes), content = self._notes_at[name], self.reader.content(number)
        start, end = content[offsets + 8 * row : offsets + 8 * (row + 2)].view("<i8").tolist()
        return content[notes + start : notes + end].tobytes()


def _verified(path: Path) -> list[Damage]:
    try:
        columns = shard.read_columns(path)
    except DamagedShardError as error:
        return [Damage(path.name, -1, "", str(error))]
    rows = shard.damaged_rows(path, columns)
    keys = as_hex(columns.keys)
    return [Damage(path.name, row, keys[row], f"row {row} is not what was sealed") for row in rows]


def _open(path: Path) -> None:
    """Check that a directory is a store of a known format; make an empty one where there is nothing."""
    marker = path / MARKER
    if path.exists() and not path.is_dir():
        raise StoreFormatError(f"{path} is a file; a store is a directory.")
    try:
        version = int(json.loads(marker.read_bytes())["format_version"])
    except FileNotFoundError:
        version = shard.FORMAT_VERSION
        _create(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreFormatError(f"{marker} does not say a store's format ({error}); {path} is no store.") from error
    if version > shard.FORMAT_VERSION:
        raise StoreFormatError(shard.newer(path, version))


def _create(path: Path) -> None:
    if path.exists():
        held = sorted(entry.name for entry in path.iterdir())
        if any(SHARD_NAME.match(name) for name in held):
            return  # the marker was lost; the shards speak for themselves
        # the marker may have been written since it was looked for
        if any(not name.startswith(".") and not name.endswith(".tmp") and name != MARKER for name in held):
            raise StoreFormatError(
                f"{path} is no store: it holds {held[0]!r} and no {MARKER}. Name an empty or a new directory."
            )
    content = json.dumps({"what": "fsa-data swap store", "format_version": shard.FORMAT_VERSION}) + "\n"
    there = path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / MARKER, content.encode())
    except OSError as error:
        if not there:
            with contextlib.suppress(OSError):  # it could not even be made
                path.rmdir()
        raise StoreWriteError(
            f"Cannot make a store at {path}: {error.strerror}. Name a writable directory with free space."
        ) from error
