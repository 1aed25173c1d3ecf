"""98 heat maps of a face, and the masks that StarGAN v2 makes of them to keep a face's edges.

Wang et al., "Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression" (ICCV 2019): an hour-glass network
whose convolutions know where they are. Keys equal those of ``fan`` in StarGAN v2's published checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.errors import ConfigError
from fsa_data.nets.face_alignment import ConvBlock, HourGlass

POINTS = 98
"""Landmarks; one more heat map shows the outline of the parts."""

INPUT_PX = 256
"""Side of the image that the published weights were trained for."""

_OUTLINE = 0.05
"""From this value on a cell of the last heat map belongs to an outline."""


class CoordConv(nn.Module):
    """A convolution that also sees the row, the column and the radius of each pixel (Liu et al., 2018).

    Args:
        inside: channels in.
        outside: channels out.
        kernel: side of the kernel.
        stride: of the convolution.
        outlines: whether rows and columns on outlines are given, too.
    """

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, outlines: bool = False) -> None:
        super().__init__()
        planes = 5 if outlines else 3
        self.conv = nn.Conv2d(inside + planes, outside, kernel, stride, kernel // 2)

    def forward(self, x: Tensor, outline: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features, and the last two planes that were added.

        Args:
            x: ``(B, inside, H, W)``.
            outline: ``(B, 1, H, W)``, for a layer with outlines.
        """
        height, width = x.shape[2:]
        rows = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype).view(1, 1, -1, 1)
        columns = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype).view(1, 1, 1, -1)
        row, column = (plane.expand(len(x), 1, height, width) for plane in (rows, columns))
        radius = torch.sqrt(row**2 + column**2)
        planes = [row, column, radius / radius.max()]
        if outline is not None:
            on = outline.clamp(0, 1) > _OUTLINE
            planes += [row * on, column * on]
        return self.conv(torch.cat([x, *planes], dim=1)), torch.cat(planes[-2:], dim=1)


class CoordHourGlass(HourGlass):
    """An hour-glass behind a 1 x 1 :class:`CoordConv`.

    Args:
        first: whether it is the first of a stack, which knows of no outlines.
    """

    def __init__(self, first: bool) -> None:
        super().__init__(4, 256)
        self.coordconv = CoordConv(256, 256, 1, outlines=not first)


class FAN(nn.Module):
    """Heat maps of the 98 points and of the outline of the face's parts.

    Args:
        num_modules: hour-glasses; the published weights have one.
        num_landmarks: points.
        end_relu: whether heat maps are clamped from below.

    Raises:
        ConfigError: no hour-glass or no point.
    """

    def __init__(self, num_modules: int = 1, num_landmarks: int = POINTS, end_relu: bool = False) -> None:
        super().__init__()
        if min(num_modules, num_landmarks) < 1:
            raise ConfigError(
                f"A FAN's num_modules and num_landmarks are at least 1, got {num_modules} and {num_landmarks}."
            )
        self.num_modules, self.end_relu = num_modules, end_relu
        self.conv1 = CoordConv(3, 64, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2, self.conv3, self.conv4 = ConvBlock(64, 128), ConvBlock(128, 128), ConvBlock(128, 256)
        for i in range(num_modules):
            self.add_module(f"m{i}", CoordHourGlass(first=i == 0))
            self.add_module(f"top_m_{i}", ConvBlock(256, 256))
            self.add_module(f"conv_last{i}", nn.Conv2d(256, 256, 1))
            self.add_module(f"bn_end{i}", nn.BatchNorm2d(256))
            self.add_module(f"l{i}", nn.Conv2d(256, num_landmarks + 1, 1))
            if i < num_modules - 1:
                self.add_module(f"bl{i}", nn.Conv2d(256, 256, 1))
                self.add_module(f"al{i}", nn.Conv2d(num_landmarks + 1, 256, 1))

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Heat maps, and what each hour-glass knew of outlines.

        Args:
            images: ``(B, 3, S, S)`` RGB in 0..1.

        Returns:
            By hour-glass ``(B, num_landmarks + 1, S / 4, S / 4)``, and the two planes ``(B, 2, S / 4, S / 4)``.
        """
        x = F.relu(self.bn1(self.conv1(images)[0]))
        x = self.conv4(self.conv3(F.avg_pool2d(self.conv2(x), 2)))
        maps: list[Tensor] = []
        planes: list[Tensor] = []
        for i in range(self.num_modules):
            glass = self.get_submodule(f"m{i}")
            y, plane = glass.get_submodule("coordconv")(x, maps[-1][:, -1:] if maps else None)
            y = self.get_submodule(f"top_m_{i}")(glass(y))
            y = F.relu(self.get_submodule(f"bn_end{i}")(self.get_submodule(f"conv_last{i}")(y)))
            heat = self.get_submodule(f"l{i}")(y)
            heat = F.relu(heat) if self.end_relu else heat
            maps.append(heat)
            planes.append(plane)
            if i < self.num_modules - 1:
                x = x + self.get_submodule(f"bl{i}")(y) + self.get_submodule(f"al{i}")(heat)
        return maps, planes


@dataclass(frozen=True, slots=True)
class _Part:
    """Neighbouring heat maps that are moved (rows of 256, up if positive) and sharpened alike."""

    first: int
    end: int
    up: int
    power: int


_CHIN, _BROWS = _Part(8, 25, 0, 3), _Part(33, 51, -7, 2)
_PARTS = (
    *(_CHIN, _BROWS),
    *(_Part(55, 60, 8, 4), _Part(77, 82, -8, 4), _Part(83, 88, 8, 4), _Part(88, 96, -2, 3)),
    _Part(52, 55, 4, 1),
)
_UNUSED = (*range(8), *range(25, 33), 33, 46, 76, 82)
_EYES = slice(60, 76)
_FAINT = 0.1


@torch.no_grad()
def edge_masks(fan: FAN, images: Tensor) -> tuple[Tensor, Tensor]:
    """Where StarGAN v2 keeps the edges of faces.

    Args:
        fan: the landmark network, in evaluation mode.
        images: ``(B, 3, H, W)`` RGB in -1..1.

    Returns:
        Two masks ``(B, 1, 256, 256)`` in 0..1: of all parts of the face, and of eyes and nose alone.
    """
    seen = F.interpolate(images, size=(INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False)
    maps = fan(seen * 0.5 + 0.5)[0][-1][:, :-1]
    return masks_of_maps(F.interpolate(maps, scale_factor=4, mode="bilinear", align_corners=True))


def masks_of_maps(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Masks from heat maps of the 98 points, as the published code makes them.

    Args:
        maps: ``(B, 98, H, W)``, H at least 256.

    Returns:
        Two of ``(B, 1, H, W)`` in 0..1, see :func:`edge_masks`.
    """
    x = torch.where(maps < _FAINT, torch.zeros_like(maps), maps)
    low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
    x = (x - low) / (high - low + 1e-6)
    unit = maps.shape[2] // INPUT_PX
    for part in _PARTS:
        x[:, part.first : part.end] = x[:, part.first : part.end].roll(-part.up * unit, dims=2) ** part.power
    x[:, list(_UNUSED)] = 0
    # the eyes' distances do not grow with the image, as in the original
    x[:, _EYES] = x[:, _EYES].roll(8, dims=2) ** 3 + x[:, _EYES].roll(24, dims=2)
    everything = x.sum(dim=1, keepdim=True).clamp(0, 1)
    for part in (_CHIN, _BROWS):
        x[:, part.first : part.end] = 0
    x[:, 76:96] = 0
    inner = x.sum(dim=1, keepdim=True).clamp(0, 1)
    broken = everything.isnan()
    return everything.masked_fill(broken, 0), inner.masked_fill(broken, 0)
