import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.mesh.subdivide import fine_face
from fsa_data.recon import PITCHES_DEG, YAWS_DEG, render_view, render_views
from fsa_data.recon.render import BACKGROUND, DISTANCE, FIELD_DEG, project


@pytest.fixture(scope="module")
def face():
    fine = fine_face(2)
    vertices = fine.spread(mesh.face_mesh().vertices_cm / 10)
    return ColouredMesh(vertices, fine.triangles, np.full((len(vertices), 3), (200, 120, 60), np.uint8))


def test_the_grid_is_that_of_the_first_tool(face):
    assert (len(PITCHES_DEG), PITCHES_DEG[0], PITCHES_DEG[-1]) == (7, -50, 50)
    assert (len(YAWS_DEG), YAWS_DEG[0], YAWS_DEG[-1]) == (11, -90, 90)
    views = list(render_views(face, size_px=64))
    assert len(views) == 77
    np.testing.assert_array_equal(views[38], render_view(face, 0, 0, 64))


def test_the_camera():
    """A point in the plane of the face lies where the lens puts it: 50 mm on 36 mm, 1920 x 1080, middle square."""
    assert pytest.approx(22.895, abs=1e-3) == FIELD_DEG
    half = DISTANCE * np.tan(np.radians(FIELD_DEG / 2))
    points = np.array([[0, 0, 0], [half, 0, 0], [0, half, 0], [half / 2, 0, DISTANCE / 2]], np.float32)
    np.testing.assert_allclose(project(points, 0, 0, 100)[:, :2], [[50, 50], [100, 50], [50, 0], [100, 50]], atol=1e-4)


def test_heads_turn_the_way_angles_say(face):
    tip = face.vertices[mesh.NOSE_TIP][None]
    assert project(tip, 30, 0, 256)[0, 0] > 128 + 10
    assert project(tip, -30, 0, 256)[0, 0] < 128 - 10
    assert project(tip, 0, 30, 256)[0, 1] > project(tip, 0, 0, 256)[0, 1] + 10


def test_a_view_shows_the_colours_of_the_front_and_nothing_else(face):
    view = render_view(face, 0, 0, 128)
    assert view.shape == (128, 128, 3)
    assert view.dtype == np.uint8
    np.testing.assert_array_equal(view[0, 0], BACKGROUND)
    np.testing.assert_array_equal(view[64, 64], (200, 120, 60))
    back = render_view(face, 180, 0, 128)
    assert (back == BACKGROUND).all(axis=2).mean() > 0.97  # but for what curls around at the jaw


def test_a_mesh_outside_the_picture_is_no_trouble(face):
    away = ColouredMesh(face.vertices + np.float32(50) * np.array([1, 0, 0], np.float32), face.triangles, face.colours)
    assert (render_view(away, 0, 0, 64) == BACKGROUND).all()
