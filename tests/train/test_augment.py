import pytest
import torch

from fsa_data.frames import LabelMap
from fsa_data.frames.labels import MASKDAR, mirror_pairs
from train.augment import Strength, apply_params, draw_params, mirror_tensor

STILL = {
    "size": torch.ones(2),
    "shift": torch.zeros(2, 2),
    "contrast": torch.ones(2, 3),
    "brightness": torch.zeros(2, 3),
    "mirror": torch.zeros(2, dtype=torch.bool),
}
MAP = LabelMap(("Left", "Right", "Radio", "Yawn"), mirror_pairs(("Left", "Right"), symmetric=("Yawn",)))


def frames():
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5


def test_no_change_changes_nothing():
    images, labels = apply_params(frames(), torch.tensor([0, 2]), STILL, mirror_tensor(MAP.mirror_index))
    torch.testing.assert_close(images, frames(), atol=1e-6, rtol=0)
    assert labels.tolist() == [0, 2]


@pytest.mark.parametrize(("name", "partner"), [("Left", "Right"), ("Right", "Left"), ("Yawn", "Yawn")])
def test_a_mirrored_frame_takes_the_label_of_what_it_shows(name, partner):
    labels = torch.tensor([MAP.index[name]] * 2)
    mirrored = STILL | {"mirror": torch.tensor([True, False])}
    images, labels = apply_params(frames(), labels, mirrored, mirror_tensor(MAP.mirror_index))
    torch.testing.assert_close(images[0], frames()[0].flip(-1), atol=1e-6, rtol=0)
    torch.testing.assert_close(images[1], frames()[1], atol=1e-6, rtol=0)
    assert labels.tolist() == [MAP.index[partner], MAP.index[name]]


@pytest.mark.parametrize("labels", [MAP, LabelMap(("Left", "Right", "Radio", "Yawn"))])
def test_classes_without_a_mirror_image_are_never_mirrored(labels):
    both = STILL | {"mirror": torch.tensor([True, True])}
    images, out = apply_params(frames(), torch.tensor([2, 2]), both, mirror_tensor(labels.mirror_index))
    torch.testing.assert_close(images, frames(), atol=1e-6, rtol=0)
    assert out.tolist() == [2, 2]


def test_mirroring_twice_is_nothing_for_every_class_of_maskdar():
    index = mirror_tensor(MASKDAR.mirror_index)
    images = torch.rand(15, 3, 8, 8)
    params = {key: value[:1].expand(15, *value.shape[1:]) for key, value in STILL.items()}
    params["mirror"] = torch.ones(15, dtype=torch.bool)
    once = apply_params(images, torch.arange(15), params, index)
    twice = apply_params(*once, params, index)
    torch.testing.assert_close(twice[0], images, atol=1e-6, rtol=0)
    assert twice[1].tolist() == list(range(15))
    left, right = MASKDAR.index["TextingLeft"], MASKDAR.index["TextingRight"]
    assert once[1][left] == right


def test_a_shift_moves_the_picture():
    shifted = STILL | {"shift": torch.tensor([[2 * 2 / 8, 0.0], [0.0, 0.0]])}  # two of eight pixels
    images, _ = apply_params(frames(), torch.tensor([0, 0]), shifted, mirror_tensor(MAP.mirror_index))
    torch.testing.assert_close(images[0, :, :, :6], frames()[0, :, :, 2:], atol=1e-5, rtol=0)


def test_light_changes_contrast_and_brightness():
    lit = STILL | {"contrast": torch.tensor([[2.0], [1.0]]), "brightness": torch.tensor([[0.25], [0.0]])}
    images, _ = apply_params(frames(), torch.tensor([0, 0]), lit, mirror_tensor(MAP.mirror_index))
    torch.testing.assert_close(images[0], frames()[0] * 2 + 0.25, atol=1e-5, rtol=0)


def test_draws_stay_in_range_and_repeat():
    strength = Strength(shift=0.05, scale=0.1, light=0.2, colour=0.1, mirror=0.5)
    params, again = (draw_params(strength, 500, torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(params[key], again[key]) for key in params)
    assert params["shift"].abs().max() <= 0.1
    assert (params["size"] - 1).abs().max() <= 0.1
    assert 0.8 * 0.9 <= params["contrast"].min() < params["contrast"].max() <= 1.2 * 1.1
    assert params["brightness"].abs().max() <= 0.1 + 0.05
    assert params["contrast"].std(dim=1).max() > 0
    same = draw_params(Strength(0, 0, 0.2, 0, 0), 5, torch.Generator())
    assert same["contrast"].std(dim=1).max() == 0
    assert 0.4 < params["mirror"].float().mean() < 0.6
    assert not draw_params(Strength(0, 0, 0, 0, 0), 100, torch.Generator())["mirror"].any()
