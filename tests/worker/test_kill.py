"""Runs that are killed at any moment: nothing that was sealed is lost, damaged or made again."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fsa_data.cli import main
from fsa_data.frames import LabelledFrames
from fsa_data.store import STATUSES, SwapStore
from fsa_data.store.index import SHARD_NAME
from fsa_data.store.keys import as_hex
from fsa_data.store.shard import read_columns

ROOT = Path(__file__).resolve().parents[2]
# Python runs this at the start of every process, workers included: shards are sealed far more often than usual.
HOOK = "import fsa_data.store.writer as writer; writer.SEAL_SECONDS = 0.05"
LOOKING = ("frames-*.h5", "references-*.h5", "*.h5.*.tmp", "*", "faces-*.h5")
SWAPPING = ("*.h5.*.tmp", "manifest.npz*", "swaps-*.h5", "swaps-*.h5.*.tmp", "*")
"""What the killer waits for, in turn, before and after references are there; ``*`` for nothing but time."""


@dataclass(frozen=True)
class Job:
    """The command that is killed, and what it makes when it is not."""

    table: Path
    hook: Path
    whole: dict

    def start(self, store, workers):
        command = ["materialise", "--csv", self.table, "-s", "portraits", "--store", store, "--workers", workers]
        command += ["--fakes-per-frame", 2]
        paths = [str(self.hook), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(
            [sys.executable, "-m", "fsa_data.cli", *map(str, command)],
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Thirty frames of two drivers: fifteen each are enough for a reference."""
    folder = tmp_path_factory.mktemp("kill")
    (folder / "sitecustomize.py").write_text(HOOK)
    frames = LabelledFrames.from_simdrive(subjects=2, frames=1)
    job = Job(Path(frames.path[0]).parents[1] / "frames.csv", folder, {})
    process = job.start(folder / "whole", 0)
    made, reused = counts(process)
    job.whole.update(sealed(folder / "whole"))
    assert (made, reused) == (swapped(job.whole), 0)
    assert Counter(kind for kind, _ in job.whole) == {"frames": 30, "faces": 32, "references": 2, "swaps": 60}
    assert made > 40
    return job


def counts(process):
    """Let a run end in peace; swaps made, and found."""
    said, wrong = process.communicate(timeout=300)
    assert process.returncode == 0, wrong
    return tuple(int(number) for number in re.search(r"(\d+) swaps made, (\d+) reused", said).groups())


def sealed(store):
    """Every row of every shard, by kind and key. A key that was sealed twice was made twice."""
    found = {}
    for path in sorted(store.iterdir()) if store.exists() else ():
        if SHARD_NAME.match(path.name):
            shard = read_columns(path)
            content = np.fromfile(path, np.uint8)[shard.start :]
            ends, notes = shard.columns["offset"], shard.columns["notes_offset"]
            for row, key in enumerate(as_hex(shard.keys)):
                assert (shard.kind, key) not in found, f"{path.name} holds {shard.kind} {key} once more"
                found[shard.kind, key] = (
                    shard.tables["status_name"][shard.columns["status"][row]],
                    shard.tables["source_name"][shard.columns["source"][row]],
                    shard.tables["subject_name"][shard.columns["subject"][row]],
                    shard.columns["box"][row].tolist(),
                    content[ends[row] : ends[row + 1]].tobytes(),
                    shard.columns["notes"][notes[row] : notes[row + 1]].tobytes(),
                )
    return found


def swapped(rows):
    return sum(kind == "swaps" and row[0] == "swapped" for (kind, _), row in rows.items())


def read_back(store):
    """What a user reads: every row by its key, through the index."""
    store = SwapStore(store)
    found = {}
    for kind, keys in store.index.keys.items():
        entries = store.locate(kind, keys)
        for key, entry in zip(as_hex(keys), entries, strict=True):
            names = store.index.names[entry["source"]], store.index.names[entry["subject"]]
            notes = store.get_notes(kind, key)
            payload = store.reader.payload(entry).tobytes()
            found[kind, key] = STATUSES[entry["status"]], *names, entry["box"].tolist(), payload, notes
    return found


def killed(process, store, pattern, delay_s, alone=False):
    """Wait until something new of this name lies in the store, then a little, and kill; whether it was in time.

    ``alone`` kills the parent only: its workers notice, seal what they have and end.
    """
    before = {path.name for path in store.glob(pattern)} if store.exists() else set()
    while process.poll() is None and pattern != "*" and {path.name for path in store.glob(pattern)} <= before:
        time.sleep(0.001)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
        process.communicate()  # the pipes close when the last worker is gone
        return True
    return False


def check(store, job, before, capsys):
    """After whatever happened the store is sound, holds what it held, and nothing that a quiet run would not make."""
    if store.exists() and any(store.iterdir()):
        assert main(["cache", "verify", str(store)]) == 0
        assert "every byte is as it was sealed" in capsys.readouterr().out
    now = sealed(store)
    assert {key: now[key] for key in before} == before
    assert {key: job.whole[key] for key in now} == now
    return now


def kill_often(job, folder, kills, capsys, alone=False):
    """Kill runs on one store until one gets through, then on the next one; what each kill left, and its store."""
    rng = random.Random(0)
    left = []
    for number in range(kills):  # more stores than kills are not needed
        store, rows = folder / f"store{number}", {}
        while len(left) < kills:
            stage = SWAPPING if any(kind == "references" for kind, _ in rows) else LOOKING
            pattern = stage[len(left) % len(stage)]
            delay_s = rng.uniform(0, 5 if pattern == "*" else 0.002 if pattern.endswith(".tmp") else 0.2)
            process = job.start(store, workers=2 if alone else 2 * (len(left) % 2))
            if not killed(process, store, pattern, delay_s, alone):
                finish(store, job, rows, counts(process), capsys)
                break
            rows = check(store, job, rows, capsys)
            left.append((Counter(kind for kind, _ in rows), len(list(store.glob("*.tmp"))), pattern))
        else:
            finish(store, job, rows, counts(job.start(store, 2)), capsys)
            return left
    raise AssertionError(f"only {len(left)} of {kills} runs could be killed in time")


def finish(store, job, rows, said, capsys):
    """A run went through: it made what was missing, and the store reads like one that was never killed."""
    assert said == (swapped(job.whole) - swapped(rows), swapped(rows))
    assert check(store, job, rows, capsys) == job.whole
    assert read_back(store) == read_back(job.hook / "whole")


def test_three_kills(job, tmp_path, capsys):
    left = [rows for rows, _, _ in kill_often(job, tmp_path, 3, capsys)]
    assert any(0 < rows["frames"] < 30 for rows in left)
    assert any(rows["references"] for rows in left)


def workers_of(process):
    """Process ids of the workers of a run that lives."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [pid for pid in map(int, children) if b"worker.process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    except OSError:
        return []


def kill_workers(job, store, kills, seed):
    """Kill one worker after another during one run; how many were killed before it went through."""
    rng, dead = random.Random(seed), set()
    process = job.start(store, workers=2)
    while len(dead) < kills and process.poll() is None:
        if living := [pid for pid in workers_of(process) if pid not in dead]:
            time.sleep(rng.uniform(0.5, 3))
            victim = rng.choice(living)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                dead.add(victim)
    said, wrong = process.communicate(timeout=300)
    assert process.returncode == 0, (said, wrong)
    return len(dead)


def test_a_killed_parent(job, tmp_path, capsys):
    assert len(kill_often(job, tmp_path, 1, capsys, alone=True)) == 1


def test_a_killed_worker(job, tmp_path):
    assert kill_workers(job, tmp_path / "store", 1, seed=0) == 1
    assert read_back(tmp_path / "store") == read_back(job.hook / "whole")


@pytest.mark.slow
def test_twenty_kills_of_parents(job, tmp_path, capsys):
    assert len(kill_often(job, tmp_path, 20, capsys, alone=True)) == 20


@pytest.mark.slow
def test_twenty_kills_of_workers(job, tmp_path):
    total = 0
    for number in range(40):
        total += kill_workers(job, tmp_path / f"store{number}", 1 + number % 2, seed=number)
        assert read_back(tmp_path / f"store{number}") == read_back(job.hook / "whole")
        if total >= 20:
            return
    raise AssertionError(f"only {total} of 20 workers could be killed in time")


@pytest.mark.slow
def test_twenty_kills(job, tmp_path, capsys):
    left = kill_often(job, tmp_path, 20, capsys)
    assert any(0 < rows["frames"] < 30 for rows, _, _ in left)
    assert any(rows["references"] and not rows["swaps"] for rows, _, _ in left)
    assert any(0 < rows["swaps"] < 60 for rows, _, _ in left)
    assert any(unfinished for _, unfinished, _ in left)


def test_what_killed_runs_left_unfinished_is_swept_away_in_the_end(job, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(job.hook / "whole", store)
    left = store / f"swaps-0123456789abcdef.h5.{socket.gethostname()}-{2**22 + 1}-00000000.tmp"
    left.write_bytes(b"half")
    assert counts(job.start(store, 0)) == (0, swapped(job.whole))
    assert left.exists()  # too young to be sure that nobody writes it
    os.utime(left, (0, 0))
    assert counts(job.start(store, 0)) == (0, swapped(job.whole))
    assert not left.exists()
