import numpy as np
import pytest

from fsa_data.simdrive.atlas import ATLAS_HEIGHT, ATLAS_WIDTH, Tile, to_atlas
from fsa_data.simdrive.parts import Part
from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.simdrive.shapes import basis, ellipsoid, joined, loop, rotation, sweep, tube, vertex_normals


@pytest.mark.parametrize(
    "surface",
    [
        tube([[0, 0, 0], [1, 2, 3], [2, 2, 6]], 1.0),
        tube([[0, 0, 0], [0, -9, 0]], [2.0, 1.0], caps=False),
        ellipsoid((1, 2, 3), (2, 4, 1)),
        ellipsoid((0, 0, 0), (2, 2, 2), basis([1, 1, 0], [0, 0, 1]), square=0.4),
        sweep([[0, 0, 0], [0, -3, 0]], [[1, 0, 0]] * 2, [[0, 0, 2]] * 2),
    ],
)
def test_closed_surfaces_look_outward(surface):
    normals = vertex_normals(surface.points, surface.triangles)
    # a small step along the normal leads away from the nearest piece of the axis: compare with the ring's own middle
    away = surface.points - surface.points.mean(axis=0)
    if len(surface.points) > 60:
        rings = surface.points.reshape(-1, _columns(surface), 3)
        away = (rings - rings.mean(axis=1, keepdims=True)).reshape(-1, 3)
    share = ((normals * away).sum(1) > -1e-9).mean()
    assert share > 0.97


def _columns(surface):
    """Vertices of one ring: the first triangle joins a vertex to the one a ring further."""
    return int(surface.triangles[0].max() - 1)


def test_normals_of_a_sphere_point_from_its_centre():
    ball = ellipsoid((0, 0, 0), (3, 3, 3), rows=24, columns=32)
    normals = vertex_normals(ball.points, ball.triangles)
    assert np.allclose((normals * ball.points).sum(1) / 3, 1, atol=0.01)


def test_a_loop_stays_at_its_radius():
    angle = np.arange(24) * (2 * np.pi / 24)
    tyre = loop(np.stack([5 * np.cos(angle), 5 * np.sin(angle), 0 * angle], 1), 1.0, (0, 0, 1))
    middle = np.hypot(tyre.points[:, 0], tyre.points[:, 1]) - 5
    assert np.allclose(np.hypot(middle, tyre.points[:, 2]), 1.0)


def test_rotation_keeps_the_houses_signs():
    forward, up = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert (rotation(30, 0, 0) @ forward)[0] == pytest.approx(0.5)  # positive yaw: to the right of the image
    assert (rotation(0, 30, 0) @ forward)[1] == pytest.approx(-0.5)  # positive pitch: down
    assert (rotation(0, 0, 30) @ up)[0] == pytest.approx(0.5)  # positive roll: clockwise as seen
    turned = rotation(20, -10, 5)
    assert np.allclose(turned @ turned.T, np.eye(3))
    assert np.linalg.det(turned) == pytest.approx(1.0)


def test_joined_pieces_keep_their_part_and_place():
    first = ellipsoid((0, 0, 0), (1, 1, 1)).piece(Part.CUP, Tile.CUP, (1, 0, 0), 0.5)
    second = tube([[0, 0, 0], [0, 5, 0]], 1.0).piece(Part.ARM, Tile.SKIN)
    scene = joined([first, second])
    count = len(first.points)
    assert len(scene.points) == count + len(second.points) == len(scene.attributes)
    assert set(scene.triangles[scene.parts == Part.ARM].ravel()) == set(range(count, len(scene.points)))
    assert np.allclose(scene.attributes[:count, 5:9], [1, 0, 0, 0.5])
    assert np.allclose(np.linalg.norm(scene.attributes[:, :3], axis=1), 1, atol=1e-5)
    assert not scene.sheets.any()


def test_tiles_lie_apart_and_texture_stays_inside_its_tile():
    taken = np.zeros((ATLAS_HEIGHT, ATLAS_WIDTH), int)
    for tile in Tile:
        area = tile.value
        taken[area.y : area.y + area.height, area.x : area.x + area.width] += 1
        low, high = to_atlas(tile, np.array([[-1.0, -1.0], [2.0, 2.0]]))
        assert (low >= [area.x + 1, area.y + 1]).all()
        assert (high <= [area.x + area.width - 1, area.y + area.height - 1]).all()
    assert taken.max() == 1


def test_generators_depend_on_every_word_of_their_key():
    draws = {
        float(generator(*key).random())
        for key in [
            (Stream.CLIP, 0, 1, 2),
            (Stream.FRAME, 0, 1, 2),
            (Stream.CLIP, 1, 1, 2),
            (Stream.CLIP, 0, 2, 1),
            (Stream.CLIP, 0, 1),
        ]
    }
    assert len(draws) == 5
    assert generator(Stream.CLIP, 0, 1).random() == generator(Stream.CLIP, 0, 1).random()
