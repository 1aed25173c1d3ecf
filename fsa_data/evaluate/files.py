"""Files that are either whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

from fsa_data.paths import write_atomic
from fsa_data.types import Json

__all__ = ["write_atomic", "write_json"]


def write_json(path: Path, value: Json) -> None:
    """Write strict JSON (no NaN, non-ASCII as it is), atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
