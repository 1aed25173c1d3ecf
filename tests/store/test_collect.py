"""Removing by lineage: who withdraws is gone for good, whatever happens meanwhile, and nobody else is touched."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from store_parts import content, fill, key, raw, some_swap

from fsa_data.cli import main
from fsa_data.errors import StoreWriteError
from fsa_data.store import Criteria, SwapStore, collect
from fsa_data.store.index import MANIFEST
from fsa_data.store.keys import packed
from fsa_data.types import Reason, Swap


def subject_of(row):
    return row[2]


def source_of(row):
    return row[1]


@pytest.fixture
def store(tmp_path):
    return fill(tmp_path / "store", range(40), shard_rows=10)


def removed(before, after):
    """What is gone; everything else must be as it was."""
    assert {at: before[at] for at in after} == after
    return {at: row for at, row in before.items() if at not in after}


def check_gone(path, gone):
    """No byte of a payload that is gone is left, and the rest is sound."""
    left = raw(path)
    assert gone
    assert not [at for at, row in gone.items() if row[4] and row[4] in left]
    assert SwapStore(path).verify() == []


def test_everything_of_a_subject_goes_and_nothing_else(store):
    SwapStore(store.path).refresh()
    assert (store.path / MANIFEST).exists()
    assert b"subject2" in raw(store.path)
    before = content(store)
    report = collect(store, Criteria(subjects=frozenset(["subject2"])))
    gone = removed(before, content(store))
    assert gone == {at: row for at, row in before.items() if subject_of(row) == "subject2"}
    assert report.rows == {"swaps": 10, "references": 1, "faces": 10, "frames": 10}
    check_gone(store.path, gone)
    assert b"subject2" not in raw(store.path)  # nor the name, in the shards or in the saved index
    assert "subject2" not in store.index.names


def test_who_is_worn_goes_from_swaps_and_trained_engines(store):
    fill(store, range(100, 106), trained_on=["who1", "other"], sources=1)
    before = content(store)
    report = collect(store, Criteria(sources=frozenset(["who1"])))
    gone = removed(before, content(store))
    learnt = {("swaps", key(n)) for n in range(100, 106)}
    worn = {at for at, row in before.items() if source_of(row) == "who1"}
    assert gone.keys() == learnt | worn | {("faces", key("photo"))}
    assert report.rows == {"swaps": len(learnt) + len(worn), "faces": 2}  # the same photo was sealed twice
    check_gone(store.path, gone)
    assert b"who1" not in raw(store.path)


def test_an_engine_goes(store):
    fill(store, range(100, 106), engine="other")
    before = content(store)
    collect(store, Criteria(engines=frozenset(["test"])))
    gone = removed(before, content(store))
    assert gone.keys() == {("swaps", key(n)) for n in range(40)}
    check_gone(store.path, gone)


def test_what_is_not_needed_goes_but_landmarks_of_photos_stay(store):
    before = content(store)
    keep = {kind: packed(key(n) for n in range(9)) for kind in ("swaps", "frames", "faces", "references")}
    report = collect(store, Criteria(keep=keep))
    gone = removed(before, content(store))
    assert content(store).keys() == {(kind, key(n)) for kind in ("swaps", "frames", "faces") for n in range(9)} | {
        ("faces", key("photo"))
    }
    assert (report.shards_removed, report.shards_rewritten) == (3 * 3 + 1, 3)
    check_gone(store.path, gone)


def test_names_of_one_person_go_together(store):
    before = content(store)
    people = {"subject1": "ann", "subject3": "ann"}
    collect(store, Criteria(subjects=frozenset(["subject3"]), identities=people))
    gone = removed(before, content(store))
    assert {subject_of(row) for row in gone.values()} == {"subject1", "subject3"}


def test_a_dry_run_counts_and_changes_nothing(store):
    before = sorted((path.name, path.stat().st_mtime_ns) for path in store.path.iterdir())
    said = collect(store, Criteria(subjects=frozenset(["subject2"])), dry_run=True)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in store.path.iterdir()) == before
    assert collect(store, Criteria(subjects=frozenset(["subject2"]))).rows == said.rows


def test_shards_without_them_are_not_touched(tmp_path):
    store = fill(tmp_path / "store", range(0, 40, 4))  # all of subject 0
    fill(store, range(1, 40, 4))
    mine = {path: path.stat().st_ino for path in store.path.glob("[sf]*.h5")}
    collect(store, Criteria(subjects=frozenset(["subject1"])))
    assert {path: path.stat().st_ino for path in mine if path.exists()}.items() <= mine.items()
    assert len([path for path in mine if path.exists()]) == 2 * 3 + 2  # the photo's landmarks, twice


def test_an_open_data_set_misses_what_is_gone_and_reads_what_is_left(store):
    entries = store.locate("swaps", [key(n) for n in range(40)])
    reader = store.reader
    collect(SwapStore(store.path), Criteria(subjects=frozenset(["subject2"])))
    store.refresh()
    found = store.locate("swaps", [key(n) for n in range(40)])
    assert [entry["shard"] < 0 for entry in found] == [n % 4 == 2 for n in range(40)]
    assert np.array_equal(store.reader.image(found[1]), some_swap(1).patch)
    assert reader is not store.reader
    with pytest.raises(LookupError, match="is gone"):
        reader.image(entries[1])  # an old entry is a miss, never another row


def test_damage_is_not_sealed_again_and_what_cannot_be_read_is_named(store):
    entry = store.locate("swaps", [key(1)])[0]
    path = store.path / store.index.shards[entry["shard"]]
    data = bytearray(path.read_bytes())
    data[int(entry["start"])] ^= 1
    path.write_bytes(data)
    cut = store.path / store.index.shards[store.locate("swaps", [key(39)])[0]["shard"]]
    os.truncate(cut, 500)
    with pytest.warns(RuntimeWarning, match=cut.name):
        report = collect(store, Criteria(subjects=frozenset(["subject2"])))
    assert (report.damaged_rows, report.unreadable) == (1, (cut.name,))
    with pytest.warns(RuntimeWarning, match=cut.name):
        found = SwapStore(store.path).locate("swaps", [key(0), key(1), key(3)])["shard"] >= 0
    assert found.tolist() == [True, False, True]


def test_a_read_only_store_is_refused(store, tmp_path, request):
    store.path.chmod(0o555)
    tmp_path.chmod(0o755)
    request.getfixturevalue("unprivileged")
    with pytest.raises(StoreWriteError, match="read-only"):
        collect(store, Criteria(subjects=frozenset(["subject2"])))
    assert collect(store, Criteria(subjects=frozenset(["subject2"])), dry_run=True).rows["swaps"] == 10


# --- kills


def killed_after(delay_s, work):
    """Do something in a forked process and kill it after a while; whether that was in time."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(delay_s)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_at_any_moment_nothing_is_lost_and_nothing_counts_twice(tmp_path):
    store = fill(tmp_path / "store", range(16), shard_rows=4)
    before = content(store)
    criteria = Criteria(subjects=frozenset(["subject2"]))
    expected = {at: row for at, row in before.items() if subject_of(row) != "subject2"}
    whole = tmp_path / "whole"
    shutil.copytree(store.path, whole)
    started = time.monotonic()
    collect(SwapStore(whole), criteria)
    took_s = time.monotonic() - started
    assert content(whole) == expected
    rng, kills, partly = random.Random(0), 0, 0
    for number in range(6):
        path = tmp_path / f"store{number}"
        shutil.copytree(store.path, path)
        while kills < 8 and killed_after(rng.uniform(0, took_s), lambda path=path: collect(SwapStore(path), criteria)):
            kills += 1
            now = content(path)  # the index holds every key once, by construction; the rows are what they were
            gone = removed(before, now)
            assert {subject_of(row) for row in gone.values()} <= {"subject2"}
            assert {at: now[at] for at in expected} == expected
            assert SwapStore(path).verify() == []
            partly += 0 < len(gone) < len(before) - len(expected)
        collect(SwapStore(path), criteria)
        assert content(path) == expected
        check_gone(path, removed(before, expected))
        assert not list(path.glob("*.tmp"))
        assert len(list(path.glob("*.h5"))) == len(list(whole.glob("*.h5")))  # no shard is there twice
        if kills >= 8:
            break
    assert partly


def test_killed_between_the_new_shard_and_the_old_one(store, monkeypatch):
    before = content(store)
    criteria = Criteria(subjects=frozenset(["subject2"]))
    real = Path.unlink

    def unlink(self, missing_ok=False):
        if self.suffix == ".h5":
            raise KeyboardInterrupt
        real(self, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink)
        with pytest.raises(KeyboardInterrupt):
            collect(store, criteria)
    assert content(store) == before  # both are there, and every key counts once
    shards = len(list(store.path.glob("*.h5")))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink)
        with pytest.raises(KeyboardInterrupt):
            collect(store, criteria)
    assert len(list(store.path.glob("*.h5"))) == shards  # sealed under the same name again
    collect(store, criteria)
    assert content(store) == {at: row for at, row in before.items() if subject_of(row) != "subject2"}


# --- the command


def test_the_command_removes_counts_and_is_content_to_find_nothing(store, capsys):
    words = ["cache", "gc", str(store.path), "--subject", "subject2"]
    assert main([*words, "--dry-run"]) == 0
    assert "would remove swaps 10, references 1, faces 10, frames 10 (" in capsys.readouterr().out
    assert main(words) == 0
    assert ": removed swaps 10, references 1, faces 10, frames 10" in capsys.readouterr().out
    assert main(words) == 0
    said = capsys.readouterr().out
    assert ": removed nothing" in said
    assert "It knows the names subject0, subject1, subject3, who0" in said
    assert main(["cache", "gc", str(store.path), "--engine", "test"]) == 0
    assert "removed swaps 30" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Say what is to go"),
        (["--unreferenced"], "-s SOURCE"),
        (["--unreferenced", "-s", "portraits"], "--csv"),
        (["--unreferenced", "--subject", "x", "-s", "portraits"], "run of their own"),
    ],
)
def test_the_command_wants_to_know_what_goes(store, words, message, capsys):
    assert main(["cache", "gc", str(store.path), *words]) == 2
    assert message in capsys.readouterr().err


def test_unfinished_files_are_told_of(store, capsys):
    left = store.path / f"swaps-0123456789abcdef.h5.elsewhere-{2**22 + 1}-00000000.tmp"
    left.write_bytes(b"half")
    assert main(["cache", "gc", str(store.path), "--subject", "subject2"]) == 1
    assert left.name in capsys.readouterr().err


def test_unreferenced_keeps_what_a_data_set_needs(tmp_path, capsys):
    import cv2

    from fsa_data.sources import load_source

    for at, photo in enumerate(load_source("portraits").photos):
        cv2.imwrite(str(tmp_path / f"{at}.png"), photo.load()[:, :, ::-1])
    for name, rows in (("all", (0, 1)), ("one", (1,))):
        lines = ["path,subject,label", *(f"{at}.png,person{at},a" for at in rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    common = ["-s", "portraits"]
    store = str(tmp_path / "store")
    assert main(["materialise", "--csv", str(tmp_path / "all.csv"), *common, "--store", store]) == 0
    with SwapStore(store).writer() as writer:
        writer.put_swap(key(0), Swap(Reason.NO_FACE), "person1")
    kept = ["cache", "gc", store, "--unreferenced", "--csv", str(tmp_path / "one.csv"), *common]
    capsys.readouterr()
    assert main([*kept, "--dry-run"]) == 0
    assert main(kept) == 0
    said = capsys.readouterr().out
    assert "would remove swaps 2, " in said
    assert ": removed swaps 2, " in said
    assert main(["materialise", "--csv", str(tmp_path / "one.csv"), *common, "--store", store]) == 0
    assert "0 swaps made, 1 reused" in capsys.readouterr().out
    assert SwapStore(store).info().swaps == 1
