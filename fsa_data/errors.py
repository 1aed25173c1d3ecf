"""One exception per situation that somebody can fix; each message says what, where, expected and got, and what to do.

Everything here derives from :class:`FsaError`. The command line prints its message without a traceback and exits
with 2; ``FSA_DEBUG=1`` shows the traceback.
"""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class FsaError(Exception):
    """Something the user can put right; the message says how."""


class DatasetNotFoundError(FsaError, FileNotFoundError):
    """The data set, or a part that it must have, is not where it was looked for."""


class BadTableError(FsaError, ValueError):
    """A CSV cannot be used: a missing column, a bad value, a repeated row."""


class BadImageError(FsaError, ValueError):
    """A file is not an image that can be decoded."""


class NoViewError(BadImageError):
    """A photo's face cannot be turned into views."""


class BadVideoError(FsaError, ValueError):
    """A video cannot be decoded, or has no frame of this number."""


class BadMeshError(FsaError, ValueError):
    """A file is not a coloured mesh that can be read."""


class BlenderError(FsaError, RuntimeError):
    """Blender is not here, or it did not draw what it was asked for."""


class ConfigError(FsaError, ValueError):
    """An option or a combination of options makes no sense."""


class SourceError(FsaError, ValueError):
    """A source gives no usable face."""


class MissingWeightsError(FsaError, FileNotFoundError):
    """A model file is nowhere to be found."""


class WrongWeightsError(FsaError, ValueError):
    """A model file is there, but it is not the one it should be."""


class FaceSetError(FsaError, ValueError):
    """A folder is no set of faces, or one of another kind than is to go into it."""


class UnsafeFileError(FsaError, ValueError):
    """A model file asks for more than reading data; it was refused and nothing in it was run."""


class CacheMissError(FsaError, LookupError):
    """A swap is not in the store and may not be made here."""


class StoreFormatError(FsaError, ValueError):
    """A store was written by a newer version, or is no store at all."""


class DamagedShardError(FsaError, OSError):
    """A sealed shard does not hold what it was sealed with."""


class StoreWriteError(FsaError, OSError):
    """The store cannot be written: read-only, or the disk is full."""


class OutputError(FsaError, OSError):
    """A result cannot be written: the folder is read-only, or the disk is full."""


class WorkerDiedError(FsaError, RuntimeError):
    """Worker processes end without being asked to, and no frame is to blame; what they had sealed is kept."""


class TooManyFailedError(FsaError, RuntimeError):
    """So many frames fail that something else than the frames must be wrong."""


class DivergedError(FsaError, ArithmeticError):
    """A training came to numbers that are none, and going back did not help."""


class LineageError(FsaError, ValueError):
    """A training row carries a test subject somewhere in its lineage."""


class RunDirectoryError(FsaError, ValueError):
    """A run directory holds a run of another configuration, or another run is writing it."""


class UnknownNameError(FsaError, ValueError):
    """A name is not one of those known; the message lists them and the nearest.

    Args:
        kind: what is named, e.g. ``"engine"``.
        name: what was given.
        known: every valid name.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        near = difflib.get_close_matches(name, choices, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"Unknown {kind} {name!r}.{hint} Known: {', '.join(choices)}.")
        self.kind, self.name, self.known = kind, name, choices

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by arguments: the message is composed from them."""
        return type(self), (self.kind, self.name, self.known)


def debugging() -> bool:
    """Whether ``FSA_DEBUG=1`` asks for tracebacks and for warnings with the line that gave them."""
    return os.environ.get("FSA_DEBUG") == "1"


def of_system(error: OSError) -> str:
    """What the operating system complains of, and about which file if it says so."""
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{where}{error.strerror or error}"


def failure_lines(failures: Sequence[str], most: int = 20) -> list[str]:
    """What failed, one line each, ``most`` of them at most."""
    more = [f"failed: ... and {len(failures) - most} more"] if len(failures) > most else []
    return [f"failed: {failure}" for failure in failures[:most]] + more


@contextmanager
def warned_plainly(prefix: str = "") -> Iterator[None]:
    """Meanwhile warnings are one line on standard error, and each is told once; for commands, not for libraries."""
    if debugging():
        yield
        return
    told: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in told:
            told.add(str(message))
            print(f"{prefix}warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
