"""The index: where every row of a store lies, sorted by key; and the manifest that saves reading it from the shards."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import DamagedShardError
from fsa_data.store.keys import Keys
from fsa_data.store.shard import KINDS, STATUSES, Columns, read_columns
from fsa_data.store.writer import write_atomically
from fsa_data.types import Reason

MANIFEST = "manifest.npz"
SHARD_NAME = re.compile(rf"^(?P<kind>{'|'.join(KINDS)})-[0-9a-f]{{16}}\.h5$")
MANIFEST_FORMAT = 1
_WORTH_WRITING = 8
"""Shards read one by one before the manifest is written again."""

ENTRY = np.dtype(
    [
        ("shard", "<i4"),  # index into the shard names; -1: no such row
        ("row", "<i4"),
        ("status", "u1"),  # index into STATUSES
        ("crc", "<u4"),
        ("start", "<i8"),  # payload: byte of the file, and number of bytes
        ("size", "<i8"),
        ("box", "<i4", (4,)),  # x, y, w, h
        ("source", "<i4"),  # index into the names
        ("subject", "<i4"),
    ]
)
Entries = NDArray[np.void]
"""``(N,)`` of :data:`ENTRY`: where rows lie, 53 bytes each (69 with the key)."""

ABSENT = 255
"""In place of a status: no such row."""
_FAILED = STATUSES.index(str(Reason.FAILED))


def nothing(count: int) -> Entries:
    """Entries of rows that are not there."""
    empty = np.zeros(count, ENTRY)
    empty["shard"] = -1
    return empty


@dataclass(frozen=True)
class Index:
    """Every row of a store, once per key.

    Attributes:
        shards: file names of the shards that ``entries`` point into.
        sizes: bytes of each file.
        names: identities and subjects that ``entries`` point into.
        keys: per kind ``(n,)`` S16, sorted, no two equal.
        entries: per kind ``(n,)`` of :data:`ENTRY`.
    """

    shards: tuple[str, ...]
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    keys: dict[str, Keys]
    entries: dict[str, Entries]

    def find(self, kind: str, wanted: Keys) -> Entries:
        """Where the rows of these keys lie, in their order; ``shard`` is -1 for a key that is not there."""
        found = nothing(len(wanted))
        there, at = self._places(kind, wanted)
        found[there] = self.entries[kind][at]
        return found

    def statuses(self, kind: str, wanted: Keys) -> NDArray[np.uint8]:
        """``(N,)`` index into :data:`STATUSES`, :data:`ABSENT` for a key that is not there; a byte each, not 53."""
        found = np.full(len(wanted), ABSENT, np.uint8)
        there, at = self._places(kind, wanted)
        found[there] = self.entries[kind]["status"][at]
        return found

    def _places(self, kind: str, wanted: Keys) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which keys are there, and the positions of those."""
        keys = self.keys[kind]
        if not len(keys):
            return np.zeros(len(wanted), bool), np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        there = keys[at] == wanted
        return there, at[there]


def empty() -> Index:
    """The index of an empty store."""
    keys = {kind: np.zeros(0, "S16") for kind in KINDS}
    return Index((), (), (), keys, {kind: nothing(0) for kind in KINDS})


def refreshed(directory: Path, old: Index) -> Index:
    """The index brought up to date with the sealed shards of a directory.

    Shards are only ever added or removed, never changed, so name and size tell whether one is known. A shard that
    cannot be read is left out with a warning: its rows count as missing.

    Raises:
        StoreFormatError: a shard was written by a newer version.
    """
    present = _present(directory)
    opening = not old.shards
    if opening:
        old = _manifest(directory) or old
    known = {name: at for at, name in enumerate(old.shards) if present.get(name) == old.sizes[at]}
    new = [name for name in present if name not in known]
    if not new and len(known) == len(old.shards):
        return old
    read = _readable(directory, new)
    if len(known) < len(old.shards):  # something was removed: whoever has left the store leaves the index
        index = _joined(old, known, read, present)
        write_manifest(directory, index)
        return index
    index = _grown(old, read, present)
    # written by who opens a store, for the next one, when an eighth of it has been read from shards: a store that fills
    # up is not saved again and again by everybody who looks
    if opening and len(index.shards) - len(known) >= max(_WORTH_WRITING, len(known) // _WORTH_WRITING):
        write_manifest(directory, index)
    return index


def _readable(directory: Path, names: Sequence[str]) -> Iterator[tuple[str, Columns]]:
    """One shard after the other, so that the columns of a large store never lie in memory together."""
    for name in names:
        try:
            columns = read_columns(directory / name)
        except DamagedShardError as error:
            warnings.warn(f"{error} Until then its rows count as missing.", RuntimeWarning, stacklevel=4)
        else:
            yield name, columns


def write_manifest(directory: Path, index: Index) -> None:
    """Save the index beside the shards; a directory that cannot be written is left without."""
    arrays = {"format": np.array(MANIFEST_FORMAT), "sizes": np.array(index.sizes, np.int64)}
    arrays["statuses"] = _text(STATUSES)
    arrays["shards"], arrays["names"] = _text(index.shards), _text(index.names)
    for kind in KINDS:
        arrays[f"{kind}.keys"], arrays[f"{kind}.entries"] = index.keys[kind], index.entries[kind]
    with contextlib.suppress(OSError):
        write_atomically(directory / MANIFEST, lambda file: _save(file, arrays))


def _save(file: BinaryIO, arrays: dict[str, NDArray[Any]]) -> None:
    """As ``np.savez``, without a copy of each array in memory."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
                member.write(array.reshape(-1).view(np.uint8).data)


def _present(directory: Path) -> dict[str, int]:
    """Sealed shards by name, with their size in bytes."""
    sizes = {}
    with os.scandir(directory) as found:
        for one in found:
            if SHARD_NAME.match(one.name):
                with contextlib.suppress(FileNotFoundError):  # removed by somebody since it was listed
                    sizes[one.name] = one.stat().st_size
    return dict(sorted(sizes.items()))


def _manifest(directory: Path) -> Index | None:
    """The saved index, or None if there is none that can be used."""
    try:
        # The archive keeps a CRC of each array, so a damaged manifest is noticed here.
        with (directory / MANIFEST).open("rb") as file, np.load(file, allow_pickle=False) as saved:
            # entries number their statuses by this list, which grows with the reasons that are known
            if int(saved["format"]) != MANIFEST_FORMAT or _names(saved["statuses"]) != STATUSES:
                return None
            keys = {kind: saved[f"{kind}.keys"] for kind in KINDS}
            entries = {kind: saved[f"{kind}.entries"] for kind in KINDS}
            sizes = tuple(int(size) for size in saved["sizes"])
            shards, names = _names(saved["shards"]), _names(saved["names"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return None
    if any(rows.dtype != ENTRY for rows in entries.values()):
        return None
    return Index(shards, sizes, names, keys, entries)


def _grown(old: Index, read: Iterable[tuple[str, Columns]], present: dict[str, int]) -> Index:
    """The index with the rows of further shards; nothing that is known is sorted or numbered again."""
    names = {name: at for at, name in enumerate(old.names)}
    gathered = {kind: _Gathered() for kind in KINDS}
    shards = list(old.shards)
    for name, columns in read:
        gathered[columns.kind].add(columns.keys, _entries(columns, len(shards), names))
        shards.append(name)
    keys, entries = dict(old.keys), dict(old.entries)
    for kind, rows in gathered.items():
        if rows.count:
            keys[kind], entries[kind] = _inserted(old.keys[kind], old.entries[kind], *rows.ordered())
    sizes = (*old.sizes, *(present[name] for name in shards[len(old.shards) :]))
    return Index(tuple(shards), sizes, tuple(names), keys, entries)


def _inserted(keys: Keys, entries: Entries, new_keys: Keys, new_entries: Entries) -> tuple[Keys, Entries]:
    """Sorted rows put among sorted rows; a known key keeps its row, unless that failed and the new one did not."""
    if not len(keys):
        return new_keys, new_entries
    at = np.searchsorted(keys, new_keys)
    there = np.zeros(len(new_keys), bool)
    inside = at < len(keys)
    there[inside] = keys[at[inside]] == new_keys[inside]
    fresh = ~there
    better = there.copy()
    better[there] = (entries["status"][at[there]] == _FAILED) & (new_entries["status"][there] != _FAILED)
    if better.any():
        entries = entries.copy()
        entries[at[better]] = new_entries[better]
    return np.insert(keys, at[fresh], new_keys[fresh]), np.insert(entries, at[fresh], new_entries[fresh])


def _joined(old: Index, known: dict[str, int], read: Iterable[tuple[str, Columns]], present: dict[str, int]) -> Index:
    """Rows of the known shards and of those just read, as one index; shards that are gone leave it."""
    shards = list(known)
    place = np.full(len(old.shards) + 1, -1, np.int32)
    for at, name in enumerate(known):
        place[known[name]] = at
    names: dict[str, int] = {}
    gathered = {kind: _Gathered() for kind in KINDS}
    for kind, rows in gathered.items():
        kept = old.entries[kind].copy()
        kept["shard"] = place[kept["shard"]]
        alive = kept["shard"] >= 0
        rows.add(old.keys[kind][alive], kept[alive])
    _renumber([rows.entries for rows in gathered.values()], old.names, names)
    for name, columns in read:
        gathered[columns.kind].add(columns.keys, _entries(columns, len(shards), names))
        shards.append(name)
    ordered = {kind: rows.ordered() for kind, rows in gathered.items()}
    return Index(
        tuple(shards),
        tuple(present[name] for name in shards),
        tuple(names),
        {kind: pair[0] for kind, pair in ordered.items()},
        {kind: pair[1] for kind, pair in ordered.items()},
    )


def _renumber(parts: Sequence[Entries], old: Sequence[str], names: dict[str, int]) -> None:
    """Give names that are still in use new numbers, and forget the others: who has left the store leaves the index."""
    used = np.zeros(len(old), bool)
    for rows in parts:
        for field in ("source", "subject"):
            used[rows[field]] = True
    number = np.full(len(old), -1, np.int32)
    for at in np.flatnonzero(used).tolist():
        number[at] = names.setdefault(old[at], len(names))
    for rows in parts:
        for field in ("source", "subject"):
            rows[field] = number[rows[field]]


def _entries(shard: Columns, at: int, names: dict[str, int]) -> Entries:
    columns, tables = shard.columns, shard.tables
    rows = np.zeros(len(shard), ENTRY)
    rows["shard"], rows["row"] = at, np.arange(len(shard))
    rows["status"] = np.array([STATUSES.index(name) for name in tables["status_name"]], np.uint8)[columns["status"]]
    rows["crc"], rows["box"] = columns["crc"], columns["box"]
    rows["start"] = shard.start + columns["offset"][:-1]
    rows["size"] = np.diff(columns["offset"])
    for field in ("source", "subject"):
        table = [names.setdefault(name, len(names)) for name in tables[f"{field}_name"]]
        rows[field] = np.array(table, np.int32)[columns[field]]
    return rows


class _Gathered:
    """Rows of shard after shard, in memory that grows and is sorted in place: a large store lies in it once."""

    def __init__(self) -> None:
        self.keys: Keys = np.zeros(0, "S16")
        self.entries: Entries = nothing(0)
        self.count = 0

    def add(self, keys: Keys, entries: Entries) -> None:
        """Take in rows of any order."""
        start, self.count = self.count, self.count + len(keys)
        if self.count > len(self.keys):
            self._resize(self.count + self.count // 8)
        self.keys[start : self.count], self.entries[start : self.count] = keys, entries

    def ordered(self) -> tuple[Keys, Entries]:
        """Sorted by key, one row each: of several, one that did not fail, else the first. Nothing is left here."""
        self._resize(self.count)
        keys, entries = self.keys, self.entries
        order = np.lexsort((entries["status"] == _FAILED, keys))
        keys[:] = keys[order]
        for name in ENTRY.names or ():
            entries[name] = entries[name][order]
        first = np.ones(len(keys), bool)
        first[1:] = keys[1:] != keys[:-1]
        return (keys, entries) if first.all() else (keys[first], entries[first])

    def _resize(self, count: int) -> None:
        for rows in (self.keys, self.entries):
            rows.resize(count, refcheck=False)  # nobody else holds it or a part of it


def _text(names: tuple[str, ...]) -> NDArray[np.bytes_]:
    return np.array([name.encode("utf-8", "surrogateescape") for name in names], np.bytes_)


def _names(saved: NDArray[np.bytes_]) -> tuple[str, ...]:
    return tuple(bytes(name).decode("utf-8", "surrogateescape") for name in saved.tolist())
