"""Discriminators of DeepFaceLab: a U-Net that judges patches and pixels, and one that judges codes.

The first follows Schönfeld et al., "A U-Net Based Discriminator for Generative Adversarial Networks" (CVPR 2020).
Outputs are logits.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from fsa_data.errors import ConfigError
from fsa_data.nets.saehd_layers import glorot

MOST_LAYERS = 9
"""Convolutions of the way down, at most."""


def receptive_field(strides: tuple[int, ...]) -> int:
    """Side in pixels of what one output of 3 x 3 convolutions with these strides sees."""
    field, jump = 1, 1
    for stride in strides:
        field += 2 * jump
        jump *= stride
    return field


@cache
def strides_for(patch_size: int) -> tuple[int, ...]:
    """Strides of 3 x 3 convolutions, the first 2, whose receptive field is nearest to a patch.

    Of several the shortest is taken, then the one that shrinks the picture most and earliest.
    """
    candidates = [(2, *rest) for count in range(1, MOST_LAYERS + 1) for rest in product((2, 1), repeat=count - 1)]
    return min(candidates, key=lambda s: (abs(receptive_field(s) - patch_size), len(s), -sum(s)))


class PatchDiscriminator(nn.Module):
    """Real or fake, for each patch and for each pixel.

    Args:
        patch_size: pixels that a patch shall see, at least 3.
        base: channels of the first layer; they double with each, 512 at most.
        inputs: channels of the picture.

    Raises:
        ConfigError: a patch smaller than one convolution, or no channels.
    """

    def __init__(self, patch_size: int, base: int = 16, inputs: int = 3) -> None:
        super().__init__()
        if patch_size < 3 or base < 1:
            raise ConfigError(
                f"A patch needs at least 3 pixels and 1 channel, got {patch_size} and {base}. Nearest: "
                f"{max(patch_size, 3)} and {max(base, 1)}."
            )
        self.strides = strides_for(patch_size)
        widths = [min(base * 2**i, 512) for i in range(len(self.strides) + 1)]
        self.entry = nn.Conv2d(inputs, base, 1)
        self.downs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride, 1) for a, b, stride in zip(widths, widths[1:], self.strides, strict=False)
        )
        self.centre_out = nn.Conv2d(widths[-1], 1, 1)
        self.centre = nn.Conv2d(widths[-1], widths[-1], 1)
        self.ups = nn.ModuleList()
        width = widths[-1]
        for below, stride in zip(widths[-2::-1], self.strides[::-1], strict=True):
            self.ups.append(nn.ConvTranspose2d(width, below, 3, stride, 1))
            width = 2 * below  # the skip beside it
        self.out = nn.Conv2d(width, 1, 1)
        glorot(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, inputs, H, W)`` to logits of patches ``(B, 1, h, w)`` and of pixels ``(B, 1, H, W)``."""
        x = functional.leaky_relu(self.entry(image), 0.2)
        skips = []
        for layer in self.downs:
            skips.append(x)
            x = functional.leaky_relu(layer(x), 0.2)
        patches = self.centre_out(x)
        x = functional.leaky_relu(self.centre(x), 0.2)
        for layer in self.ups:
            skip = skips.pop()
            x = torch.cat([skip, functional.leaky_relu(layer(x, skip.shape[-2:]), 0.2)], 1)
        return patches, self.out(x)


class CodeDiscriminator(nn.Module):
    """Whose code is it ("true face", for ``df`` only).

    Args:
        inputs: channels of a code.
        side: pixels of a code.
        base: channels of the first layer; they double with each, eight times as many at most.

    Raises:
        ConfigError: no channels or no pixels.
    """

    def __init__(self, inputs: int, side: int, base: int = 256) -> None:
        super().__init__()
        if min(inputs, side, base) < 1:
            raise ConfigError(f"A code needs channels and pixels, got {inputs} x {side} x {side} (base {base}).")
        layers: list[nn.Module] = []
        width = inputs
        for i in range(1 + side // 8):
            layers += [nn.Conv2d(width, base * min(2**i, 8), 4 if i == 0 else 3, 2, 1), nn.LeakyReLU(0.1)]
            width = base * min(2**i, 8)
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 1))
        glorot(self)

    def forward(self, code: Tensor) -> Tensor:
        """``(B, inputs, S, S)`` to logits ``(B, 1, s, s)``."""
        out: Tensor = self.layers(code)
        return out
