"""The 68 points: on their lines, in order, symmetric, and where a 68-point predictor sees them on photos."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.faces.points68 import INDEX_68, MIRROR_68, POINTS, points68
from fsa_data.frames import read_image


def canonical():
    """The canonical face as an image shows it: y down."""
    return mesh.face_mesh().vertices_cm * np.array([1, -1, -1], np.float32)


def test_shape_and_refusal():
    points = np.arange(478 * 3, dtype=np.float32).reshape(478, 3)
    out = points68(points)
    assert out.shape == (POINTS, 2)
    assert out.dtype == np.float32
    assert out[30].tolist() == points[4, :2].tolist()
    with pytest.raises(ValueError, match=r"\(478, >=2\), got \(68, 2\)"):
        points68(out)


def test_no_vertex_stands_for_two_points():
    assert len(set(INDEX_68)) == POINTS
    assert sorted(MIRROR_68) == list(range(POINTS))


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (slice(0, 17), mesh.FACE_OVAL),
        (slice(17, 22), mesh.RIGHT_EYEBROW),
        (slice(22, 27), mesh.LEFT_EYEBROW),
        (slice(36, 42), mesh.RIGHT_EYE),
        (slice(42, 48), mesh.LEFT_EYE),
        (slice(48, 60), mesh.LIPS_OUTER),
        (slice(60, 68), mesh.LIPS_INNER),
    ],
)
def test_each_part_lies_on_its_line_in_order(part, line):
    at = [line.index(i) for i in INDEX_68[part]]
    steps = np.diff(at)
    # one way round the ring, over its seam once at most
    assert (steps > 0).sum() in (0, 1, len(steps) - 1, len(steps))


def test_mirrored_points_are_mirrored_vertices():
    points = mesh.face_mesh().vertices_cm[list(INDEX_68)]
    np.testing.assert_allclose(points[list(MIRROR_68)] * [-1, 1, 1], points, atol=0.01)


def test_the_features_lie_as_in_a_face():
    points, depth = points68(canonical()), canonical()[list(INDEX_68), 2]
    assert depth.argmin() == 30  # the tip of the nose stands out most
    assert (np.diff(points[27:31, 1]) > 0).all()  # down the bridge
    assert (np.diff(points[:17, 0]) > 0)[3:13].all()  # the jaw from left to right
    assert points[8, 1] == points[:, 1].max()  # the chin is lowest
    for lids, y in ((slice(37, 39), 1), (slice(43, 45), 1)):
        assert points[lids, y].max() < points[36, y]  # upper lids above the corners
    for part in (slice(17, 22), slice(22, 27), slice(31, 36), slice(48, 55), slice(60, 65)):
        assert (np.diff(points[part, 0]) > 0).all()


def test_a_predictor_of_68_points_agrees(landmarker, portrait):
    assert disagreement(landmarker, portrait).mean() < 0.06


@pytest.mark.media
def test_a_predictor_of_68_points_agrees_on_photos(landmarker, media):
    photos = sorted((media / "london").glob("*/*.jpg"))[::9]
    apart = np.mean([disagreement(landmarker, read_image(str(photo))) for photo in photos], axis=0)
    assert apart.mean() < 0.045
    assert apart[17:].mean() < 0.035  # without the jaw
    assert apart.max() < 0.13


def disagreement(landmarker, image):
    """Distance of each point to dlib's, in units of the distance of the outer corners of the eyes."""
    import dlib

    # its __init__ needs a part of setuptools that is gone; only the file is wanted
    folder = Path(importlib.util.find_spec("face_recognition_models").origin).parent / "models"
    predictor = dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat"))
    (where,) = dlib.get_frontal_face_detector()(image, 0)
    seen = np.array([(p.x + 0.5, p.y + 0.5) for p in predictor(image, where).parts()])
    ours = points68(landmarker(image)[0].points_px)
    return np.linalg.norm(ours - seen, axis=1) / np.linalg.norm(seen[36] - seen[45])
