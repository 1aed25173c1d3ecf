import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.faces import rotation_from_angles
from fsa_data.merge.surface import hair, seen, surface
from fsa_data.mesh import facing
from fsa_data.types import Box


def posed(yaw_deg=0.0, pitch_deg=0.0, scale=10.0):
    v = mesh.face_mesh().vertices_cm @ rotation_from_angles(yaw_deg, pitch_deg, 0).T
    return np.stack([120 + scale * v[:, 0], 120 - scale * v[:, 1], -scale * v[:, 2]], axis=1).astype(np.float32)


def test_mirrored_vertices_are_each_others():
    face, vertices = surface(), mesh.face_mesh().vertices_cm
    np.testing.assert_array_equal(face.mirror[face.mirror], np.arange(468))
    np.testing.assert_allclose(vertices[face.mirror], vertices * [-1, 1, 1], atol=1e-4)
    np.testing.assert_array_equal(face.skin, face.skin[face.mirror])


def test_features_are_no_skin():
    skin = surface().skin
    for ring in (mesh.LEFT_EYE, mesh.RIGHT_EYE, mesh.LIPS_INNER, mesh.LIPS_OUTER, mesh.LEFT_EYEBROW):
        assert (skin[list(ring)] == 0).all()
    assert skin[mesh.NOSE_TIP] == 1
    assert 0.4 < skin.mean() < 0.8


def test_inner_triangles_fill_eyes_and_mouth():
    face = surface()
    points, triangles = posed(), face.triangles[face.inner]
    inside = mesh.rasterise(points, triangles, Box(0, 0, 240, 240)).triangle >= 0
    assert inside[int(points[list(mesh.LEFT_EYE), 1].mean()), int(points[list(mesh.LEFT_EYE), 0].mean())]
    assert not inside[int(points[mesh.NOSE_TIP, 1]), int(points[mesh.NOSE_TIP, 0])]
    assert 0.005 < inside.sum() / (np.pi / 4 * 154 * 176) < 0.1


def test_facing_follows_the_pose():
    triangles = surface().triangles
    front = facing(posed(), triangles)
    assert front[mesh.NOSE_TIP] > 0.8
    assert (front > 0).mean() > 0.95
    right = facing(posed(yaw_deg=60), triangles)
    left_cheek, right_cheek = 454, 234  # the person's own sides; facing right turns the left one away
    assert right[left_cheek] < -0.2 < 0.8 < right[right_cheek]
    mirrored = facing(posed(yaw_deg=-60), triangles)
    np.testing.assert_allclose(mirrored[surface().mirror], right, atol=1e-3)


def test_what_the_nose_hides_is_not_seen():
    triangles, box = surface().triangles, Box(0, 0, 240, 240)
    visible = seen(posed(yaw_deg=55), triangles, box)
    assert visible[454] == 0
    assert visible[234] > 0.5
    assert visible[50] > 0.5  # right cheek
    assert visible[280] < 0.5  # left cheek, behind the nose
    assert seen(posed(), triangles, Box(0, 0, 120, 240))[280] == 0  # outside the picture


@pytest.mark.parametrize("lightness", [60.0, 25.0])
def test_hair_is_found_on_the_forehead_only(lightness):
    tone = np.array([lightness, 10, 12], np.float32)
    lab = np.broadcast_to(tone, (468, 3)).copy()
    assert (hair(lab, tone) == 0).all()
    lab[10] *= 0.3  # top of the forehead
    lab[152] *= 0.3  # chin: a beard is no hair that hangs
    found = hair(lab, tone)
    assert found[10] == 1
    assert found[338] == 1  # its neighbour
    assert found[152] == found[mesh.NOSE_TIP] == 0
