import pickle
import re
import shlex
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from fsa_data import DeepfakeAugmentedMaskDAR, LabelledFrames, MaskDAR, load_engine, load_source
from fsa_data.cli import _parser
from fsa_data.commands.words import pairs
from fsa_data.datasets import check_fold
from fsa_data.errors import CacheMissError, ConfigError, LineageError, UnknownNameError
from fsa_data.store import SwapStore


def test_items_and_columns_agree(world):
    ds = world.dataset(return_meta=True)
    assert len(ds) == len(ds.targets) == len(ds.groups) == len(ds.lineage) == len(ds.frame_ids)
    for at in (0, 17, len(ds) - 1, -1):
        image, label, meta = ds[at]
        assert isinstance(image, tv_tensors.Image)
        assert image.dtype == torch.uint8
        assert image.shape[0] == 3
        assert min(image.shape[1:]) == 240
        assert type(label) is int
        assert label == ds.targets[at]
        assert meta == {
            "frame": ds.frame_ids[at],
            "subject": ds.groups[at],
            "is_fake": ds.is_fake[at],
            "source_identity": ds.source_identity[at],
            "condition": "unmasked",
        }
        assert np.array_equal(image.numpy().transpose(1, 2, 0), ds.array(at))
    assert len(default_collate([ds[0], ds[20]])) == 3
    assert ds.class_to_idx[ds.classes[3]] == 3
    with pytest.raises(IndexError):
        ds[len(ds)]


def test_setups_lay_out_real_frames_and_fakes(world):
    real, fake, both = (world.dataset(setup=setup) for setup in ("real_only", "fake_only", "hybrid"))
    assert len(real) == 30
    assert not real.is_fake.any()
    assert fake.is_fake.all()
    assert 20 <= len(fake) < 30
    assert len(both) == len(real) + len(fake)
    assert both.is_fake.sum() == len(fake)
    assert set(fake.source_identity) == {"portrait-1", "portrait-2"}
    assert set(real.source_identity) == {""}


def test_real_rows_are_the_frames_and_fakes_differ_in_one_rectangle(world):
    ds, plain = world.dataset(), MaskDAR(world.frames, working_size=240)
    originals = dict(zip(plain.frame_ids.tolist(), plain.arrays(), strict=True))
    for at, image in enumerate(ds.arrays()):
        changed = (image != originals[str(ds.frame_ids[at])]).any(axis=2)
        if not ds.is_fake[at]:
            assert not changed.any()
            continue
        x, y, w, h = ds.rows.swap[at]["box"]
        assert changed.any()
        changed[y : y + h, x : x + w] = False
        assert not changed.any()


@pytest.mark.parametrize("fake", [False, True])
def test_pixels_belong_to_who_asked_for_them(world, fake):
    ds = world.dataset()
    at = int(np.flatnonzero(ds.is_fake == fake)[0])
    before, item = ds.array(at), ds[at][0]
    assert item.is_contiguous()
    ds.array(at)[:] = 0
    item[:] = 0
    assert before.any()
    assert np.array_equal(ds.array(at), before)
    assert np.array_equal(ds[at][0].numpy(), before.transpose(2, 0, 1))


def test_the_second_time_nothing_is_made(world):
    ds = world.dataset()
    report = ds.materialise(progress=False)
    assert report.made == 0
    assert report.reused == int(ds.is_fake.sum())


def test_coverage_counts_every_frame(world):
    ds = world.dataset()
    coverage = ds.coverage()
    assert coverage["swapped"] == ds.is_fake.sum()
    assert coverage["swapped"] + coverage["skipped"] == 30
    assert sum(coverage["by_reason"].values()) == coverage["skipped"] > 0
    assert set(coverage["by_class"]) == set(ds.classes)
    assert set(coverage["by_subject"]) == set(world.frames.subjects)
    for part in ("by_class", "by_subject"):
        assert sum(one["swapped"] for one in coverage[part].values()) == coverage["swapped"]
        assert sum(one["skipped"] for one in coverage[part].values()) == coverage["skipped"]
    import json

    assert json.loads(json.dumps(coverage)) == coverage


def test_what_cannot_be_swapped_is_dropped_or_kept_real(world):
    dropped, kept = (world.dataset(setup="fake_only", unswappable=choice) for choice in ("drop", "keep_real"))
    assert len(kept) == 30
    assert int(kept.is_fake.sum()) == len(dropped) < 30
    real = kept.subset(~kept.is_fake)
    assert set(real.source_identity) == {""}
    assert sorted({*kept.frame_ids} - {*dropped.frame_ids}) == sorted(real.frame_ids)


def test_a_fold_tests_real_frames_of_its_subjects_only(world):
    ds = world.dataset()
    one, other = world.frames.subjects
    train, test, audit = ds.split([one])
    assert set(train.groups) == {other}
    assert set(test.groups) == {one}
    assert not test.is_fake.any()
    assert len(test) == 15
    assert test.fake.is_fake.all()
    assert set(test.fake.groups) == {one}
    assert all(one not in carried for carried in train.lineage)
    assert (audit.n_train_real, audit.n_test, audit.violations) == (15, 15, 0)
    assert audit.n_train_fake == train.is_fake.sum() > 5
    assert audit.excluded_by_why == {"target": len(ds) - len(train)}
    check_fold(train, [one])


def test_a_source_that_is_tested_is_excluded(world):
    one, other = world.frames.subjects
    # whatever their skin tones: every donor is worn by somebody
    ds = world.dataset(identity_map={"portrait-1": one}, engine_options={"tone": "any"})
    train, _, audit = ds.split([one])
    assert set(train.source_identity[train.is_fake]) == {"portrait-2"}
    worn = (ds.groups == other) & (ds.source_identity == "portrait-1")
    assert audit.excluded_by_why["source"] == worn.sum() > 0
    assert "portrait-1" not in set(ds.source_identity[ds.groups == one])
    check_fold(train, [one])


def test_a_leak_planted_by_hand_is_refused(world):
    one, other = world.frames.subjects
    ds = world.dataset(identity_map={"portrait-1": one}, engine_options={"tone": "any"})
    train, test, _ = ds.split([one])
    leak = ds.subset(np.flatnonzero((ds.groups == other) & (ds.source_identity == "portrait-1"))[:1])
    with pytest.raises(LineageError, match=r"wears portrait-1; through its source"):
        check_fold(train.with_rows(leak), [one])
    with pytest.raises(LineageError, match="through its target"):
        check_fold(train.with_rows(test.subset([0])), [one])


def test_rows_of_another_data_set_cannot_be_mixed_in(world):
    with pytest.raises(ConfigError, match="one"):
        world.dataset().with_rows(world.dataset())


def test_nothing_left_to_train_on_is_an_error(world):
    with pytest.raises(LineageError, match="Nothing is left"):
        world.dataset().split(list(world.frames.subjects))


def test_unknown_names_are_answered(world):
    with pytest.raises(UnknownNameError, match="Known: sim0-00, sim0-01"):
        world.dataset().split(["sim0-0"])
    with pytest.raises(UnknownNameError, match="Did you mean 'fake_only'"):
        world.dataset(setup="fake")
    with pytest.raises(UnknownNameError, match="subject"):
        world.dataset(subjects=["nobody"])
    with pytest.raises(ConfigError, match="fakes_per_frame"):
        world.dataset(fakes_per_frame=0)
    with pytest.raises(ValueError, match="transforms"):
        world.dataset(transforms=v2.Identity(), transform=v2.Identity())


def test_subjects_narrow_the_data_and_names_stay(world):
    ds, whole = world.dataset(subjects=["sim0-01"]), world.dataset()
    assert set(ds.groups) == {"sim0-01"}
    assert {*ds.frame_ids} < {*whole.frame_ids}


# --- misses


def test_a_miss_can_be_an_error(world, tmp_path):
    with pytest.raises(CacheMissError, match=r"30 swaps and 30 frames .*first keys: [0-9a-f]{32}") as caught:
        world.dataset(store=tmp_path / "new", on_miss="error", merge={"shading": 0.5})
    said = str(caught.value)
    assert "fsa materialise" in said
    assert f"--store {tmp_path / 'new'}" in said
    assert "-s portraits" in said
    assert "--merge-option shading=0.5" in said


def test_a_miss_can_be_skipped_and_made_later(world, tmp_path):
    shutil.copytree(world.store, tmp_path / "copy")
    ds = world.dataset(store=tmp_path / "copy", seed=5, on_miss="skip", subjects=["sim0-00"])
    assert (len(ds), ds.coverage()["by_reason"]) == (15, {"missing": 15})
    report = ds.materialise(progress=False)
    assert report.made == int(ds.is_fake.sum()) > 0
    assert (report.frames_decoded, report.faces_detected) == (0, 0)


class BuildsInside(torch.utils.data.Dataset):
    def __init__(self, world, store):
        self.world, self.store = world, store

    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            self.world.dataset(store=self.store)
        except CacheMissError as error:
            return str(error)
        return "made"


def test_inside_a_loader_worker_nothing_is_made(world, tmp_path):
    (said,) = next(iter(DataLoader(BuildsInside(world, tmp_path / "new"), num_workers=1)))
    assert "DataLoader worker may not make swaps" in said
    assert "fsa materialise" in said
    (said,) = next(iter(DataLoader(BuildsInside(world, world.store), num_workers=1)))
    assert said == "made"  # nothing was missing


def test_a_frame_that_cannot_be_read_is_left_out_and_named(world, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    frames = replace(world.frames.subset(range(3)))
    frames = replace(frames, path=np.array([*frames.path[:2], str(bad)]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = DeepfakeAugmentedMaskDAR(frames, store=tmp_path / "store", unswappable="keep_real")
    said = " ".join(str(one.message) for one in caught)
    assert "1 frames failed" in said
    assert "1 of 3 frames cannot be read" in said
    assert len(ds) == 4
    assert ds.coverage()["by_reason"]["failed"] == 1
    sealed = sorted((tmp_path / "store").glob("*.h5"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        DeepfakeAugmentedMaskDAR(frames, store=tmp_path / "store")
    assert sorted((tmp_path / "store").glob("*.h5")) == sealed  # only ds.materialise() tries the bad frame again
    shutil.copy(world.frames.ref(4).path, bad)
    report = ds.materialise(progress=False)
    assert report.failures == ()
    bad.unlink()


def test_real_only_looks_for_no_face_until_fakes_are_asked_for(world, tmp_path):
    frames = world.frames.subset(np.isin(world.frames.label, (0, 5)))
    ds = DeepfakeAugmentedMaskDAR(frames, setup="real_only", store=tmp_path / "store")
    info = SwapStore(tmp_path / "store").info()
    assert (info.frames, info.swaps, info.faces) == (4, 0, 0)
    assert ds.coverage() == {"swapped": 0, "skipped": 0, "by_reason": {}, "by_class": {}, "by_subject": {}}
    train, test, audit = ds.split(["sim0-00"])
    assert (len(train), audit.n_train_fake, len(test)) == (2, 0, 2)
    fakes = test.fake
    assert set(fakes.groups) == {"sim0-00"}
    assert fakes.is_fake.all()
    assert SwapStore(tmp_path / "store").info().swaps == 2  # the test subject's, not everybody's
    reference = DeepfakeAugmentedMaskDAR(frames, setup="hybrid", store=tmp_path / "other").fakes(["sim0-00"])
    for at, name in enumerate(fakes.frame_ids):
        same = np.flatnonzero([name.endswith(other) or other.endswith(name) for other in reference.frame_ids])
        assert np.array_equal(fakes.array(at), reference.array(int(same[0])))


def test_two_fakes_per_frame_wear_two_faces(world):
    ds = world.dataset(setup="fake_only", fakes_per_frame=2, subjects=["sim0-00"])
    for name in set(ds.frame_ids):
        assert {*ds.source_identity[ds.frame_ids == name]} == {"portrait-1", "portrait-2"}


# --- transforms, pickling, loading


def test_transforms_are_those_of_torchvision(world):
    size = v2.Resize((32, 48))
    shifted = world.dataset(transform=size, target_transform=lambda label: label + 100)
    image, label = shifted[4]
    assert image.shape == (3, 32, 48)
    assert label == shifted.targets[4] + 100
    train, test, _ = shifted.split(["sim0-00"])
    assert train[0][0].shape == test[0][0].shape == (3, 32, 48)
    assert test.with_transforms(transform=v2.Resize((10, 10)))[0][0].shape == (3, 10, 10)
    assert test.with_transforms()[0][1] == test.targets[0]
    joint = world.dataset(transforms=lambda image, label: (image[:, :5], -label))
    assert joint[9][0].shape[1] == 5
    assert joint.split(["sim0-00"])[0][3][1] <= 0


def test_views_are_light(world):
    train, test, _ = world.dataset().split(["sim0-00"])
    train.array(0)
    assert len(pickle.dumps(train)) < 40_000
    copy = pickle.loads(pickle.dumps(test))
    assert np.array_equal(copy.array(0), test.array(0))
    with pytest.raises(ConfigError, match=r"where ds\.split was called"):
        _ = copy.fake


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores, on purpose
@pytest.mark.parametrize(
    ("workers", "context"),
    [
        (2, "fork"),
        (4, "fork"),
        (2, "forkserver"),
        (2, "spawn"),
        pytest.param(4, "forkserver", marks=pytest.mark.slow),
        pytest.param(4, "spawn", marks=pytest.mark.slow),
    ],
)
def test_workers_and_start_methods_give_identical_samples(world, workers, context):
    ds = world.dataset(return_meta=True).subset(range(12, 42))
    expected = [ds[at] for at in range(len(ds))]
    loader = DataLoader(ds, batch_size=None, num_workers=workers, multiprocessing_context=context)
    for got, want in zip(loader, expected, strict=True):
        assert torch.equal(got[0], want[0])
        assert tuple(got[1:]) == want[1:]


def test_repr_says_what_it_is(world):
    said = repr(world.dataset())
    for part in ("hybrid", "portraits", str(world.store), "30 real", "2 subjects"):
        assert part in said


def test_a_maskdar_folder_is_taken_as_it_is(world, tmp_path):
    for i in np.flatnonzero(np.isin(world.frames.label, (0, 1))):
        folder = tmp_path / "MaskDAR" / f"C{world.frames.label[i]:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(world.frames.path[i], folder / f"{world.frames.subject[i].replace('-', '')}-f0.png")
    ds = DeepfakeAugmentedMaskDAR(tmp_path / "MaskDAR", store=world.store)
    assert ds.materialise(progress=False).frames_decoded == 0  # known by content, whatever their names
    plain = MaskDAR(tmp_path / "MaskDAR", subjects=["sim000"])
    assert len(plain) == 2
    assert plain.frame_ids.tolist() == ["C00/sim000-f0.png", "C01/sim000-f0.png"]
    assert plain[0][0].shape[1:] == LabelledFrames.from_maskdar(tmp_path / "MaskDAR").read(0).shape[:2]
    assert Path(plain.root) == tmp_path / "MaskDAR"


def test_real_frames_alone_have_no_swaps(world):
    plain = MaskDAR(world.frames, return_meta=True, transform=v2.Resize((20, 20)))
    image, label, meta = plain[3]
    assert image.shape == (3, 20, 20)
    assert (label, meta["is_fake"]) == (plain.targets[3], False)
    with pytest.raises(ConfigError, match="real frames only"):
        plain._pixels.swapped(0, None)


def test_the_command_in_the_error_is_the_one_that_helps(world, tmp_path):
    from fsa_data.cli import main

    for i in np.flatnonzero(world.frames.label == 0):
        folder = tmp_path / "My Data" / "C00"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(world.frames.path[i], folder / f"user{i}-f0.png")
    given = {"source": ["portraits"], "store": tmp_path / "a store", "working_size": (200, 260), "seed": 3}
    with pytest.raises(CacheMissError) as caught:
        DeepfakeAugmentedMaskDAR(tmp_path / "My Data", on_miss="error", **given)
    command = shlex.split(str(caught.value).split("`")[1])
    assert command[:2] == ["fsa", "materialise"]
    assert main(command[1:]) == 0
    ds = DeepfakeAugmentedMaskDAR(tmp_path / "My Data", on_miss="error", **given)
    assert ds.array(0).shape == (200, 260, 3)


def test_what_was_made_since_is_seen(world, tmp_path):
    frames = world.frames.subset(np.isin(world.frames.label, (0, 5)))
    store = SwapStore(tmp_path / "store")
    assert store.info().swaps == 0  # now it has looked
    DeepfakeAugmentedMaskDAR(frames, store=tmp_path / "store")
    assert len(DeepfakeAugmentedMaskDAR(frames, store=store, on_miss="error")) == 8


def test_the_command_on_a_miss_gives_the_same_options_back(world, tmp_path):
    with pytest.raises(CacheMissError) as caught:
        world.dataset(store=tmp_path / "new", on_miss="error", merge={"sharpness": False}, identity_map={"a": "b"})
    words = shlex.split(re.findall(r"`fsa (.*)`", str(caught.value))[0])
    options = _parser().parse_args(words)
    assert pairs(options.merge_option) == {"sharpness": False}
    assert str(options.identity_map) == "IDENTITIES.csv"


@pytest.mark.parametrize("ask", ["fakes", "split"])
def test_names_of_subjects_are_checked(world, ask):
    ds = world.dataset()
    with pytest.raises(UnknownNameError, match="sim0-0x"):
        getattr(ds, ask)(["sim0-0x"])
    for none in ("sim0-00", []):
        with pytest.raises(ConfigError, match="A list of subjects is needed"):
            getattr(ds, ask)(none)


def test_options_cannot_stand_beside_what_is_made_already(world):
    with pytest.raises(ConfigError, match="engine MeshWarp is made already"):
        world.dataset(engine=load_engine("mesh_warp"), merge={"colour": 0})
    with pytest.raises(ConfigError, match="source portraits is made already"):
        world.dataset(source=load_source("portraits"), source_options={"seed": 1})
