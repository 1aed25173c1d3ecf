"""Removing rows by lineage: whose consent was withdrawn, whose face is worn, what an engine made, what nobody needs.

Only the shards concerned are written again, without the rows that go: the new shard is sealed under a name that follows
from the old one and the rows kept, then the old one is removed. A kill in between leaves both, every key of which
counts once, and the next run seals the same name again. Swaps go before the frames that they are pasted on.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import DamagedShardError, StoreWriteError
from fsa_data.store import shard
from fsa_data.store.index import MANIFEST, SHARD_NAME
from fsa_data.store.keys import Keys
from fsa_data.store.shard import Columns
from fsa_data.store.swap_store import SwapStore
from fsa_data.store.writer import seal, sweep, sync_directory

_ORDER = ("swaps", "references", "faces", "frames")


@dataclass(frozen=True)
class Criteria:
    """Which rows go: those that any of these names.

    Attributes:
        subjects: everything of these people: swaps of them, their frames, landmarks and usual looks.
        sources: every swap that wears one of these people, or that comes from an engine trained on one; and the
            landmarks of all photos (they do not say whose they are, and are found again when needed).
        engines: every swap of the engines of these names.
        keep: per kind the keys that are needed; all others go. Landmarks of photos stay. None: no such rule.
        identities: which names are the same person; ``subjects`` and ``sources`` mean people.
    """

    subjects: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    engines: frozenset[str] = frozenset()
    keep: Mapping[str, Keys] | None = None
    identities: Mapping[str, str] = field(default_factory=dict)

    def doomed(self, columns: Columns) -> NDArray[np.bool_]:
        """``(n,)`` bool: the rows of a shard that go."""
        tables = columns.tables
        subject = np.array(tables["subject_name"], object)[columns.columns["subject"]]
        go: NDArray[np.bool_] = self._are(tables["subject_name"], self.subjects)[columns.columns["subject"]]
        if columns.kind == "swaps":
            go |= self._are(tables["source_name"], self.sources)[columns.columns["source"]]
            engine = columns.about.get("engine", {})
            name = engine.get("engine", "") if isinstance(engine, dict) else engine
            go |= bool(self._are(tables["trained_on"], self.sources).any()) or name in self.engines
        if columns.kind == "faces" and self.sources:
            go |= subject == ""
        if self.keep is not None:
            go |= ~np.isin(columns.keys, self.keep[columns.kind]) & ((columns.kind != "faces") | (subject != ""))
        return go

    def _are(self, names: list[str], wanted: frozenset[str]) -> NDArray[np.bool_]:
        people = {self.identities.get(name, name) for name in wanted}
        return np.array([self.identities.get(name, name) in people for name in names], bool)


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, or would be.

    Attributes:
        rows: number of rows by kind.
        shards_removed: shards of which nothing was left.
        shards_rewritten: shards sealed again without some rows.
        freed_bytes: by how much the store became smaller; of a dry run, the payloads of the rows.
        damaged_rows: rows that were kept out of a rewritten shard because they are not what was sealed.
        unreadable: shards that cannot be read, so nobody knows what they hold; they are left as they are.
        unfinished: files that another writer has not finished, or left behind on another machine.
    """

    rows: dict[str, int]
    shards_removed: int
    shards_rewritten: int
    freed_bytes: int
    damaged_rows: int
    unreadable: tuple[str, ...]
    unfinished: tuple[str, ...]


def collect(store: SwapStore, criteria: Criteria, dry_run: bool = False) -> Collected:
    """Remove rows from a store for good. Nobody else should write it meanwhile; readers get misses for what is gone.

    Args:
        store: where.
        criteria: what.
        dry_run: only count.

    Raises:
        StoreWriteError: the store cannot be written. What is removed by then is removed; run it again.
    """
    if not dry_run:
        store.check_writable()
        sweep(store.path, older_than_s=0)
    rows: Counter[str] = Counter()
    removed = rewritten = freed = damaged = 0
    unreadable = []
    found = [path for path in sorted(store.path.iterdir()) if SHARD_NAME.match(path.name)]
    for path in sorted(found, key=lambda path: _ORDER.index(path.name.partition("-")[0])):
        try:
            columns = shard.read_columns(path)
        except DamagedShardError:
            unreadable.append(path.name)
            continue
        go = criteria.doomed(columns)
        if not go.any():
            continue
        rows[columns.kind] += int(go.sum())
        if dry_run:
            freed += int(np.diff(columns.columns["offset"])[go].sum())
            continue
        before = path.stat().st_size
        after, lost = _without(path, columns, go)
        freed, damaged = freed + before - after, damaged + lost
        removed, rewritten = removed + (not after), rewritten + (after > 0)
    if not dry_run:
        _forget(store)
    unfinished = tuple(sorted(path.name for path in store.path.glob("*.tmp")))
    return Collected(dict(rows), removed, rewritten, freed, damaged, tuple(unreadable), unfinished)


def _without(path: Path, columns: Columns, go: NDArray[np.bool_]) -> tuple[int, int]:
    """Seal a shard again without some rows and remove the old one; its new size, and damaged rows left out as well."""
    broken = {row for row in shard.damaged_rows(path, columns) if not go[row]}
    stay = [row for row in np.flatnonzero(~go).tolist() if row not in broken]
    size = 0
    try:
        (path.parent / MANIFEST).unlink(missing_ok=True)  # it knows the names of everybody
        if stay:
            rows = shard.rows_at(path, columns, stay)
            content = shard.image(columns.kind, rows, columns.about, columns.tables["trained_on"])
            name = hashlib.blake2b(f"{path.name} {stay}".encode(), digest_size=8).hexdigest()
            seal(path.parent, columns.kind, content, f"{columns.kind}-{name}.h5")
            size = len(content)
        path.unlink()
        sync_directory(path.parent)
    except OSError as error:
        if isinstance(error, StoreWriteError):
            raise
        raise StoreWriteError(
            f"{path} cannot be removed: {error.strerror or error}. Run it again when it can."
        ) from error
    return size, len(broken)


def _forget(store: SwapStore) -> None:
    """Make the saved index anew from the shards: an old one may know names of people who left."""
    with contextlib.suppress(OSError):
        (store.path / MANIFEST).unlink(missing_ok=True)
    store.forget()
    store.refresh()
