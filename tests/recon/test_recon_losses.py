"""The losses on inputs whose value can be said by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fsa_data.recon import losses
from fsa_data.recon.morphable import Coefficients
from tests.parity.kinds import KINDS
from tests.parity.recipe import read_fixture
from tests.recon import synthetic


def test_coefficients_are_weighed_and_averaged():
    c = Coefficients.zeros(synthetic.model(3, 3), 2)
    c.identity[0, :2], c.expression[1, 0], c.albedo[:, 5] = 1, 2, 10
    assert float(losses.coefficient_loss(c)) == pytest.approx((2 + 0.8 * 4 + 0.017 * 200) / 2)


def test_grey_light_costs_nothing():
    grey = torch.randn(4, 1, 9).expand(4, 3, 9).reshape(4, 27)
    assert float(losses.lighting_loss(grey)) == pytest.approx(0, abs=1e-12)
    red = torch.zeros(1, 27)
    red[0, 0] = 3
    assert float(losses.lighting_loss(red)) == pytest.approx((4 + 1 + 1) / 27)


@pytest.mark.parametrize(
    ("point", "weight"), [(0, 1), (27, 1), (28, 20), (30, 20), (31, 1), (59, 1), (60, 20), (67, 20)]
)
def test_nose_ridge_and_inner_lips_count_more(point, weight):
    there, seen = torch.zeros(1, 68, 2), torch.zeros(1, 68, 2)
    seen[0, point] = torch.tensor([3.0, 4.0])
    assert float(losses.landmark_loss(seen, there)) == pytest.approx(25 * weight / 68)


def test_pixels_outside_the_mask_do_not_count():
    image, other = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    other[:, 0, 0, 0], other[:, 1, 3, 3] = 0.5, 9
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., 0, :2] = 1
    assert float(losses.photo_loss(image, other, mask)) == pytest.approx((0.5 + 1e-3) / 2, rel=1e-4)
    assert float(losses.photo_loss(image, other, 0 * mask)) == 0


def test_even_skin_costs_nothing():
    albedo = torch.full((2, 9, 3), 0.4)
    mask = torch.ones(9)
    mask[8] = 0
    albedo[:, 8] = 7
    assert float(losses.reflectance_loss(albedo, mask)) == pytest.approx(0, abs=1e-12)
    albedo[0, 0, 1] += 0.8
    expected = (0.8 * 7 / 8) ** 2 + 7 * (0.8 / 8) ** 2
    assert float(losses.reflectance_loss(albedo, mask)) == pytest.approx(expected / (2 * 8), rel=1e-4)


def test_one_minus_cosine():
    one = torch.eye(4)[:3]
    other = torch.stack([one[0], one[0], -one[2]])
    assert float(losses.perceptual_loss(one, other)) == pytest.approx((0 + 1 + 2) / 3)


def test_the_published_values_each_by_itself():
    fixture = read_fixture(Path(__file__).parents[1] / "parity" / "data" / "deep3d_facemodel_20x10.npz")
    # beside the landmark loss the others would vanish in an error relative to the peak
    np.testing.assert_allclose(
        KINDS[fixture.meta["module"]](fixture)["losses"], fixture.arrays["out_losses"], rtol=1e-5
    )
