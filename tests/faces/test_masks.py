import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.faces import eyes_mask, face_size_px, mouth_mask, oval_mask, polygon_mask
from fsa_data.types import Box


def canonical(scale=10.0, x=100.0, y=120.0):
    """The canonical face in the middle of an image, irises at the eyes' centres."""
    v = mesh.face_mesh().vertices_cm
    points = np.stack([x + scale * v[:, 0], y - scale * v[:, 1], -scale * v[:, 2]], axis=1)
    irises = [np.repeat(points[list(ring)].mean(axis=0)[None], 5, axis=0) for ring in (mesh.RIGHT_EYE, mesh.LEFT_EYE)]
    return np.concatenate([points, *irises]).astype(np.float32)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.25, 0.5)])
def test_a_square_has_its_area(corner):
    x, y = np.array(corner) + 10
    square = np.array([[x, y], [x + 20, y], [x + 20, y + 20], [x, y + 20]], np.float32)
    mask = polygon_mask([square], Box(0, 0, 40, 40))
    assert mask[20, 20] == 255
    assert mask[5, 5] == 0
    assert mask.sum() / 255 == pytest.approx(400, rel=0.06)


def test_a_mask_does_not_depend_on_the_rectangle_it_is_asked_for():
    points = canonical()
    whole = oval_mask(points, Box(0, 0, 200, 240))
    box = Box(37, 41, 90, 120)
    apart = np.abs(oval_mask(points, box).astype(int) - whole[box.slices])
    assert (apart > 0).mean() < 0.002  # OpenCV clips outlines at the rectangle a subdivision differently
    assert apart.max() <= 48


def test_eyes_and_mouth_lie_inside_the_oval_and_apart():
    points, box = canonical(), Box(0, 0, 200, 240)
    oval, eyes, mouth = (mask(points, box) > 127 for mask in (oval_mask, eyes_mask, mouth_mask))
    assert not (eyes & ~oval).any()
    assert not (mouth & ~oval).any()
    assert not (eyes & mouth).any()
    assert 0.01 < eyes.sum() / oval.sum() < 0.1
    assert oval.sum() == pytest.approx(100 * 15.4 * 17.6 * np.pi / 4, rel=0.1)  # an ellipse of the face's extent


def test_size_scales():
    assert face_size_px(canonical(20)) == pytest.approx(2 * face_size_px(canonical(10)))
