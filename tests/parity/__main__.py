"""``python -m tests.parity DIR``: every fixture of a folder against what the house computes.

Prints a line per output and one at the end. Exit code 0: all hold (fixtures of networks that are not built yet are
skipped); 1: something does not; 2: there is nothing to check.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.parity.checks import Line, check_fixture, one_line
from tests.parity.pickles import check_refused, named_pickles
from tests.parity.recipe import Fixture, read_fixture


def check_folder(folder: Path) -> Iterator[Line]:
    """Lines of every fixture and every pickle, as they are checked."""
    named: set[str] = set()
    for path in sorted(folder.glob("*.npz")):
        fixture, line = _read(path)
        if fixture is None:
            yield line
            continue
        named |= named_pickles([fixture])
        yield from check_fixture(fixture)
    for path in sorted(folder.glob("*.pkl")):
        if path.name not in named:
            yield check_refused(path)


def _read(path: Path) -> tuple[Fixture | None, Line]:
    try:
        return read_fixture(path), Line(path.name, "-", "ok")
    except Exception as error:
        return None, Line(path.name, "-", "MISS", note=f"no fixture can be read from it: {one_line(error)}")


def main(arguments: list[str]) -> int:
    """Check a folder and say so; returns the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tests.parity DIR", file=sys.stderr)
        return 2
    counts: Counter[str] = Counter()
    for line in check_folder(Path(arguments[0])):
        print(line, flush=True)
        counts[line.verdict] += 1
    print(f"{counts['ok']} ok, {counts['MISS']} missed, {counts['skip']} fixtures of networks not built yet")
    if not counts:
        return 2
    return 1 if counts["MISS"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
