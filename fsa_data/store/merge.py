"""Joining stores that were made elsewhere.

Shards of which no row is known yet are copied whole; of the others, the new rows are sealed in a shard of their own.
Whatever is in the store already is compared, never written again: so a merge that was killed goes on when repeated.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from fsa_data.errors import ConfigError, DamagedShardError, StoreWriteError
from fsa_data.store import shard
from fsa_data.store.index import SHARD_NAME, Entries
from fsa_data.store.keys import Keys, as_hex
from fsa_data.store.shard import Columns
from fsa_data.store.swap_store import Damage, SwapStore
from fsa_data.store.writer import seal, sweep
from fsa_data.types import Reason

_ORDER = ("frames", "faces", "references", "swaps")
"""Swaps last: a swap never lacks the frame that it is pasted on."""
_FAILED = shard.STATUSES.index(str(Reason.FAILED))


@dataclass(frozen=True, slots=True)
class Conflict:
    """A key under which two stores hold different things; what came first was kept.

    Attributes:
        kind: of the row.
        key: hex digest.
        kept: store that the row in the result came from.
        refused: store whose row was not taken.
        differs: what is not equal: some of ``status, source, subject, box, payload, notes, trained_on``.
    """

    kind: str
    key: str
    kept: str
    refused: str
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did.

    Attributes:
        rows: rows taken, by kind.
        same: rows that were there already, equal in everything.
        shards_copied: shards taken whole.
        shards_sealed: shards made of some rows of another.
        conflicts: keys whose content differs.
        damages: what could not be taken because it is not what was sealed, by the path of the shard.
    """

    rows: dict[str, int]
    same: int
    shards_copied: int
    shards_sealed: int
    conflicts: tuple[Conflict, ...]
    damages: tuple[Damage, ...]


def merge_stores(sources: Sequence[SwapStore], out: SwapStore) -> MergeReport:
    """Put everything of some stores into one. A result replaces a failure; of two failures the first stays.

    Args:
        sources: in this order; of rows that differ the first is kept.
        out: may hold rows already; they come before all others.

    Raises:
        ConfigError: ``out`` is one of the sources, or one is there twice.
        StoreWriteError: ``out`` cannot be written. What was taken by then is kept; run it again.
    """
    places = [source.path.resolve() for source in sources]
    if out.path.resolve() in places or len(set(places)) < len(places):
        raise ConfigError("The stores to be merged and the one they are merged into must be different directories.")
    out.check_writable()
    sweep(out.path)
    merge = _Merge(out)
    for source in sources:
        merge.take(source)
    out.refresh()
    return MergeReport(merge.rows, merge.same, merge.copied, merge.sealed, tuple(merge.conflicts), tuple(merge.damages))


class _Merge:
    def __init__(self, out: SwapStore) -> None:
        self.out = out
        self.rows: dict[str, int] = {}
        self.same = self.copied = self.sealed = 0
        self.conflicts: list[Conflict] = []
        self.damages: list[Damage] = []
        self.origin: dict[str, str] = {}

    def take(self, source: SwapStore) -> None:
        """Everything of one store."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # unreadable shards are named in the report
            source.refresh()
            self.out.refresh()
        for path in sorted(source.path.iterdir()):
            if SHARD_NAME.match(path.name) and path.name not in source.index.shards:
                self.damages.append(Damage(str(path), -1, "", "cannot be read"))
        for kind in _ORDER:
            keys, entries = source.index.keys[kind], source.index.entries[kind]
            known = self.out.locate(kind, keys)
            there = known["shard"] >= 0
            new = ~there | ((known["status"] == _FAILED) & (entries["status"] != _FAILED))
            old = np.flatnonzero(~new & (entries["status"] != _FAILED))
            self.same += int((~new).sum()) - len(old)  # failures: they are not final, and never worth a conflict
            self._compare(kind, source, keys[old], entries[old], known[old])
            taken = entries[new]
            for at in np.unique(taken["shard"]).tolist():
                self._take_rows(source, source.index.shards[at], np.sort(taken["row"][taken["shard"] == at]).tolist())

    def _take_rows(self, source: SwapStore, name: str, at: list[int]) -> None:
        """Rows of one shard: the whole file if that is all of them, else a shard of their own."""
        path = source.path / name
        try:
            columns = shard.read_columns(path)
            broken = sorted(set(at).intersection(shard.damaged_rows(path, columns)))
            keys = as_hex(columns.keys)
            self.damages += [Damage(str(path), row, keys[row], "is not what was sealed") for row in broken]
            at = [row for row in at if row not in broken]
            if not at:
                return
            whole = len(at) == len(columns) and not (self.out.path / name).exists()
            if whole:
                content = path.read_bytes()
            else:
                rows = shard.rows_at(path, columns, at)
                content = shard.image(columns.kind, rows, columns.about, columns.tables["trained_on"])
        except DamagedShardError as error:
            self.damages.append(Damage(str(path), -1, "", str(error)))
            return
        except OSError as error:
            raise StoreWriteError(f"{path} cannot be read: {error.strerror or error}.") from error
        made = seal(self.out.path, columns.kind, content, name if whole else "")
        self.origin[made.name] = str(source.path)
        self.copied, self.sealed = self.copied + whole, self.sealed + (not whole)
        self.rows[columns.kind] = self.rows.get(columns.kind, 0) + len(at)

    def _compare(self, kind: str, source: SwapStore, keys: Keys, theirs: Entries, ours: Entries) -> None:
        """Rows that both have, and neither failed to make."""
        mine, other = _Facts(self.out), _Facts(source)
        for key, their, our in zip(as_hex(keys), theirs, ours, strict=True):
            at_fault = self.out.path
            try:
                ours_is = mine.of(our)
                at_fault = source.path
                differs = tuple(name for name, value in ours_is if value != other.value(name, their))
            except DamagedShardError as error:
                self.damages.append(Damage(str(at_fault), -1, key, str(error)))
                continue
            self.same += not differs
            if differs:
                name = self.out.index.shards[int(our["shard"])]
                kept = self.origin.get(name, str(self.out.path))
                self.conflicts.append(Conflict(kind, key, kept, str(source.path), differs))


class _Facts:
    """Everything that two rows are compared by."""

    NAMES = ("status", "source", "subject", "box", "payload", "notes", "trained_on")

    def __init__(self, store: SwapStore) -> None:
        self.store = store
        self.columns = lru_cache(64)(self._columns)

    def _columns(self, at: int) -> Columns:
        return shard.read_columns(self.store.path / self.store.index.shards[at])

    def of(self, entry: np.void) -> list[tuple[str, Any]]:
        return [(name, self.value(name, entry)) for name in self.NAMES]

    def value(self, name: str, entry: np.void) -> Any:
        if name in ("source", "subject"):
            return self.store.index.names[int(entry[name])]
        if name == "box":
            return entry["box"].tolist()
        if name == "status":
            return int(entry["status"])
        if name == "payload":
            return self.store.reader.payload(entry).tobytes()
        columns = self.columns(int(entry["shard"]))
        if name == "trained_on":
            return columns.tables["trained_on"]
        start, end = columns.columns["notes_offset"][int(entry["row"]) : int(entry["row"]) + 2]
        return columns.columns["notes"][start:end].tobytes()
