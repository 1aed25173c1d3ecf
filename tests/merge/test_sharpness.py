import cv2
import numpy as np
import pytest

from fsa_data.merge import edge_width_px2, match_sharpness

RNG = np.random.default_rng(0)
# blobs on grey: edges of one known width
SHARP = np.full((120, 120, 3), 130, np.uint8)
for _ in range(40):
    cv2.circle(SHARP, tuple(map(int, RNG.integers(5, 115, 2))), int(RNG.integers(2, 6)), (60, 60, 60), -1)
SHARP = cv2.GaussianBlur(SHARP, (0, 0), 0.7)
BASE = np.full((120, 120), 130, np.float32)
ALL = np.ones((120, 120), np.float32)


def width(image):
    return edge_width_px2(image, BASE, ALL)


def test_blur_widens_edges_and_noise_does_not():
    assert width(cv2.GaussianBlur(SHARP, (0, 0), 1.0)) > width(SHARP) + 0.5
    noisy = np.clip(SHARP + RNG.normal(0, 8, SHARP.shape), 0, 255).astype(np.uint8)
    assert width(noisy) < width(SHARP)


@pytest.mark.parametrize("sigma", [0.8, 1.2])
def test_a_sharp_picture_becomes_as_soft_as_the_other(sigma):
    soft = cv2.GaussianBlur(SHARP, (0, 0), sigma)
    matched = match_sharpness(SHARP, BASE, ALL, width(soft), slack=1.0)
    assert width(matched) == pytest.approx(width(soft), rel=0.05)
    assert np.abs(matched.astype(int) - soft).mean() < 1


def test_nothing_is_sharpened_nor_changed_for_little():
    for goal in (0.5, 1.0, 1.25):
        assert match_sharpness(SHARP, BASE, ALL, goal * width(SHARP)) is SHARP


def test_the_blur_is_limited():
    strong = match_sharpness(SHARP, BASE, ALL, 1e6, limit_px=1.0)
    np.testing.assert_array_equal(strong, cv2.GaussianBlur(SHARP, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE))


def test_a_picture_without_edges_is_left_alone():
    flat = np.full_like(SHARP, 130)
    assert match_sharpness(flat, BASE, ALL, 9.0) is flat


def test_only_the_region_counts():
    region = ALL.copy()
    region[:, 60:] = 0
    changed = SHARP.copy()
    changed[:, 61:] = RNG.integers(0, 255, changed[:, 61:].shape)
    assert edge_width_px2(changed, BASE, region) == edge_width_px2(SHARP, BASE, region)
    assert edge_width_px2(SHARP, BASE, 0 * ALL) == 0
