"""Where things that can be made again are kept, and files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_dir() -> Path:
    """Directory of everything that can be made again: ``FSA_CACHE`` if set, else ``cache`` in the current directory."""
    return Path(os.environ.get("FSA_CACHE") or "cache")


def write_atomic(path: Path, content: str | bytes, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash at any moment, finds the old content or the new one.

    Args:
        path: where to; missing folders are made.
        content: text is written as UTF-8 with the line ends it has.
        durable: whether to wait until the disk has it; a crash of the machine may otherwise leave an empty file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        # mkstemp makes files that only the owner can read; results are to be shared like any other file
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
