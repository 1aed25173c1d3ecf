"""Sharpness: a face that is sharper than the picture around it looks pasted."""

from __future__ import annotations

import cv2
import numba
import numpy as np

from fsa_data.types import Floats, Image


def edge_width_px2(image: Image, base: Floats, region: Floats) -> float:
    """How gradual the edges of a face are: mean square of its detail over the mean square of its gradient.

    A Gaussian blur of variance s^2 adds about s^2 to it. It depends little on whose face it is (brows, lashes and
    lips are sharp in everybody), and noise lowers it.

    Args:
        image: ``(h, w, 3)`` uint8 RGB.
        base: ``(h, w)`` float32, slow part of its green channel.
        region: ``(h, w)`` float32, where to look: above 0.5.

    Returns:
        Square pixels; 0 if the region is empty or flat.
    """
    arrays = (
        np.ascontiguousarray(image),
        np.ascontiguousarray(base, np.float32),
        np.ascontiguousarray(region, np.float32),
    )
    detail, gradient = _energies(*arrays)
    return float(detail / gradient) if gradient > 0 else 0.0


def match_sharpness(
    image: Image, width_px2: float, goal_px2: float, slack: float = 1.2, limit_px: float = 4.0
) -> Image:
    """Blur a picture whose edges are sharper than they shall be; never sharpens.

    Args:
        image: ``(h, w, 3)`` uint8 RGB.
        width_px2: :func:`edge_width_px2` of it.
        goal_px2: of the picture that it goes into.
        slack: nothing is done up to this ratio of the two.
        limit_px: most that it is blurred, standard deviation.

    Returns:
        ``(h, w, 3)`` uint8 RGB; the image itself when it is not too sharp.
    """
    lacking = goal_px2 - slack * width_px2
    if lacking <= 0:
        return image
    sigma = min(float(np.sqrt(lacking)), limit_px)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)


@numba.njit(cache=True, nogil=True)
def _energies(image, base, region):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    detail = gradient = 0.0
    for row in range(image.shape[0] - 1):
        for column in range(image.shape[1] - 1):
            if region[row, column] > 0.5 and region[row + 1, column] > 0.5 and region[row, column + 1] > 0.5:
                here = np.float32(image[row, column, 1])
                right = image[row, column + 1, 1] - here
                down = image[row + 1, column, 1] - here
                away = here - base[row, column]
                detail += away * away
                gradient += right * right + down * down
    return detail, gradient
