"""Colour arithmetic on tensors against other implementations, and transfers against what they promise."""

import colorsys

import numpy as np
import pytest
import torch

from fsa_data.engines.autoencoder.colours import from_lab, hsv_shift, lct, rct, to_lab
from fsa_data.merge import rgb_to_lab


@pytest.fixture
def pictures():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (2, 16, 16, 3), np.uint8)
    return image, torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255


def test_lab_is_the_one_of_merging_and_comes_back(pictures):
    image, batch = pictures
    lab = to_lab(batch)
    np.testing.assert_allclose(lab[1].permute(1, 2, 0).numpy(), rgb_to_lab(image[1]), atol=2e-2)
    torch.testing.assert_close(from_lab(lab), batch, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("hue", "saturation", "value"), [(0, 0, 0), (120, 0, 0), (-75, 0.2, -0.3), (10, -0.4, 0.4)])
def test_hsv_shift_is_the_standard_librarys(pictures, hue, saturation, value):
    batch = pictures[1][:1]
    out = hsv_shift(batch, *(torch.tensor([float(x)]) for x in (hue, saturation, value)))
    for row, column in ((0, 0), (3, 9), (15, 4)):
        h, s, v = colorsys.rgb_to_hsv(*batch[0, :, row, column].tolist())
        expected = colorsys.hsv_to_rgb((h + hue / 360) % 1, min(max(s + saturation, 0), 1), min(max(v + value, 0), 1))
        assert out[0, :, row, column].tolist() == pytest.approx(expected, abs=1e-5)


def test_grey_has_no_hue_to_turn():
    grey = torch.full((1, 3, 4, 4), 0.5)
    assert torch.equal(hsv_shift(grey, torch.tensor([90.0]), torch.zeros(1), torch.zeros(1)), grey)


def _muted(seed):
    return 0.35 + 0.3 * torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(seed))


def _mixed(image, rows):
    return torch.einsum("ij,bjhw->bihw", torch.tensor(rows), image)


def test_lct_gives_the_references_mean_and_covariance():
    # channels that go together, each side in its own way: the two roots do not commute
    image = _mixed(_muted(0), [[0.8, 0.2, 0.0], [0.1, 0.5, 0.4], [0.0, 0.1, 0.9]])
    reference = _mixed(_muted(1), [[0.4, 0.5, 0.1], [0.0, 0.6, 0.3], [0.3, 0.0, 0.5]])
    out = lct(image, reference)
    for at in range(2):
        a, b = out[at].flatten(1), reference[at].flatten(1)
        torch.testing.assert_close(a.mean(1), b.mean(1), atol=1e-4, rtol=0)
        torch.testing.assert_close(torch.cov(a), torch.cov(b), atol=1e-4, rtol=0)
    torch.testing.assert_close(lct(image, image), image, atol=1e-4, rtol=0)


def test_rct_gives_the_references_lab_means_and_deviations():
    image, reference = _muted(0), _muted(1) * torch.tensor([0.9, 0.8, 0.7]).view(1, 3, 1, 1)
    out = to_lab(rct(image, reference))
    torch.testing.assert_close(out.mean((2, 3)), to_lab(reference).mean((2, 3)), atol=0.1, rtol=0)
    torch.testing.assert_close(out.std((2, 3)), to_lab(reference).std((2, 3)), atol=0.1, rtol=0)
    torch.testing.assert_close(rct(image, image), image, atol=1e-4, rtol=0)


def test_a_plain_picture_gives_no_infinite_colour():
    plain = torch.full((1, 3, 8, 8), 0.5)
    for transfer in (rct, lct):
        out = transfer(plain, _muted(0)[:1, :, :8, :8])
        assert torch.isfinite(out).all()
        assert out.std((2, 3)).max() < 1e-3
