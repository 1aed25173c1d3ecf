from dataclasses import replace

import cv2
import numpy as np
import pytest

from fsa_data.errors import UnknownNameError
from fsa_data.faces.align import apply_3d, face_matrix, warp
from fsa_data.faces.face_order import ORDERS, near_duplicates, sharpness_of, sort_faces
from fsa_data.faces.face_set import write_face
from tests.faces.test_face_set import record
from tests.faces.test_mesh_from_68 import turned


def at_pose(folder, name, yaw=0.0, pitch=0.0, sharpness=1.0, mouth=0.0):
    """A record whose landmarks are the canonical ones, turned."""
    points = turned(yaw, pitch, 0).astype(np.float32)
    points[[13, 14, 87, 317], 1] += mouth
    made = record(folder, name, size=64)
    face = replace(made.face, points_px=points, yaw_deg=yaw, pitch_deg=pitch)
    return replace(made, face=face, matrix=face_matrix(points, "whole_face", 64), sharpness=sharpness)


def names(records):
    return "".join(one.name for one in records)


def test_by_pose_and_blur(tmp_path):
    faces = [
        at_pose(tmp_path, "a", 10, 3, 0.2),
        at_pose(tmp_path, "b", -30, 9, 0.9),
        at_pose(tmp_path, "c", 40, -5, 0.5),
        at_pose(tmp_path, "d", 40, -5, 0.5),
    ]
    assert names(sort_faces(faces, "yaw")) == "bacd"
    assert names(sort_faces(faces, "pitch")) == "cdab"
    assert names(sort_faces(faces, "blur")) == "bcda"
    assert names(sort_faces(faces, "name")) == "abcd"
    with pytest.raises(UnknownNameError, match="Did you mean 'pitch'"):
        sort_faces(faces, "pich")


def test_by_likeness_each_stands_next_to_its_nearest(tmp_path):
    yaws = {"a": -40, "b": 20, "c": -20, "d": 41, "e": 1}
    faces = [at_pose(tmp_path, name, yaw) for name, yaw in yaws.items()]
    assert names(sort_faces(faces, "similarity")) == "acebd"


def test_by_colours(tmp_path):
    faces = []
    for name, grey in zip("abcde", (10, 200, 60, 240, 110), strict=True):
        made = at_pose(tmp_path, name)
        noise = np.random.default_rng(0).normal(grey, 30, (64, 64, 3)).clip(0, 255).astype(np.uint8)
        write_face(made, noise)
        faces.append(made)
    assert names(sort_faces(faces, "histogram")) == "acebd"


def test_nothing_in_any_order():
    for by in ORDERS:
        assert sort_faces([], by) == []
    assert near_duplicates([]) == []


def test_sharpness_sees_blur_not_contrast_or_size(landmarker, portrait):
    face = landmarker(portrait)[0]

    def measured(image, size=256):
        matrix = face_matrix(face.points_px, "whole_face", size)
        return sharpness_of(warp(image, matrix, size, size), apply_3d(matrix, face.points_px))

    sharp = measured(portrait)
    values = [measured(cv2.GaussianBlur(portrait, (0, 0), sigma)) for sigma in (1, 2, 4)]
    assert sharp > values[0] > values[1] > values[2] > 0
    pale = (portrait * 0.5 + 60).astype(np.uint8)
    assert measured(pale) == pytest.approx(sharp, rel=0.1)
    assert values[0] < 0.8 * sharp
    assert measured(portrait, 512) == pytest.approx(sharp, rel=0.3)
    assert sharpness_of(np.zeros((64, 64, 3), np.uint8), np.full((478, 2), -100, np.float32)) == 0


def test_of_equal_faces_the_sharper_stays(tmp_path):
    rng = np.random.default_rng(0)
    one, other = (cv2.resize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), (64, 64)) for _ in range(2))
    faces = {
        "a": (at_pose(tmp_path, "a", 0.0, sharpness=0.5), one),
        "b": (at_pose(tmp_path, "b", 0.3, sharpness=0.9), one // 2 + 20),  # nearly the pose, other light
        "c": (at_pose(tmp_path, "c", 15.0, sharpness=0.1), one),  # another pose
        "d": (at_pose(tmp_path, "d", 0.0, sharpness=0.3), other),  # another look
        "e": (at_pose(tmp_path, "e", 0.0, sharpness=0.2, mouth=40), one),
    }
    for made, image in faces.values():
        write_face(made, image)
    gone = near_duplicates([made for made, _ in faces.values()])
    assert [(went.name, stays.name) for went, stays in gone] == [("a", "b")]
    gone = near_duplicates([made for made, _ in faces.values()], points=0.3)
    assert ("e", "b") in [(went.name, stays.name) for went, stays in gone]
