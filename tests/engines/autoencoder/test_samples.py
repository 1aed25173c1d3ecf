"""Samples: what stays, what moves and by how much, and that equal numbers give equal samples."""

import numpy as np
import pytest
import torch

from fsa_data.engines.autoencoder import samples
from fsa_data.engines.autoencoder.face_tensors import face_tensors, images_of
from fsa_data.engines.autoencoder.samples import Order, SampleMaker, SampleOptions, make_samples
from fsa_data.errors import ConfigError

STILL = SampleOptions(warp=False, rotation_deg=0, scale=0, shift=0)
SIZE = 64


def _faces(count=6, size=SIZE, yaw=None):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size] / size
    pattern = np.stack([rows, columns, (np.sin(20 * rows) * np.cos(14 * columns) + 1) / 2], 2)
    images = np.stack([(255 * pattern * rng.uniform(0.6, 1)).astype(np.uint8) for _ in range(count)])
    masks = np.zeros((count, size, size), np.uint8)
    masks[:, size // 8 : -size // 8, size // 8 : -size // 8] = 255
    points = rng.uniform(size * 0.4, size * 0.6, (count, 68, 2)).astype(np.float32)
    yaw = np.zeros(count, np.float32) if yaw is None else np.asarray(yaw, np.float32)
    return face_tensors(images, masks, points, yaw, {"someone"})


def _rows(count=4, seed=0, **fixed):
    rows = torch.rand(count, samples._COLUMNS, generator=torch.Generator().manual_seed(seed))
    for name, value in fixed.items():
        rows[:, getattr(samples, name)] = value
    return rows


def _maker(faces, options=SampleOptions(), seed=0, partners=None):  # noqa: B008
    return SampleMaker(faces, options, torch.Generator().manual_seed(seed), partners)


def test_nothing_happens_without_options():
    faces = _faces()
    index = torch.tensor([2, 0, 5, 2])
    batch = make_samples(faces, index, _rows(), STILL)
    for got in (batch.warped, batch.target):
        torch.testing.assert_close(got, faces.images[index].float() / 255, atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.mask, faces.masks[index].float() / 255, atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.eyes_mouth, faces.eyes_mouth[index].float() / 255, atol=1e-4, rtol=0)


def test_equal_seeds_give_equal_samples_and_others_do_not():
    a, b, other = _maker(_faces()), _maker(_faces()), _maker(_faces(), seed=1)
    for _ in range(3):
        one, two, three = a.make(5), b.make(5), other.make(5)
        assert torch.equal(one.warped, two.warped)
        assert torch.equal(one.target, two.target)
        assert not torch.equal(one.target, three.target)


def test_one_sample_does_not_depend_on_those_beside_it():
    faces, rows, index = _faces(), _rows(4), torch.tensor([0, 1, 2, 3])
    options = SampleOptions(flip=True, hsv=0.1, colour_transfer="rct")
    together = make_samples(faces, index, rows, options, faces)
    alone = make_samples(faces, index[2:3], rows[2:3], options, faces)
    torch.testing.assert_close(together.warped[2:3], alone.warped, atol=1e-5, rtol=0)


@pytest.mark.parametrize("quarter", [0.0, 1.0])
def test_a_quarter_turn(quarter):
    faces = _faces()
    options = SampleOptions(warp=False, rotation_deg=90, scale=0, shift=0)
    batch = make_samples(faces, torch.tensor([0]), _rows(1, _TURN=quarter), options)
    expected = torch.rot90(faces.images[:1].float() / 255, -1 if quarter else 1, (2, 3))
    torch.testing.assert_close(batch.target, expected, atol=2e-3, rtol=0)


def test_shift_and_scale_move_a_point_where_they_should():
    """A point 8 pixels right of the middle lands at 1.15 times that, plus 5 % of the side."""
    faces = _faces()
    faces.images.zero_()
    faces.images[:, :, 31:33, 39:41] = 255
    rows = _rows(1, _SCALE=1.0, _MOVE=1.0)
    rows[:, samples._MOVE + 1] = 0.5
    batch = make_samples(faces, torch.tensor([0]), rows, SampleOptions(warp=False, rotation_deg=0))
    weight = batch.target[0, 0] / batch.target[0, 0].sum()
    columns = torch.arange(SIZE) + 0.5
    assert (weight.sum(0) * columns).sum().item() == pytest.approx(32 + 8 * 1.15 + 0.05 * 64, abs=0.05)
    assert (weight.sum(1) * columns).sum().item() == pytest.approx(32, abs=0.05)


def test_a_mirrored_sample_is_the_mirror_of_the_other():
    faces, options = _faces(), SampleOptions(warp=False, flip=True)
    plain = make_samples(faces, torch.tensor([1]), _rows(1, _FLIP=0.9), options)
    mirrored = make_samples(faces, torch.tensor([1]), _rows(1, _FLIP=0.1), options)
    torch.testing.assert_close(mirrored.target, plain.target.flip(3), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("draw", "cells"), [(0.1, 2), (0.5, 4), (0.9, 8)])
def test_the_net_keeps_its_border_and_never_folds(draw, cells):
    places = samples.affine_places(_rows(8), SIZE, STILL)
    offsets = samples.warp_offsets(_rows(8, seed=3, _CELLS=draw), places)
    pixels = offsets * SIZE / 2
    assert pixels.abs().max() <= 0.24 * SIZE / cells
    assert pixels.abs().max() > 0.24 * SIZE / cells * 0.25
    # half a pixel from the border at most half a pixel's share of a cell remains
    edge = torch.cat([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], 1)
    assert edge.abs().max() <= 0.24 * SIZE / cells * (0.5 / (SIZE / cells)) + 1e-4
    steps = (places + offsets)[:, :, 1:, 0] - (places + offsets)[:, :, :-1, 0]
    assert (steps > 0).all()


def test_only_the_input_is_bent():
    faces = _faces()
    bent = make_samples(faces, torch.tensor([0, 1]), _rows(2), SampleOptions())
    plain = make_samples(faces, torch.tensor([0, 1]), _rows(2), SampleOptions(warp=False))
    assert torch.equal(bent.target, plain.target)
    assert not torch.allclose(bent.warped, bent.target, atol=0.02)


def test_outside_the_picture_there_is_no_face():
    faces = _faces()
    faces.masks.fill_(255)
    options = SampleOptions(warp=False, rotation_deg=45, scale=0)
    batch = make_samples(faces, torch.tensor([0]), _rows(1, _TURN=1.0, _MOVE=0.5), options)
    assert batch.mask[0, 0, 0, 0] == 0
    assert batch.mask[0, 0, 32, 32].item() == pytest.approx(1)
    assert batch.target[0, :, 0, 0].max() > 0  # the picture itself goes on


def test_colours_come_from_the_other_side_in_input_and_target():
    faces, partners = _faces(), _faces()
    partners.images.copy_((partners.images[:1] // 3).expand_as(partners.images))
    options = SampleOptions(warp=False, rotation_deg=0, scale=0, shift=0, colour_transfer="lct")
    batch = make_samples(faces, torch.tensor([0]), _rows(1), options, partners)
    assert torch.equal(batch.warped, batch.target)
    assert batch.target.mean().item() == pytest.approx(partners.images.float().mean().item() / 255, rel=0.02)


def test_shifts_of_colour_reach_the_input_only():
    options = SampleOptions(warp=False, hsv=0.2)
    batch = make_samples(_faces(), torch.tensor([0]), _rows(1), options)
    assert not torch.allclose(batch.warped, batch.target, atol=0.02)


def test_each_face_comes_once_before_any_comes_again():
    order = Order(10, None, torch.Generator().manual_seed(0))
    taken = torch.cat([order.take(3) for _ in range(10)])
    for epoch in taken.view(3, 10):
        assert sorted(epoch.tolist()) == list(range(10))
    assert taken[:10].tolist() != taken[10:20].tolist()


def test_rare_directions_come_as_often_as_common_ones():
    yaw = [0.0] * 90 + [30.0, 60.0]
    order = Order(92, torch.tensor(yaw), torch.Generator().manual_seed(0))
    counts = torch.bincount(order.take(300), minlength=92)
    assert counts[90] == 100
    assert counts[91] == 100
    assert counts[:90].max() <= 2
    assert Order(2, torch.tensor([-89.0, 89.0]), torch.Generator()).bins == [[0], [1]]


@pytest.mark.parametrize("yaw", [None, [0.0, 1.0, 20.0, 20.1, 40.0, -40.0]])
def test_an_order_goes_on_where_it_stood(yaw):
    yaw = None if yaw is None else torch.tensor(yaw)
    one = Order(6, yaw, torch.Generator().manual_seed(0))
    one.take(8)
    state, noise = one.state(), one.generator.get_state()
    two = Order(6, yaw, torch.Generator())
    two.restore(state)
    two.generator.set_state(noise)
    assert torch.equal(one.take(20), two.take(20))


def test_an_order_of_other_faces_starts_anew():
    small = Order(3, None, torch.Generator().manual_seed(0))
    big = Order(6, None, torch.Generator())
    big.take(1)
    small.restore(big.state())
    assert small.take(3).max() < 3


def test_eyes_and_mouth_lie_where_the_points_are():
    points = np.full((1, 68, 2), 5, np.float32)
    ring = np.stack([np.cos(np.linspace(0, 6, 6)), np.sin(np.linspace(0, 6, 6))], 1)
    points[0, 36:42], points[0, 42:48] = ring * 5 + (20, 24), ring * 5 + (44, 24)
    points[0, 60:68] = [(24 + 2 * i, 44 + 3 * (i % 2)) for i in range(8)]
    images, masks = np.zeros((1, 64, 64, 3), np.uint8), np.full((1, 64, 64), 255, np.uint8)
    em = face_tensors(images, masks, points, np.zeros(1, np.float32), {"a"}).eyes_mouth[0, 0]
    assert em[24, 20] == em[24, 44] == 255
    assert em[45, 30] > 200
    assert em[34, 32] == em[5, 5] == 0
    masks[:, :, :32] = 0
    assert face_tensors(images, masks, points, np.zeros(1, np.float32), {"a"}).eyes_mouth[0, 0, 24, 20] == 0


def test_resized_faces_keep_their_look():
    faces = _faces(size=128).resized(64)
    assert faces.images.shape == (6, 3, 64, 64)
    assert abs(faces.images.float().mean() - _faces(size=128).images.float().mean()) < 1
    (picture,) = images_of(faces.images[:1].float() / 255)
    assert np.array_equal(picture, faces.images[0].permute(1, 2, 0).numpy())


def test_what_are_no_faces():
    with pytest.raises(ConfigError, match=r"got \(0, 8, 8, 3\) uint8"):
        face_tensors(
            np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 8, 8), np.uint8), np.zeros((0, 68, 2)), np.zeros(0), set()
        )
    with pytest.raises(ConfigError, match="colour_transfer must be one of none, rct, lct, got 'idt'"):
        SampleOptions(colour_transfer="idt")
