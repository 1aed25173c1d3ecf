"""Reading payloads through mapped files: no handle to fork or to pickle."""

from __future__ import annotations

import os
import resource
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import CacheMissError, DamagedShardError
from fsa_data.store.index import Entries
from fsa_data.store.shard import damaged_row, read_columns
from fsa_data.types import Box, Image

MAX_OPEN = max(64, min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
"""Shards mapped at once by one reader: a mapped file counts as an open one, so half of those a process may have."""


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A mapped shard, and per row whether its payload has been checked since."""

    content: NDArray[np.uint8]
    checked: bytearray = field(default_factory=bytearray)


class PayloadReader:
    """Payloads of a store's rows. Picklable; each process maps the shards it needs by itself, lazily.

    Args:
        path: the store's directory.
        shards: file names of the shards that entries point into.
    """

    def __init__(self, path: Path, shards: Sequence[str]) -> None:
        self.path, self.shards = path, tuple(shards)
        self._pid = -1
        self._maps: OrderedDict[int, _Mapped] = OrderedDict()
        self._held: dict[tuple[int, int], NDArray[np.uint8]] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "shards": self.shards, "_pid": -1, "_maps": OrderedDict(), "_held": {}}

    def preload(self, entries: Entries) -> None:
        """Keep the payloads of some rows in memory, checked. A forked process shares them; a pickled copy has none.

        Raises:
            CacheMissError, DamagedShardError: as :meth:`payload`.
        """
        for entry in entries[np.lexsort((entries["start"], entries["shard"]))]:
            held = self.payload(entry).copy()
            held.flags.writeable = False
            self._held[int(entry["shard"]), int(entry["row"])] = held

    def payload(self, entry: np.void) -> NDArray[np.uint8]:
        """Bytes of one row, ``(size,)`` uint8, read-only, checked against the checksum they were sealed with.

        They are checked when this process reads them for the first time (again if the shard had to be mapped anew):
        a sealed shard never changes, and the checksum costs more than everything else that a sample takes.

        Raises:
            CacheMissError: the shard is gone.
            DamagedShardError: the bytes are not those that were sealed.
        """
        size, start = int(entry["size"]), int(entry["start"])
        if not size:
            return np.zeros(0, np.uint8)
        if self._held and (held := self._held.get((int(entry["shard"]), int(entry["row"])))) is not None:
            return held
        mapped, row = self._map(int(entry["shard"])), int(entry["row"])
        found = mapped.content[start : start + size]
        if row >= len(mapped.checked):
            mapped.checked.extend(bytes(row + 1 - len(mapped.checked)))
        if not mapped.checked[row]:
            if zlib.crc32(found.data) != int(entry["crc"]):
                path = self.path / self.shards[int(entry["shard"])]
                raise DamagedShardError(damaged_row(path, row, read_columns(path).keys[row : row + 1]))
            mapped.checked[row] = True
        return found

    def content(self, shard: int) -> NDArray[np.uint8]:
        """A whole shard file, mapped, as it is on the disk: nothing is checked.

        Raises:
            CacheMissError: the shard is gone.
        """
        return self._map(shard).content

    def image(self, entry: np.void) -> Image:
        """Pixels of a frame or a patch, ``(h, w, 3)`` uint8 RGB, read-only."""
        _, _, width, height = entry["box"].tolist()
        return self.payload(entry).reshape(height, width, 3)

    def pasted(self, frame: np.void, swap: np.void) -> Image:
        """A working frame with a swap's patch in its place, ``(H, W, 3)`` uint8 RGB; a copy."""
        out = self.image(frame).copy()
        out[Box(*swap["box"].tolist()).slices] = self.image(swap)
        return out

    def _map(self, shard: int) -> _Mapped:
        if self._pid != os.getpid():
            self._pid, self._maps = os.getpid(), OrderedDict()
        mapped = self._maps.get(shard)
        if mapped is None:
            path = self.path / self.shards[shard]
            try:
                mapped = _Mapped(np.asarray(np.memmap(path, np.uint8, "r")))
            except FileNotFoundError as error:
                raise CacheMissError(
                    f"The shard {path} is gone. Run `fsa materialise` again to make it anew."
                ) from error
            self._maps[shard] = mapped
            if len(self._maps) > MAX_OPEN:
                self._maps.popitem(last=False)
        elif len(self.shards) > MAX_OPEN:  # else nothing is ever given up, and order costs misses of the caches
            self._maps.move_to_end(shard)
        return mapped
