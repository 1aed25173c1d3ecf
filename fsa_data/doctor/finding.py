"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass

from fsa_data.errors import FsaError


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check.

    Attributes:
        name: what was looked at.
        ok: whether it is in order.
        text: what was found, or what is wrong and how to mend it.
    """

    name: str
    ok: bool
    text: str


class CheckFailedError(FsaError):
    """Text of a failed check: what is wrong, and the command or setting that mends it."""
