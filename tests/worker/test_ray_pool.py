"""Swaps in actors of a local Ray: the bytes of a run in this process, and no frame lost with an actor."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from test_materialise import content, run
from tiny_parts import Paint, frames_of, people

from fsa_data.cli import main
from fsa_data.errors import ConfigError, TooManyFailedError, UnknownNameError
from fsa_data.frames import LabelledFrames, hash_frame
from fsa_data.store import SwapStore
from fsa_data.worker import How, ray_pool
from fsa_data.worker.plan import frame_seed

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Two cores of this machine."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.fixture
def frames(tmp_path):
    return frames_of(tmp_path / "frames", 40, black=(7,))


@pytest.fixture
def source(tmp_path):
    return people(tmp_path / "photos", "cat", "dan", "eve")


def test_actors_make_what_one_process_makes(frames, source, tmp_path):
    whole = run(frames, source, tmp_path / "whole", fakes_per_frame=2)
    report = run(frames, source, tmp_path / "store", fakes_per_frame=2, executor="ray", workers=2)
    assert content(tmp_path / "store") == content(tmp_path / "whole")
    assert (report.made, report.skipped, report.faces_detected) == (whole.made, whole.skipped, whole.faces_detected)
    again = run(frames, source, tmp_path / "store", fakes_per_frame=2, executor="ray", workers=2)
    assert (again.made, again.reused, again.frames_decoded) == (0, whole.made, 0)


class Tells(Paint):
    """Leaves its process id, so that it can be killed."""

    def swap(self, frame, target, donors, params, reference=None):
        Path(self.once, f"{os.getpid()}.pid").touch()
        return super().swap(frame, target, donors, params, reference)


def test_a_killed_actor_is_replaced_and_nothing_is_lost(frames, source, tmp_path):
    pids = tmp_path / "pids"
    pids.mkdir()
    killed = []

    def kill():
        while not (found := list(pids.glob("*.pid"))):
            time.sleep(0.01)
        time.sleep(0.2)
        killed.append(int(found[0].stem))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    engine = Tells(delay_s=0.05, seal_s=0.2, once=str(pids))
    report = run(frames, source, tmp_path / "store", engine, executor="ray", workers=2)
    killer.join()
    assert killed
    assert (report.made, report.failures) == (39, ())
    run(frames, source, tmp_path / "whole")
    assert content(tmp_path / "store") == content(tmp_path / "whole")


def test_a_frame_that_kills_is_recorded_and_the_run_goes_on(frames, source, tmp_path):
    deadly = frozenset({frame_seed(0, hash_frame(frames.ref(3)))})
    report = run(frames, source, tmp_path / "store", Paint(deadly=deadly), executor="ray", workers=2)
    assert report.made == 38
    (failure,) = report.failures
    assert "while it worked on this frame, 2 times" in failure


def test_a_frame_that_hangs_costs_that_frame_only(frames, source, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_pool, "SILENCE_S", 3.0)
    frames = frames.subset(range(10))
    deadly = frozenset({frame_seed(0, hash_frame(frames.ref(3)))})
    report = run(frames, source, tmp_path / "store", Paint(deadly=deadly, hang_s=1000), executor="ray", workers=2)
    assert report.made == len(frames) - 2  # one is black
    (failure,) = report.failures
    assert "was ended, for it had not answered for 3 s a frame, while it worked on this frame, 2 times" in failure


def test_an_actor_that_loses_its_device_is_replaced(frames, source, tmp_path):
    once = tmp_path / "once"
    once.mkdir()
    engine = Paint(
        deadly=frozenset({frame_seed(0, hash_frame(frames.ref(5)))}), fail="CUDA error: gone", once=str(once)
    )
    report = run(frames, source, tmp_path / "store", engine, executor="ray", workers=2)
    assert len(list(once.iterdir())) == 1
    assert (report.made, report.failures) == (39, ())


def test_an_actors_errors_reach_the_driver(frames, source, tmp_path):
    flag = tmp_path / "flag"
    flag.touch()
    with pytest.raises(TooManyFailedError, match="broken"):
        run(frames, source, tmp_path / "store", Paint(flag=str(flag), fail="broken"), executor="ray", workers=2)
    assert SwapStore(tmp_path / "store").info().swaps > 0  # what was sealed is kept


def test_what_cannot_be(frames, source, tmp_path):
    with pytest.raises(ConfigError, match="workers must be 'auto' or at least 1"):
        How(workers=0, executor="ray")
    with pytest.raises(UnknownNameError, match="executor"):
        How(executor="slurm")


def test_the_command(tmp_path, capsys):
    frames = LabelledFrames.from_simdrive(subjects=2, frames=1)
    table = Path(frames.path[0]).parents[1] / "frames.csv"
    words = ["materialise", "--csv", str(table), "-s", "portraits", "--working-size", "96", "--executor", "ray"]
    assert main([*words, "--workers", "1", "--store", str(tmp_path / "store")]) == 0
    said = re.search(r"(\d+) swaps made, 0 reused, (\d+) frames without one", capsys.readouterr().out)
    assert int(said[1]) + int(said[2]) == 30
    assert int(said[1]) > 20
    assert main([*words, "--store", str(tmp_path / "other"), "--rank", "0", "--world", "2"]) == 2
    assert "belong to --executor slice" in capsys.readouterr().err
