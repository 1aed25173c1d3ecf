import numpy as np
import pytest

from fsa_data.faces import oval_mask
from fsa_data.faces.points68 import INDEX_68
from fsa_data.faces.region_masks import features_mask, hull_mask
from fsa_data.types import Box
from tests.faces.test_masks import canonical
from tests.faces.test_mesh_from_68 import turned

BOX = Box(0, 0, 200, 240)


def test_478_and_68_points_give_the_same():
    for mask in (hull_mask, features_mask):
        np.testing.assert_array_equal(mask(canonical(), BOX), mask(canonical()[list(INDEX_68)], BOX))


def test_the_hull_covers_the_face_below_its_forehead():
    points = canonical()
    hull, oval = hull_mask(points, BOX) > 127, oval_mask(points, BOX) > 127
    below = np.arange(240) > points[[70, 300], 1].max()
    assert (hull & oval)[below].sum() / oval[below].sum() > 0.95
    for at in (1, 33, 263, 14, 152, 105, 334):
        x, y = points[at, :2].astype(int)
        assert hull[y - 1, x]
    assert hull.sum() < oval.sum()


@pytest.mark.parametrize("yaw", [0, 8])
def test_the_hull_has_no_seams(yaw):
    import cv2

    mask = hull_mask(turned(yaw, 0, 10), BOX)
    inside = cv2.erode((cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5)))), np.ones((7, 7))) == 255
    assert mask[inside].min() == 255


def test_brows_are_raised_by_as_much_as_is_asked_for():
    tops = [int(np.nonzero(hull_mask(canonical(), BOX, share).any(axis=1))[0][0]) for share in (0, 0.5, 1, 2)]
    brow = canonical()[list(INDEX_68)][17:27, 1].min()
    assert tops[0] == pytest.approx(brow, abs=1.5)
    steps = -np.diff(tops)
    assert (steps > 0).all()
    assert steps[2] == pytest.approx(steps[0] + steps[1], abs=2)


def test_a_turned_face_has_a_narrower_hull():
    straight, left, right = (float(hull_mask(turned(yaw, 0, 0), BOX).sum()) for yaw in (0, -45, 45))
    assert left < 0.9 * straight
    assert left == pytest.approx(right, rel=0.02)


def test_features_are_soft_and_where_they_are():
    points = canonical()
    mask = features_mask(points, BOX)
    for ring in ((33, 133), (263, 362), (78, 308)):
        x, y = points[list(ring), :2].mean(axis=0).astype(int)
        assert mask[y, x] > 60
    assert mask[int(points[1, 1]), int(points[1, 0])] == 0
    assert len(np.unique(mask)) > 20
    eyes, mouth = features_mask(points, BOX, mouth=False), features_mask(points, BOX, eyes=False)
    np.testing.assert_allclose(np.maximum(eyes, mouth), mask, atol=1)
    assert not features_mask(points, BOX, mouth=False, eyes=False).any()
