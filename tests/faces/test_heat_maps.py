"""Crops and points of heat maps, against the package face-alignment where it says something, and by what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_data.faces import heat_maps
from fsa_data.faces.heat_maps import Place, crop, gaussian_maps, mirrored_maps, points_of_maps

RNG = np.random.default_rng(0)
PLACES = [Place(float(x), float(y), float(s)) for x, y, s in RNG.random((40, 3)) * (300, 200, 2) + (0, 0, 0.3)]
PLACES += [Place(150.0, 130.0, 1.3), Place(64.0, 64.0, 0.32), Place(100.5, 80.0, 0.7)]  # points on borders of pixels


@pytest.fixture(scope="module")
def published():
    """The package's own functions."""
    return pytest.importorskip("face_alignment.utils")


@pytest.mark.parametrize("place", PLACES)
def test_points_and_crops_are_the_packages(published, place):
    maps = RNG.standard_normal((1, 68, 64, 64)).astype(np.float32)
    centre = np.array([place.x, place.y])
    points, whole, scores = published.get_preds_fromhm(maps, centre, place.scale)
    got, got_scores = points_of_maps(maps)
    np.testing.assert_array_equal(got, points)
    np.testing.assert_array_equal(got_scores, scores)
    np.testing.assert_array_equal(place.to_whole_image(got[0], 64), whole[0])
    image = RNG.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    np.testing.assert_array_equal(crop(image, place), published.crop(image, centre, place.scale))


def test_spots_are_the_packages(published):
    points = np.concatenate([RNG.random((60, 2)) * 300 - 20, [[0.5, 0.5], [3.2, 250.9], [256.0, 1.0], [255.9, 255.9]]])
    got = gaussian_maps(points)
    for one, point in zip(got, points, strict=True):
        expected = np.zeros((256, 256), np.float32)
        if (point > 0).all():
            expected = published.draw_gaussian(expected, point, 2)
        np.testing.assert_allclose(one, expected, atol=1e-6, err_msg=str(point))


@given(st.floats(3, 60), st.floats(3, 60))
@settings(max_examples=50, deadline=None)
def test_a_bump_is_found_to_half_a_cell(x, y):
    rows, columns = np.mgrid[:64, :64] + 0.5
    bump = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4).astype(np.float32)
    found, score = points_of_maps(bump[None, None])
    assert np.abs(found[0, 0] - (x, y)).max() <= 0.3
    assert score[0, 0] == bump.max()


def test_a_bump_on_the_border_is_not_refined():
    maps = np.zeros((1, 2, 8, 8), np.float32)
    maps[0, 0, 0, 3], maps[0, 0, 0, 4] = 1, 0.9
    maps[0, 1, 4, 4], maps[0, 1, 4, 5], maps[0, 1, 3, 4] = 1, 0.5, 0.5
    assert points_of_maps(maps)[0].tolist() == [[[3.5, 0.5], [4.75, 4.25]]]


def test_the_way_there_and_back():
    place = Place(120.0, 90.0, 0.8)
    corners = place.to_image(np.array([[0.0, 0.0], [128, 128]]), 128)
    np.testing.assert_allclose(corners, [[40, 10], [200, 170]])
    assert place.whole_point(120, 90, 256, inverse=False) == (128, 128)
    boxed = Place.of_box(np.array([100.0, 50, 200, 150, 0.9]))
    assert (boxed.x, boxed.y, boxed.scale) == (150, 88, 200 / 195)


def test_a_crop_shows_what_is_there():
    image = np.zeros((300, 400, 3), np.uint8)
    image[90:110, 140:160] = 255
    seen = crop(image, Place(150.0, 100.0, 0.5))
    rows, columns = np.nonzero(seen[:, :, 0] > 127)
    assert np.abs([rows.mean() - 127.5, columns.mean() - 127.5]).max() < 3
    assert crop(image, Place(-5000.0, 0.0, 1.0)).max() == 0
    with pytest.raises(ValueError, match="must hold a pixel"):
        crop(image, Place(10.5, 10.5, 0.0001))


def test_a_mirrored_map_is_turned_back():
    maps = RNG.random((1, 68, 8, 8))
    turned = mirrored_maps(maps)
    np.testing.assert_array_equal(turned[0, 36], maps[0, 45, :, ::-1])
    np.testing.assert_array_equal(turned[0, 30], maps[0, 30, :, ::-1])
    np.testing.assert_array_equal(mirrored_maps(turned), maps)


def test_maps_must_be_square():
    with pytest.raises(ValueError, match=r"\(B, N, S, S\), got \(1, 2, 3, 4\)"):
        points_of_maps(np.zeros((1, 2, 3, 4), np.float32))
    assert heat_maps.CROP_PX == 256
