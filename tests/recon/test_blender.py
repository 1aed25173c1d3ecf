"""Views by Blender: where it is, what is said where it is not, and that its camera is the rasteriser's."""

import sys

import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.errors import BlenderError
from fsa_data.faces import rotation_from_angles
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.recon import blender


def face_with_a_red_nose():
    """The canonical face, grey, the tip of its nose red."""
    face = mesh.face_mesh()
    colours = np.full((mesh.VERTICES, 3), 150, np.uint8)
    near = np.linalg.norm(face.vertices_cm - face.vertices_cm[mesh.NOSE_TIP], axis=1) < 1.2
    colours[near] = (230, 20, 20)
    vertices = face.vertices_cm / 10
    return ColouredMesh(vertices - vertices[list(mesh.FACE_OVAL)].mean(axis=0), face.triangles, colours)


@pytest.fixture(scope="module")
def views():
    """Four poses of it, 96 pixels wide."""
    try:
        blender.find_blender()
    except BlenderError:
        pytest.skip("Blender is not here (set FSA_BLENDER)")
    return list(blender.render_views(face_with_a_red_nose(), (-40, 30), (-20, 25), 96))


def places(face, yaw_deg, pitch_deg, size_px):
    """Pixels ``(N, 2)`` of the vertices, by the pinhole of T1's camera."""
    turned = face.vertices @ rotation_from_angles(yaw_deg, pitch_deg, 0).T
    focal = size_px * 50 / (36 * 1080 / 1920)
    away = 6 - turned[:, 2]
    return size_px / 2 + focal * np.stack([turned[:, 0] / away, -turned[:, 1] / away], axis=1)


def test_views_come_pitch_by_pitch_and_where_the_pinhole_puts_them(views):
    face = face_with_a_red_nose()
    assert [(view.shape, view.dtype) for view in views] == 4 * [((96, 96, 3), np.uint8)]
    poses = [(yaw, pitch) for pitch in (-20, 25) for yaw in (-40, 30)]
    for view, (yaw, pitch) in zip(views, poses, strict=True):
        seen = places(face, yaw, pitch, 96)
        drawn = (view.astype(int).max(axis=2) - view[0, 0].max()) > 12
        rows, columns = np.nonzero(drawn)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(box, [*seen.min(axis=0), *seen.max(axis=0)], atol=2.5)
        red = (view[..., 0].astype(int) - view[..., 1]) > 60
        middle = np.argwhere(red).mean(axis=0)[::-1] + 0.5
        np.testing.assert_allclose(middle, seen[face.colours[:, 1] < 100].mean(axis=0), atol=2.5)


def test_the_background_is_even(views):
    corners = np.array([view[at] for view in views for at in ((0, 0), (0, -1), (-1, 0), (-1, -1))])
    assert np.ptp(corners.astype(int), axis=0).max() <= 1
    assert np.ptp(corners[0].astype(int)) <= 2


def test_without_blender_the_error_says_how_to_come_by_it(monkeypatch):
    monkeypatch.delenv("FSA_BLENDER", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "path", [])  # and no bpy in this environment
    with pytest.raises(BlenderError, match=r"blender\.org.*pip install bpy.*set FSA_BLENDER.*recon\.render draws"):
        next(blender.render_views(face_with_a_red_nose()))


def test_a_path_that_is_no_program(monkeypatch, tmp_path):
    monkeypatch.setenv("FSA_BLENDER", str(tmp_path / "blender"))
    with pytest.raises(BlenderError, match=r"FSA_BLENDER is '.*blender', which is no program"):
        blender.find_blender()


def test_a_program_that_draws_nothing(monkeypatch, tmp_path):
    """Like a Python without bpy."""
    program = tmp_path / "python-without-bpy"
    program.write_text("#!/bin/sh\necho No module named bpy >&2\nexit 3\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("FSA_BLENDER", str(program))
    with pytest.raises(BlenderError, match=r"drew 0 of 2 views and ended with 3\. It said last: No module named bpy"):
        next(blender.render_views(face_with_a_red_nose(), (0, 10), (0,), 32))


def test_blender_itself_is_told_to_stay_in_the_background(monkeypatch, tmp_path):
    program = tmp_path / "blender-5.0"
    program.write_text('#!/bin/sh\necho "$@"\nexit 1\n', encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("FSA_BLENDER", str(program))
    said = r"--background --factory-startup --python-exit-code 1 --python .*blender_script\.py -- "
    with pytest.raises(BlenderError, match=said):
        next(blender.render_views(face_with_a_red_nose(), (0,), (0,), 32))
