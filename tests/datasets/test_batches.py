"""Batches as a DataLoader asks for them, and sets that are kept in memory."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

from fsa_data import MaskDAR
from fsa_data.datasets.rows import StoredPixels
from fsa_data.store.reader import PayloadReader


def equal(a, b):
    return all(torch.equal(x[0], y[0]) and tuple(x[1:]) == tuple(y[1:]) for x, y in zip(a, b, strict=True))


def test_a_batch_is_its_items_in_the_order_asked_for(world):
    ds = world.dataset(return_meta=True)
    asked = [40, 3, -1, 17, 3, 0]
    assert equal(ds.__getitems__(asked), [ds[at] for at in asked])
    assert equal(Subset(ds, asked).__getitems__([5, 0]), [ds[0], ds[40]])
    with pytest.raises(IndexError):
        ds.__getitems__([0, len(ds)])
    assert ds.__getitems__([]) == []


def test_transforms_draw_as_for_single_items(world):
    ds = world.dataset(transform=lambda image: image.float() + torch.rand(1))
    torch.manual_seed(0)
    batch = ds.__getitems__([30, 2, 11])
    torch.manual_seed(0)
    assert equal(batch, [ds[at] for at in (30, 2, 11)])


def test_a_batch_is_read_in_the_order_of_the_disk(world, monkeypatch):
    ds = world.dataset(setup="real_only")
    places = []
    real = StoredPixels.frame

    def frame(self, at):
        entry = self._frames[at]
        places.append((int(entry["shard"]), int(entry["start"])))
        return real(self, at)

    monkeypatch.setattr(StoredPixels, "frame", frame)
    ds.__getitems__(list(range(len(ds)))[::-1])
    assert places == sorted(places)


class Upside(MaskDAR):
    """A class of a user's that changes what an item is."""

    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return image.flip(1), label


def test_what_a_subclass_makes_of_an_item_holds_for_batches(world):
    ds = Upside(world.frames)
    (batch, _), plain = next(iter(DataLoader(ds, batch_size=2))), MaskDAR(world.frames)
    assert torch.equal(batch[1], plain[1][0].flip(1))


def test_frames_of_a_video_are_read_in_rising_order(world):
    pixels = MaskDAR(world.frames)._pixels
    pixels._path, pixels._video_index = np.array(["b", "a", "a", "a"]), np.array([0, 7, 2, 5])
    assert pixels.order(np.array([0, 1, 2, 3])).tolist() == [2, 3, 1, 0]


def read_all(ds):
    return [ds.array(at) for at in range(len(ds))]


def test_a_preloaded_set_needs_no_file(world, monkeypatch):
    ds, plain = world.dataset(preload=True), world.dataset()
    expected = read_all(plain)
    view = ds.subset(range(20, 50))

    def refuse(*_):
        raise AssertionError("a file is read")

    with monkeypatch.context() as patched:
        patched.setattr(PayloadReader, "_map", refuse)
        assert all(np.array_equal(a, b) for a, b in zip(read_all(ds), expected, strict=True))
        assert len(read_all(view)) == 30
        forked = DataLoader(view, batch_size=None, num_workers=1, multiprocessing_context="fork")
        assert equal(forked, [view[at] for at in range(30)])  # they share what is in memory
        with pytest.raises(AssertionError, match="a file is read"):
            plain.array(0)
    sent = pickle.dumps(view)
    assert len(sent) < 300_000
    assert all(np.array_equal(a, b) for a, b in zip(read_all(pickle.loads(sent)), expected[20:50], strict=True))
