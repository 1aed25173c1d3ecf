"""Keeps the start-up chatter of native libraries off the terminal, and nothing else."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    rb"(WARNING: Logging before InitGoogle|WARNING: All log messages before absl|INFO: |[IW]\d{4} \d\d:|[IW]0000 )"
)


@contextmanager
def chatter_held_back() -> Iterator[None]:
    """Hold back what native code writes to stderr meanwhile; lines that are not information or warnings come after.

    The file descriptor itself is redirected, because the libraries do not write through Python. Whatever else was
    written to stderr (by other threads, or an error of the library) is passed on at the end, in order.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)
