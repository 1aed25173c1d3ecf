"""The sealed shard: one HDF5 file of rows of one kind, complete and checked, or not there at all.

One format for four kinds: ``swaps`` (patches), ``frames`` (working frames), ``faces`` (landmarks) and ``references``
(how a person usually looks). A row is a key,
a status, a box, a payload of bytes and small JSON notes; payloads of all rows lie in one contiguous dataset, so that
a reader maps the file and slices, without an HDF5 handle.

=================== ============== ==============================================================================
dataset             type           meaning
=================== ============== ==============================================================================
``blob``            uint8          payloads, one after the other, no filter
``offset``          int64 (n + 1)  row i's payload is ``blob[offset[i]:offset[i + 1]]``
``key``             S16 (n)        digest of everything that decides the row
``status``          uint8 (n)      index into ``status_name``
``box``             int32 (n, 4)   x, y, w, h: patch in the working frame; whole image for frames and faces
``crc``             uint32 (n)     CRC-32 of the payload
``source``          int32 (n)      index into ``source_name`` (identity that the swap wears; empty if none)
``subject``         int32 (n)      index into ``subject_name`` (person in the frame)
``notes_offset``    int64 (n + 1)  into ``notes``
``notes``           uint8          UTF-8 JSON per row, or nothing
``*_name``          S              string tables, UTF-8
``trained_on``      S              identities that the engine's weights were trained on
``about``           S              canonical JSON: engine fingerprint and other facts that hold for every row
=================== ============== ==============================================================================

Attributes: ``format_version``, ``kind``, ``created_by``, ``columns_digest`` (over everything but ``blob``) and, last
of all, ``commit`` = number of rows. A file without ``commit`` is no shard.

Versions: every shard carries its own, and every version that was ever released is read as it is. So a store may hold
several and needs no conversion; whatever is sealed, by `fsa cache gc` or `merge` too, is of the newest. A version that
is not known yet is refused, by ``store.json`` or shard by shard. Who changes the format adds a reader to ``_READERS``,
leaves the others alone, and keeps a small store of the new format in ``tests/store/released``.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fsa_data._version import __version__
from fsa_data.errors import DamagedShardError, StoreFormatError
from fsa_data.store.keys import Keys, as_hex, canonical
from fsa_data.types import Json, Reason

FORMAT_VERSION = 1
KINDS = ("swaps", "frames", "faces", "references")
OK = "ok"
STATUSES = (OK, *(str(reason) for reason in Reason))
"""Status of a row: ``ok`` for frames and faces, a :class:`Reason` for swaps; ``failed`` for any kind."""

_COLUMNS = {
    "offset": np.dtype(np.int64),
    "key": np.dtype("S16"),
    "status": np.dtype(np.uint8),
    "box": np.dtype(np.int32),
    "crc": np.dtype(np.uint32),
    "source": np.dtype(np.int32),
    "subject": np.dtype(np.int32),
    "notes_offset": np.dtype(np.int64),
    "notes": np.dtype(np.uint8),
}
_TABLES = ("status_name", "source_name", "subject_name", "trained_on")


@dataclass(frozen=True, slots=True)
class Row:
    """One row on its way into a shard."""

    key: bytes
    status: str
    box: tuple[int, int, int, int]
    source: str
    subject: str
    payload: bytes
    notes: bytes


@dataclass(frozen=True)
class Columns:
    """Everything of a sealed shard but the payloads.

    Attributes:
        kind: one of :data:`KINDS`.
        start: byte of the file where the payloads begin.
        notes_at: bytes of the file where ``notes_offset`` and ``notes`` begin.
        columns: the columns of the module's table, by name.
        tables: the string tables, by name.
        about: facts that hold for every row.
    """

    kind: str
    start: int
    notes_at: tuple[int, int]
    columns: dict[str, NDArray[Any]]
    tables: dict[str, list[str]]
    about: Json

    @property
    def keys(self) -> Keys:
        """``(n,)`` S16."""
        return self.columns["key"]

    def __len__(self) -> int:
        return len(self.keys)


def image(kind: str, rows: Sequence[Row], about: Json, trained_on: Sequence[str] = ()) -> bytes:
    """The bytes of a complete shard file; made in memory, so that nothing of HDF5 ever meets a full disk.

    Args:
        kind: one of :data:`KINDS`.
        rows: at least one.
        about: plain JSON facts that hold for every row.
        trained_on: identities that the engine's weights were trained on.
    """
    columns, tables = _columns(rows)
    tables["trained_on"] = list(trained_on)
    about_text = canonical(dict(about))
    with h5py.File(f"{kind}-{id(rows):x}", "w", driver="core", backing_store=False) as file:
        file.create_dataset("blob", data=np.frombuffer(b"".join(row.payload for row in rows), np.uint8))
        for name, column in columns.items():
            file.create_dataset(name, data=column)
        for name, table in tables.items():
            file.create_dataset(name, data=np.array([_encoded(text) for text in table], np.bytes_))
        file.create_dataset("about", data=np.bytes_(about_text.encode()))
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["kind"] = kind
        file.attrs["created_by"] = f"fsa-data {__version__}"
        file.attrs["columns_digest"] = _columns_digest(kind, columns, tables, about_text)
        file.attrs["commit"] = len(rows)
        file.flush()
        return bytes(file.id.get_file_image())


def read_columns(path: Path) -> Columns:
    """Open a sealed shard read-only, check it, and take everything but the payloads.

    Raises:
        DamagedShardError: it cannot be opened, is cut off, has no commit mark, or its columns are not those sealed.
        StoreFormatError: a newer version wrote it.
    """
    try:
        with h5py.File(path, "r") as file:
            return _taken(file, path)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, DamagedShardError | StoreFormatError):
            raise
        raise DamagedShardError(_damaged(path, f"it cannot be read ({error})")) from error


def damaged_rows(path: Path, shard: Columns) -> list[int]:
    """Rows whose payload is not what was sealed."""
    blob = _payloads(path, shard)
    ends = shard.columns["offset"].tolist()
    crcs = shard.columns["crc"].tolist()
    return [i for i, crc in enumerate(crcs) if zlib.crc32(blob[ends[i] : ends[i + 1]].data) != crc]


def rows_at(path: Path, shard: Columns, at: Sequence[int]) -> list[Row]:
    """Some rows of a shard as they were sealed, e.g. to seal them again without the others."""
    blob = _payloads(path, shard)
    columns, tables = shard.columns, shard.tables
    ends, notes = columns["offset"].tolist(), columns["notes_offset"].tolist()
    rows = []
    for i in at:
        x, y, w, h = columns["box"][i].tolist()
        rows.append(
            Row(
                key=shard.keys[i : i + 1].tobytes(),
                status=tables["status_name"][columns["status"][i]],
                box=(x, y, w, h),
                source=tables["source_name"][columns["source"][i]],
                subject=tables["subject_name"][columns["subject"][i]],
                payload=blob[ends[i] : ends[i + 1]].tobytes(),
                notes=columns["notes"][notes[i] : notes[i + 1]].tobytes(),
            )
        )
    return rows


def _payloads(path: Path, shard: Columns) -> NDArray[np.uint8]:
    """``(n,)`` uint8, mapped: payloads of all rows, one after the other."""
    return np.memmap(path, np.uint8, "r", shard.start) if _payload_bytes(shard) else np.zeros(0, np.uint8)


def _payload_bytes(shard: Columns) -> int:
    return int(shard.columns["offset"][-1])


def _columns(rows: Sequence[Row]) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    status, status_name = _table([row.status for row in rows])
    source, source_name = _table([row.source for row in rows])
    subject, subject_name = _table([row.subject for row in rows])
    columns: dict[str, NDArray[Any]] = {
        "offset": _offsets([len(row.payload) for row in rows]),
        "key": np.frombuffer(b"".join(row.key for row in rows), "S16"),
        "status": status,
        "box": np.array([row.box for row in rows]),
        "crc": np.array([zlib.crc32(row.payload) for row in rows]),
        "source": source,
        "subject": subject,
        "notes_offset": _offsets([len(row.notes) for row in rows]),
        "notes": np.frombuffer(b"".join(row.notes for row in rows), np.uint8),
    }
    tables = {"status_name": status_name, "source_name": source_name, "subject_name": subject_name}
    return {name: column.astype(_COLUMNS[name]) for name, column in columns.items()}, tables


def _table(values: list[str]) -> tuple[NDArray[np.int64], list[str]]:
    names = sorted(set(values))
    index = {name: at for at, name in enumerate(names)}
    return np.array([index[value] for value in values]), names


def _offsets(sizes: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def _columns_digest(kind: str, columns: dict[str, NDArray[Any]], tables: dict[str, list[str]], about: str) -> str:
    summary = hashlib.blake2b(digest_size=16)
    summary.update(json.dumps([kind, about, *(tables[name] for name in _TABLES)]).encode())
    for name in _COLUMNS:
        summary.update(np.ascontiguousarray(columns[name]).tobytes())
    return summary.hexdigest()


def _taken(file: h5py.File, path: Path) -> Columns:
    version = int(file.attrs.get("format_version", 0))
    if version > FORMAT_VERSION:
        raise StoreFormatError(newer(path, version))
    if version not in _READERS:
        raise DamagedShardError(_damaged(path, f"there is no format {version}"))
    return _READERS[version](file, path)


def _taken_1(file: h5py.File, path: Path) -> Columns:
    if "commit" not in file.attrs:
        raise DamagedShardError(_damaged(path, "it has no commit mark, so it was never sealed"))
    opened = {name: _opened(file, name) for name in ("blob", *_COLUMNS)}
    columns = {name: np.asarray(_content(opened[name]), dtype) for name, dtype in _COLUMNS.items()}
    tables = {name: [_decoded(text) for text in _content(_opened(file, name)).tolist()] for name in _TABLES}
    about, kind = bytes(_content(_opened(file, "about"))[()]).decode(), str(file.attrs["kind"])
    if _columns_digest(kind, columns, tables, about) != file.attrs["columns_digest"]:
        raise DamagedShardError(_damaged(path, "its columns are not those that were sealed"))
    if int(file.attrs["commit"]) != len(columns["key"]) or opened["blob"].shape != (columns["offset"][-1],):
        raise DamagedShardError(_damaged(path, "its row count or size is not what was sealed"))
    start, notes_offset, notes = (int(opened[name].get_offset() or 0) for name in ("blob", "notes_offset", "notes"))
    return Columns(kind, start, (notes_offset, notes), columns, tables, json.loads(about))


def _opened(file: h5py.File, name: str) -> h5py.h5d.DatasetID:
    return h5py.h5d.open(file.id, name.encode())


def _content(dataset: h5py.h5d.DatasetID) -> NDArray[Any]:
    """A whole dataset, as ``file[name][()]`` gives it in twice the time: a reader opens hundreds of shards."""
    content = np.empty(dataset.shape, dataset.dtype)
    if content.size:
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, content)
    return content


_READERS = {1: _taken_1}


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names may come from files whose names are not UTF-8


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def newer(path: Path, version: int) -> str:
    """What to say about a file of a format that is not known yet."""
    return (
        f"{path} has store format {version}; this version of fsa-data ({__version__}) reads formats up to "
        f"{FORMAT_VERSION}. Update fsa-data, or use another store directory."
    )


def _damaged(path: Path, what: str) -> str:
    return (
        f"The shard {path} is damaged: {what}. `fsa cache verify {path.parent}` lists everything that is damaged; "
        "delete this file and materialise again to make its rows anew."
    )


def damaged_row(path: Path, row: int, key: Keys) -> str:
    """What to say about one row that is not what was sealed."""
    return _damaged(path, f"row {row} (key {as_hex(key)[0]}) is not what was sealed")
