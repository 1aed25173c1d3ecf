"""The four networks of StarGAN v2: an image takes on the style of another, or one drawn for a domain.

Choi et al., "StarGAN v2: Diverse Image Synthesis for Multiple Domains" (CVPR 2020), section 2 and appendix D; the
high-pass path of its CelebA-HQ model is in the published code only (clovaai/stargan-v2). Images are RGB in -1..1. Keys
equal those of the published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.errors import ConfigError

SLOPE = 0.2
"""Of every leaky ReLU."""

SMALLEST_PX = 16
"""Side of the smallest image that the networks take."""

_EDGE_PX = (32, 64, 128)
"""Heights at which the high-pass path runs; the first has a mask of its own."""


def steps_of(img_size: int) -> int:
    """How often an image can be halved.

    Raises:
        ConfigError: the side is no power of two, or too small.
    """
    steps = img_size.bit_length() - 1
    if img_size < SMALLEST_PX or 1 << steps != img_size:
        raise ConfigError(f"StarGAN v2's img_size is a power of two from {SMALLEST_PX}, got {img_size}.")
    return steps


def first_width(img_size: int, dim_in: int | None) -> int:
    """Channels at full resolution: as published, or as asked for."""
    if dim_in is not None and dim_in < 1:
        raise ConfigError(f"StarGAN v2's dim_in is at least 1, got {dim_in}.")
    return dim_in or max(1, 2**14 // img_size)


class ResBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; the sum keeps its variance.

    Args:
        inside: channels in.
        outside: channels out.
        normalise: whether instances are normalised before each convolution.
        shrink: whether the image is halved.
    """

    def __init__(self, inside: int, outside: int, normalise: bool = False, shrink: bool = False) -> None:
        super().__init__()
        self.shrink = shrink
        self.conv1 = nn.Conv2d(inside, inside, 3, padding=1)
        self.conv2 = nn.Conv2d(inside, outside, 3, padding=1)
        self.norm1: nn.Module = nn.InstanceNorm2d(inside, affine=True) if normalise else nn.Identity()
        self.norm2: nn.Module = nn.InstanceNorm2d(inside, affine=True) if normalise else nn.Identity()
        self.conv1x1 = nn.Conv2d(inside, outside, 1, bias=False) if inside != outside else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inside, H, W)`` to ``(B, outside, H, W)``, or half as high and wide."""
        kept: Tensor = self.conv1x1(x)
        out: Tensor = self.conv1(F.leaky_relu(self.norm1(x), SLOPE))
        if self.shrink:
            kept, out = F.avg_pool2d(kept, 2), F.avg_pool2d(out, 2)
        out = self.conv2(F.leaky_relu(self.norm2(out), SLOPE))
        return (kept + out) / math.sqrt(2)


class AdaIN(nn.Module):
    """Normalised instances, scaled and shifted as a style says.

    Args:
        style_dim: numbers of a style.
        channels: of the features.
    """

    def __init__(self, style_dim: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style_dim, 2 * channels)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        """``(B, C, H, W)`` and ``(B, style_dim)`` to ``(B, C, H, W)``."""
        gamma, beta = self.fc(s)[:, :, None, None].chunk(2, dim=1)
        out: Tensor = (1 + gamma) * F.instance_norm(x) + beta
        return out


class AdainResBlock(nn.Module):
    """Two convolutions, each behind :class:`AdaIN`.

    Args:
        inside: channels in.
        outside: channels out.
        style_dim: numbers of a style.
        grow: whether the image is doubled.
        shortcut: whether the input is added. With the high-pass path it is not, though its weights are there.
    """

    def __init__(self, inside: int, outside: int, style_dim: int, grow: bool, shortcut: bool) -> None:
        super().__init__()
        self.grow, self.shortcut = grow, shortcut
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.norm1, self.norm2 = AdaIN(style_dim, inside), AdaIN(style_dim, outside)
        self.conv1x1 = nn.Conv2d(inside, outside, 1, bias=False) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        """``(B, inside, H, W)`` and ``(B, style_dim)`` to ``(B, outside, H, W)``, or twice as high and wide."""
        out: Tensor = F.leaky_relu(self.norm1(x, s), SLOPE)
        if self.grow:
            out = F.interpolate(out, scale_factor=2, mode="nearest")
        out = self.conv1(out)
        out = self.conv2(F.leaky_relu(self.norm2(out, s), SLOPE))
        if not self.shortcut:
            return out
        kept: Tensor = self.conv1x1(F.interpolate(x, scale_factor=2, mode="nearest") if self.grow else x)
        return (kept + out) / math.sqrt(2)


class HighPass(nn.Module):
    """Edges of features: the centre weighs eight times as much as each neighbour, and against them.

    Args:
        weight: what the filter is divided by.
    """

    filter: Tensor

    def __init__(self, weight: float) -> None:
        super().__init__()
        kernel = torch.full((3, 3), -1.0)
        kernel[1, 1] = 8.0
        self.register_buffer("filter", kernel / weight)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        channels = x.shape[1]
        return F.conv2d(x, self.filter.expand(channels, 1, 3, 3), padding=1, groups=channels)


class Generator(nn.Module):
    """An image in the style of another.

    Args:
        img_size: side of the image, a power of two.
        style_dim: numbers of a style.
        max_conv_dim: most channels.
        w_hpf: weight of the high-pass path; 0 is without it, and then one level less deep.
        dim_in: channels at full resolution (default: ``2 ** 14 / img_size``, as published).

    Raises:
        ConfigError: no such network.
    """

    def __init__(
        self,
        img_size: int = 256,
        style_dim: int = 64,
        max_conv_dim: int = 512,
        w_hpf: float = 1,
        dim_in: int | None = None,
    ) -> None:
        super().__init__()
        levels = steps_of(img_size) - 4 + (1 if w_hpf > 0 else 0)
        width = first_width(img_size, dim_in)
        self.img_size = img_size
        self.from_rgb = nn.Conv2d(3, width, 3, padding=1)
        self.to_rgb = nn.Sequential(nn.InstanceNorm2d(width, affine=True), nn.LeakyReLU(SLOPE), nn.Conv2d(width, 3, 1))
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for _ in range(levels):
            below = min(2 * width, max_conv_dim)
            down.append(ResBlock(width, below, normalise=True, shrink=True))
            up.insert(0, AdainResBlock(below, width, style_dim, grow=True, shortcut=w_hpf == 0))
            width = below
        for _ in range(2):
            down.append(ResBlock(width, width, normalise=True))
            up.insert(0, AdainResBlock(width, width, style_dim, grow=False, shortcut=w_hpf == 0))
        self.encode, self.decode = nn.ModuleList(down), nn.ModuleList(up)
        self.hpf = HighPass(w_hpf) if w_hpf > 0 else None

    def forward(self, x: Tensor, s: Tensor, masks: Sequence[Tensor] | None = None) -> Tensor:
        """The image in a style.

        Args:
            x: ``(B, 3, S, S)`` in -1..1.
            s: ``(B, style_dim)``.
            masks: two of ``(B, 1, H, W)`` in 0..1: where edges are kept at 32 px, and from 64 px on. None adds none;
                without a high-pass path they are not looked at.

        Returns:
            ``(B, 3, S, S)``, about -1..1, not clamped.
        """
        x = self.from_rgb(x)
        edges: dict[int, Tensor] = {}
        for block in self.encode:
            if self.hpf is not None and masks is not None and x.shape[2] in _EDGE_PX:
                edges[x.shape[2]] = x
            x = block(x)
        for block in self.decode:
            x = block(x, s)
            if self.hpf is not None and masks is not None and x.shape[2] in edges:
                mask = masks[0] if x.shape[2] == _EDGE_PX[0] else masks[1]
                mask = F.interpolate(mask, size=x.shape[2:], mode="bilinear", align_corners=False)
                x = x + self.hpf(mask * edges[x.shape[2]])
        out: Tensor = self.to_rgb(x)
        return out


class MappingNetwork(nn.Module):
    """Styles of a domain, from random numbers.

    Args:
        latent_dim: random numbers.
        style_dim: numbers of a style.
        num_domains: domains, each with layers of its own.
        hidden_dim: width within.

    Raises:
        ConfigError: no domain.
    """

    def __init__(self, latent_dim: int = 16, style_dim: int = 64, num_domains: int = 2, hidden_dim: int = 512) -> None:
        super().__init__()
        _check_domains(num_domains)
        self.shared = _linears([latent_dim, *[hidden_dim] * 4], last=True)
        self.unshared = nn.ModuleList(_linears([*[hidden_dim] * 4, style_dim], last=False) for _ in range(num_domains))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """``(B, latent_dim)`` standard normal numbers and ``(B,)`` domains to ``(B, style_dim)``."""
        features = self.shared(z)
        return _picked([head(features) for head in self.unshared], y)


class StyleEncoder(nn.Module):
    """The style of an image, seen as one of a domain.

    Args:
        img_size: side of the image, a power of two.
        style_dim: numbers of a style.
        num_domains: domains, each with a layer of its own.
        max_conv_dim: most channels.
        dim_in: channels at full resolution (default: as published).

    Raises:
        ConfigError: no such network.
    """

    def __init__(
        self,
        img_size: int = 256,
        style_dim: int = 64,
        num_domains: int = 2,
        max_conv_dim: int = 512,
        dim_in: int | None = None,
    ) -> None:
        super().__init__()
        _check_domains(num_domains)
        layers, width = _shrinking(img_size, max_conv_dim, dim_in)
        self.shared = nn.Sequential(*layers)
        self.unshared = nn.ModuleList(nn.Linear(width, style_dim) for _ in range(num_domains))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """``(B, 3, S, S)`` in -1..1 and ``(B,)`` domains to ``(B, style_dim)``."""
        features = self.shared(x).flatten(1)
        return _picked([head(features) for head in self.unshared], y)


class Discriminator(nn.Module):
    """Whether an image is a real one of a domain.

    Args:
        img_size: side of the image, a power of two.
        num_domains: one logit each.
        max_conv_dim: most channels.
        dim_in: channels at full resolution (default: as published).

    Raises:
        ConfigError: no such network.
    """

    def __init__(
        self, img_size: int = 256, num_domains: int = 2, max_conv_dim: int = 512, dim_in: int | None = None
    ) -> None:
        super().__init__()
        _check_domains(num_domains)
        layers, width = _shrinking(img_size, max_conv_dim, dim_in)
        self.main = nn.Sequential(*layers, nn.Conv2d(width, num_domains, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """``(B, 3, S, S)`` in -1..1 and ``(B,)`` domains to ``(B,)`` logits."""
        logits: Tensor = self.main(x).flatten(1)
        return logits[torch.arange(len(y), device=y.device), y]


def _check_domains(count: int) -> None:
    if count < 1:
        raise ConfigError(f"StarGAN v2's num_domains is at least 1, got {count}.")


def _shrinking(img_size: int, max_conv_dim: int, dim_in: int | None) -> tuple[list[nn.Module], int]:
    """From an image to one vector, and how long it is."""
    width = first_width(img_size, dim_in)
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1)]
    for _ in range(steps_of(img_size) - 2):
        layers.append(ResBlock(width, min(2 * width, max_conv_dim), shrink=True))
        width = min(2 * width, max_conv_dim)
    return [*layers, nn.LeakyReLU(SLOPE), nn.Conv2d(width, width, 4), nn.LeakyReLU(SLOPE)], width


def _linears(widths: Sequence[int], last: bool) -> nn.Sequential:
    """Linear layers with ReLUs between, and one at the end if asked for."""
    layers: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        layers += [nn.Linear(inside, outside), nn.ReLU()]
    return nn.Sequential(*(layers if last else layers[:-1]))


def _picked(by_domain: Sequence[Tensor], y: Tensor) -> Tensor:
    """Of what every domain says, what each one's own does."""
    return torch.stack(list(by_domain), dim=1)[torch.arange(len(y), device=y.device), y]
