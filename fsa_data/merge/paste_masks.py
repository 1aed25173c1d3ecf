"""Which pixels of a frame a predicted face may take: masks by number, made narrower, softer, and kept near the face."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from fsa_data.errors import ConfigError
from fsa_data.faces import points68, polygon_mask
from fsa_data.merge.paste_options import MASK_MODES, NEEDS_XSEG, PasteOptions
from fsa_data.types import Box, Face, Floats, Image

UNIT = 512
"""Pixels across a crop that lengths of masks are counted in."""

FAINTEST = 1 / 255
"""A mask's smaller values are 0."""

REACH = 0.2
"""How far beyond the face's box a patch may reach, as a share of the box, on each side: its area stays below twice."""

_FADE = 0.04
"""Width of the soft edge where a mask reaches as far, as a share of the box."""

_HULLS = (
    (*range(9), 17),
    (*range(8, 17), 26),
    (17, 18, 19, 8),
    (24, 25, 26, 8),
    (19, 20, 21, 22, 23, 24, 8),
    (17, 18, 19, 20, 21, 27, 31, 32, 33, 34, 35, 8),
    (22, 23, 24, 25, 26, 27, 31, 32, 33, 34, 35, 8),
    tuple(range(27, 36)),
)
"""Of the 68 points: parts of the face whose convex hulls together make DeepFaceLab's landmark mask."""

Segment = Callable[[Image], Floats]
"""A segmentation network: from a crop ``(S, S, 3)`` uint8 RGB to ``(S, S)`` float32 in 0..1, 1 on the face."""


def limits(target: Face, height: int, width: int) -> Box:
    """The part of a frame that a patch may lie in.

    Args:
        target: the face.
        height: of the frame.
        width: of the frame.
    """
    box = target.box
    dx, dy = int(REACH * box.w), int(REACH * box.h)
    return Box(box.x - dx, box.y - dy, box.w + 2 * dx, box.h + 2 * dy).clipped(height, width)


def hull_mask(points_px: Floats, box: Box) -> Floats:
    """DeepFaceLab's mask from landmarks: the hulls of parts of a face, brows raised by half their distance to the eyes.

    Args:
        points_px: ``(478, >=2)`` float32 in pixels of the frame.
        box: the rectangle to fill.

    Returns:
        ``(box.h, box.w)`` float32 in 0..1.
    """
    points = points68(points_px).astype(np.float32)
    left, right = (points[36] + points[0]) / 2, (points[45] + points[16]) / 2
    below = np.stack([(points[36] + left) / 2, *points[36:40], *points[42:46], (points[45] + right) / 2])
    points[17:27] += 0.5 * (points[17:27] - below)
    hulls = [np.asarray(cv2.convexHull(points[list(part)])[:, 0], np.float32) for part in _HULLS]
    return np.asarray(polygon_mask(hulls, box) / np.float32(255), np.float32)


def predicted_mask(
    options: PasteOptions,
    new: Floats,
    targets: Floats,
    crops: Callable[[], tuple[Image, Image]],
    segment: Segment | None,
) -> Floats | None:
    """The mask of a crop that a mask mode asks for.

    Args:
        options: the mask mode.
        new: ``(S, S)`` float32 in 0..1, the engine's mask of the new face.
        targets: the same of the target's face.
        crops: gives the new face and the target's as ``(S, S, 3)`` uint8 RGB; called if the network is needed.
        segment: the segmentation network, if there is one.

    Returns:
        ``(S, S)`` float32 in 0..1; None for the landmark mask, which is no crop's.

    Raises:
        ConfigError: the mode needs the network, and there is none.
    """
    mode = options.mask_mode
    plain: dict[int, Callable[[], Floats]] = {
        0: lambda: np.ones_like(new),
        2: lambda: new,
        3: lambda: targets,
        4: lambda: new * targets,
    }
    if mode in plain:
        return plain[mode]()
    if mode == 5:
        return np.asarray(np.clip(new + targets, 0, 1), np.float32)
    if mode < NEEDS_XSEG:
        return None
    segment = needed(options, segment)
    mine, other = crops()
    seen: dict[int, Callable[[], Floats]] = {
        6: lambda: segment(mine),
        7: lambda: segment(other),
        8: lambda: segment(mine) * segment(other),
        9: lambda: new * targets * segment(mine) * segment(other),
    }
    return np.asarray(seen[mode](), np.float32)


def needed(options: PasteOptions, segment: Segment | None) -> Segment:
    """The segmentation network that a mask mode needs.

    Raises:
        ConfigError: there is none.
    """
    if segment is None:
        raise ConfigError(
            f"merge.mask_mode={options.mask_mode} ({MASK_MODES[options.mask_mode]}) needs an XSeg model, and this "
            "engine has none: choose a mask mode of 0..5, or give one by the engine option xseg=FILE (fsa train-xseg)."
        )
    return segment


def shaped(mask: Floats, square: Floats, erode_px: float, blur_px: float) -> Floats:
    """Make a mask narrower or wider, then softer.

    Args:
        mask: ``(h, w)`` float32 in 0..1. Beyond the rectangle it goes on as at its edge.
        square: ``(h, w)`` float32 in 0..1, how much of each pixel the mask may take at all, once it is eroded.
        erode_px: radius of the disc that it is eroded with; negative ones dilate.
        blur_px: standard deviation of the Gaussian.

    Returns:
        ``(h, w)`` float32 in 0..1; 0 where it would be below :data:`FAINTEST`.
    """
    if erode_px > 0:
        mask = np.clip(_distance(mask >= 0.5) - np.float32(erode_px), 0, 1)
    elif erode_px < 0:
        mask = np.clip(np.float32(1 - erode_px) - _distance(mask < 0.5), 0, 1)
    mask = mask * square
    if blur_px > 0:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), blur_px, borderType=cv2.BORDER_REPLICATE), np.float32)
    return np.asarray(np.where(mask < FAINTEST, 0, np.minimum(mask, 1)), np.float32)


def kernel_sigma(width: int) -> float:
    """Standard deviation that OpenCV gives a Gaussian kernel of a width (made odd); 0 for none."""
    if width <= 0:
        return 0.0
    return 0.3 * (((width | 1) - 1) / 2 - 1) + 0.8


def fade(box: Box, target: Face, height: int, width: int) -> Floats:
    """1 inside a patch's limits, falling to 0 at those edges that are not the frame's own.

    Args:
        box: of :func:`limits`.
        target: the face.
        height: of the frame.
        width: of the frame.

    Returns:
        ``(box.h, box.w)`` float32.
    """
    face = target.box
    across = _ramp(box.w, box.x > 0, box.x + box.w < width, _FADE * face.w)
    down = _ramp(box.h, box.y > 0, box.y + box.h < height, _FADE * face.h)
    return np.asarray(down[:, None] * across, np.float32)


def _ramp(length: int, first: bool, last: bool, width_px: float) -> Floats:
    at = np.arange(length, dtype=np.float32)
    ramp = np.ones(length, np.float32)
    if first:
        ramp = np.minimum(ramp, at / np.float32(max(width_px, 1)))
    if last:
        ramp = np.minimum(ramp, at[::-1] / np.float32(max(width_px, 1)))
    return ramp


def _distance(inside: np.ndarray) -> Floats:
    """Distance to the nearest pixel outside; very far if there is none."""
    return np.asarray(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
