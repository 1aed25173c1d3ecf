"""The cut for the reconstruction network: known poses come back, points go there and back, pixels lie under points."""

import numpy as np
import pytest

from fsa_data.recon import align

MEAN = np.array([[-0.31, 0.29, 0.13], [0.31, 0.29, 0.13], [0, -0.05, 0.55], [-0.25, -0.38, 0.22], [0.25, -0.38, 0.22]])


def turned(yaw, size, origin):
    """The mean face turned about y, as a scaled orthographic camera sees it."""
    x = np.cos(yaw) * MEAN[:, 0] + np.sin(yaw) * MEAN[:, 2]
    return np.stack([x, MEAN[:, 1]], axis=1) * size + origin


@pytest.mark.parametrize("yaw", [-0.6, 0, 0.4])
def test_a_known_pose_comes_back(yaw):
    origin, scale = align.fit_pos(turned(yaw, 90.0, (150, 70)), MEAN)
    np.testing.assert_allclose(origin, (150, 70), atol=1e-9)
    assert scale == pytest.approx(90)


def test_the_face_has_its_size_and_place_in_the_cut():
    points = turned(0.2, 37.0, (500, 200))
    cut = align.place(points, MEAN, 640, 480)
    moved = cut.to_cut(points)
    origin, scale = align.fit_pos(moved, MEAN)
    assert scale == pytest.approx(align.SCALE)
    np.testing.assert_allclose(origin, align.CROP_PX / 2, atol=0.5 * cut.scale)  # whole sizes cost a pixel
    np.testing.assert_allclose(cut.to_photo(moved), points, atol=1e-9)


def test_flipping_there_and_back():
    points = np.array([[0.5, 0.5], [10.25, 99.5]], np.float32)
    assert align.flipped(points, 100).tolist() == [[0, 99], [9.75, 0]]
    np.testing.assert_allclose(align.unflipped(align.flipped(points, 100), 100), points)


@pytest.mark.parametrize(("size", "origin"), [(30.0, (300, 200)), (160.0, (310, 260)), (60.0, (15, 470))])
def test_pixels_lie_under_their_points(size, origin):
    points = turned(0.0, size, origin)
    image = np.zeros((480, 640, 3), np.uint8)
    # a soft spot on each of the points, three colours in turn
    rows, columns = np.mgrid[:480, :640]
    spread = size / 12
    for k, (x, y) in enumerate(points):
        spot = 250 * np.exp(-((columns - x) ** 2 + (479 - rows - y) ** 2) / (2 * spread**2))
        image[..., k % 3] = np.maximum(image[..., k % 3], spot.astype(np.uint8))
    cut = align.place(points, MEAN, 640, 480)
    crop = align.cut_out(image, cut).astype(float)
    for k, (x, y) in enumerate(points):
        if not (0 <= x < 640 and 0 <= y < 480):
            continue
        column, row = cut.to_cut(points[k : k + 1])[0] * [1, -1] + [0, align.CROP_PX - 1]
        first = np.maximum([int(row) - 20, int(column) - 20], 0)
        part = crop[first[0] : int(row) + 21, first[1] : int(column) + 21, k % 3]
        found = first + np.unravel_index(part.argmax(), part.shape)
        assert np.abs(found - [row, column]).max() < 2 + 0.5 * cut.scale, k


def test_a_part_is_scaled_as_the_whole_is(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    for origin in ((60, 45), (5, 80), (118, 3)):
        cut = align.place(turned(0.0, 25.0, origin), MEAN, 120, 90)
        whole = align.cut_out(image, cut)
        monkeypatch.setattr(align, "WHOLE_PX", 0)
        part = align.cut_out(image, cut)
        monkeypatch.undo()
        assert np.abs(whole.astype(int) - part).max() <= 2
        assert (whole != part).mean() < 0.02


def test_a_face_far_outside_is_black():
    cut = align.place(turned(0.0, 30.0, (-5000, 5000)), MEAN, 100, 100)
    assert not align.cut_out(np.full((100, 100, 3), 255, np.uint8), cut).any()


def test_a_tiny_face_in_a_large_photo_needs_no_huge_one():
    image = np.full((1000, 1500, 3), 77, np.uint8)
    cut = align.place(turned(0.0, 0.5, (700, 500)), MEAN, 1500, 1000)
    assert cut.size[0] > 100_000
    assert (align.cut_out(image, cut) == 77).all()


@pytest.mark.parametrize("angle", [-2.0, 0.3])
def test_arcface_gets_back_any_similarity(angle):
    c, s = 3 * np.cos(angle), 3 * np.sin(angle)
    points = align.ARCFACE_POINTS @ np.array([[c, -s], [s, c]]).T + [400, -30]
    matrix = align.arcface_transform(points)
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], align.ARCFACE_POINTS, atol=1e-9)


def test_arcface_never_mirrors():
    matrix = align.arcface_transform(align.ARCFACE_POINTS * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0


def test_five_of_a_face():
    from fsa_data.faces.points68 import INDEX_68
    from fsa_data.mesh import face_mesh

    five = align.five_points(face_mesh().vertices_cm[list(INDEX_68)])
    left_eye, right_eye, nose, left_mouth, right_mouth = five
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert left_eye[1] > nose[1] > left_mouth[1]
    assert five[:, 2].argmax() == 2


@pytest.mark.parametrize(
    ("points", "message"),
    [(np.zeros((5, 2)), "on one spot"), (np.full((5, 2), np.nan), "not finite")],
)
def test_points_that_place_nothing(points, message):
    with pytest.raises(ValueError, match=message):
        align.place(points, MEAN, 10, 10)


def test_five_of_something_else():
    with pytest.raises(ValueError, match=r"\(68, 2\) or \(68, 3\) points, got \(5, 2\)"):
        align.five_points(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="on one spot"):
        align.arcface_transform(np.zeros((5, 2)))
