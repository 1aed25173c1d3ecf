import numpy as np
import pytest

from fsa_data.mesh import face_mesh
from fsa_data.mesh.subdivide import fine_face


def normals(vertices, triangles):
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def area(vertices, triangles):
    return np.linalg.norm(normals(vertices, triangles), axis=1) / 2


@pytest.mark.parametrize("cuts", [0, 1, 3])
def test_cutting_changes_neither_area_nor_winding(cuts):
    coarse, fine = face_mesh(), fine_face(cuts)
    vertices = fine.spread(coarse.vertices_cm)
    assert len(fine.triangles) == len(coarse.triangles) * 4**cuts
    assert set(fine.triangles.ravel()) == set(range(len(vertices)))
    per = 4**cuts
    pieces = area(vertices, fine.triangles).reshape(-1, per)
    np.testing.assert_allclose(pieces.sum(axis=1), area(coarse.vertices_cm, coarse.triangles), rtol=1e-4)
    whole = np.repeat(normals(coarse.vertices_cm, coarse.triangles), per, axis=0)
    assert ((normals(vertices, fine.triangles) * whole).sum(axis=1) > 0).all()


def test_values_are_spread_linearly():
    fine = fine_face()
    points = face_mesh().vertices_cm
    linear = points @ np.array([[2.0, 0], [-1, 3], [0.5, 1]]) + [4, 5]
    np.testing.assert_allclose(
        fine.spread(linear), fine.spread(points) @ np.array([[2.0, 0], [-1, 3], [0.5, 1]]) + [4, 5], atol=1e-3
    )
    np.testing.assert_array_equal(fine.spread(linear)[:468], linear.astype(np.float32))


def test_the_mirror_image_of_a_vertex_is_near_and_back_again():
    fine = fine_face()
    points = fine.spread(face_mesh().vertices_cm)
    apart = np.linalg.norm(points[fine.mirror] * (-1, 1, 1) - points, axis=1)
    assert np.median(apart) < 0.1
    assert apart.max() < 0.5
    assert np.linalg.norm(points[fine.mirror[fine.mirror]] - points, axis=1).max() < 0.5
