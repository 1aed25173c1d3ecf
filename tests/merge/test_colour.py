import numpy as np
import pytest
import skimage.color
from hypothesis import given
from hypothesis import strategies as st

from fsa_data.merge import detail_gains, lab_to_rgb, lab_transfer, move_detail, rgb_to_lab, robust_statistics

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


def test_transfer_brings_mean_and_spread_to_the_targets():
    source, target = colours([60, 10, 15], [8, 3, 3]), colours([40, 14, 12], [6, 4, 2], seed=1)
    weight = np.ones(4000, np.float32)
    goal = robust_statistics(target, weight)
    moved = lab_transfer(source, robust_statistics(source, weight), goal)
    got = robust_statistics(moved, weight)
    np.testing.assert_allclose(got.mean, goal.mean, atol=0.2)
    np.testing.assert_allclose(got.spread, goal.spread, rtol=0.03)
    np.testing.assert_allclose(goal.mean, [40, 14, 12], atol=0.3)
    np.testing.assert_allclose(goal.spread, [6, 4, 2], rtol=0.1)


def test_transfer_keeps_within_limits_and_may_be_partial():
    source, target = colours([60, 0, 0], [2, 2, 2]), colours([40, 0, 0], [20, 20, 20], seed=1)
    weight = np.ones(4000, np.float32)
    a, b = robust_statistics(source, weight), robust_statistics(target, weight)
    assert lab_transfer(source, a, b).std(axis=0) == pytest.approx(1.6 * source.std(axis=0), rel=1e-3)
    np.testing.assert_allclose(lab_transfer(source, a, b, colour=0, contrast=0), source, atol=1e-4)
    half = lab_transfer(source, a, b, colour=0.5, contrast=0)
    np.testing.assert_allclose(half.mean(axis=0) - source.mean(axis=0), (b.mean - a.mean) / 2, atol=0.01)


def test_statistics_ignore_outliers_and_what_has_no_weight():
    skin = colours([60, 10, 15], [3, 2, 2])
    mixed = np.concatenate([skin, np.full((600, 3), [10, 0, 0], np.float32)])
    got = robust_statistics(mixed, np.ones(len(mixed), np.float32))
    np.testing.assert_allclose(got.mean, [60, 10, 15], atol=0.5)
    weight = np.concatenate([np.zeros(4000), np.ones(600)]).astype(np.float32)
    np.testing.assert_allclose(robust_statistics(mixed, weight).mean, [10, 0, 0], atol=1e-4)


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
    source, target = np.full((2, 3, 3), 50, np.float32), np.full((2, 3, 3), 30, np.float32)
    lab = source.copy()
    lab[0, 0], lab[1, 1] = [40, 52, 48], [60, 50, 50]
    out = move_detail(lab, source, target, np.array([0.5, 0.1, 2], np.float32))
    np.testing.assert_allclose(out[0, 0], [25, 34, 26])
    np.testing.assert_allclose(out[1, 1], [31, 30, 30])
    np.testing.assert_allclose(out[0, 1], [30, 30, 30])
