"""An index that grows shard by shard is the one that is read at once."""

import numpy as np
import pytest

from fsa_data.store import SwapStore
from fsa_data.store import index as indices
from fsa_data.store.index import MANIFEST, empty, refreshed
from fsa_data.types import Reason, Swap
from tests.store.store_parts import fill, key, some_swap


def content(index):
    """Every key with the shard, row, status and names that it leads to."""
    return {
        (kind, bytes(name)): (
            index.shards[entry["shard"]], int(entry["row"]), int(entry["status"]), index.names[entry["source"]],
            index.names[entry["subject"]],
        )
        for kind, keys in index.keys.items() for name, entry in zip(keys, index.entries[kind], strict=True)
    }  # fmt: skip


def read_at_once(folder):
    (folder / MANIFEST).unlink(missing_ok=True)
    return refreshed(folder, empty())


def test_grown_and_read_at_once_are_the_same(tmp_path):
    store, index, rng = SwapStore(tmp_path / "store"), empty(), np.random.default_rng(0)
    for step in range(12):
        numbers = rng.integers(0, 60, 7)
        fill(store, dict.fromkeys(numbers.tolist()), shard_rows=3, subjects=4, sources=5)
        if step % 3 == 0:  # a frame that failed first, and one that fails where a result is
            with store.writer() as writer:
                writer.put_swap(key(1000 + step), Swap(Reason.FAILED, notes={"error": "x"}), "subject1")
                writer.put_swap(key(int(numbers[0])), Swap(Reason.FAILED, notes={"error": "x"}), "subject1")
        elif step % 3 == 1:
            with store.writer() as writer:
                writer.put_swap(key(1000 + step - 1), some_swap(1), "subject2")
        index = refreshed(store.path, index)
        whole = read_at_once(store.path)
        mine, other = content(index), content(whole)
        assert mine.keys() == other.keys()
        # which of two equal rows counts may differ; what it says may not
        assert {k: v[2:] for k, v in mine.items()} == {k: v[2:] for k, v in other.items()}
        for kind, keys in index.keys.items():
            assert np.array_equal(keys, np.unique(keys)), kind


def test_rows_lead_to_their_bytes(tmp_path):
    store = SwapStore(tmp_path / "store")
    for first in range(0, 60, 5):
        fill(store, range(first, first + 5), shard_rows=5)
        store.refresh()
    for n in (0, 7, 31, 58):
        assert np.array_equal(store.get_swap(key(n)).patch, some_swap(n).patch)


def test_who_has_left_leaves_the_index(tmp_path):
    store = SwapStore(tmp_path / "store")
    fill(store, range(6), subjects=1)
    with store.writer() as writer:
        writer.put_swap(key(99), some_swap(0), "gone")
    store.refresh()
    assert "gone" in store.index.names
    (last,) = [name for name in store.index.shards if "swaps" in name and _holds(store.path / name, "gone")]
    (store.path / last).unlink()
    store.refresh()
    assert "gone" not in store.index.names


def _holds(path, name):
    return name in indices.read_columns(path).tables["subject_name"]


@pytest.mark.parametrize(("known", "new", "written"), [(0, 8, True), (0, 7, False), (160, 8, False), (160, 20, True)])
def test_the_manifest_is_written_when_it_has_grown_enough(tmp_path, monkeypatch, known, new, written):
    store = SwapStore(tmp_path / "store")
    count = [0]

    def shards(number):
        for _ in range(number):
            count[0] += 1
            with store.writer() as writer:
                writer.put_swap(key(count[0]), some_swap(count[0]), "subject")

    shards(known)
    refreshed(store.path, empty())
    times = []
    monkeypatch.setattr(indices, "write_manifest", lambda *_: times.append(1))
    shards(new)
    index = refreshed(store.path, empty())
    assert bool(times) is written
    shards(30)
    refreshed(store.path, index)  # who only looks again leaves it to who opens
    assert len(times) == written
