"""What a large index costs in memory."""

import os
import tracemalloc

import numpy as np
import pytest

from fsa_data.store import SwapStore, index
from fsa_data.store.shard import KINDS

ROWS = 100_000
SHARDS = 98


@pytest.fixture
def large(tmp_path):
    """A store whose saved index has 100,000 swaps; the shards are names and sizes only."""
    path = tmp_path / "store"
    SwapStore(path)
    rng = np.random.default_rng(0)
    names = tuple(f"swaps-{n:016x}.h5" for n in range(SHARDS))
    for name in names:
        with (path / name).open("wb") as file:
            os.truncate(file.fileno(), 1 << 20)
    keys = np.sort(np.frombuffer(rng.bytes(16 * ROWS), "S16"))
    entries = index.nothing(ROWS)
    entries["shard"], entries["row"] = rng.integers(0, SHARDS, ROWS), rng.integers(0, 1024, ROWS)
    people = ("", *(f"user{n:02d}" for n in range(60)))
    entries["source"], entries["subject"] = rng.integers(0, 61, (2, ROWS))
    whole = index.empty()
    made = index.Index(
        names, (1 << 20,) * SHARDS, people, whole.keys | {"swaps": keys}, whole.entries | {"swaps": entries}
    )
    assert set(made.keys) == set(KINDS)
    index.write_manifest(path, made)
    return path, keys


def test_at_most_100_bytes_a_row(large):
    path, keys = large
    SwapStore(path)  # whatever is imported or made once
    tracemalloc.start()
    try:
        store = SwapStore(path)
        assert len(store.index.keys["swaps"]) == ROWS
        assert (store.locate("swaps", keys[:100])["shard"] >= 0).all()
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / ROWS <= 100
    assert most / ROWS <= 300  # while it is read
    columns = [*store.index.keys.values(), *store.index.entries.values()]
    assert sum(column.nbytes for column in columns) / ROWS <= 100


def test_a_refresh_holds_no_second_copy(large):
    path, _ = large
    store = SwapStore(path)
    assert len(store.index.shards) == SHARDS
    (path / store.index.shards[0]).unlink()
    tracemalloc.start()
    try:
        store.refresh()
        store.refresh()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(store.index.keys["swaps"]) < ROWS
    assert held / ROWS <= 100
