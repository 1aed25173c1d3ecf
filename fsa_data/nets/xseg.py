"""DeepFaceLab's XSeg: which part of a face picture may be swapped.

A U-Net with a dense bottleneck; layers are normalised by Singh and Krishnan, "Filter Response Normalization Layer"
(CVPR 2020), and pictures are halved behind a binomial filter after Zhang, "Making Convolutional Networks
Shift-Invariant Again" (ICML 2019).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fsa_data.errors import ConfigError
from fsa_data.nets.saehd_layers import glorot

_BINOMIAL = {4: (1.0, 3.0, 3.0, 1.0), 3: (1.0, 2.0, 1.0), 2: (1.0, 1.0)}
# of each level: convolutions on the way down, taps of the filter, channels in units of the base, and of the way up
_DOWN = ((2, 4, 1), (2, 3, 2), (2, 2, 4), (3, 2, 8), (3, 2, 8), (3, 2, 8))
_UP = ((4, (8, 8, 8)), (4, (8, 8, 8)), (4, (8, 8, 8)), (4, (4, 4)), (2, (2, 2)), (1, (1, 1)))
_LEVELS = len(_DOWN)


class Normalised(nn.Module):
    """Filter response normalisation and its thresholded linear unit.

    Args:
        channels: of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.threshold = nn.Parameter(torch.zeros(channels))
        self.eps = nn.Parameter(torch.tensor([1e-6]))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        per = (1, -1, 1, 1)
        scale = torch.rsqrt(x.square().mean((2, 3), keepdim=True) + self.eps.abs())
        y = x * scale * self.weight.view(per) + self.bias.view(per)
        return torch.maximum(y, self.threshold.view(per))


class Blur(nn.Module):
    """Half the size behind a binomial filter.

    Args:
        taps: length of the filter, 2 to 4.
    """

    def __init__(self, taps: int) -> None:
        super().__init__()
        row = torch.tensor(_BINOMIAL[taps])
        self.register_buffer("kernel", torch.outer(row, row) / row.sum() ** 2, persistent=False)
        self.pad = ((taps - 1) // 2, taps // 2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H / 2, W / 2)``."""
        channels = x.shape[1]
        kernel = self.get_buffer("kernel").to(x.dtype).expand(channels, 1, -1, -1)
        return functional.conv2d(functional.pad(x, self.pad * 2), kernel, stride=2, groups=channels)


def _unit(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 1, 1), Normalised(outputs))


class XSeg(nn.Module):
    """The segmentation network.

    Args:
        resolution: side of the picture, a multiple of 64.
        base: channels of the first level.

    Raises:
        ConfigError: another resolution, or no channels.
    """

    def __init__(self, resolution: int = 256, base: int = 32) -> None:
        super().__init__()
        if resolution < 64 or resolution % 64 or base < 1:
            nearest = max(64, round(resolution / 64) * 64)
            raise ConfigError(
                f"resolution must be a multiple of 64 and base at least 1, got {resolution} and {base}. "
                f"Nearest: {nearest} and {max(base, 1)}."
            )
        self.downs, self.blurs = nn.ModuleList(), nn.ModuleList()
        self.ups, self.merges = nn.ModuleList(), nn.ModuleList()
        width = 3
        for count, taps, times in _DOWN:
            self.downs.append(
                nn.Sequential(*(_unit(width if i == 0 else base * times, base * times) for i in range(count)))
            )
            self.blurs.append(Blur(taps))
            width = base * times
        side = resolution // 2**_LEVELS
        self.squeeze = nn.Linear(width * side * side, 16 * base)
        self.unfold = nn.Linear(16 * base, width * side * side)
        for (times, units), (_, _, skip) in zip(_UP, reversed(_DOWN), strict=True):
            self.ups.append(
                nn.Sequential(
                    nn.ConvTranspose2d(width, base * times, 3, 2, 1, output_padding=1), Normalised(base * times)
                )
            )
            width = base * (times + skip)
            merge = nn.Sequential()
            for unit in units:
                merge.append(_unit(width, base * unit))
                width = base * unit
            self.merges.append(merge)
        self.out = nn.Conv2d(width, 1, 3, 1, 1)
        glorot(self)

    def forward(self, image: Tensor, skips: bool = True) -> Tensor:
        """Logits; their sigmoid is the mask.

        Args:
            image: ``(B, 3, R, R)`` float in 0..1.
            skips: False leaves only the bottleneck, for pretraining.

        Returns:
            ``(B, 1, R, R)``.
        """
        x = image
        kept: list[Tensor] = []
        for level, blur in zip(self.downs, self.blurs, strict=True):
            x = level(x)
            kept.append(x if skips else torch.zeros_like(x))
            x = blur(x)
        shape = x.shape[1:]
        x = self.unfold(self.squeeze(x.flatten(1))).unflatten(1, shape)
        for up, merge in zip(self.ups, self.merges, strict=True):
            x = merge(torch.cat([up(x), kept.pop()], 1))
        out: Tensor = self.out(x)
        return out
