import numpy as np
import pytest
import skimage.color
from hypothesis import given
from hypothesis import strategies as st

from fsa_data.merge import detail_gains, lab_to_rgb, moved_detail, rgb_to_lab

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)


def colours(mean, spread, count=4000, seed=0):
    return np.random.default_rng(seed).normal(mean, spread, (count, 3)).astype(np.float32)


def test_lab_agrees_with_scikit_image():
    np.testing.assert_allclose(rgb_to_lab(PIXELS), skimage.color.rgb2lab(PIXELS), atol=0.1)


def test_every_colour_comes_back():
    np.testing.assert_array_equal(lab_to_rgb(rgb_to_lab(PIXELS)), PIXELS)


def test_colours_that_do_not_exist_are_clipped():
    lab = np.array([[[150, 0, 0], [-20, 0, 0], [50, 127, -127]]], np.float32)
    rgb = lab_to_rgb(lab)
    assert rgb[0, 0].tolist() == [255, 255, 255]
    assert rgb[0, 1].tolist() == [0, 0, 0]
    assert rgb[0, 2, 1] == 0


@given(st.floats(5, 95), st.floats(5, 95))
def test_black_stays_black_and_nothing_burns_out(source, target):
    tones = [np.array([lightness, 10, 10], np.float32) for lightness in (source, target)]
    below, above, chroma = detail_gains(*tones)
    assert 0.249 <= chroma <= 1.001
    if 0.25 * source <= target <= 1.6 * source:
        assert below * source == pytest.approx(target, rel=1e-4)  # from skin down to black
    assert target + above * (100 - source) <= 100.01 or above == pytest.approx(0.25)
    assert detail_gains(*tones, contrast=0).tolist() == [1, 1, 1]
    assert detail_gains(tones[0], tones[0]).tolist() == [1, 1, 1]


def test_detail_moves_from_one_skin_to_another():
    target, gains = np.full(3, 30, np.float32), np.array([0.5, 0.1, 2], np.float32)
    np.testing.assert_allclose(moved_detail((-10.0, 2.0, -2.0), target, gains), [25, 34, 26])
    np.testing.assert_allclose(moved_detail((10.0, 0.0, 0.0), target, gains), [31, 30, 30])
    np.testing.assert_allclose(moved_detail((0.0, 0.0, 0.0), target, gains), [30, 30, 30])
