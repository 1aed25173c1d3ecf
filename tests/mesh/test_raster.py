"""The rasteriser against closed forms: areas, planes, depth order, shared edges, bilinear look-up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_data.mesh import face_mesh, interpolate, rasterise, sample
from fsa_data.types import Box

FIRST = np.array([[0, 1, 2]], np.int32)


def _points(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_right_triangle_covers_the_pixels_whose_centres_lie_inside() -> None:
    drawn = rasterise(_points((0, 0, 1), (0, 4, 1), (4, 0, 1)), FIRST, Box(0, 0, 4, 4)).triangle >= 0
    # centres on the diagonal x + y = 4 lie on a right edge, which the top-left rule leaves out
    expected = np.add.outer(np.arange(4) + 0.5, np.arange(4) + 0.5) < 4
    np.testing.assert_array_equal(drawn, expected)


def test_attributes_of_a_plane_come_back_exactly() -> None:
    points = _points((-3, -2, 5), (9, 40, 8), (50, 3, 2))
    plane = np.stack([2 * points[:, 0] - 3 * points[:, 1] + 7, points[:, 0]], axis=1).astype(np.float32)
    fragments = rasterise(points, FIRST, Box(0, 0, 30, 30))
    inside = fragments.triangle == 0
    rows, columns = np.nonzero(inside)
    got = interpolate(fragments, FIRST, plane)[inside]
    np.testing.assert_allclose(got[:, 0], 2 * (columns + 0.5) - 3 * (rows + 0.5) + 7, atol=1e-3)
    np.testing.assert_allclose(got[:, 1], columns + 0.5, atol=1e-4)
    np.testing.assert_allclose(fragments.bary[inside].sum(axis=1), 1, atol=1e-6)
    assert inside.sum() > 100


def test_the_nearer_triangle_shows_whatever_the_order() -> None:
    near, far = [(0, 0, 1), (0, 9, 1), (9, 0, 1)], [(0, 0, 2), (0, 9, 2), (9, 0, 2)]
    both = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    first = rasterise(_points(*near, *far), both, Box(0, 0, 8, 8)).triangle
    second = rasterise(_points(*far, *near), both, Box(0, 0, 8, 8)).triangle
    assert set(first[first >= 0].tolist()) == {0}
    assert set(second[second >= 0].tolist()) == {1}


def test_intersecting_triangles_split_where_their_depths_meet() -> None:
    # depth x against depth 4: the first shows left of x = 4, the second right of it
    points = _points((0, 0, 0), (0, 99, 0), (99, 0, 99), (0, 0, 4), (0, 99, 4), (99, 0, 4))
    shown = rasterise(points, np.array([[0, 1, 2], [3, 4, 5]], np.int32), Box(0, 0, 10, 10)).triangle
    np.testing.assert_array_equal(shown, np.where(np.arange(10) + 0.5 < 4, 0, 1)[None].repeat(10, axis=0))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 48), st.integers(0, 48)), min_size=4, max_size=4, unique=True))
def test_two_triangles_on_a_shared_edge_leave_no_hole_and_never_overlap(corners: list[tuple[int, int]]) -> None:
    points = np.array([(x / 4, y / 4, 1) for x, y in corners], np.float32)
    (ax, ay), (bx, by) = points[2, :2] - points[0, :2], points[1, :2] - points[0, :2]
    (cx, cy) = points[3, :2] - points[0, :2]
    if (ax * by - ay * bx) * (ax * cy - ay * cx) >= 0:
        return  # vertices 1 and 3 must lie on either side of the edge 0-2
    halves = [np.array([[0, 1, 2]], np.int32), np.array([[0, 2, 3]], np.int32)]
    one, two = (rasterise(points, half, Box(0, 0, 12, 12)).triangle >= 0 for half in halves)
    assert not (one & two).any()
    inside = np.zeros((12, 12), bool)
    for row in range(12):
        for column in range(12):
            p = np.array([column + 0.5, row + 0.5])
            for half in halves:
                a, b, c = points[half[0], :2].astype(float)
                signs = [_cross(v - u, p - u) for u, v in ((a, b), (b, c), (c, a))]
                inside[row, column] |= min(signs) > 0 or max(signs) < 0
    assert ((one | two) >= inside).all()


def _cross(u: np.ndarray, v: np.ndarray) -> float:
    return float(u[0] * v[1] - u[1] * v[0])


def test_a_box_is_a_window_on_the_whole_drawing() -> None:
    mesh = face_mesh()
    points = (mesh.vertices_cm * np.array([8, -8, -8], np.float32) + 100).astype(np.float32)
    whole = rasterise(points, mesh.triangles, Box(0, 0, 200, 200), cull="back")
    part = rasterise(points, mesh.triangles, Box(70, 90, 41, 33), cull="back")
    np.testing.assert_array_equal(part.triangle, whole.triangle[90:123, 70:111])
    np.testing.assert_allclose(part.bary, whole.bary[90:123, 70:111], atol=1e-5)


def test_culling_drops_what_faces_away() -> None:
    clockwise, counter = _points((0, 0, 1), (4, 0, 1), (0, 4, 1)), _points((0, 0, 1), (0, 4, 1), (4, 0, 1))
    box = Box(0, 0, 4, 4)
    drawn = [(rasterise(p, FIRST, box, cull="back").triangle >= 0).any() for p in (clockwise, counter)]
    assert drawn == [False, True]
    assert (rasterise(clockwise, FIRST, box).triangle >= 0).any()


def test_the_canonical_face_faces_the_camera() -> None:
    mesh = face_mesh()
    points = (mesh.vertices_cm * np.array([8, -8, -8], np.float32) + 100).astype(np.float32)
    culled = rasterise(points, mesh.triangles, Box(0, 0, 200, 200), cull="back").triangle >= 0
    assert culled.sum() == (rasterise(points, mesh.triangles, Box(0, 0, 200, 200)).triangle >= 0).sum() > 10_000


def test_degenerate_triangles_draw_nothing() -> None:
    fragments = rasterise(_points((0, 0, 1), (4, 4, 1), (2, 2, 1)), FIRST, Box(0, 0, 4, 4))
    assert (fragments.triangle == -1).all()
    assert np.isinf(fragments.depth).all()


def test_sampling_pixel_centres_gives_the_image_back_and_halves_are_means() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    grid = np.stack(np.meshgrid(np.arange(7) + 0.5, np.arange(5) + 0.5), axis=2).astype(np.float32)
    np.testing.assert_array_equal(sample(image, grid), image)
    between = sample(image, grid[:, :-1] + np.array([0.5, 0], np.float32)).astype(int)
    mean = (image[:, :-1].astype(int) + image[:, 1:]) / 2
    assert np.abs(between - mean).max() <= 0.5
    np.testing.assert_array_equal(sample(image, np.full((1, 1, 2), -9, np.float32))[0, 0], image[0, 0])
    np.testing.assert_array_equal(sample(image, np.full((1, 1, 2), 99, np.float32))[0, 0], image[-1, -1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_inputs_of_other_float_types_draw_the_same(dtype: type) -> None:
    points = _points((0.3, 0.2, 1), (1, 7.4, 1), (7.7, 1.1, 2)).astype(dtype)
    fragments = rasterise(points, FIRST.astype(np.int64), Box(0, 0, 8, 8))
    assert (fragments.triangle >= 0).sum() > 5
