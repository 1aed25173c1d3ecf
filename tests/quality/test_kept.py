"""What a swap kept: nothing changed is no error, known changes are told as they are."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from fsa_data.faces import BLENDSHAPE_NAMES, face_size_px
from fsa_data.quality import compare_faces, found_again, jitter


def test_the_same_face_has_no_error(portrait, find):
    image, face = portrait
    assert set(asdict(compare_faces(face, find(image.copy()))).values()) == {0.0}


def test_a_head_that_turns_by_20_degrees(turned):
    for yaw in (-20, 20):
        kept = compare_faces(turned[0][1], turned[yaw][1])
        assert kept.pose_error_deg == pytest.approx(20, abs=5)
        assert kept.landmark_error > 0.03


@pytest.mark.parametrize(
    ("one", "other", "angle"),
    [
        ((0, 0, 0), (20, 0, 0), 20),
        ((0, 0, 0), (0, -15, 0), 15),
        ((0, 0, 179), (0, 0, -179), 2),  # angles run round
        ((30, 0, 0), (30, 0, 12), None),  # a roll of a turned head is a rotation by at most that
        ((0, 0, 0), (1e-4, 0, 0), 1e-4),
    ],
)
def test_pose_error_is_the_angle_of_the_rotation(portrait, one, other, angle):
    a, b = (
        replace(portrait[1], yaw_deg=float(yaw), pitch_deg=float(pitch), roll_deg=float(roll))
        for yaw, pitch, roll in (one, other)
    )
    got = compare_faces(a, b).pose_error_deg
    assert compare_faces(b, a).pose_error_deg == pytest.approx(got)
    if angle is None:
        assert 0 < got <= 12.01
    else:
        assert got == pytest.approx(angle, rel=1e-4)


def test_expression_parts(portrait):
    _, face = portrait
    for name, parts in (
        ("jawOpen", {"expression_error", "mouth_error"}),
        ("eyeBlinkLeft", {"expression_error", "lids_error"}),
        ("eyeLookOutLeft", {"expression_error", "gaze_error"}),
        ("browInnerUp", {"expression_error"}),
        ("_neutral", set()),
    ):
        shapes = face.blendshapes.copy()
        at = BLENDSHAPE_NAMES.index(name)
        shapes[at] += 0.51 if shapes[at] < 0.4 else -0.51
        kept = compare_faces(face, replace(face, blendshapes=shapes))
        changed = {name for name, value in asdict(kept).items() if value > 1e-9}
        assert changed == parts
        if parts:
            assert kept.expression_error == pytest.approx(0.51 / 51, abs=1e-7)


def test_landmark_error_is_in_face_sizes(portrait):
    _, face = portrait
    size = face_size_px(face.points_px)
    assert compare_faces(face, face.moved(0.3 * size, -0.4 * size)).landmark_error == pytest.approx(0.5, abs=1e-5)
    # depth and irises are no part of it
    points = face.points_px.copy()
    points[:, 2] += 50
    points[468:] += 50
    assert compare_faces(face, replace(face, points_px=points)).landmark_error == 0
    # the measure does not depend on the picture's size
    double = compare_faces(face.scaled(2, 2), face.moved(0.1 * size, 0).scaled(2, 2)).landmark_error
    assert double == pytest.approx(0.1, abs=1e-5)


def test_jitter_is_what_the_error_moves(portrait):
    """A swap that is off by as much in every frame does not jitter, wherever the head went meanwhile."""
    _, face = portrait
    size = face_size_px(face.points_px)
    later = face.moved(1.5 * size, 0.2 * size)
    off = (later, later.moved(0.03 * size, 0))
    assert jitter(off, (face, face.moved(0.03 * size, 0))) == pytest.approx(0, abs=1e-5)
    assert jitter(off, (face, face.moved(0, 0.04 * size))) == pytest.approx(0.05, abs=1e-5)
    double = tuple(tuple(each.scaled(2, 2) for each in pair) for pair in (off, (face, face)))
    assert jitter(*double) == pytest.approx(0.03, abs=1e-5)


def test_the_face_that_is_found_again_is_the_one_in_its_place(portrait):
    _, face = portrait
    size = face_size_px(face.points_px)
    near, far = face.moved(0.1 * size, 0), face.moved(2 * size, 0)
    assert found_again(face, [far, near]) is near
    assert found_again(face, [far]) is None
    assert found_again(face, []) is None


def test_numbers_do_not_overflow_for_faces_stored_as_float32(portrait):
    _, face = portrait
    assert isinstance(compare_faces(face, face).landmark_error, float)
    assert np.isfinite(list(asdict(compare_faces(face, face.moved(1e4, 0))).values())).all()
