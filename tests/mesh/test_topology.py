"""The mesh that the landmark model carries, held against what geometry and mediapipe's own lists say of it."""

import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.mesh import face_mesh


def test_the_mesh_is_a_disc_whose_boundary_is_the_face_oval() -> None:
    triangles = face_mesh().triangles
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert len(face_mesh().vertices_cm) - len(unique) + len(triangles) == 1  # Euler characteristic of a disc
    assert set(unique[count == 1].ravel().tolist()) == set(mesh.FACE_OVAL)
    ring = np.sort(np.stack([mesh.FACE_OVAL, np.roll(mesh.FACE_OVAL, -1)], axis=1), axis=1)
    assert {tuple(e) for e in ring.tolist()} == {tuple(e) for e in unique[count == 1].tolist()}


def test_axes_are_right_up_and_towards_the_camera() -> None:
    vertices, uv = face_mesh().vertices_cm, face_mesh().uv
    forehead, chin = mesh.FACE_OVAL[0], mesh.FACE_OVAL[18]
    assert vertices[forehead, 1] > vertices[chin, 1]
    assert uv[forehead, 1] < uv[chin, 1]
    assert vertices[list(mesh.LEFT_EYE), 0].min() > 0 > vertices[list(mesh.RIGHT_EYE), 0].max()
    assert vertices[mesh.NOSE_TIP, 2] > vertices[list(mesh.FACE_OVAL), 2].max()
    np.testing.assert_array_equal(uv, np.clip(uv, 0, 1))


def test_the_template_is_mirror_symmetric() -> None:
    vertices = face_mesh().vertices_cm
    mirrored = vertices * np.array([-1, 1, 1], np.float32)
    nearest = np.linalg.norm(vertices[None] - mirrored[:, None], axis=2).min(axis=1)
    assert nearest.max() < 0.01


@pytest.mark.parametrize(
    ("ring", "name"),
    [
        (mesh.FACE_OVAL, "FACE_LANDMARKS_FACE_OVAL"),
        (mesh.LIPS_OUTER + mesh.LIPS_INNER, "FACE_LANDMARKS_LIPS"),
        (mesh.LEFT_EYE, "FACE_LANDMARKS_LEFT_EYE"),
        (mesh.RIGHT_EYE, "FACE_LANDMARKS_RIGHT_EYE"),
        (mesh.LEFT_EYEBROW, "FACE_LANDMARKS_LEFT_EYEBROW"),
        (mesh.RIGHT_EYEBROW, "FACE_LANDMARKS_RIGHT_EYEBROW"),
        (mesh.LEFT_IRIS[1:], "FACE_LANDMARKS_LEFT_IRIS"),
        (mesh.RIGHT_IRIS[1:], "FACE_LANDMARKS_RIGHT_IRIS"),
    ],
)
def test_rings_are_those_of_the_landmark_model(ring: tuple[int, ...], name: str) -> None:
    from mediapipe.tasks.python.vision import FaceLandmarksConnections

    connections = getattr(FaceLandmarksConnections, name)
    assert set(ring) == {c.start for c in connections} | {c.end for c in connections}


def test_arrays_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        face_mesh().vertices_cm[0, 0] = 1


def test_pose_weights_name_vertices() -> None:
    assert face_mesh().pose_landmarks.shape == face_mesh().pose_weights.shape == (33,)
    assert face_mesh().pose_landmarks.max() < mesh.VERTICES
    assert (face_mesh().pose_weights > 0).all()
