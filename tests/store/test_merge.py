"""Joining stores: everything once, what differs is named, and a kill is no harm."""

import json
import os
import random
import shutil
import time

import numpy as np
import pytest
from store_parts import content, fill, key, some_swap
from test_collect import killed_after

from fsa_data.cli import main
from fsa_data.errors import ConfigError, StoreWriteError
from fsa_data.store import SwapStore, merge_stores
from fsa_data.types import Reason, Swap


def put(store, n, swap, subject="s", trained_on=()):
    store = SwapStore(store)
    with store.writer(trained_on=trained_on) as writer:
        writer.put_swap(key(n), swap, subject)
    store.refresh()
    return store


def test_disjoint_stores_are_copied_shard_by_shard(tmp_path):
    one, two = fill(tmp_path / "one", range(12)), fill(tmp_path / "two", range(12, 20))
    files = {path.name: path.read_bytes() for path in one.path.glob("*.h5")}
    report = merge_stores([one], SwapStore(tmp_path / "out"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.h5")} == files
    assert (report.shards_copied, report.shards_sealed, report.same) == (len(files), 0, 0)
    report = merge_stores([two], SwapStore(tmp_path / "out"))
    assert report.rows == {"frames": 8, "faces": 8, "swaps": 8}  # references and a photo's landmarks are the same
    assert report.same == 5
    assert content(tmp_path / "out") == content(one) | content(two)
    assert SwapStore(tmp_path / "out").verify() == []


def test_overlapping_stores_are_one_and_nothing_is_there_twice(tmp_path):
    one, two = fill(tmp_path / "one", range(12)), fill(tmp_path / "two", range(7, 20))
    out = SwapStore(tmp_path / "out")
    report = merge_stores([one, two], out)
    assert content(out) == content(one) | content(two)
    assert (report.conflicts, report.damages) == ((), ())
    assert report.rows["swaps"] == 20
    assert sum(len(keys) for keys in out.index.keys.values()) == sum(report.rows.values())
    again = merge_stores([two, one], out)
    assert (again.rows, again.shards_copied, again.shards_sealed) == ({}, 0, 0)
    assert again.same == sum(len(content(store)) for store in (one, two))


@pytest.mark.parametrize(
    ("other", "subject", "trained_on", "differs"),
    [
        (Swap(Reason.SWAPPED, "who1", some_swap(1).box, 255 - some_swap(1).patch, {"n": 1}), "s", (), ("payload",)),
        (Swap(Reason.SWAPPED, "who9", some_swap(1).box, some_swap(1).patch, {"n": 1}), "s", (), ("source",)),
        (Swap(Reason.SWAPPED, "who1", some_swap(1).box, some_swap(1).patch, {"n": 2}), "s", (), ("notes",)),
        (some_swap(1), "somebody else", (), ("subject",)),
        (some_swap(1), "s", ("who8",), ("trained_on",)),
        (Swap(Reason.PROFILE), "s", (), ("status", "source", "box", "payload", "notes")),
    ],
)
def test_what_differs_is_named_and_the_first_is_kept(tmp_path, other, subject, trained_on, differs):
    one, two = put(tmp_path / "one", 1, some_swap(1)), put(tmp_path / "two", 1, other, subject, trained_on)
    put(tmp_path / "two", 2, some_swap(2))
    out = SwapStore(tmp_path / "out")
    report = merge_stores([one, two], out)
    (conflict,) = report.conflicts
    assert (conflict.kind, conflict.key, conflict.differs) == ("swaps", key(1), differs)
    assert (conflict.kept, conflict.refused) == (str(one.path), str(two.path))
    assert content(out)["swaps", key(1)] == content(one)["swaps", key(1)]
    assert ("swaps", key(2)) in content(out)
    (conflict,) = merge_stores([two], out).conflicts  # repeated: it is named again
    assert conflict.kept == str(out.path)


def test_a_result_replaces_a_failure_and_not_the_other_way_round(tmp_path):
    failed = put(tmp_path / "failed", 1, Swap(Reason.FAILED, notes={"error": "x"}))
    again = put(tmp_path / "again", 1, Swap(Reason.FAILED, notes={"error": "y"}))
    made = put(tmp_path / "made", 1, some_swap(1))
    for number, order in enumerate(([failed, again, made], [made, failed, again])):
        out = SwapStore(tmp_path / f"out{number}")
        assert merge_stores(order, out).conflicts == ()
        assert content(out) == content(made)


def test_damage_is_named_and_the_rest_is_taken(tmp_path):
    one = fill(tmp_path / "one", range(12))
    flipped, cut = (one.path / one.index.shards[one.locate("swaps", [key(n)])[0]["shard"]] for n in (2, 8))
    data = bytearray(flipped.read_bytes())
    data[int(one.locate("swaps", [key(2)])[0]["start"])] ^= 1
    flipped.write_bytes(data)
    os.truncate(cut, 900)
    report = merge_stores([SwapStore(one.path)], SwapStore(tmp_path / "out"))
    assert {(damage.shard, damage.key) for damage in report.damages} == {(str(flipped), key(2)), (str(cut), "")}
    assert SwapStore(tmp_path / "out").verify() == []
    found = SwapStore(tmp_path / "out").locate("swaps", [key(n) for n in range(12)])["shard"] >= 0
    assert found.tolist() == [n < 6 and n != 2 for n in range(12)]


def test_a_store_is_not_merged_into_itself(tmp_path):
    one = fill(tmp_path / "one", range(3))
    (tmp_path / "link").symlink_to(one.path)
    for sources, out in (([one], SwapStore(tmp_path / "link")), ([one, SwapStore(tmp_path / "link")], one)):
        with pytest.raises(ConfigError, match="different directories"):
            merge_stores(sources, out)


def test_a_full_disk_keeps_what_was_taken(tmp_path):
    import resource

    one = fill(tmp_path / "one", range(12))
    frame = np.zeros((300, 300, 3), np.uint8)
    with one.writer() as writer:
        writer.put_frame(key("large"), frame, "s")
    out = SwapStore(tmp_path / "out")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(StoreWriteError, match="Free some space"):
            merge_stores([one], out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert out.verify() == []
    merge_stores([one], out)
    assert content(out) == content(one)


def test_killed_at_any_moment_the_same_command_goes_on(tmp_path):
    one, two = fill(tmp_path / "one", range(8), shard_rows=3), fill(tmp_path / "two", range(5, 14), shard_rows=3)
    expected = content(one) | content(two)
    started = time.monotonic()
    merge_stores([one, two], SwapStore(tmp_path / "whole"))
    took_s = time.monotonic() - started
    shards = len(list((tmp_path / "whole").glob("*.h5")))
    rng, partly = random.Random(1), 0
    for number in range(4):
        path = tmp_path / f"out{number}"
        while killed_after(rng.uniform(0, took_s), lambda path=path: merge_stores([one, two], SwapStore(path))):
            now = content(path)
            assert {at: expected[at] for at in now} == now
            partly += 0 < len(now) < len(expected)
            if partly > 3:
                break
        assert merge_stores([one, two], SwapStore(path)).conflicts == ()
        assert content(path) == expected
        assert len(list(path.glob("*.h5"))) == shards  # nothing was taken twice
        shutil.rmtree(path)
        if partly > 3:
            break
    assert partly


def test_the_command(tmp_path, capsys):
    one, two = fill(tmp_path / "one", range(6)), fill(tmp_path / "two", range(4, 9))
    out = str(tmp_path / "out")
    assert main(["cache", "merge", str(one.path), str(two.path), "-o", out]) == 0
    assert "swaps 9" in capsys.readouterr().out
    put(tmp_path / "three", 0, Swap(Reason.PROFILE))
    assert main(["cache", "merge", str(tmp_path / "three"), "-o", out]) == 1
    said = capsys.readouterr()
    assert "nothing new" in said.out
    assert f"swaps {key(0)}: {tmp_path / 'three'} differs from {out} in status, source, subject" in said.err
    assert main(["cache", "merge", str(tmp_path / "three"), "-o", out, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["conflicts"][0]["key"] == key(0)
    assert main(["cache", "merge", str(tmp_path / "nowhere"), "-o", out]) == 2
    assert "There is no store" in capsys.readouterr().err
