import csv
import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import pytest

from fsa_data import simdrive
from fsa_data.errors import ConfigError, StoreWriteError
from fsa_data.simdrive import CLASSES, Part, dataset
from fsa_data.simdrive.dataset import _ensure
from fsa_data.simdrive.generate import Plan


def _contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.blake2b(path.read_bytes()).hexdigest() for path in files}


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "frames.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two subjects, one frame of each class, drawn in this process."""
    return _ensure(tmp_path_factory.mktemp("alone"), Plan(2, 1, 3, "unmasked"), processes=1)


def test_the_table_is_complete_and_balanced(small):
    rows = _rows(small)
    head = ["path", "subject", "label", "session", "view", "condition", "licence", "consent"]
    assert list(rows[0])[:8] == head
    assert Counter((row["subject"], row["label"]) for row in rows) == {
        (simdrive.subject_name(3, index), label): 1 for index in range(2) for label in CLASSES
    }
    assert {row["consent"] for row in rows} == {"synthetic"}
    assert {row["condition"] for row in rows} == {"unmasked"}
    assert all(row["path"].split("/")[0] == row["label"] for row in rows)
    for row in rows:
        image, parts = cv2.imread(str(small / row["path"])), cv2.imread(str(small / "parts" / row["path"]), -1)
        assert image.shape == (288, 384, 3)
        assert parts.shape == (288, 384)
        assert (parts == Part.FACE).any()
    assert sorted(str(p.relative_to(small)) for p in small.glob("C*/*.png")) == sorted(row["path"] for row in rows)


def test_the_files_hold_what_is_drawn(small):
    frame = simdrive.render_frame(3, 1, "C06", 0)
    stored = cv2.imread(str(small / "C06" / "sim3-01-f000.png"))[..., ::-1]
    assert (stored == frame.image).all()
    truth = next(row for row in _rows(small) if row["path"] == "C06/sim3-01-f000.png")
    assert float(truth["yaw_deg"]) == pytest.approx(frame.yaw_deg, abs=0.01)


def test_the_readme_says_that_it_is_a_stand_in(small):
    text = (small / "README.txt").read_text(encoding="utf-8")
    assert "procedural" in text
    assert "evidence" in text


def test_two_processes_draw_the_same_bytes(small, tmp_path):
    other = _ensure(tmp_path, Plan(2, 1, 3, "unmasked"), processes=2)
    assert _contents(other) == _contents(small)


def test_it_is_drawn_once(small, monkeypatch):
    monkeypatch.setattr(dataset, "_draw", lambda *_: pytest.fail("drawn again"))
    assert simdrive.ensure(small.parent, 2, 1, 3) == small


def test_masked_frames_wear_masks(tmp_path):
    folder = simdrive.ensure(tmp_path, subjects=1, frames=1, condition="masked")
    assert folder.name.endswith("masked")
    assert {row["condition"] for row in _rows(folder)} == {"masked"}
    parts = cv2.imread(str(folder / "parts" / "C00" / "sim0-00-f000.png"), -1)
    assert (parts == Part.MASK).sum() > 500


def test_the_cache_is_the_default_place(tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_CACHE", str(tmp_path))
    monkeypatch.setattr(dataset, "_draw", lambda *_: [])
    folder = simdrive.ensure(subjects=1, frames=1)
    assert folder.parent == tmp_path / "simdrive"
    assert f"v{simdrive.VERSION}" in folder.name


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interruption_leaves_nothing_half_done(tmp_path, monkeypatch, error):
    real = dataset.write_share

    def stopping(folder, plan, share, shares, told):
        seen = []

        def tell(row):
            seen.append(row)
            if len(seen) == 3:
                raise error
            told(row)

        real(folder, plan, share, shares, tell)

    monkeypatch.setattr(dataset, "write_share", stopping)
    with pytest.raises(error):
        simdrive.ensure(tmp_path, subjects=1, frames=1)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    monkeypatch.undo()
    assert len(_rows(simdrive.ensure(tmp_path, subjects=1, frames=1))) == 15


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    name = f"v{simdrive.VERSION}-seed0-1x1-unmasked"
    left = tmp_path / f".{name}.abc.tmp"
    (left / "C00").mkdir(parents=True)
    folder = simdrive.ensure(tmp_path, subjects=1, frames=1)
    assert folder.name == name
    assert not left.exists()


def test_a_failing_helper_process_is_an_error_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "CLASSES", CLASSES[:-1])  # the folder of the last class is missing
    with pytest.raises(StoreWriteError, match=r"(?s)failed:.*C14"):
        _ensure(tmp_path, Plan(1, 1, 0, "unmasked"), processes=2)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_two_callers_at_once_both_end_well(tmp_path):
    code = "import pathlib, sys; from fsa_data import simdrive; print(simdrive.ensure(pathlib.Path(sys.argv[1]), 1, 1))"
    callers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [caller.communicate(timeout=120)[0].strip() for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0]
    assert said[0] == said[1]
    assert len(_rows(Path(said[0]))) == 15
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subjects": 0}, "at least 1 of subjects, got subjects=0"),
        ({"frames": -2}, "at least 1 of frames, got frames=-2"),
        ({"seed": -1}, "0 or more, got seed=-1"),
        ({"condition": "hat"}, "unmasked, masked, got condition='hat'"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        simdrive.ensure(tmp_path, **arguments)


def test_a_place_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreWriteError, match="Set FSA_CACHE or root"):
        simdrive.ensure(tmp_path / "file", subjects=1, frames=1)
