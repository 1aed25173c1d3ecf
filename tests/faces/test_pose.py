import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsa_data.faces import angles_from_rotation, rotation_from_angles

angles = st.tuples(st.floats(-85, 85), st.floats(-85, 85), st.floats(-175, 175))


@given(angles, st.floats(0.1, 10))
def test_angles_come_back_from_the_rotation_whatever_its_scale(given_angles, scale):
    rotation = rotation_from_angles(*given_angles)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(angles_from_rotation(rotation * scale), given_angles, atol=1e-6)


@pytest.mark.parametrize(
    ("given_angles", "axis", "expected"),
    [
        # camera coordinates: x right in the image, y up, z to the camera
        ((30, 0, 0), [0, 0, 1], [0.5, 0, np.sqrt(0.75)]),  # yaw > 0: the nose points to the right of the image
        ((0, 30, 0), [0, 0, 1], [0, -0.5, np.sqrt(0.75)]),  # pitch > 0: the nose points down
        ((0, 0, 30), [0, 1, 0], [0.5, np.sqrt(0.75), 0]),  # roll > 0: the crown tilts to the right, clockwise
    ],
)
def test_signs(given_angles, axis, expected):
    np.testing.assert_allclose(rotation_from_angles(*given_angles) @ axis, expected, atol=1e-9)
