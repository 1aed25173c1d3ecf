"""One exception per situation that somebody can fix; each message says what, where, expected and got, and what to do.

Everything here derives from :class:`FsaError`. The command line prints its message without a traceback and exits
with 2; ``FSA_DEBUG=1`` shows the traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FsaError(Exception):
    """Something the user can put right; the message says how."""


class DatasetNotFoundError(FsaError, FileNotFoundError):
    """The data set, or a part that it must have, is not where it was looked for."""


class BadTableError(FsaError, ValueError):
    """A CSV cannot be used: a missing column, a bad value, a repeated row."""


class BadImageError(FsaError, ValueError):
    """A file is not an image that can be decoded."""


class BadVideoError(FsaError, ValueError):
    """A video cannot be decoded, or has no frame of this number."""


class ConfigError(FsaError, ValueError):
    """An option or a combination of options makes no sense."""


class SourceError(FsaError, ValueError):
    """A source gives no usable face."""


class MissingWeightsError(FsaError, FileNotFoundError):
    """A model file is nowhere to be found."""


class WrongWeightsError(FsaError, ValueError):
    """A model file is there, but it is not the one it should be."""


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
    """A worker process ended without being asked to; what it had sealed is kept."""


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
