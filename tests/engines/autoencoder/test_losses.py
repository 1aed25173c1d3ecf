"""Losses against closed forms, and SSIM against scikit-image."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from fsa_data.engines.autoencoder import losses


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    a = rng.random((2, 3, 48, 40), np.float32)
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1).astype(np.float32)
    return torch.from_numpy(a), torch.from_numpy(b)


def test_ssim_is_scikit_images(pair):
    """Its Gaussian window is cut at 3.5 sigma: 11 pixels for a sigma of 1.5, and its mean leaves out the border."""
    a, b = pair
    for at in range(2):
        theirs = structural_similarity(
            a[at].numpy(), b[at].numpy(), channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )  # fmt: skip
        assert losses.ssim(a, b, 11)[at].item() == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("window", [5, 8, 11])
def test_equal_pictures_are_similar_and_opposite_ones_are_not(pair, window):
    a, _ = pair
    torch.testing.assert_close(losses.ssim(a, a, window), torch.ones(2))
    torch.testing.assert_close(losses.dissimilarity(a, a), torch.zeros(2))
    assert (losses.ssim(a, 1 - a, window) < 0).all()


def test_dissimilarity_of_plain_pictures():
    """Without structure only the means count: (2ab + c) / (a^2 + b^2 + c)."""
    a, b = torch.full((1, 3, 64, 64), 0.2), torch.full((1, 3, 64, 64), 0.6)
    similar = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert losses.dissimilarity(a, b).item() == pytest.approx(10 * (1 - similar) / 2, rel=1e-4)
    big_a, big_b = torch.full((1, 3, 256, 256), 0.2), torch.full((1, 3, 256, 256), 0.6)
    assert losses.dissimilarity(big_a, big_b).item() == pytest.approx(10 * (1 - similar) / 2, rel=1e-3)


def test_windows_by_resolution():
    assert [losses.dssim_windows(r) for r in (64, 96, 128, 256)] == [(5,), (8,), (11,), (22, 11)]


def test_a_blur_keeps_the_sum_and_spreads_by_sigma():
    point = torch.zeros(1, 1, 41, 41)
    point[..., 20, 20] = 1
    blurred = losses.gaussian_blur(point, 3.0)
    assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
    assert (blurred > 0).sum().item() == 13**2
    assert (blurred[0, 0, 20, 21] / blurred[0, 0, 20, 20]).item() == pytest.approx(math.exp(-1 / 18), rel=1e-4)
    assert torch.equal(losses.gaussian_blur(point, 0), point)


def test_mask_weight_is_whole_inside_and_nothing_far_outside():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:44, 20:44] = 1
    weight = losses.mask_weight(mask)
    torch.testing.assert_close(weight[..., 20:44, 22:42], torch.ones(1, 1, 24, 20), atol=0.25, rtol=0)
    assert weight[..., 30, 30].item() == pytest.approx(1, abs=1e-6)
    assert weight[..., :15, :].max() == 0
    assert 0 < weight[..., 19, 32].item() < 1


def test_blurring_outside_keeps_the_face_and_plain_grounds():
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., 40:90, 40:90] = 1
    picture = torch.where(mask > 0, torch.rand(1, 3, 128, 128), torch.full((1, 3, 128, 128), 0.3))
    out = losses.blurred_outside(picture, mask)
    torch.testing.assert_close(out[..., 40:90, 40:90], picture[..., 40:90, 40:90])
    # no colour of the face bleeds out; the border of the picture alone is darkened by the zeros around it
    torch.testing.assert_close(out[..., 5:39, 5:120], picture[..., 5:39, 5:120], atol=1e-4, rtol=0)


def test_small_terms_in_closed_form():
    a, b = torch.full((2, 3, 8, 8), 0.5), torch.full((2, 3, 8, 8), 0.3)
    half = torch.zeros(2, 1, 8, 8)
    half[..., :4] = 1
    assert losses.squared_error(a, b).tolist() == pytest.approx([0.04, 0.04])
    assert losses.priority(a, b, half).tolist() == pytest.approx([30.0, 30.0])
    assert losses.judged(torch.zeros(2, 1, 4, 4), real=True).tolist() == pytest.approx([math.log(2)] * 2)
    assert losses.judged(torch.full((1, 1), 3.0), real=False).item() == pytest.approx(math.log1p(math.exp(3)))
    ramp = torch.arange(5.0).expand(1, 2, 4, 5)
    assert losses.roughness(ramp).item() == 2 * 4 * 4
    assert losses.roughness(ramp.transpose(2, 3)).item() == 2 * 4 * 4


def test_style_sees_means_and_deviations_only():
    a = torch.rand(1, 3, 32, 32)
    shuffled = a.flatten(2)[..., torch.randperm(1024)].view_as(a)
    assert losses.style(a, shuffled, 0, 100.0).item() == pytest.approx(0, abs=1e-6)
    assert losses.style(a, a + 0.1, 0, 3.0).item() == pytest.approx(3 * 0.01, rel=1e-3)
    assert losses.style(a, a + 0.1, 4, 3.0).item() < 3 * 0.01  # zeros around take part
    spread = a.std((2, 3), unbiased=False)
    wider = (a - a.mean((2, 3), keepdim=True)) * 2 + a.mean((2, 3), keepdim=True)
    assert losses.style(a, wider, 0, 3.0).item() == pytest.approx(spread.square().sum().item(), rel=1e-2)


def test_cosine_wave():
    assert [losses.cosine_share(i) for i in (0, 125, 250, 500)] == pytest.approx([1, 0.5, 0, 1])
