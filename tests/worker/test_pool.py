"""Workers that die, frames that kill them, and runs in which too much fails."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from test_materialise import content, run
from tiny_parts import CentreFace, Paint, frames_of, people

from fsa_data.errors import TooManyFailedError, WorkerDiedError
from fsa_data.store import SwapStore
from fsa_data.store.keys import as_hex
from fsa_data.types import Reason
from fsa_data.worker import Recipe, plan, process
from fsa_data.worker.ledger import Ledger
from fsa_data.worker.tasks import missing_tasks


@pytest.fixture
def frames(tmp_path):
    return frames_of(tmp_path / "frames", 10, black=(7,))


@pytest.fixture
def source(tmp_path):
    return people(tmp_path / "photos", "cat", "dan", "eve")


def planned(frames, source, engine=None, slots=1):
    recipe = Recipe(source, engine or Paint(), CentreFace(), working_size=40, fakes_per_frame=slots)
    return plan(frames, recipe)


def test_a_frame_that_kills_is_tried_again_then_recorded_and_nothing_else_is_lost(frames, source, tmp_path):
    where = planned(frames, source, slots=2)
    # never sealed before the end: whatever a dead worker did must be done again
    engine = Paint(deadly=frozenset({int(where.seeds[2]), int(where.seeds[5])}), once="", seal_s=1000)
    report = run(frames, source, tmp_path / "store", engine, workers=2, fakes_per_frame=2)
    assert (report.made, report.by_reason) == (14, {"no_face": 2, "failed": 4})
    assert sorted(line.partition(": ")[0] for line in report.failures) == [str(frames.ref(2)), str(frames.ref(5))]
    assert all("ended with exit code 3" in line and "2 times" in line for line in report.failures)
    store = SwapStore(tmp_path / "store")
    for at in (2, 5):
        for key in as_hex(where.swap_keys[at]):
            assert store.get_swap(key).reason is Reason.FAILED
            assert "exit code 3" in store.get_swap(key).notes["error"]
        assert store.get_frame(as_hex(where.frame_keys[[at]])[0]).shape == (40, 53, 3)  # the real frame is usable
    assert store.verify() == []
    healed = run(frames, source, tmp_path / "store", workers=0, fakes_per_frame=2)
    assert (healed.made, healed.reused, healed.frames_decoded, healed.failures) == (4, 14, 2, ())
    run(frames, source, tmp_path / "whole", fakes_per_frame=2)
    assert content(tmp_path / "store") == content(tmp_path / "whole")


def test_a_worker_that_dies_once_costs_nothing(frames, source, tmp_path):
    where = planned(frames, source)
    engine = Paint(deadly=frozenset(where.seeds[[0, 9]].tolist()), once=str(tmp_path), seal_s=1000)
    report = run(frames, source, tmp_path / "store", engine, workers=2)
    assert (report.made, report.by_reason, report.failures) == (9, {"no_face": 1}, ())
    run(frames, source, tmp_path / "whole")
    assert content(tmp_path / "store") == content(tmp_path / "whole")


def test_a_device_that_is_lost_costs_the_frame_that_lost_it_only(frames, source, tmp_path):
    where = planned(frames, source)
    lost = "CUDA error: device-side assert triggered"
    engine = Paint(deadly=frozenset([int(where.seeds[4])]), fail=lost, seal_s=1000)
    report = run(frames, source, tmp_path / "store", engine, workers=1)
    assert (report.made, report.by_reason) == (8, {"no_face": 1, "failed": 1})
    assert (
        "4.png: WorkerDiedError: a worker process ended with exit code 74, its device being lost" in report.failures[0]
    )
    with pytest.raises(RuntimeError, match=lost):  # this process cannot be replaced
        run(frames, source, tmp_path / "other", engine, workers=0)


def test_a_frame_that_hangs_costs_that_frame_only(frames, source, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "SILENCE_S", 3.0)
    where = planned(frames, source)
    engine = Paint(deadly=frozenset([int(where.seeds[4])]), hang_s=1000)
    report = run(frames, source, tmp_path / "store", engine, workers=2)
    assert (report.made, report.by_reason) == (8, {"no_face": 1, "failed": 1})
    (line,) = report.failures
    assert "4.png: WorkerDiedError: a worker process was ended, for it had not answered for 3 s," in line
    assert run(frames, source, tmp_path / "store").made == 1


def test_what_a_worker_has_sealed_is_not_kept_in_mind(source, tmp_path, monkeypatch):
    frames, kept = frames_of(tmp_path / "frames", 30), []
    hear = process.Worker.hear

    def hearing(worker):
        said = hear(worker)
        kept.append(len(worker.finished))
        return said

    monkeypatch.setattr(process.Worker, "hear", hearing)
    assert run(frames, source, tmp_path / "store", Paint(seal_s=0), workers=1).made == 30
    assert max(kept) == 1
    assert run(frames, source, tmp_path / "other", Paint(seal_s=1000), workers=1).made == 30
    assert max(kept) == 30


def children():
    """Process ids of this process' children, whichever of its threads started them."""
    found = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    return [int(pid) for pids in found for pid in pids]


def test_workers_that_are_killed_from_outside_are_replaced(source, tmp_path):
    frames = frames_of(tmp_path / "frames", 40)
    killed = []

    def kill():
        deadline = time.monotonic() + 120
        for shards in (1, 4):
            while len(list((tmp_path / "store").glob("swaps-*.h5"))) < shards and time.monotonic() < deadline:
                time.sleep(0.01)
            killed.append(children()[0])
            os.kill(killed[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    report = run(frames, source, tmp_path / "store", Paint(delay_s=0.05, seal_s=0.2), workers=2)
    killer.join()
    assert len(killed) == 2
    assert (report.made, report.failures) == (40, ())
    run(frames, source, tmp_path / "whole")
    assert content(tmp_path / "store") == content(tmp_path / "whole")


def test_a_frame_that_cannot_even_be_read_is_recorded_as_such(frames, source, tmp_path):
    store, reported = SwapStore(tmp_path / "store"), []
    task = missing_tasks(frames, planned(frames, source), store, retry=True)[3]
    with store.writer() as writer:
        ledger = Ledger([task], 1, store, reported.append, writer)
        assert ledger._again(task, "died") == [task]
        (rest,) = ledger._again(task, "died")
        assert (rest.slots, rest.frame_key, reported) == ((), task.frame_key, [])
        assert ledger._again(rest, "died") == []
    store.refresh()
    assert [done.index for done in reported] == [3]
    assert store.get_swap(task.swaps[0][1]).reason is Reason.FAILED
    assert store.get_notes("frames", task.frame_key)["error"] == reported[0].error
    assert not store.reader.payload(store.locate("frames", [task.frame_key])[0]).size


def test_no_frame_is_blamed_for_a_worker_that_died_before_it_began(frames, source, tmp_path):
    with pytest.raises(WorkerDiedError, match=r"4 worker processes died; .* exit code 5 while it got ready"):
        run(frames, source, tmp_path / "store", landmarker=Deadly(), workers=1)
    assert SwapStore(tmp_path / "store").info().swaps == 0


class Deadly(CentreFace):
    def __setstate__(self, state):
        os._exit(5)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_in_which_too_much_fails_stops_and_keeps_what_is_done(source, tmp_path, workers):
    frames = frames_of(tmp_path / "frames", 40)
    flag = tmp_path / "flag"
    flag.touch()
    engine = Paint(fail="no more paint", flag=str(flag))
    with pytest.raises(TooManyFailedError, match=r"2\d of 2\d frames failed.*\.png: RuntimeError: no more paint"):
        run(frames, source, tmp_path / "store", engine, workers=workers)
    info = SwapStore(tmp_path / "store").info()
    assert 20 <= info.frames < 40
    assert info.by_status == {"failed": info.swaps}
    report = run(frames, source, tmp_path / "store", engine, max_failed=1.0)
    assert report.by_reason == {"failed": 40}
    flag.unlink()
    assert run(frames, source, tmp_path / "store", engine, max_failed=0).made == 40


def test_a_share_that_may_fail_is_not_exceeded_by_as_much(source, tmp_path):
    frames = frames_of(tmp_path / "frames", 30)
    for at in range(15):
        Path(frames.path[2 * at + 1]).write_bytes(b"broken %d" % at)
    assert len(run(frames, source, tmp_path / "store").failures) == 15
    with pytest.raises(TooManyFailedError, match=r"max_failed = 0.4"):
        run(frames, source, tmp_path / "other", max_failed=0.4)
