"""The network whose features tell how alike two pictures look: VGG19 of ImageNet, or what stands in for it.

Its weights are the user's own (torchvision's file); offline a patchwork of fixed filters serves, which no one has to
download: blurred differences in eight directions at three widths, a bank in the manner of Gabor's.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

LEVELS = (2, 7, 12, 21, 30)
"""Where torchvision's ``features`` are cut: behind relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CONFIG = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512)


class Vgg19(nn.Module):
    """The first layers of VGG19 (Simonyan and Zisserman, 2015), keys as torchvision's ``features.N``."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 3
        for width in _CONFIG:
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(inside, width, 3, padding=1), nn.ReLU()]
                inside = width
        self.features = nn.Sequential(*layers)
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` RGB in 0..1 to the maps of the five levels."""
        x, seen = (images - self.mean) / self.deviation, []
        for at, layer in enumerate(self.features, 1):
            x = layer(x)
            if at in LEVELS:
                seen.append(x)
        return seen


class FilterBank(nn.Module):
    """The stand-in: colours, and edges in eight directions, at three widths.

    It has no weights to learn or to load, and is no measure of what things look like to people; it keeps a training
    honest about colours and edges where VGG19's file is not at hand.
    """

    bank: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bank", _bank(), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` RGB in 0..1 to the maps of three levels: ``(B, 3 + 8, H / 2 ** i, W / 2 ** i)``."""
        x, seen = images, []
        for level in range(3):
            if level:
                if min(x.shape[2:]) < 2 * self.bank.shape[-1]:
                    break
                x = F.avg_pool2d(x, 2)
            grey = x.mean(dim=1, keepdim=True)
            edges = F.conv2d(grey, self.bank, padding=self.bank.shape[-1] // 2).abs()
            seen.append(torch.cat([x, edges], dim=1))
        return seen


def _bank() -> Tensor:
    """``(8, 1, 5, 5)``: derivatives of a bell, along four directions, of first and second order."""
    places = torch.arange(5, dtype=torch.float32) - 2
    y, x = places[:, None].expand(5, 5), places.expand(5, 5)
    bell = torch.exp(-(x.square() + y.square()) / 2)
    filters = []
    for at in range(4):
        along = x * math.cos(at * math.pi / 4) + y * math.sin(at * math.pi / 4)
        for shape in (-along * bell, (along.square() - 1) * bell):
            level = shape - shape.mean()
            filters.append(level / level.abs().sum() * 2)
    return torch.stack(filters)[:, None]
