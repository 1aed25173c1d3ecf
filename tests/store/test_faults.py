"""Faults: a kill at every step, files that are renamed, clocks that go wrong; and a run that heals what is damaged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsa_data.store import SwapStore
from fsa_data.store.index import MANIFEST
from tests.store.kill_points import rows
from tests.store.store_parts import fill, key, some_swap

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("operation", "fewest"), [("seal", 40), ("manifest", 10), ("collect", 40), ("merge", 30)])
def test_a_kill_at_every_step_loses_nothing_that_is_sealed(operation, fewest, tmp_path):
    """Before and after each write (half of it), fsync, rename and removal."""
    command = [sys.executable, "-m", "tests.store.kill_points", operation, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["points"] >= fewest


def test_the_child_is_small():
    code = "import sys, tests.store.kill_points; print(sorted({'torch', 'mediapipe'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


@pytest.fixture
def store(tmp_path):
    return fill(tmp_path / "store", range(12))


def test_a_shard_under_another_name_of_a_shard_is_the_same_shard(store):
    before = rows(store.path)
    path = sorted(store.path.glob("swaps-*.h5"))[0]
    path.rename(path.with_name("swaps-" + "0" * 16 + ".h5"))
    assert rows(store.path) == before
    assert SwapStore(store.path).verify() == []


def test_a_shard_under_a_foreign_name_is_missing_until_it_is_named_back(store):
    before = rows(store.path)
    path = sorted(store.path.glob("swaps-*.h5"))[0]
    away = path.rename(path.with_suffix(".bak"))
    lost = set(before) - set(rows(store.path))
    assert lost
    assert all(name.startswith("swaps ") for name in lost)
    away.rename(path)
    assert rows(store.path) == before


@pytest.mark.parametrize("shift_s", [-10 * 365 * 86400, 10 * 365 * 86400])
def test_a_clock_that_jumps_changes_nothing(store, shift_s, monkeypatch):
    """Files from the past or the future, and a run whose clock is set back."""
    before = rows(store.path)
    for path in store.path.iterdir():
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime + shift_s))
    assert rows(store.path) == before
    now = __import__("time").time
    monkeypatch.setattr("time.time", lambda: now() + shift_s)
    with SwapStore(store.path).writer() as writer:
        writer.put_swap(key(100), some_swap(100), "subject0")
    assert set(rows(store.path)) == set(before) | {f"swaps {key(100)}"}


@pytest.mark.parametrize("harm", ["truncated", "flipped", "deleted", "manifest"])
def test_what_is_damaged_is_made_again(store, harm):
    """Rows that verify names, or that are missing, are put in once more; then everything is as it was."""
    before = rows(store.path)
    path = sorted(store.path.glob("swaps-*.h5"))[0]
    content = bytearray(path.read_bytes())
    if harm == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "flipped":
        content[-10] ^= 1
        path.write_bytes(content)
    elif harm == "deleted":
        path.unlink()
    else:
        (store.path / MANIFEST).write_bytes(b"nothing")
    damaged = SwapStore(store.path).verify() if harm in ("truncated", "flipped") else []
    assert {one.shard for one in damaged} == ({path.name} if harm in ("truncated", "flipped") else set())
    if harm != "manifest":
        path.unlink(missing_ok=True)  # as verify advises
        fill(store.path, range(12))
    assert rows(store.path) == before
    assert SwapStore(store.path).verify() == []
