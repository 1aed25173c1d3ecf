import cv2
import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.faces import rotation_from_angles
from fsa_data.mesh.subdivide import fine_face
from fsa_data.recon import reconstruct
from fsa_data.recon.embedded import frontal_shape
from fsa_data.types import Box, Face

WHOLE = Box(0, 0, 360, 340)


def seen(yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, scale=11.0, at=(180.0, 170.0), shape=None):
    """The canonical face (or another shape) as landmarks in pixels of a picture."""
    shape = mesh.face_mesh().vertices_cm if shape is None else shape
    turned = shape @ rotation_from_angles(yaw_deg, pitch_deg, roll_deg).T * scale
    points = np.zeros((478, 3), np.float32)
    points[:468] = turned * (1, -1, -1) + (*at, 3.0)
    return Face(points, yaw_deg, pitch_deg, roll_deg, np.zeros(52, np.float32), 1.0)


@pytest.mark.parametrize("pose", [(0, 0, 0), (30, 0, 0), (-25, 15, 10), (60, -20, -35)])
def test_pose_and_scale_are_undone_exactly(pose):
    for scale in (3.0, 40.0):
        shape = frontal_shape(seen(*pose, scale=scale).points_px)
        np.testing.assert_allclose(shape, mesh.face_mesh().vertices_cm, atol=2e-4)


def test_a_persons_own_shape_is_kept():
    """Wider by a tenth: what is left of the pose is a common scale."""
    own = mesh.face_mesh().vertices_cm * (1.1, 1, 1)
    shape = frontal_shape(seen(20, 5, 3, shape=own).points_px)
    ratio = np.ptp(shape[:, 0]) / np.ptp(shape[:, 1])
    assert ratio == pytest.approx(np.ptp(own[:, 0]) / np.ptp(own[:, 1]), rel=1e-3)


def painted(face, colour_of):
    """A picture in which each vertex of the canonical face has a colour made of its own coordinates."""
    picture = np.zeros((340, 360, 3), np.float32)
    points = fine_face().spread(face.points_px[:468])
    vertices = fine_face().spread(mesh.face_mesh().vertices_cm)
    fragments = mesh.rasterise(points, fine_face().triangles, WHOLE, cull="back")
    spread = mesh.interpolate(fragments, fine_face().triangles, colour_of(vertices).astype(np.float32))
    drawn = fragments.triangle >= 0
    picture[drawn] = spread[drawn]
    filled = cv2.dilate(picture, np.ones((5, 5)))
    picture[~drawn] = filled[~drawn]
    return np.clip(picture, 0, 255).astype(np.uint8)


def height_colour(vertices):
    red = 40 + 8 * (vertices[:, 1] + 10)
    return np.stack([red, 255 - red, np.full_like(red, 90)], axis=1)


def test_colours_of_what_is_seen_are_the_photos():
    face = seen()
    found = reconstruct(painted(face, height_colour), face)
    vertices = fine_face().spread(mesh.face_mesh().vertices_cm)
    inside = np.linalg.norm((vertices / (6.0, 7.5, 1))[:, :2], axis=1) < 1  # away from the outline
    error = np.abs(found.colours[inside].astype(float) - height_colour(vertices[inside]))
    assert error.mean() < 1
    assert np.percentile(error, 99) < 4


def test_the_hidden_side_is_taken_from_the_other():
    """Turned by 40 degrees, colours that do not depend on the side are right on the far cheek as well."""
    face = seen(40)
    found = reconstruct(painted(face, height_colour), face)
    vertices = fine_face().spread(mesh.face_mesh().vertices_cm)
    far = (np.abs(vertices[:, 0]) > 5) & (np.abs(vertices[:, 1]) < 5)
    error = np.abs(found.colours[far].astype(float) - height_colour(vertices[far]))
    assert np.median(error) < 5
    assert np.percentile(error, 95) < 25


def test_background_at_the_outline_does_not_come_along():
    """A green wall behind a face of one colour, landmarks a little too wide, as they are."""
    face = seen()
    skin = painted(face, lambda vertices: np.full((len(vertices), 3), (200, 150, 130)))
    narrower = seen(scale=10.75).points_px[:468]
    skin[mesh.rasterise(narrower, mesh.face_mesh().triangles, WHOLE).triangle < 0] = (0, 255, 0)
    found = reconstruct(skin, face)
    green = found.colours[:, 1].astype(int) - found.colours[:, 0]
    assert (green > 60).mean() < 0.01
    assert np.median(np.abs(found.colours.astype(int) - (200, 150, 130)).max(axis=1)) == 0
