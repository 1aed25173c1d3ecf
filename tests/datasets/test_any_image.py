import numpy as np
import pytest
import torch

from fsa_data.datasets.any_image import planes


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 41)])
@pytest.mark.parametrize("laid_out", ["plain", "read-only", "mirrored", "cut"])
def test_planes_are_the_transposed_pixels(size, laid_out):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    pixels = {"mirrored": pixels[:, ::-1], "cut": pixels[: size[0] // 2 + 1, size[1] // 2 :]}.get(laid_out, pixels)
    if laid_out == "read-only":
        pixels.setflags(write=False)
    found = planes(pixels)
    assert found.dtype == torch.uint8
    assert found.is_contiguous()
    assert np.array_equal(found.numpy(), pixels.transpose(2, 0, 1))
