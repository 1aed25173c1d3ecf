"""The gate: what keeps pose and expression passes, what does not is rejected and counted."""

import pickle

import numpy as np
import pytest

from fsa_data import DeepfakeAugmentedMaskDAR, load_engine, load_source
from fsa_data.errors import ConfigError
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.quality import Gated, GateOptions, gated
from fsa_data.sources import find_faces
from fsa_data.types import Reason, SwapEngine

PARAMS = {"seed": 0, "slot": 0}


@pytest.fixture(scope="module")
def sight():
    landmarker = load_landmarker()
    frame = LabelledFrames.from_simdrive(subjects=3, frames=1).read(0)
    return frame, landmarker(frame)[0], find_faces(load_source("portraits").photos, landmarker)


def test_a_good_swap_passes_as_it_is(sight):
    frame, face, donors = sight
    plain = load_engine("mesh_warp")
    engine = gated(plain, load_landmarker(), {})
    assert isinstance(engine, SwapEngine)
    one, other = (each.swap(frame, face, donors, PARAMS) for each in (engine, plain))
    assert np.array_equal(one.patch, other.patch)
    assert one.notes["pose_error_deg"] < 10
    assert gated(plain, load_landmarker(), None) is plain
    assert pickle.loads(pickle.dumps(engine)).fingerprint == engine.fingerprint


def test_a_hidden_face_is_rejected(sight):
    frame, face, donors = sight
    swap = gated(load_engine("face_cutout"), load_landmarker(), {}).swap(frame, face, donors, PARAMS)
    assert swap.reason is Reason.REJECTED
    assert swap.patch is None
    assert swap.notes["gate"]


@pytest.mark.parametrize(
    "limit", ["max_pose_deg", "max_expression", "max_mouth", "max_lids", "max_gaze", "max_landmark"]
)
def test_each_limit_rejects_and_says_which(sight, limit):
    frame, face, donors = sight
    engine = Gated(load_engine("mesh_warp"), load_landmarker(), GateOptions(**{limit: 1e-9}))
    swap = engine.swap(frame, face, donors, PARAMS)
    assert (swap.reason, swap.notes["gate"]) == (Reason.REJECTED, limit)


def test_limits_are_part_of_the_key():
    plain, landmarker = load_engine("mesh_warp"), load_landmarker()
    prints = [dict(gated(plain, landmarker, limits).fingerprint) for limits in (None, {}, {"max_mouth": 1})]
    assert len({str(each) for each in prints}) == 3
    assert (
        gated(plain, landmarker, {"max_mouth": 1.0}).fingerprint
        == gated(plain, landmarker, {"max_mouth": 1}).fingerprint
    )


@pytest.mark.parametrize("wrong", [{"max_nose": 1}, {"max_mouth": 0}, {"max_mouth": "much"}])
def test_limits_that_are_none(wrong):
    with pytest.raises(ConfigError, match=r"gate"):
        gated(load_engine("mesh_warp"), load_landmarker(), wrong)


def test_rejects_are_counted_per_class_and_left_out(tmp_path):
    frames = LabelledFrames.from_simdrive(subjects=2, frames=1)
    words = {"source": "portraits", "store": tmp_path / "store", "working_size": 192}
    strict = DeepfakeAugmentedMaskDAR(frames, "fake_only", gate={"max_pose_deg": 1.0}, **words)
    plain = DeepfakeAugmentedMaskDAR(frames, "fake_only", **words)
    cover = strict.coverage()
    assert cover["by_reason"]["rejected"] > 0
    assert 0 < len(strict) < len(plain)
    assert sum(row["skipped"] for row in cover["by_class"].values()) == cover["skipped"]
