"""Arms: what they train on, and that all else is the same."""

import json
from dataclasses import replace

import numpy as np
import pytest
from omegaconf import OmegaConf

from fsa_data import DeepfakeAugmentedMaskDAR
from fsa_data.errors import ConfigError
from fsa_data.evaluate import read_predictions
from fsa_data.frames import LabelledFrames
from train.arms import ARMS, arm_rows, in_arm, label_of, real_frames
from train.config import SETUPS, Config, Setup
from train.run import CONFIGS


def config(name, dose=None, **changes):
    return replace(Config(), setup=Setup(name, dose), seed=0, fakes_per_frame=1, engine="mesh_warp", **changes)


@pytest.fixture(scope="module")
def frames():
    return LabelledFrames.from_simdrive(subjects=3, frames=2)


@pytest.fixture(scope="module")
def train(frames, tmp_path_factory):
    store = tmp_path_factory.mktemp("arms") / "store"
    ds = DeepfakeAugmentedMaskDAR(frames, source="simdrive", store=store, working_size=96)
    return ds.split(["sim0-01"])[0]


def test_every_arm_has_a_file():
    files = {path.stem: OmegaConf.load(path).name for path in (CONFIGS / "setup").glob("*.yaml")}
    assert files == {name: name for name in SETUPS}
    assert set(ARMS) == set(SETUPS)


def test_some_frames_of_each_person_are_spread_over_classes_and_nested(frames):
    ten, twenty = (real_frames(frames, config("hybrid", real_per_person=15), more) for more in (1, 2))
    for subject in frames.subjects:
        mine = frames.subject == subject
        assert (ten[mine].sum(), twenty[mine].sum()) == (15, 30)
        assert sorted(frames.label[mine & ten]) == list(range(15))
    assert not (ten & ~twenty).any()
    assert real_frames(frames, config("hybrid")).all()
    assert np.array_equal(real_frames(frames, config("real_only", real_per_person=15)), ten)


def test_rows_of_arms(frames, train):
    every = np.ones(len(frames), bool)
    real = int((~train.is_fake).sum())

    def rows(name, dose=None, allowed=every):
        return arm_rows(train, config(name, dose), allowed)

    assert len(rows("hybrid")) == len(train)
    half = rows("hybrid", 0.5)
    assert ((~half.is_fake).sum(), half.is_fake.sum()) == (real, round(0.5 * real))
    assert np.array_equal(half.frame_ids, rows("hybrid", 0.5).frame_ids)
    few = real_frames(frames, config("hybrid", real_per_person=5))
    limited = rows("hybrid", allowed=few)
    assert (~limited.is_fake).sum() == 10
    assert set(limited.frame_ids[limited.is_fake]) <= set(limited.frame_ids[~limited.is_fake])
    twice = rows("real_duplicated")
    assert len(twice) == 2 * len(train)
    with pytest.raises(ConfigError, match="Nothing is left"):
        rows("hybrid", allowed=~every)


def test_what_an_arm_replaces():
    own = config("self_swap", source="portraits", merge={"mode": "overlay"})
    assert (in_arm(own).source, in_arm(own).engine, in_arm(own).merge) == ("own", "mesh_warp", {"mode": "overlay"})
    blur = in_arm(config("face_blur", source="simdrive", merge={"mode": "overlay"}))
    assert (blur.engine, blur.merge, blur.setup.name) == ("face_blur", {}, "hybrid")
    assert in_arm(config("hybrid", 2.5)).fakes_per_frame == 3
    assert label_of(config("hybrid", 2.5)) == "hybrid x2.5"
    with pytest.raises(ConfigError, match="real_per_person=N"):
        in_arm(config("real_more"))
    with pytest.raises(ConfigError, match="for arms that train on real and swapped"):
        in_arm(config("fake_only", 2.0))


@pytest.mark.parametrize("name", ["real_duplicated", "real_more", "face_blur", "face_cutout", "self_swap", "classical"])
def test_an_arm_runs_at_equal_steps_on_the_same_frames(launch, hybrid, tmp_path, name):
    more = ["real_per_person=8"] if name == "real_more" else []
    assert launch(tmp_path, f"setup={name}", *more) == 0
    mine, other = (json.loads((folder / "results.json").read_text()) for folder in (tmp_path, hybrid))
    assert (mine["setup"], mine["arm"]) == (name, name)
    if not more:
        steps = [{fold: of["steps"] for fold, of in run["timing"]["folds"].items()} for run in (mine, other)]
        assert steps[0] == steps[1]
    tables = [read_predictions(folder / "predictions.csv").domain_rows("real") for folder in (tmp_path, hybrid)]
    assert np.array_equal(tables[0].frame, tables[1].frame)
    trained = {fold["fold"]: (fold["n_train_real"], fold["n_train_fake"]) for fold in mine["folds"]}
    if name in ("face_blur", "face_cutout", "self_swap"):
        assert all(fakes > 10 for _, fakes in trained.values())
    else:
        expected = {"real_duplicated": 60, "real_more": 30, "classical": 30}[name]
        assert set(trained.values()) == {(expected, 0)}


def test_a_dose_of_two_makes_two_of_each_frame(launch, tmp_path):
    assert launch(tmp_path, "setup=hybrid", "setup.fakes_per_real=1.5") == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["arm"] == "hybrid x1.5"
    assert all(fold["n_train_fake"] == round(1.5 * fold["n_train_real"]) for fold in results["folds"])
    assert results["coverage"]["swapped"] > 80  # two of each of 45 frames


def test_randaugment_is_drawn_by_the_seed_alone():
    import torch

    from train.augment import randaugmented

    frames = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    one = randaugmented(frames, 7)
    torch.manual_seed(2)
    assert torch.equal(one, randaugmented(frames, 7))
    assert not torch.equal(one, randaugmented(frames, 8))
    assert not torch.equal(one, frames)
    assert one.dtype == torch.uint8
