"""Depth without depth: neighbouring frames of a video explain each other (Hong et al., CVPR 2022, section 3.1).

A frame's neighbours, seen through its depth and the camera's motion, should look as the frame does (Zhou et al., CVPR
2017; Godard et al., ICCV 2019). The camera is learnt as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

MIN_DEPTH, MAX_DEPTH = 0.1, 100.0
SSIM_SHARE = 0.85
"""Of the photometric error; the rest is the mean absolute difference."""

SMOOTHNESS = 1e-3
"""Weight of the smoothness at full size."""

_C1, _C2 = 0.01**2, 0.03**2


class View(NamedTuple):
    """A neighbour as seen from the frame.

    Attributes:
        grid: ``(B, H, W, 2)``, where each pixel lies in the neighbour, -1..1.
        image: ``(B, 3, H, W)``.
    """

    grid: Tensor
    image: Tensor


class ScaleLoss(NamedTuple):
    """One scale's loss and its parts; scalars.

    Attributes:
        total: minimal error plus weighted smoothness.
        least: mean over pixels of the least error, of both neighbours, moved or not.
        smoothness: before its weight.
        moved: mean error of the moved neighbours.
        depth: mean depth.
    """

    total: Tensor
    least: Tensor
    smoothness: Tensor
    moved: Tensor
    depth: Tensor


def depth_of(disparity: Tensor) -> Tensor:
    """Depth in 0.1..100 from a network's output in 0..1."""
    nearest, farthest = 1 / MIN_DEPTH, 1 / MAX_DEPTH
    return 1 / (farthest + (nearest - farthest) * disparity)


def camera_matrix(axisangle: Tensor, translation: Tensor, backwards: bool) -> Tensor:
    """``(B, 4, 4)`` from a rotation vector and a shift, ``(B, 3)`` each; the inverse motion if backwards.

    Rodrigues' formula; the shift comes after the rotation, and in the inverse before it.
    """
    angle = axisangle.norm(dim=1, keepdim=True)
    axis = axisangle / (angle + 1e-7)
    x, y, z = axis.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([torch.stack(row, 1) for row in ([zero, -z, y], [z, zero, -x], [-y, x, zero])], dim=1)
    cos, sin = torch.cos(angle)[..., None], torch.sin(angle)[..., None]
    outer = axis[:, :, None] * axis[:, None]
    turn = cos * torch.eye(3, device=axis.device) + (1 - cos) * outer + sin * cross
    shift = translation[..., None]
    if backwards:
        turn = turn.transpose(1, 2)
        shift = -(turn @ shift)
    last = torch.tensor([0.0, 0.0, 0.0, 1.0], device=axis.device).expand(len(axis), 1, 4)
    return torch.cat([torch.cat([turn, shift], dim=2), last], dim=1)


def seen_from(frame_depth: Tensor, neighbour: Tensor, matrix: Tensor, intrinsics: Tensor) -> View:
    """A neighbour, fetched to where its points lie in the frame.

    Args:
        frame_depth: ``(B, 1, H, W)``.
        neighbour: ``(B, 3, H, W)``.
        matrix: ``(B, 4, 4)``, from the frame's camera to the neighbour's.
        intrinsics: ``(B, 3, 3)`` in pixels; cut to whole numbers, as the published code does.
    """
    batch, _, height, width = frame_depth.shape
    camera = intrinsics.trunc()
    rows, columns = torch.meshgrid(
        torch.arange(height, device=camera.device, dtype=camera.dtype),
        torch.arange(width, device=camera.device, dtype=camera.dtype),
        indexing="ij",
    )
    pixels = torch.stack([columns, rows, torch.ones_like(rows)]).view(1, 3, -1)
    rays = torch.linalg.inv(camera) @ pixels
    points = frame_depth.view(batch, 1, -1) * rays
    projected = camera @ (matrix[:, :3, :3] @ points + matrix[:, :3, 3:])
    places = projected[:, :2] / (projected[:, 2:] + 1e-7)
    size = torch.tensor([width - 1, height - 1], device=camera.device, dtype=camera.dtype).view(1, 2, 1)
    grid = (places / size * 2 - 1).transpose(1, 2).view(batch, height, width, 2)
    return View(grid, F.grid_sample(neighbour, grid, padding_mode="border", align_corners=False))


def photometric(a: Tensor, b: Tensor) -> Tensor:
    """``(B, 1, H, W)``: how differently each pixel of two images ``(B, 3, H, W)`` looks."""
    plain = (a - b).abs().mean(1, keepdim=True)
    return SSIM_SHARE * _dissimilar(a, b).mean(1, keepdim=True) + (1 - SSIM_SHARE) * plain


def _dissimilar(a: Tensor, b: Tensor) -> Tensor:
    """(1 - SSIM) / 2 (Wang et al., 2004) over 3 x 3 pixels, in 0..1."""
    a, b = (F.pad(x, (1, 1, 1, 1), mode="reflect") for x in (a, b))
    mean_a, mean_b = F.avg_pool2d(a, 3, 1), F.avg_pool2d(b, 3, 1)
    var_a = F.avg_pool2d(a * a, 3, 1) - mean_a**2
    var_b = F.avg_pool2d(b * b, 3, 1) - mean_b**2
    both = F.avg_pool2d(a * b, 3, 1) - mean_a * mean_b
    above = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    below = (mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2)
    return ((1 - above / below) / 2).clamp(0, 1)


def smoothness(disparity: Tensor, image: Tensor) -> Tensor:
    """How unsteady a disparity is where the image is not; a scalar.

    Args:
        disparity: ``(B, 1, h, w)``.
        image: ``(B, 3, h, w)``.
    """
    level = disparity / (disparity.mean(dim=(2, 3), keepdim=True) + 1e-7)
    across, down = (level.diff(dim=axis).abs() for axis in (3, 2))
    across = across * torch.exp(-image.diff(dim=3).abs().mean(1, keepdim=True))
    down = down * torch.exp(-image.diff(dim=2).abs().mean(1, keepdim=True))
    return across.mean() + down.mean()


def scale_loss(
    scale: int,
    disparity: Tensor,
    frame: Tensor,
    neighbours: tuple[Tensor, Tensor],
    matrices: tuple[Tensor, Tensor],
    intrinsics: Tensor,
    noise: float = 1e-5,
    generator: torch.Generator | None = None,
) -> tuple[ScaleLoss, tuple[View, View]]:
    """The loss of one scale, and the neighbours as they were moved.

    Args:
        scale: s, for a disparity of ``1 / 2 ** s`` of the frame's size.
        disparity: ``(B, 1, H / 2 ** s, W / 2 ** s)``.
        frame: ``(B, 3, H, W)`` in 0..1.
        neighbours: the frame before and the frame after.
        matrices: from the frame's camera to theirs.
        intrinsics: of the camera.
        noise: that parts two errors which are equal.
        generator: of the noise, on the CPU.
    """
    whole = F.interpolate(disparity, size=frame.shape[2:], mode="bilinear", align_corners=False)
    depth = depth_of(whole)
    before, after = (
        seen_from(depth, each, matrix, intrinsics) for each, matrix in zip(neighbours, matrices, strict=True)
    )
    moved = torch.cat([photometric(view.image, frame) for view in (before, after)], dim=1)
    still = torch.cat([photometric(each, frame) for each in neighbours], dim=1)
    if noise:
        still = still + noise * torch.randn(still.shape, generator=generator).to(still.device)
    least = torch.cat([still, moved], dim=1).amin(1).mean()
    small = F.interpolate(frame, size=disparity.shape[2:], mode="area")
    rough = smoothness(disparity, small)
    total = least + SMOOTHNESS / 2**scale * rough
    return ScaleLoss(total, least, rough, moved.mean(), depth.mean()), (before, after)


def depth_loss(
    disparities: Mapping[int, Tensor],
    frame: Tensor,
    neighbours: tuple[Tensor, Tensor],
    matrices: tuple[Tensor, Tensor],
    intrinsics: Tensor,
    noise: float = 1e-5,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean over the scales; a scalar."""
    parts = [
        scale_loss(scale, disparity, frame, neighbours, matrices, intrinsics, noise, generator)[0].total
        for scale, disparity in disparities.items()
    ]
    return torch.stack(parts).mean()
