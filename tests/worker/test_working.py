import numpy as np
import pytest

from fsa_data.errors import ConfigError
from fsa_data.worker import checked_size, working_frame


def image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("native", "size", "expected"),
    [
        ((720, 1280), 240, (240, 427)),
        ((1280, 720), 240, (427, 240)),
        ((240, 400), 240, (240, 400)),
        ((200, 400), 240, (200, 400)),
        ((720, 1280), (240, 240), (240, 240)),
        ((720, 1280), None, (720, 1280)),
    ],
)
def test_size_of_the_working_frame(native, size, expected):
    assert working_frame(image(*native), size).shape == (*expected, 3)


def test_what_is_not_reduced_is_not_touched():
    native = image(100, 120)
    for size in (None, 100, 500, (100, 120)):
        assert np.array_equal(working_frame(native, size), native)


def test_reduction_is_the_area_mean():
    native = image(64, 96)
    mean = native.reshape(16, 4, 24, 4, 3).astype(float).mean((1, 3))
    assert np.abs(working_frame(native, 16) - mean).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("size", [(101, 120), (100, 121)])
def test_frames_are_never_enlarged(size):
    with pytest.raises(ConfigError, match="never enlarged"):
        working_frame(image(100, 120), size)


@pytest.mark.parametrize("size", [0, 15, True, 2.5, "240", [240], [1, 2, 3], (240, 0)])
def test_refuses_sizes_that_are_none(size):
    with pytest.raises(ConfigError, match="working_size"):
        checked_size(size)


def test_accepts_sizes_as_configurations_give_them():
    assert [checked_size(size) for size in (None, 16, [240, 320], (240, 320))] == [None, 16, (240, 320), (240, 320)]
