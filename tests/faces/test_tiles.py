import numpy as np
import pytest

from fsa_data.faces.tiles import SMALLEST_PX, tile_levels


@pytest.mark.parametrize("shape", [(288, 384), (720, 1280), (1280, 720), (512, 512), (200, 1000)])
def test_tiles_cover_the_image_overlap_and_stay_inside(shape):
    levels = list(tile_levels(*shape))
    assert len(levels) == 2
    for tiles in levels:
        seen = np.zeros(shape, int)
        for tile in tiles:
            assert tile.clipped(*shape) == tile
            seen[tile.slices] += 1
        assert seen.min() >= 1
        if len(tiles) > 1:
            assert (seen > 1).mean() > 0.3


def test_their_number_is_bounded_and_independent_of_the_size():
    assert [len(tiles) for tiles in tile_levels(288, 384)] == [6, 15]
    assert [len(tiles) for tiles in tile_levels(1080, 1920)] == [8, 21]
    assert [len(tiles) for tiles in tile_levels(540, 960)] == [8, 21]


def test_tiny_images_are_not_cut_up():
    assert list(tile_levels(SMALLEST_PX, SMALLEST_PX)) == []
