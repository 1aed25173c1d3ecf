import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsa_data.errors import UnknownNameError
from fsa_data.types import Box, Face, Reason, Swap, paste

whole = st.integers(-20, 60)


@given(whole, whole, st.integers(0, 60), st.integers(0, 60))
def test_clipping_keeps_exactly_the_pixels_inside(x: int, y: int, w: int, h: int) -> None:
    mask = np.zeros((160, 160), bool)
    mask[y + 60 : y + 60 + h, x + 60 : x + 60 + w] = True  # the image is the 30 x 40 part at (60, 60)
    inside = np.zeros((30, 40), bool)
    inside[Box(x, y, w, h).clipped(30, 40).slices] = True
    np.testing.assert_array_equal(inside, mask[60:90, 60:100])


def test_box_around_points_reaches_the_pixels_that_hold_them() -> None:
    points = np.array([[2.2, 3.9, 0], [5.0, 7.01, 0]], np.float32)
    assert Box.around(points) == Box(2, 3, 3, 5)
    assert Box.around(points, margin=1.0) == Box(-1, 0, 9, 11)


def test_faces_scale_and_move_with_their_image() -> None:
    points = np.array([[10, 20, 5]], np.float32)
    face = Face(points, 1.0, 2.0, 3.0, np.zeros(52, np.float32), 0.9)
    np.testing.assert_allclose(face.scaled(2, 0.5).points_px, [[20, 10, 10]])
    np.testing.assert_allclose(face.moved(-3, 4).points_px, [[7, 24, 5]])
    assert face.scaled(2, 2).yaw_deg == 1.0


def test_paste_replaces_the_box_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    frame, patch = rng.integers(0, 256, (30, 40, 3), np.uint8), rng.integers(0, 256, (7, 9, 3), np.uint8)
    before = frame.copy()
    out = paste(frame, Box(11, 5, 9, 7), patch)
    np.testing.assert_array_equal(frame, before)
    np.testing.assert_array_equal(out[5:12, 11:20], patch)
    out[5:12, 11:20] = frame[5:12, 11:20]
    np.testing.assert_array_equal(out, frame)


def test_a_swap_knows_whether_it_is_one() -> None:
    assert not Swap(Reason.NO_FACE).swapped
    assert Swap(Reason.SWAPPED, "p1", Box(0, 0, 1, 1), np.zeros((1, 1, 3), np.uint8)).swapped


def test_errors_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(UnknownNameError("engine", "mesh_wrap", ["mesh_warp"])))
    assert "Did you mean 'mesh_warp'" in str(error)
    with pytest.raises(ValueError, match="engine"):
        raise error
