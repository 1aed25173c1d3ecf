"""Writing shards: rows wait in memory and are sealed together."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from fsa_data.errors import StoreWriteError
from fsa_data.store import codec, shard
from fsa_data.store.codec import FrameFaces
from fsa_data.types import FaceReference, Image, Json, Swap

SEAL_ROWS = 1024
SEAL_SECONDS = 5.0
SEAL_BYTES = 64 << 20
"""A buffer is also sealed at this size, so that a pack of frames does not fill the memory."""
_SEALED_IN_ORDER = ("frames", "faces", "references", "swaps")
"""Swaps last: a sealed swap never lacks the frame that it is pasted on."""
SWEEP_SECONDS = 600.0
"""Unfinished files of dead processes are removed at this age."""


class StoreWriter:
    """Puts rows into a store; one per process, any number at once on one store.

    Rows are visible to readers, and safe, once sealed: all kinds together, when one of them has 1,024 rows or 64 MiB,
    after 5 seconds (looked at whenever a row comes or :meth:`tick` is called), and when the writer is closed. As a
    context manager it seals what it has also when an exception, a Ctrl-C included, ends the block.

    Args:
        path: the store's directory.
        about: plain JSON facts that hold for every swap written (engine fingerprint, working size, ...).
        trained_on: identities that the engine's weights were trained on.
    """

    def __init__(self, path: Path, about: Json | None = None, trained_on: Sequence[str] = ()) -> None:
        self.path = path
        self._about, self._trained_on = dict(about or {}), sorted(trained_on)
        self._rows: dict[str, list[shard.Row]] = {kind: [] for kind in shard.KINDS}
        self._bytes = dict.fromkeys(shard.KINDS, 0)
        self._oldest = 0.0
        self.seals = 0
        """How often everything that waited was sealed."""

    def put_swap(self, key: str, swap: Swap, subject: str) -> None:
        """Add a swap, or the reason why there is none; ``subject`` is the person in the frame."""
        self._put("swaps", codec.swap_row(key, swap, subject))

    def put_frame(self, key: str, image: Image, subject: str) -> None:
        """Add a working frame, ``(H, W, 3)`` uint8 RGB."""
        self._put("frames", codec.frame_row(key, image, subject))

    def put_faces(self, key: str, found: FrameFaces, subject: str) -> None:
        """Add the faces of an image (of a frame, or of a source's photo)."""
        self._put("faces", codec.faces_row(key, found, subject))

    def put_reference(self, key: str, reference: FaceReference | None, subject: str, notes: Json) -> None:
        """Add how a person usually looks, or that too little is known to tell."""
        self._put("references", codec.reference_row(key, reference, subject, notes))

    def put_failed_frame(self, key: str, message: str, subject: str) -> None:
        """Add that a frame cannot be read, and why."""
        self._put("frames", codec.failed_row(key, message, subject))

    def tick(self) -> None:
        """Seal everything if the oldest row waits for 5 seconds."""
        if any(self._rows.values()) and time.monotonic() - self._oldest >= SEAL_SECONDS:
            self.seal()

    def seal(self) -> None:
        """Seal everything that waits. Rows that cannot be written keep waiting.

        Raises:
            StoreWriteError: the directory cannot be written, or the disk is full.
        """
        for kind in _SEALED_IN_ORDER:
            self._seal(kind)
        self.seals += 1

    def close(self) -> None:
        """Seal everything that waits; the writer may be used again."""
        self.seal()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not isinstance(error, StoreWriteError):
            self.close()

    def _put(self, kind: str, row: shard.Row) -> None:
        if not any(self._rows.values()):
            self._oldest = time.monotonic()
        self._rows[kind].append(row)
        self._bytes[kind] += len(row.payload)
        if len(self._rows[kind]) >= SEAL_ROWS or self._bytes[kind] >= SEAL_BYTES:
            self.seal()
        self.tick()

    def _seal(self, kind: str) -> None:
        rows = self._rows[kind]
        if not rows:
            return
        about, trained_on = (self._about, self._trained_on) if kind == "swaps" else ({}, [])
        seal(self.path, kind, shard.image(kind, rows, about, trained_on))
        self._rows[kind], self._bytes[kind] = [], 0


def seal(directory: Path, kind: str, image: bytes, name: str = "") -> Path:
    """Put the bytes of a shard into a store so that it is there whole or not at all.

    Temporary name, fsync, read back and verify, rename, fsync of the directory.

    Args:
        directory: the store.
        kind: one of :data:`fsa_data.store.shard.KINDS`.
        image: bytes of the file.
        name: of the file; default a new one that no other writer can have.

    Raises:
        StoreWriteError: the directory cannot be written, the disk is full, or what was read back is not what was
            written. Nothing is left behind then.
    """
    final = directory / (name or f"{kind}-{secrets.token_hex(8)}.h5")
    temporary = directory / f"{final.name}.{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        _write(temporary, image)
        columns = shard.read_columns(temporary)
        wrong = shard.damaged_rows(temporary, columns)
        if wrong:
            raise StoreWriteError(f"{temporary} reads back differently from what was written. Check the disk.")
        temporary.rename(final)
        sync_directory(directory)
    except OSError as error:
        if isinstance(error, StoreWriteError):
            raise
        raise StoreWriteError(
            f"Cannot write {len(image):,} bytes to the store {directory}: {error.strerror or error}. Free some space "
            "or make the directory writable, then run again: everything sealed so far is kept."
        ) from error
    finally:
        _remove(temporary)
    return final


def write_atomically(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    """Replace a file so that it is there whole, old or new.

    Args:
        path: the file.
        content: its bytes, or what writes them.

    Raises:
        OSError: the directory cannot be written, or the disk is full.
    """
    temporary = path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        _write(temporary, content)
        temporary.replace(path)
        sync_directory(path.parent)
    finally:
        _remove(temporary)


def sweep(directory: Path, older_than_s: float = SWEEP_SECONDS) -> None:
    """Remove what killed writers of this machine left unfinished; what may still be written is left alone."""
    for path in directory.glob("*.tmp"):
        owner = re.search(r"\.(?:h5|json|npz)\.(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{8}\.tmp$", path.name)
        if owner and owner["host"] == socket.gethostname() and not _alive(int(owner["pid"])):
            with contextlib.suppress(OSError):
                # A process elsewhere may share the host name (containers): it finishes a file within seconds.
                if time.time() - path.stat().st_mtime >= older_than_s:
                    path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _write(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    with path.open("xb") as file:
        content(file) if callable(content) else file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Make sure that what was renamed or removed in a directory outlives a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
