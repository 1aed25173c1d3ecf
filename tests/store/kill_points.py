"""A small process that dies at each write, fsync, rename and removal of a store's work, and looks at what is left.

python -m tests.store.kill_points OPERATION FOLDER

It forks once per point (no torch and no threads are loaded), lets the child do the operation on a copy of a store until
its n-th step, and ends it there as SIGKILL would; at a write half of the bytes are written first. Then it checks what a
reader finds, does the operation once more in peace, and checks again. Prints one JSON line; exits 1 if something is
wrong.
"""

import itertools
import json
import os
import shutil
import sys
from pathlib import Path

from fsa_data.store import SwapStore, merge_stores
from fsa_data.store.collect import Criteria
from fsa_data.store.collect import collect as remove
from fsa_data.store.keys import as_hex
from tests.store.store_parts import fill

KILLED = 9


class Steps:
    """Counts the steps of this process, and ends it at one of them, before or after it is done."""

    def __init__(self, last, after):
        self.left, self.after = last, after
        for module, name in ((os, "fsync"), (Path, "rename"), (Path, "replace"), (Path, "unlink")):
            setattr(module, name, self._counted(getattr(module, name)))
        self._open = Path.open
        steps = self

        def opened(path, mode="r", *args, **kwargs):
            file = steps._open(path, mode, *args, **kwargs)
            return Halved(file, steps) if "b" in mode and mode[0] in "wxa" else file

        Path.open = opened

    def _counted(self, call):
        def counted(*args, **kwargs):
            done = self.reached() and not self.after and os._exit(KILLED)
            result = done or call(*args, **kwargs)
            if self.left < 0 and self.after:
                os._exit(KILLED)
            return result

        return counted

    def reached(self):
        """Whether this step is the last."""
        self.left -= 1
        return self.left < 0


class Halved:
    """A file of which the last write is done by half."""

    def __init__(self, file, steps):
        self.file, self.steps = file, steps

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()

    def write(self, content):
        if self.steps.reached():
            self.file.write(content if self.steps.after else content[: len(content) // 2])
            self.file.flush()
            os._exit(KILLED)
        return self.file.write(content)

    def __getattr__(self, name):
        return getattr(self.file, name)


def rows(folder):
    """Every row that a reader finds, by kind and key."""
    store = SwapStore(folder)
    store.refresh()
    found = {}
    for kind, keys in store.index.keys.items():
        for key, entry in zip(as_hex(keys), store.locate(kind, keys), strict=True):
            names = store.index.names[entry["source"]], store.index.names[entry["subject"]]
            found[f"{kind} {key}"] = [int(entry["status"]), *map(str, names), store.reader.payload(entry).tobytes()]
    return found


def seal(folder):
    """Further rows are put into a store."""
    fill(folder, range(12, 30))


def manifest(folder):
    """The saved index is written anew."""
    for path in folder.glob("manifest*"):
        path.unlink()
    SwapStore(folder).index  # noqa: B018  # is read, and saved


def collect(folder):
    """Everything of one subject goes."""
    remove(SwapStore(folder), Criteria(subjects=frozenset({"subject1"})))


def merge(folder):
    """Another store is taken in."""
    merge_stores([SwapStore(folder.with_name("other"))], SwapStore(folder))


def main():
    """Every point of one operation."""
    operation, folder = (
        {"seal": seal, "manifest": manifest, "collect": collect, "merge": merge}[sys.argv[1]],
        sys.argv[2],
    )
    base, whole = Path(folder, "base"), Path(folder, "whole")
    fill(base, range(12))
    fill(Path(folder, "other"), range(8, 20), engine="other" if operation is merge else "test")
    before = rows(base)
    shutil.copytree(base, whole)
    operation(whole)
    wanted, wrong, points = rows(whole), [], 0
    kept = {key: row for key, row in before.items() if key in wanted}
    for after in (False, True):
        for number in itertools.count():
            work = Path(folder, "work")
            shutil.copytree(base, work)
            if not (pid := os.fork()):
                Steps(number, after)
                operation(work)
                os._exit(0)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            where = f"{'after' if after else 'before'} step {number}"
            if code not in (0, KILLED):
                wrong.append(f"{where}: the child failed ({code})")
            left = rows(work)
            if any(left.get(key) != row for key, row in kept.items()):
                wrong.append(f"{where}: something sealed is lost")
            if any(row not in (before.get(key), wanted.get(key)) for key, row in left.items()):
                wrong.append(f"{where}: a row that nobody sealed")
            if SwapStore(work).verify():
                wrong.append(f"{where}: damage")
            operation(work)
            if rows(work) != wanted:
                wrong.append(f"{where}: once more is not enough")
            shutil.rmtree(work)
            if code == 0:
                break
            points += 1
    print(json.dumps({"points": points, "wrong": wrong[:20]}))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
