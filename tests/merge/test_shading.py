import numpy as np

from fsa_data.merge import robust_weight, slow_colour, smoothing_kernel

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-8, 8, (300, 3)).astype(np.float32) * [1, 1, 0.1]
KERNEL = smoothing_kernel(POINTS.astype(np.float32), np.full(300, 2.0, np.float32))
TONE = np.array([60, 10, 12], np.float32)
ONES = np.ones(300, np.float32)


def test_even_skin_has_no_slow_part():
    even = np.broadcast_to(TONE, (300, 3)).astype(np.float32)
    np.testing.assert_allclose(slow_colour(KERNEL, even, ONES, TONE), even, atol=1e-4)


def test_light_from_the_side_is_followed_and_grain_is_not():
    light = np.outer(POINTS[:, 0], [2.0, 0, 0])
    grain = RNG.normal(0, 4, (300, 3))
    slow = slow_colour(KERNEL, (TONE + light + grain).astype(np.float32), ONES, TONE)
    inner = np.abs(POINTS[:, 0]) < 5
    assert np.abs(slow - TONE - light)[inner].mean() < 1.5 < np.abs(grain).mean()
    assert np.corrcoef(slow[:, 0], POINTS[:, 0])[0, 1] > 0.97


def test_what_has_no_weight_is_filled_from_its_neighbours():
    lab = np.broadcast_to(TONE, (300, 3)).astype(np.float32).copy()
    dark = np.hypot(POINTS[:, 0], POINTS[:, 1]) < 1.5
    lab[dark] = 0
    slow = slow_colour(KERNEL, lab, np.where(dark, 0, 1).astype(np.float32), TONE)
    np.testing.assert_allclose(slow[dark], np.broadcast_to(TONE, (dark.sum(), 3)), atol=1e-3)


def test_where_nothing_is_measured_the_tone_decides():
    lab = np.zeros((300, 3), np.float32)
    slow = slow_colour(KERNEL, lab, np.zeros(300, np.float32), TONE)
    np.testing.assert_allclose(slow, np.broadcast_to(TONE, (300, 3)))


def test_outliers_lose_their_weight():
    lab = RNG.normal(TONE, 3, (300, 3)).astype(np.float32)
    lab[:20] = [5, 0, 0]
    weight = robust_weight(lab, ONES)
    assert weight[:20].max() < 0.05
    assert np.median(weight[20:]) > 0.6
    np.testing.assert_array_equal(robust_weight(lab, 0 * ONES), 0 * ONES)
    glare = lab.copy()
    glare[30] = lab[31] + [40, 0, 0]
    assert robust_weight(glare, ONES)[30] > 0.3
