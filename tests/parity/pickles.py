"""Pickles of a folder: those that a fixture names must load, all others must be refused."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from pathlib import Path

from fsa_data.errors import FsaError
from fsa_data.nets.stylegan2_files import load_generator
from tests.parity.canary import watched
from tests.parity.checks import Line, one_line
from tests.parity.recipe import Fixture


def named_pickles(fixtures: Iterable[Fixture]) -> set[str]:
    """File names of the pickles that fixtures expect to be good."""
    configs = (fixture.meta.get("config") or {} for fixture in fixtures)
    return {config["pickle"] for config in configs if "pickle" in config}


def check_refused(path: Path) -> Line:
    """A hostile pickle: refused for what it is, nothing of it run, printed or written."""
    said = io.StringIO()
    note, refused = "it was read without complaint", False
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), watched() as deeds:
        try:
            load_generator(path)
        except FsaError as error:
            refused, note = True, one_line(error).partition(": ")[2]
        except Exception as error:
            note = f"not refused, but failed: {one_line(error)}"
    if said.getvalue() or deeds:
        refused = False
        note = f"something of it was run: {', '.join(deeds[:3]) or f'it printed {said.getvalue()[:60]!a}'}"
    return Line(path.name, "refused", "ok" if refused else "MISS", note=note)
