"""68 points made a face again: exact on the canonical one, near on real ones, and it turns as they turn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_data.faces.mesh_from_68 import face_from_68
from fsa_data.faces.points68 import INDEX_68, points68
from fsa_data.faces.pose import rotation_from_angles
from fsa_data.frames import read_image
from tests.faces.test_masks import canonical

FLIP = np.diag([1.0, -1.0, -1.0])


def turned(yaw, pitch, roll):
    """The canonical face in an image, turned about its middle; ``(478, 3)``."""
    points = canonical().astype(np.float64)
    middle = points.mean(axis=0)
    return (points - middle) @ (FLIP @ rotation_from_angles(yaw, pitch, roll) @ FLIP).T + middle


@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-170, 170), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_canonical_face_comes_back_in_any_pose(yaw, pitch, roll, depth):
    points = turned(yaw, pitch, roll)
    face = face_from_68(points[list(INDEX_68), : 3 if depth else 2], 0.7)
    np.testing.assert_allclose(face.points_px[:468, :2], points[:468, :2], atol=0.01)
    z, expected = face.points_px[:468, 2], points[:468, 2]
    np.testing.assert_allclose(z - z.mean(), expected - expected.mean(), atol=0.01)
    np.testing.assert_allclose([face.yaw_deg, face.pitch_deg, face.roll_deg], [yaw, pitch, roll], atol=0.01)
    assert face.confidence == 0.7
    assert not face.blendshapes.any()
    assert face.points_px.shape == (478, 3)


@given(st.floats(0.3, 4), st.floats(-3, 3), st.floats(-50, 50))
@settings(max_examples=40, deadline=None)
def test_it_follows_scale_rotation_and_shift(scale, angle, shift):
    rng = np.random.default_rng(1)
    points = canonical()[list(INDEX_68), :2] + rng.standard_normal((68, 2)) * 2
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    face, moved = face_from_68(points), face_from_68(points @ matrix.T + shift)
    np.testing.assert_allclose(
        moved.points_px[:, :2], face.points_px[:, :2] @ matrix.T + shift, atol=0.01 * scale + 1e-3
    )


def test_moved_points_take_their_surroundings_with_them():
    points = canonical()[list(INDEX_68), :2].copy()
    before = face_from_68(points).points_px
    points[60:68] += [0, 6]
    moved = face_from_68(points).points_px - before
    assert 3 < moved[14, 1] < 7  # the lips go
    assert abs(moved[10, 1]) < 1  # the forehead stays


def test_irises_stand_in_their_eyes():
    points = turned(20, 5, 10)
    face = face_from_68(points[list(INDEX_68), :2])
    for middle, corners in ((468, (33, 133)), (473, (263, 362))):
        apart = face.points_px[list(corners), :2] - face.points_px[middle, :2]
        assert (apart[0] * apart[1]).sum() < 0  # between the corners
        width = np.linalg.norm(apart[0] - apart[1])
        radius = np.linalg.norm(face.points_px[middle + 1 : middle + 5] - face.points_px[middle], axis=1)
        assert (radius < 0.4 * width).all()


@pytest.mark.parametrize(
    "points", [np.zeros((68, 2)), np.zeros((67, 2)), np.full((68, 3), np.nan), np.arange(136.0).reshape(68, 2)]
)
def test_what_is_no_face(points):
    with pytest.raises(ValueError, match="68"):
        face_from_68(points)


def lost(face, made):
    """Distance of each vertex from where it was, in units of the distance of the outer corners of the eyes."""
    eyes = np.linalg.norm(face.points_px[33, :2] - face.points_px[263, :2])
    return np.linalg.norm(made.points_px[:468, :2] - face.points_px[:468, :2], axis=1) / eyes


def test_a_portrait_comes_back(landmarker, portrait):
    (face, *_) = landmarker(portrait)
    made = face_from_68(points68(face.points_px))
    assert lost(face, made).mean() < 0.025
    assert abs(made.yaw_deg - face.yaw_deg) < 6
    assert abs(made.pitch_deg - face.pitch_deg) < 8


@pytest.mark.media
def test_real_people_come_back(landmarker, media):
    faces = [landmarker(read_image(str(photo)))[0] for photo in sorted((media / "london").glob("*/*.jpg"))[::9]]
    made = [face_from_68(points68(face.points_px)) for face in faces]
    apart = np.stack([lost(face, one) for face, one in zip(faces, made, strict=True)])
    assert apart.mean() < 0.014
    assert np.quantile(apart, 0.95) < 0.04
    angles = np.array([[one.yaw_deg, one.pitch_deg, one.roll_deg] for one in made])
    seen = np.array([[face.yaw_deg, face.pitch_deg, face.roll_deg] for face in faces])
    assert (np.abs(angles - seen).mean(axis=0) < (1, 2, 0.5)).all()
