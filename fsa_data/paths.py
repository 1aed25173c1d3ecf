"""Where things that can be made again are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Directory of everything that can be made again: ``FSA_CACHE`` if set, else ``cache`` in the current directory."""
    return Path(os.environ.get("FSA_CACHE") or "cache")
