import numpy as np
import pytest
import torch

from fsa_data.datasets import DeepfakeAugmentedMaskDAR
from fsa_data.errors import LineageError
from fsa_data.frames import LabelledFrames
from fsa_data.paths import cache_dir
from train.augment import Strength
from train.datamodule import FoldData
from train.pixels import PixelPool, input_square

STILL = Strength(0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def dataset(hybrid):
    """The swaps of the finished run, without making any."""
    frames = LabelledFrames.from_simdrive(subjects=3, frames=1)
    store = cache_dir() / "swaps"
    return DeepfakeAugmentedMaskDAR(frames, "hybrid", "simdrive", store=store, working_size=96, on_miss="error")


@pytest.fixture
def pool(tmp_path):
    return PixelPool(32, True, 90, tmp_path)


def fold_data(train, pool, **changed):
    options = {"real_rows": 30, "batch_size": 8, "strength": STILL, "seed": (0, 1)} | changed
    return FoldData(train, ["sim0-00"], pool, **options)


def test_a_planted_leak_is_refused(dataset, pool):
    train, test, _ = dataset.split(["sim0-00"])
    for leak in (test.subset([3]), test.fake.subset([0])):
        with pytest.raises(LineageError, match=r"1 of .* training rows carry a subject that this fold tests"):
            fold_data(train.with_rows(leak), pool)


def test_batches_hold_the_rows_and_labels_of_the_training_view(dataset, pool):
    train, _, _ = dataset.split(["sim0-00"])
    data = fold_data(train, pool, real_rows=len(train), batch_size=len(train))
    frames, labels, _ = data.epoch(0)[0]
    assert frames.dtype == torch.uint8
    assert frames.shape == (len(train), 3, 32, 32)
    rows = data.epoch(0)._rows[0]
    assert sorted(rows) == list(range(len(train)))
    assert labels.tolist() == train.targets[rows].tolist()
    again = pool.batch(pool.places(train))[torch.from_numpy(rows)]
    assert torch.equal(frames, again)


def test_real_and_swapped_rows_of_a_frame_have_their_own_pixels(dataset, pool):
    train, _, _ = dataset.split(["sim0-00"])
    places = pool.places(train)
    assert len(set(places.tolist())) == len(train)
    fake = int(np.flatnonzero(train.is_fake)[0])
    real = int(np.flatnonzero(train.rows.frame == train.rows.frame[fake])[0])
    pair = pool.batch(places[[real, fake]]).int()
    changed = (pair[0] != pair[1]).any(dim=0)
    assert changed.any()
    assert not changed.all()


def test_steps_do_not_depend_on_the_number_of_training_rows(dataset, pool):
    train, _, _ = dataset.split(["sim0-00"])
    assert fold_data(train, pool).steps_per_epoch == fold_data(train.subset(np.arange(5)), pool).steps_per_epoch == 4
    assert len(fold_data(train.subset(np.arange(5)), pool).epoch(7)) == 4


def test_processes_share_each_batch_without_overlap(dataset, pool):
    train, _, _ = dataset.split(["sim0-00"])
    data = fold_data(train, pool, strength=Strength(0.1, 0.1, 0.1, 0.1, 0.5))
    whole, first, second = data.epoch(1)[2], data.epoch(1, 0, 2)[2], data.epoch(1, 1, 2)[2]
    for at, part in ((0, first), (1, second)):
        assert torch.equal(part[0], whole[0][at::2])
        assert torch.equal(part[1], whole[1][at::2])
        assert all(torch.equal(part[2][key], whole[2][key][at::2]) for key in whole[2])


def test_a_step_is_the_same_whenever_it_is_asked_for(dataset, pool):
    train, _, _ = dataset.split(["sim0-00"])
    strength = Strength(0.1, 0.1, 0.1, 0.1, 0.5)
    one, two = (fold_data(train, pool, strength=strength).epoch(3) for _ in range(2))
    assert torch.equal(one[3][0], two[3][0])
    assert all(torch.equal(one[3][2][key], two[3][2][key]) for key in one[3][2])
    other = fold_data(train, pool, strength=strength, seed=(0, 2)).epoch(3)
    assert not torch.equal(one[3][2]["size"], other[3][2]["size"])
    with pytest.raises(IndexError):
        one[4]


def test_a_pool_that_does_not_fit_into_memory_lies_in_a_file(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("train.pixels._MEMORY_BYTES", 1000)
    train, _, _ = dataset.split(["sim0-00"])
    in_file, in_memory = PixelPool(32, True, 90, tmp_path), None
    monkeypatch.setattr("train.pixels._MEMORY_BYTES", 1 << 30)
    in_memory = PixelPool(32, True, 90, tmp_path)
    assert isinstance(in_file._pixels, np.memmap)
    assert not isinstance(in_memory._pixels, np.memmap)
    assert torch.equal(in_file.batch(in_file.places(train)), in_memory.batch(in_memory.places(train)))
    assert not list(tmp_path.iterdir())


def test_the_square_is_the_middle_or_the_whole():
    frame = np.zeros((40, 60, 3), np.uint8)
    frame[:, :10] = 200  # what is left of the middle square
    assert input_square(frame, 20, crop=True).max() == 0
    whole = input_square(frame, 20, crop=False)
    assert whole.shape == (20, 20, 3)
    assert whole[:, :3].min() == 200
    assert input_square(frame.transpose(1, 0, 2), 20, crop=True).max() == 0
