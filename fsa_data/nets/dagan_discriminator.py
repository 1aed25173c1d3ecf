"""DaGAN's discriminator, which knows where the key points should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.errors import ConfigError
from fsa_data.nets.dagan_layers import KeyPoints, spots

SLOPE = 0.2
"""Of every leaky ReLU."""


class Judged(NamedTuple):
    """What a discriminator says of an image.

    Attributes:
        features: of every block.
        prediction_map: ``(B, 1, h, w)``, near 1 where it looks real.
    """

    features: list[Tensor]
    prediction_map: Tensor


class _Block(nn.Module):
    """A convolution without padding; normalised but for the first, halved but for the last."""

    def __init__(self, inside: int, outside: int, normalise: bool, shrink: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 4)
        self.norm: nn.Module = nn.InstanceNorm2d(outside, affine=True) if normalise else nn.Identity()
        self.shrink = shrink

    def forward(self, x: Tensor) -> Tensor:
        out = F.leaky_relu(self.norm(self.conv(x)), SLOPE)
        return F.avg_pool2d(out, 2) if self.shrink else out


class Discriminator(nn.Module):
    """Judges patches of an image of one size.

    Args:
        num_channels: of the image.
        block_expansion: half of the first block's channels.
        num_blocks: how many.
        max_features: most channels.
        use_kp: whether a spot for each key point is given beside the image.
        num_kp: key points.
        kp_variance: of their spots.
    """

    def __init__(
        self,
        num_channels: int = 3,
        block_expansion: int = 32,
        num_blocks: int = 4,
        max_features: int = 512,
        use_kp: bool = True,
        num_kp: int = 15,
        kp_variance: float = 0.01,
    ) -> None:
        super().__init__()
        if num_blocks < 1:
            raise ConfigError(f"DaGAN's discriminator needs a block, got num_blocks={num_blocks}.")
        widths = [min(max_features, block_expansion * 2 ** (i + 1)) for i in range(num_blocks)]
        inside = [num_channels + (num_kp if use_kp else 0), *widths]
        self.down_blocks = nn.ModuleList(
            _Block(a, b, normalise=i > 0, shrink=i < num_blocks - 1)
            for i, (a, b) in enumerate(zip(inside, widths, strict=False))
        )
        self.conv = nn.Conv2d(widths[-1], 1, 1)
        self.use_kp, self.kp_variance = use_kp, kp_variance

    def forward(self, image: Tensor, kp: KeyPoints | None = None) -> Judged:
        """``(B, 3, H, W)`` in 0..1, and the key points that it should have."""
        x = image
        if self.use_kp and kp is not None:
            x = torch.cat([x, spots(kp.value, x.shape[2], x.shape[3], self.kp_variance)], dim=1)
        seen: list[Tensor] = []
        for block in self.down_blocks:
            seen.append(block(seen[-1] if seen else x))
        return Judged(seen, self.conv(seen[-1]))


class MultiScaleDiscriminator(nn.Module):
    """A discriminator for each of several sizes of an image.

    Args:
        scales: sizes, in sizes of the image.
        estimate_jacobian: of the key points; taken for the configuration's sake.
        **config: arguments of :class:`Discriminator`.
    """

    def __init__(self, scales: Sequence[float] = (1,), estimate_jacobian: bool = True, **config: Any) -> None:
        super().__init__()
        del estimate_jacobian
        self.scales = tuple(scales)
        # a module's name may hold no dot
        self.discs = nn.ModuleDict({str(s).replace(".", "-"): Discriminator(**config) for s in self.scales})

    def forward(self, images: Mapping[float, Tensor], kp: KeyPoints | None = None) -> dict[float, Judged]:
        """Images by scale, ``(B, 3, H * s, W * s)``, to what is said of each."""
        judged = zip(self.scales, self.discs.values(), strict=True)
        return {scale: disc(images[scale], kp) for scale, disc in judged}
