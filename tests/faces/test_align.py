"""Alignment: what is aligned stays, what is moved is undone, and the crops lie as their types say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_data.errors import UnknownNameError
from fsa_data.faces import align
from fsa_data.faces.align import FACE_TYPES, apply, face_matrix, inverse, mean_face, warp
from fsa_data.faces.points68 import INDEX_68, MIRROR_68
from tests.faces.test_masks import canonical
from tests.faces.test_mesh_from_68 import turned

TYPES = sorted(FACE_TYPES)
IDENTITY = np.eye(3)[:2]


def some_face(seed=0, yaw=0.0):
    """478 points of no face in particular, turned."""
    rng = np.random.default_rng(seed)
    return (turned(yaw, 5, 8) + rng.standard_normal((478, 3)) * 1.5).astype(np.float32)


@pytest.mark.parametrize("face_type", TYPES)
@pytest.mark.parametrize("yaw", [-40, 0, 25])
def test_what_is_aligned_stays(face_type, yaw):
    points = some_face(yaw=yaw)[:, :2].astype(np.float64)
    aligned = apply(face_matrix(points, face_type, 256), points)
    np.testing.assert_allclose(face_matrix(aligned, face_type, 256), IDENTITY, atol=1e-3)


@given(
    st.sampled_from(TYPES), st.floats(0.1, 8), st.floats(-math.pi, math.pi), st.floats(-400, 400), st.floats(-400, 400)
)
@settings(max_examples=80, deadline=None)
def test_scale_rotation_and_shift_are_undone(face_type, scale, angle, x, y):
    points = canonical()[:, :2].astype(np.float64)
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = points @ turn.T + (x, y)
    expected = apply(face_matrix(points, face_type, 128), points)
    np.testing.assert_allclose(apply(face_matrix(moved, face_type, 128), moved), expected, atol=0.02)


@given(st.sampled_from(TYPES), st.integers(16, 900), st.floats(0.5, 2))
@settings(max_examples=40, deadline=None)
def test_the_inverse_leads_back(face_type, size, scale):
    matrix = face_matrix(some_face(), face_type, size, scale)
    points = np.random.default_rng(0).random((9, 2)) * 300
    np.testing.assert_allclose(apply(inverse(matrix), apply(matrix, points)), points, atol=1e-6)
    np.testing.assert_allclose(align.compose(inverse(matrix), matrix), IDENTITY, atol=1e-9)


@given(st.sampled_from(TYPES), st.floats(0.5, 2), st.integers(32, 512))
@settings(max_examples=40, deadline=None)
def test_the_closed_form(face_type, scale, size):
    """out = S ((u - c) / side + 1/2), side = (1 + 2 sqrt 2 pad) / scale."""
    points = some_face(yaw=0)
    u = apply(face_matrix(points, "half_face", 1), points[:, :2])
    kind = FACE_TYPES[face_type]
    got = apply(face_matrix(points, face_type, size, scale), points[:, :2])
    side = (1 + 2 * math.sqrt(2) * kind.pad) / scale
    expected = size * ((u - (0.5, 0.5 - kind.raised)) / side + 0.5)
    np.testing.assert_allclose(got[:, 1], expected[:, 1], atol=1e-3)
    if not kind.turns:
        np.testing.assert_allclose(got[:, 0], expected[:, 0], atol=1e-3)


def test_sides_of_the_types():
    sides = [
        round(FACE_TYPES[name].side, 4) for name in ("half_face", "midfull_face", "full_face", "whole_face", "head")
    ]
    assert sides == [1.0, 1.1909, 1.5966, 2.1314, 2.9799]


def test_the_mean_face_is_a_face_in_a_square():
    points = mean_face()
    inner = points[17:]
    assert inner.min() == pytest.approx(0, abs=1e-9)
    assert inner.max() == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose((inner.min(axis=0) + inner.max(axis=0)) / 2, 0.5)
    np.testing.assert_allclose(points[list(MIRROR_68)] * [-1, 1] + [1, 0], points, atol=1e-3)
    assert points[8, 1] > 1  # the chin lies outside
    with pytest.raises(ValueError, match="read-only"):
        points[0] = 0


def test_a_head_that_turns_takes_its_crop_along():
    middle = [
        apply(face_matrix(some_face(yaw=yaw), "head", 100), some_face(yaw=yaw)[[1], :2])[0, 0] for yaw in (-40, 0, 40)
    ]
    straight = [
        apply(face_matrix(some_face(yaw=yaw), "whole_face", 100), some_face(yaw=yaw)[[1], :2])[0, 0]
        for yaw in (-40, 0, 40)
    ]
    shift = np.array(middle) - np.array(straight)
    assert abs(shift[1]) < 5
    assert shift[0] * shift[2] < 0
    # a face that looks to the right of the image has the rest of its head on the left
    assert shift[2] > 3


def test_478_and_68_points_give_the_same():
    points = some_face()
    np.testing.assert_allclose(face_matrix(points[list(INDEX_68)]), face_matrix(points))


def test_one_crop_from_another():
    points = some_face()[:, :2].astype(np.float64)
    whole, half = face_matrix(points, "whole_face", 512), face_matrix(points, "half_face", 64)
    step = align.between(512, "whole_face", points, "half_face", 64)
    np.testing.assert_allclose(apply(step, apply(whole, points)), apply(half, points), atol=1e-6)


def test_what_cannot_be_aligned():
    with pytest.raises(UnknownNameError, match="Did you mean 'whole_face'"):
        face_matrix(some_face(), "whole_fase")
    with pytest.raises(ValueError, match="on one spot"):
        face_matrix(np.zeros((68, 2)))
    with pytest.raises(ValueError, match="not finite"):
        face_matrix(np.full((68, 2), np.nan))
    with pytest.raises(ValueError, match="cannot be inverted"):
        inverse(np.zeros((2, 3)))


def test_pixels_go_where_their_points_go():
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:44, 100:104] = 255
    for zoom in (0.25, 0.5, 1.0, 3.0):
        matrix = np.array([[0, -zoom, 152 * zoom], [zoom, 0, 8 * zoom]])
        out = warp(image, matrix, round(160 * zoom), round(200 * zoom))[:, :, 0].astype(float)
        rows, columns = np.mgrid[: out.shape[0], : out.shape[1]] + 0.5
        middle = np.array([(columns * out).sum(), (rows * out).sum()]) / out.sum()
        np.testing.assert_allclose(middle, apply(matrix, np.array([[102.0, 42]]))[0], atol=0.1)
        assert out.sum() == pytest.approx(255 * 16 * zoom**2, rel=0.15)


def test_outside_is_black_or_goes_on():
    image = np.full((20, 20, 3), 200, np.uint8)
    matrix = np.array([[1.0, 0, 20], [0, 1.0, 20]])
    assert warp(image, matrix, 60, 60)[5, 5].tolist() == [0, 0, 0]
    assert warp(image, matrix, 60, 60, edge=True)[5, 5].tolist() == [200, 200, 200]
    assert warp(image[:, :, 0], matrix, 60, 60)[30, 30] == 200


def test_there_and_back_is_the_picture(landmarker, portrait):
    points = landmarker(portrait)[0].points_px
    matrix = face_matrix(points, "whole_face", 512)
    crop = warp(portrait, matrix, 512, 512)
    back = warp(crop, inverse(matrix), portrait.shape[1], portrait.shape[0])
    x, y = points[:468, 0].astype(int), points[:468, 1].astype(int)
    assert np.abs(back[y, x].astype(int) - portrait[y, x]).mean() < 5
