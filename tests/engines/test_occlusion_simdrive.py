"""Through the whole road, judged by the part map of the procedural drivers, which no engine reads."""

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.occluders import measure, outcomes
from fsa_data.engines import load_engine
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.sources import find_faces, load_source
from fsa_data.types import Reason

DRINK, BEHIND, HAIR = 6, 7, 8


def judged(tmp_path, labels, **data):
    frames = LabelledFrames.from_simdrive(root=tmp_path / "data", **data)
    return frames, measure(frames, tmp_path / "store", labels)


def test_hands_and_cups_stay_in_front(tmp_path):
    _, result = judged(tmp_path, (DRINK, HAIR), subjects=2, frames=3)
    for row in result.values():
        assert row["swapped"] >= 0.8 * row["found"]
        assert row["skin"][1] > 0.75
    assert result["Drink"]["occluder"][0] > 1000
    assert result["Drink"]["occluder"][1] < 0.2


def test_face_masks_stay_on(tmp_path):
    _, result = judged(tmp_path, (0, 1, DRINK), subjects=2, frames=2, condition="masked")
    assert sum(row["swapped"] for row in result.values()) >= 0.7 * sum(row["found"] for row in result.values())
    for row in result.values():
        assert row["mask"][0] > 1000
        assert row["mask"][1] < 0.05


@pytest.mark.slow
def test_the_whole_default_set(tmp_path):
    frames, result = judged(tmp_path, (DRINK, HAIR), frames=6)
    assert len(frames) == 540
    for name in ("Drink", "HairAndMakeup"):
        row = result[name]
        assert row["swapped"] >= 0.8 * row["found"]
        assert row["occluder"][1] <= 0.15
        assert row["skin"][1] >= 0.8


@pytest.mark.slow
def test_the_whole_masked_set(tmp_path):
    frames, result = judged(tmp_path, None, condition="masked")
    shares = [row["mask"] for row in result.values()]
    assert max(share for _, share in shares) <= 0.05
    near = np.flatnonzero(np.abs(true_yaw(frames)) <= 40)
    reasons = [swap.reason for _, swap in outcomes(frames, tmp_path / "store", near)]
    assert reasons.count(Reason.SWAPPED) >= 0.7 * (len(near) - reasons.count(Reason.NO_FACE))


@pytest.mark.slow
def test_turned_away_is_declined_with_a_reason():
    frames = LabelledFrames.from_simdrive()
    truth = true_yaw(frames)
    engine, landmarker = load_engine("mesh_warp"), load_landmarker()
    donors = find_faces(load_source("portraits").photos, landmarker)
    seen = 0
    for i in np.flatnonzero((frames.label == BEHIND) & (np.abs(truth) > 60)):
        image = frames.read(int(i))
        for face in landmarker(image)[:1]:
            swap = engine.swap(image, face, donors, {"seed": 0, "slot": 0})
            assert swap.reason is Reason.PROFILE
            seen += 1
    assert seen > 5


def true_yaw(frames):
    """True yaw of every frame, from the data set's own table."""
    root = Path(frames.path[0]).parents[1]
    with (root / "frames.csv").open(newline="") as file:
        rows = {row["path"]: float(row["yaw_deg"]) for row in csv.DictReader(file)}
    return np.array([rows[str(Path(path).relative_to(root))] for path in frames.path])
