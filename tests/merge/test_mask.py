import numpy as np
import pytest

from fsa_data.merge import blend, soft_mask

DISC = (np.hypot(*(np.mgrid[:81, :81] - 40)) <= 35).astype(np.uint8)


def test_it_rises_from_the_outline_inwards():
    mask = soft_mask(DISC, erode_px=3, feather_px=10)
    assert mask.dtype == np.float32
    assert (mask[DISC == 0] == 0).all()
    assert mask[40, 40] == 1
    middle = mask[40, 40:76]  # from the centre to the right
    assert (np.diff(middle) <= 1e-6).all()
    assert middle[35 - 2] == 0
    assert middle[35 - 14] == 1
    assert middle[35 - 8] == pytest.approx(0.5, abs=0.1)
    assert np.abs(np.diff(middle)).max() < 0.2


def test_a_region_that_reaches_the_edge_of_the_rectangle_goes_on_beyond_it():
    mask = soft_mask(np.ones((20, 20), np.uint8), 0, 5)
    assert (mask == 1).all()


def test_blending_is_exact_at_both_ends():
    rng = np.random.default_rng(0)
    target, source = rng.integers(0, 256, (2, 9, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(blend(target, source, np.zeros((9, 9), np.float32)), target)
    np.testing.assert_array_equal(blend(target, source, np.ones((9, 9), np.float32)), source)
    half = blend(target, source, np.full((9, 9), 0.5, np.float32)).astype(float)
    np.testing.assert_allclose(half, (target.astype(float) + source) / 2, atol=0.5)
