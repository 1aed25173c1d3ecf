"""Options shared by flows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoOptions:
    """For flows that have none."""
