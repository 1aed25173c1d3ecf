import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_parts import CentreFace, Paint, frames_of, people, png

from fsa_data.errors import ConfigError, MissingWeightsError, SourceError, StoreWriteError
from fsa_data.frames import read_frame
from fsa_data.store import SwapStore
from fsa_data.store.keys import as_hex
from fsa_data.types import Reason, paste
from fsa_data.worker import Recipe, materialise, plan, working_frame

HERE = Path(__file__).parent


@pytest.fixture
def frames(tmp_path):
    return frames_of(tmp_path / "frames", 10, black=(7,))


@pytest.fixture
def source(tmp_path):
    return people(tmp_path / "photos", "cat", "dan", "eve")


def run(frames, source, store, engine=None, landmarker=None, **options):
    given = {"working_size": 40, "workers": 0} | options
    return materialise(frames, source, engine or Paint(), store, landmarker=landmarker or CentreFace(), **given)


def keys_of(frames, source, **options):
    given = {"engine": Paint(), "landmarker": CentreFace(), "working_size": 40} | options
    return as_hex(plan(frames, Recipe(source, **given)).swap_keys.ravel())


def content(store):
    """Everything a store holds, by kind and key."""
    store = SwapStore(getattr(store, "path", store))
    found = {}
    for kind, index in store.index.keys.items():
        entries = store.locate(kind, index)
        for key, entry in zip(as_hex(index), entries, strict=True):
            names = store.index.names[entry["source"]], store.index.names[entry["subject"]]
            found[kind, key] = (
                int(entry["status"]),
                entry["box"].tolist(),
                names,
                store.reader.payload(entry).tobytes(),
            )
    return found


def test_counts_and_content(frames, source, tmp_path):
    report = run(frames, source, tmp_path / "store")
    assert (report.made, report.reused, report.skipped) == (9, 0, 1)
    assert report.by_reason == {"no_face": 1}
    assert (report.frames_decoded, report.faces_detected, report.failures) == (10, 10, ())
    store = SwapStore(tmp_path / "store")
    for i, key in enumerate(keys_of(frames, source)):
        swap = store.get_swap(key)
        assert swap.reason is (Reason.NO_FACE if i == 7 else Reason.SWAPPED)
        if swap.swapped:
            frame = working_frame(read_frame(frames.ref(i)), 40)
            assert (swap.patch[..., 2] == frame.sum() % 256).all()  # the engine saw the working frame
            inside = np.zeros(frame.shape[:2], bool)
            inside[swap.box.slices] = True
            out = paste(frame, swap.box, swap.patch)
            assert np.array_equal(out[~inside], frame[~inside])
            assert dict(swap.notes) == {"w": 53}


def test_the_second_run_does_nothing(frames, source, tmp_path):
    run(frames, source, tmp_path / "store")
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "store").iterdir())

    def refuse(*_):
        raise AssertionError("nothing is to be done")

    idle = replace(source, photos=tuple(replace(photo, load=refuse) for photo in source.photos))
    report = run(frames, idle, tmp_path / "store")
    assert (report.made, report.reused, report.skipped) == (0, 9, 1)
    assert (report.frames_decoded, report.faces_detected) == (0, 0)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "store").iterdir()) == before


def test_each_reuses_what_it_can_and_nothing_of_anothers(frames, source, tmp_path):
    store, log = SwapStore(tmp_path / "store"), tmp_path / "log"
    run(frames, source, store, landmarker=CentreFace(log=log))
    assert len(log.read_text().split()) == 10 + 3
    first = content(store)

    other = people(tmp_path / "others", "fay", "gus")  # a second source: no decoding, no detection but its own photos
    report = run(frames, other, store, landmarker=CentreFace(log=log))
    assert (report.made, report.reused, report.frames_decoded, report.faces_detected) == (9, 0, 0, 0)
    assert len(log.read_text().split()) == 13 + 2
    second = content(store)
    assert {key: second[key] for key in first} == first
    assert {row[2][0] for key, row in second.items() if key not in first} - {""} == {"fay", "gus"}

    copies = tmp_path / "copies"  # a third data set: five old frames under new names, two new ones
    copies.mkdir()
    for i in range(5):
        shutil.copy(frames.path[i], copies / f"copy{i}.png")
    new = frames_of(copies, 2, start=50)
    third = replace(
        frames.subset(range(7)), path=np.array([*(str(copies / f"copy{i}.png") for i in range(5)), *new.path])
    )
    report = run(third, source, store, landmarker=CentreFace(log=log))
    assert (report.made, report.reused, report.frames_decoded, report.faces_detected) == (2, 5, 2, 2)
    assert len(log.read_text().split()) == 15 + 2  # the photos' landmarks were kept
    last = content(store)
    assert {key: last[key] for key in second} == second


def test_another_working_size_or_landmarker_reuses_only_what_is_the_same(frames, source, tmp_path):
    run(frames, source, tmp_path / "store")
    size = run(frames, source, tmp_path / "store", working_size=32)
    assert (size.made, size.frames_decoded, size.faces_detected) == (9, 10, 0)
    look = run(frames, source, tmp_path / "store", landmarker=CentreFace("other"))
    assert (look.made, look.faces_detected) == (9, 10)


def test_frames_only(frames, tmp_path):
    report = materialise(frames, None, None, tmp_path / "store", 40, fakes_per_frame=0, workers=0)
    assert (report.made, report.skipped, report.frames_decoded, report.faces_detected) == (0, 0, 10, 0)
    info = SwapStore(tmp_path / "store").info()
    assert (info.swaps, info.frames, info.faces) == (0, 10, 0)


def test_the_number_of_workers_changes_nothing(frames, source, tmp_path):
    stores = []
    for workers in (0, 1, 3):
        stores.append(tmp_path / f"store{workers}")
        report = run(frames, source, stores[-1], workers=workers, fakes_per_frame=2)
        assert (report.made, report.skipped) == (18, 2)
    assert content(stores[0]) == content(stores[1]) == content(stores[2])
    assert all(SwapStore(store).verify() == [] for store in stores)


def test_nobody_wears_their_own_face(tmp_path):
    frames = frames_of(tmp_path / "frames", 12, subjects=("ann", "bob", "user7"))
    source = people(tmp_path / "photos", "ann", "bob", "cat")
    given = {"identities": {"user7": "cat"}}
    run(frames, source, tmp_path / "store", identity_map={"user7": "cat"}, fakes_per_frame=2)
    store = SwapStore(tmp_path / "store")
    keys = np.reshape(keys_of(frames, source, fakes_per_frame=2, **given), (12, 2))
    for subject, pair in zip(frames.subject, keys, strict=True):
        worn = {store.get_swap(key).source_identity for key in pair}
        assert worn == {"ann", "bob", "cat"} - {str(subject), {"user7": "cat"}.get(str(subject))}


def test_without_a_donor_the_reason_is_kept(tmp_path):
    frames = frames_of(tmp_path / "frames", 2, subjects=("cat", "ann"))
    report = run(frames, people(tmp_path / "photos", "cat"), tmp_path / "store")
    assert (report.made, report.by_reason) == (1, {"no_donor": 1})


def test_equal_frames_are_done_once(tmp_path, source):
    frames = frames_of(tmp_path / "frames", 4, subjects=("ann",))
    shutil.copy(frames.path[0], frames.path[3])
    report = run(frames, source, tmp_path / "store")
    assert (report.made, report.frames_decoded) == (4, 3)
    assert SwapStore(tmp_path / "store").info().swaps == 3


# --- what goes wrong with one frame


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_frame_does_not_stop_the_run(frames, source, tmp_path, workers):
    Path(frames.path[3]).write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    report = run(frames, source, tmp_path / "store", workers=workers)
    assert (report.made, report.by_reason) == (8, {"no_face": 1, "failed": 1})
    assert len(report.failures) == 1
    assert "3.png" in report.failures[0]
    assert "BadImageError" in report.failures[0]
    swap = SwapStore(tmp_path / "store").get_swap(keys_of(frames, source)[3])
    assert swap.reason is Reason.FAILED
    assert "BadImageError" in swap.notes["error"]


def test_a_failure_is_tried_again_and_healed(frames, source, tmp_path):
    flag = tmp_path / "flag"
    flag.touch()
    engine = Paint(fail="out of paint", flag=str(flag))
    report = run(frames, source, tmp_path / "store", engine)
    assert (report.made, report.by_reason) == (0, {"no_face": 1, "failed": 9})
    assert "RuntimeError: out of paint" in report.failures[0]
    flag.unlink()
    report = run(frames, source, tmp_path / "store", engine)
    assert (report.made, report.by_reason, report.frames_decoded) == (9, {"no_face": 1}, 0)
    assert run(frames, source, tmp_path / "store").reused == 9


class NoWeights(CentreFace):
    def __call__(self, image, closely=True):
        if image.shape[0] < 60:  # a frame, not a photo
            raise MissingWeightsError("the model is not here: put it there")
        return super().__call__(image)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_every_frame_would_meet_ends_the_run(frames, source, tmp_path, workers):
    with pytest.raises(MissingWeightsError, match="put it there"):
        run(frames, source, tmp_path / "store", landmarker=NoWeights(), workers=workers)


def test_a_source_without_faces_is_an_error(frames, tmp_path):
    source = people(tmp_path / "photos", "cat")
    png(Path(source.photos[0].load.args[0]), 0, black=True)
    with pytest.raises(SourceError):
        run(frames, source, tmp_path / "store")


@pytest.mark.parametrize("workers", [-1, 1.5, "many"])
def test_refuses_a_number_of_workers_that_is_none(frames, source, tmp_path, workers):
    with pytest.raises(ConfigError, match="workers"):
        run(frames, source, tmp_path / "store", workers=workers)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_ends_the_run_and_keeps_what_was_sealed(frames, source, tmp_path, workers):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    store = SwapStore(tmp_path / "store")
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
    try:
        with pytest.raises(StoreWriteError, match="Free some space"):
            run(frames, source, store, workers=workers, working_size=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert SwapStore(store.path).verify() == []
    assert not list(store.path.glob("*.tmp"))
    assert run(frames, source, store, working_size=None).made == 9


# --- processes that die


SCRIPT = """
    import signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it
    sys.path.insert(0, {here!r})
    from tiny_parts import *
    from fsa_data.worker import materialise
    frames = frames_of({folder!r} + "/frames", 40, black=(7,))
    source = people({folder!r} + "/photos", "cat", "dan", "eve")
    engine = Paint(delay_s=0.05, seal_s=0.2)
    print("ready", flush=True)
    materialise(frames, source, engine, {folder!r} + "/store", 40, landmarker=CentreFace(), workers={workers})
"""


def start(tmp_path, workers):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(here=str(HERE), folder=str(tmp_path), workers=workers)))
    process = subprocess.Popen(
        [sys.executable, str(script)], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def wait_for_shards(store, count):
    deadline = time.monotonic() + 60
    while len(list(store.glob("swaps-*.h5"))) < count and time.monotonic() < deadline:
        time.sleep(0.02)


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("workers", [0, 2])
def test_killing_everything_loses_nothing_that_was_sealed(tmp_path, workers):
    process = start(tmp_path, workers)
    wait_for_shards(tmp_path / "store", 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    sealed = content(tmp_path / "store")
    swaps = sum(kind == "swaps" for kind, _ in sealed)
    assert 0 < swaps < 40
    assert SwapStore(tmp_path / "store").verify() == []

    frames, source = frames_of(tmp_path / "frames", 40, black=(7,)), people(tmp_path / "photos", "cat", "dan", "eve")
    report = run(frames, source, tmp_path / "store")
    assert report.reused + report.made == 39
    assert report.reused >= swaps - 1
    run(frames, source, tmp_path / "whole")
    resumed = content(tmp_path / "store")
    assert resumed == content(tmp_path / "whole")
    assert {key: resumed[key] for key in sealed} == sealed


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_seals_what_is_done(tmp_path, workers):
    process = start(tmp_path, workers)
    wait_for_shards(tmp_path / "store", 1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in said
    assert not alive(process.pid)
    assert not list((tmp_path / "store").glob("*.tmp"))
    done = sum(kind == "swaps" for kind, _ in content(tmp_path / "store"))
    assert 0 < done < 40
    assert SwapStore(tmp_path / "store").verify() == []


def test_workers_end_and_seal_when_their_parent_is_killed(tmp_path):
    process = start(tmp_path, 2)
    wait_for_shards(tmp_path / "store", 1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # the pipes close when the last worker has ended
    deadline = time.monotonic() + 30
    while alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(process.pid)
    assert not list((tmp_path / "store").glob("*.tmp"))
    assert SwapStore(tmp_path / "store").verify() == []


def test_a_script_needs_no_main_guard_and_shows_no_bar(tmp_path):
    process = start(tmp_path, 2)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "")
    assert SwapStore(tmp_path / "store").info().swaps == 40


def test_an_engine_of_the_running_script_cannot_be_sent(frames, source, tmp_path, monkeypatch):
    class Here(Paint):
        pass

    monkeypatch.setattr(Here, "__module__", "__main__")
    with pytest.raises(ConfigError, match="module of its own"):
        run(frames, source, tmp_path / "store", Here(), workers=1)
    assert run(frames, source, tmp_path / "store", Here()).made == 9


class Unsendable(CentreFace):
    def __setstate__(self, state):
        raise ValueError("cannot be made again")


def test_an_unforeseen_error_of_a_worker_shows_its_traceback(frames, source, tmp_path):
    with pytest.raises(RuntimeError, match="cannot be made again"):
        run(frames, source, tmp_path / "store", landmarker=Unsendable(), workers=2)


def test_the_shards_know_what_made_them(frames, source, tmp_path):
    from fsa_data.store.shard import read_columns

    run(frames, source, tmp_path / "store", Paint(learnt=frozenset({"zoe", "yan"})), workers=1)
    (path,) = (tmp_path / "store").glob("swaps-*.h5")
    shard = read_columns(path)
    assert shard.about["engine"] == Paint().fingerprint
    assert (shard.about["source"], shard.about["working_size"]) == ("box", 40)
    assert shard.tables["trained_on"] == ["yan", "zoe"]
    assert set(shard.tables["subject_name"]) == {"ann", "bob"}
    assert set(shard.tables["source_name"]) == {"", "cat", "dan", "eve"}
