"""What DaGAN's networks are made of (blocks of the first-order motion model, Siarohin et al., NeurIPS 2019).

Grids run from -1 to 1 between the centres of the outer pixels, but are sampled as if that were between their edges;
published weights have learnt with this mismatch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.errors import ConfigError

VARIANCE = 0.01
"""Of the spot that stands for a key point."""


class KeyPoints(NamedTuple):
    """Where the key points of an image are, and how their surroundings are turned and stretched.

    Attributes:
        value: ``(B, K, 2)`` x and y in -1..1.
        jacobian: ``(B, K, 2, 2)``, or None if a detector does not tell.
    """

    value: Tensor
    jacobian: Tensor | None

    def detach(self) -> KeyPoints:
        """The same without gradients."""
        return KeyPoints(self.value.detach(), None if self.jacobian is None else self.jacobian.detach())

    def expand(self, count: int) -> KeyPoints:
        """Those of one image for ``count`` images."""
        turned = None if self.jacobian is None else self.jacobian.expand(count, -1, -1, -1)
        return KeyPoints(self.value.expand(count, -1, -1), turned)


def coordinate_grid(height: int, width: int, like: Tensor) -> Tensor:
    """``(height, width, 2)`` x and y of each cell in -1..1, with dtype and device of another tensor."""
    x = 2 * torch.arange(width, device=like.device, dtype=like.dtype) / max(width - 1, 1) - 1
    y = 2 * torch.arange(height, device=like.device, dtype=like.dtype) / max(height - 1, 1) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)


def spots(points: Tensor, height: int, width: int, variance: float = VARIANCE) -> Tensor:
    """A bell around each key point: ``(B, K, 2)`` to ``(B, K, height, width)``, 1 at the point."""
    apart = coordinate_grid(height, width, points) - points[:, :, None, None]
    return torch.exp(-0.5 * apart.square().sum(-1) / variance)


class AntiAlias(nn.Module):
    """Blur, then every so many-th pixel.

    Args:
        channels: of the image.
        scale: size of the result in sizes of the image, the inverse of a whole number.

    Raises:
        ConfigError: another scale.
    """

    weight: Tensor

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        step = round(1 / scale) if 0 < scale <= 1 else 0
        if step < 1 or abs(step * scale - 1) > 1e-6:
            raise ConfigError(f"An image can be reduced to 1, 1/2, 1/3, ... of its size, got {scale}.")
        self.step = step
        if step == 1:
            return
        sigma = (step - 1) / 2
        side = 2 * round(4 * sigma) + 1
        places = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
        bell = torch.exp(-places.square() / (2 * sigma**2))
        kernel = bell[:, None] * bell
        self.register_buffer("weight", (kernel / kernel.sum()).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H * scale, W * scale)``."""
        if self.step == 1:
            return x
        # with a stride it would be the same with less work, but then no count of operations would be the published one
        blurred = F.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2, groups=x.shape[1])
        return blurred[:, :, :: self.step, :: self.step]


class SameBlock(nn.Module):
    """Convolution, normalisation, ReLU.

    Args:
        inside: channels in.
        outside: channels out.
        kernel: side of the kernel.
    """

    def __init__(self, inside: int, outside: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inside, H, W)`` to ``(B, outside, H, W)``."""
        return F.relu(self.norm(self.conv(x)))


class DownBlock(SameBlock):
    """:class:`SameBlock`, then half as high and wide."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inside, H, W)`` to ``(B, outside, H / 2, W / 2)``."""
        return F.avg_pool2d(super().forward(x), 2)


class UpBlock(SameBlock):
    """Twice as high and wide, then :class:`SameBlock`."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inside, H, W)`` to ``(B, outside, 2 H, 2 W)``."""
        return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))


class ResBlock(nn.Module):
    """Two convolutions, each behind its normalisation, beside a shortcut.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        out: Tensor = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        return x + out


class _Encoder(nn.Module):
    def __init__(self, inside: int, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in zip([inside, *widths], widths, strict=False))

    def forward(self, x: Tensor) -> list[Tensor]:
        seen = [x]
        for block in self.down_blocks:
            seen.append(block(seen[-1]))
        return seen


class _Decoder(nn.Module):
    def __init__(self, widths: list[int], last: int) -> None:
        super().__init__()
        blocks, inside = [], widths[-1]
        for outside in [*widths[-2::-1], last]:
            blocks.append(UpBlock(inside, outside))
            inside = 2 * outside  # the skip beside it
        self.up_blocks = nn.ModuleList(blocks)

    def forward(self, seen: list[Tensor]) -> Tensor:
        x = seen[-1]
        for block, skip in zip(self.up_blocks, seen[-2::-1], strict=True):
            x = torch.cat([block(x), skip], dim=1)
        return x


class Hourglass(nn.Module):
    """Down and up again, with what was on the way beside each step.

    Args:
        block_expansion: channels at full size; they double with each step.
        in_features: channels in.
        num_blocks: steps.
        max_features: most channels.
    """

    def __init__(self, block_expansion: int, in_features: int, num_blocks: int, max_features: int) -> None:
        super().__init__()
        if min(block_expansion, in_features, num_blocks, max_features) < 1:
            raise ConfigError("An hour-glass needs at least one channel and one step.")
        widths = [min(max_features, block_expansion * 2 ** (i + 1)) for i in range(num_blocks)]
        self.encoder = _Encoder(in_features, widths)
        self.decoder = _Decoder(widths, block_expansion)
        self.out_features = block_expansion + in_features

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_features, H, W)`` to ``(B, out_features, H, W)``; sides are multiples of ``2 ** num_blocks``."""
        out: Tensor = self.decoder(self.encoder(x))
        return out


def inverted(matrices: Tensor) -> Tensor:
    """Inverses of ``(..., 2, 2)`` matrices, in closed form: a tenth of the time of a solver, and on every device."""
    a, b, c, d = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 0], matrices[..., 1, 1]
    rows = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    return rows / (a * d - b * c)[..., None, None]
