import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from fsa_data import MaskDAR
from fsa_data.datasets import MirrorLabelled
from fsa_data.errors import ConfigError
from fsa_data.frames import MASKDAR, LabelMap, mirror_pairs

IMAGE = tv_tensors.Image(torch.arange(3 * 4 * 5, dtype=torch.uint8).reshape(3, 4, 5))


@pytest.mark.parametrize(("a", "b"), [(1, 3), (2, 4), (9, 10), (12, 13)])
def test_left_and_right_change_places_with_the_image(a, b):
    mirror = MirrorLabelled(MASKDAR, p=1)
    for label, other in ((a, b), (b, a)):
        image, got = mirror(IMAGE, label)
        assert got == other
        assert torch.equal(image, IMAGE.flip(-1))
        again, back = mirror(image, got)
        assert back == label
        assert torch.equal(again, IMAGE)


@pytest.mark.parametrize("label", [0, 6, 8, 11, 14])
def test_symmetric_actions_keep_their_label(label):
    image, got = MirrorLabelled(MASKDAR, p=1)(IMAGE, label)
    assert got == label
    assert torch.equal(image, IMAGE.flip(-1))


@pytest.mark.parametrize("label", [5, 7])
def test_what_a_mirrored_cabin_has_on_the_wrong_side_is_never_mirrored(label):
    image, got = MirrorLabelled(MASKDAR, p=1)(IMAGE, label)
    assert got == label
    assert torch.equal(image, IMAGE)


def test_without_pairs_nothing_is_ever_mirrored():
    mirror = MirrorLabelled(LabelMap(("left", "right", "front")), p=1)
    for label in range(3):
        image, got = mirror(IMAGE, label)
        assert (got, image is IMAGE) == (label, True)


def test_some_are_mirrored_and_torchs_seed_decides_which():
    mirror = MirrorLabelled(LabelMap(("l", "r"), mirror_pairs(("l", "r"))), p=0.25)

    def labels():
        torch.manual_seed(3)
        return [mirror(IMAGE, 0)[1] for _ in range(400)]

    assert 60 < sum(labels()) < 140
    assert labels() == labels()
    assert not any(MirrorLabelled(MASKDAR, p=0)(IMAGE, 1)[1] == 3 for _ in range(20))


def test_other_image_types():
    pixels = IMAGE.numpy().transpose(1, 2, 0)
    image, _ = MirrorLabelled(MASKDAR, p=1)(PIL.Image.fromarray(pixels), 1)
    assert np.array_equal(np.asarray(image), pixels[:, ::-1])


def test_in_a_data_set_and_in_a_pipeline(world):
    steps = v2.Compose([MirrorLabelled(MASKDAR, p=1), v2.Resize((24, 24))])
    plain, mirrored = MaskDAR(world.frames), MaskDAR(world.frames, transforms=steps)
    at = int(np.flatnonzero(plain.targets == 1)[0])
    image, label = mirrored[at]
    assert label == 3
    assert torch.equal(image, v2.functional.resize(plain[at][0].flip(-1), [24, 24]))


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_refuses_what_is_no_probability(p):
    with pytest.raises(ConfigError, match="probability"):
        MirrorLabelled(MASKDAR, p)
