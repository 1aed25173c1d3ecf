import copy

import numpy as np
import PIL.Image
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from fsa_data import FaceSwap
from fsa_data.errors import ConfigError
from fsa_data.types import Box, Reason, Swap


class Paint:
    """Paints a rectangle in a colour that the draw decides; no face is looked at."""

    fingerprint, trained_on = {"engine": "paint"}, frozenset()

    uses_reference = False

    def swap(self, frame, target, donors, params, reference=None):
        if not donors:
            return Swap(Reason.NO_DONOR)
        value = params["seed"] % 256
        return Swap(Reason.SWAPPED, donors[0].identity, Box(2, 1, 4, 3), np.full((3, 4, 3), value, np.uint8))


class Everywhere:
    """Finds a face in every image of at least this brightness."""

    fingerprint = "everywhere"

    def __call__(self, image, closely=True):
        from fsa_data.types import Face

        if image.mean() < 1:
            return []
        height, width = image.shape[:2]
        points = np.random.default_rng(0).random((478, 3)).astype(np.float32) * [width, height, 1]
        return [Face(points.astype(np.float32), 0.0, 0.0, 0.0, np.zeros(52, np.float32), 1.0)]


def pixels(seed, size=(40, 44)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def tensor(seed):
    return torch.from_numpy(pixels(seed).transpose(2, 0, 1).copy())


def painter(**options):
    return FaceSwap(engine=Paint(), landmarker=Everywhere(), **options)


class Noise(Dataset):
    def __init__(self, transform, count=40):
        self.transform, self.count = transform, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.transform(tv_tensors.Image(tensor(index)))


def epochs(transform, count, workers=0, context=None, batch=1):
    loader = DataLoader(
        Noise(transform),
        batch_size=batch,
        num_workers=workers,
        multiprocessing_context=context,
        persistent_workers=context == "spawn",
    )
    return [torch.cat(list(loader)) for _ in range(count)]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores, on purpose
@pytest.mark.parametrize(
    ("workers", "context"), [(2, "fork"), (3, "fork"), pytest.param(2, "spawn", marks=pytest.mark.slow)]
)
def test_draws_do_not_depend_on_workers_and_change_with_the_epoch(workers, context):
    one, two, three = epochs(painter(), 3)
    assert not torch.equal(one, two)
    assert not torch.equal(two, three)
    drawn = epochs(painter(), 3 if context == "fork" else 2, workers, context, batch=5)
    for got, want in zip(drawn, (one, two, three), strict=False):
        assert torch.equal(got, want)


def test_the_seed_decides():
    (one,), (same,), (other,) = (epochs(painter(seed=seed), 1) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("p", "low", "high"), [(0, 0, 0), (0.5, 80, 120), (1, 200, 200)])
def test_p_is_the_share_that_is_swapped(p, low, high):
    transform = painter(p=p)
    swapped = sum(not torch.equal(transform(tensor(seed)), tensor(seed)) for seed in range(200))
    assert low <= swapped <= high


def test_every_image_type_comes_back_as_it_went_in():
    image = pixels(3)
    results = [painter(p=1)(kind) for kind in (PIL.Image.fromarray(image), tensor(3), tv_tensors.Image(tensor(3)))]
    assert [type(result) for result in results] == [PIL.Image.Image, torch.Tensor, tv_tensors.Image]
    arrays = [np.asarray(results[0]), *(result.numpy().transpose(1, 2, 0) for result in results[1:])]
    assert np.array_equal(arrays[0], arrays[1])
    assert np.array_equal(arrays[1], arrays[2])
    changed = (arrays[0] != image).any(axis=2)
    assert changed[1:4, 2:6].any()
    changed[1:4, 2:6] = False
    assert not changed.any()


def test_only_the_image_of_a_sample_is_touched():
    box = tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=(40, 44))
    mask = tv_tensors.Mask(torch.ones(40, 44, dtype=torch.uint8))
    sample = {"image": tv_tensors.Image(tensor(1)), "box": box, "mask": mask, "label": 3, "vector": torch.ones(5)}
    out = painter(p=1)(sample)
    assert not torch.equal(out["image"], sample["image"])
    for name in ("box", "mask", "vector"):
        assert torch.equal(out[name], sample[name])
    assert out["label"] == 3
    assert painter(p=1)("no image", 3) == ("no image", 3)


def test_without_a_face_the_image_is_unchanged():
    black = torch.zeros(3, 40, 44, dtype=torch.uint8)
    assert torch.equal(painter(p=1)(black), black)


def test_params_are_json_and_replay():
    import json

    transform = painter(p=1)
    params = transform.make_params([tensor(5)])
    again = json.loads(json.dumps(params))
    assert torch.equal(transform.transform(tensor(5), params), transform.transform(tensor(5), again))
    assert transform.make_params([tensor(5)]) != params  # seen once more


def test_a_deep_copy_draws_the_same():
    one = painter()
    two = copy.deepcopy(one)
    assert [one.make_params([tensor(s)]) for s in range(9)] == [two.make_params([tensor(s)]) for s in range(9)]


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(1, 8, 8, dtype=torch.uint8),
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
        PIL.Image.new("L", (8, 8)),
    ],
)
def test_refuses_what_is_no_rgb_image(image):
    with pytest.raises(ConfigError, match="FaceSwap needs"):
        painter()(image)


def test_people_can_be_left_out():
    transform = painter(exclude=["portrait-1"])
    assert {donor.identity for donor in transform._faces_to_put_on()} == {"portrait-2"}
    with pytest.raises(ConfigError, match="Nobody"):
        painter(exclude=["portrait-1", "portrait-2"])


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_refuses_what_is_no_probability(p):
    with pytest.raises(ConfigError, match="probability"):
        FaceSwap(p=p)


def test_a_real_swap_at_native_size_with_workers(world):
    """The default parts, in this process and then in forked workers: the same faces, and nobody hangs."""
    from fsa_data import MaskDAR

    ds = MaskDAR(world.frames, transform=FaceSwap(p=1, seed=4)).subset([0, 1, 2, 3])
    plain = MaskDAR(world.frames)
    here = [ds[at][0] for at in range(4)]
    assert any(not torch.equal(got, plain[at][0]) for at, got in enumerate(here))
    assert all(got.shape == plain[at][0].shape for at, got in enumerate(here))
    fresh = MaskDAR(world.frames, transform=v2.Compose([FaceSwap(p=1, seed=4)])).subset([0, 1, 2, 3])
    loader = DataLoader(fresh, batch_size=None, num_workers=2, multiprocessing_context="fork")
    for got, want in zip(loader, here, strict=True):
        assert torch.equal(got[0], want)
    assert "p=1" in repr(ds.transform)
