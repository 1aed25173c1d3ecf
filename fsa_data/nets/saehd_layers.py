"""Blocks of DeepFaceLab's autoencoders (Perov et al., arXiv:2005.05535): encoder, inter, decoder.

No layer normalises, every convolution pads with zeros on all sides and has a bias. Activations are leaky ReLUs, or
``x cos x`` throughout with the option letter ``c``. Images and masks are float in 0..1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Activation(nn.Module):
    """Leaky ReLU of some slope, or ``x cos x``.

    Args:
        slope: below 0.
        cosine: ``x cos x`` instead.
    """

    def __init__(self, slope: float, cosine: bool) -> None:
        super().__init__()
        self.slope, self.cosine = slope, cosine

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * torch.cos(x) if self.cosine else functional.leaky_relu(x, self.slope)


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution padded by half its kernel."""
    return nn.Conv2d(inputs, outputs, size, stride, size // 2)


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside the identity.

    Args:
        channels: in and out.
        cosine: see :class:`Activation`.
    """

    def __init__(self, channels: int, cosine: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(channels, channels, 3), conv(channels, channels, 3)
        self.act = Activation(0.2, cosine)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        out: Tensor = self.act(x + self.conv2(self.act(self.conv1(x))))
        return out


def down(inputs: int, outputs: int, cosine: bool) -> nn.Sequential:
    """Half the size: 5 x 5 convolution of stride 2."""
    return nn.Sequential(conv(inputs, outputs, 5, 2), Activation(0.1, cosine))


def up(inputs: int, outputs: int, cosine: bool) -> nn.Sequential:
    """Twice the size: 3 x 3 convolution to four times the channels, which become pixels."""
    return nn.Sequential(conv(inputs, 4 * outputs, 3), Activation(0.1, cosine), nn.PixelShuffle(2))


class Encoder(nn.Module):
    """From a face to a vector.

    Args:
        dims: channels after the first convolution; eight times as many in the end.
        letters: option letters of the architecture.
    """

    def __init__(self, dims: int, letters: str) -> None:
        super().__init__()
        cosine, e = "c" in letters, dims
        layers: list[nn.Module] = [down(3, e, cosine)]
        if "t" in letters:
            layers.append(Residual(e, cosine))
        layers += [down(e, 2 * e, cosine), down(2 * e, 4 * e, cosine), down(4 * e, 8 * e, cosine)]
        if "t" in letters:
            layers += [down(8 * e, 8 * e, cosine), Residual(8 * e, cosine)]
        self.layers = nn.Sequential(*layers)
        self.normalise = "u" in letters

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, R, R)`` to ``(B, features)``; with ``u`` the root mean square of a vector is 1."""
        x: Tensor = self.layers(image).flatten(1)
        if self.normalise:
            long = x.float()
            x = (long * torch.rsqrt(long.square().mean(1, keepdim=True) + 1e-6)).to(x.dtype)
        return x


class Inter(nn.Module):
    """The bottleneck: a vector becomes a small picture of many channels.

    Args:
        inputs: length of the encoder's vector.
        dims: width of the bottleneck.
        outputs: channels of the code.
        side: pixels of the picture before it is enlarged.
        letters: option letters of the architecture.
    """

    def __init__(self, inputs: int, dims: int, outputs: int, side: int, letters: str) -> None:
        super().__init__()
        self.squeeze = nn.Linear(inputs, dims)
        self.unfold = nn.Linear(dims, side * side * outputs)
        self.up = nn.Identity() if "t" in letters else up(outputs, outputs, "c" in letters)
        self.shape = (outputs, side, side)

    def forward(self, vector: Tensor) -> Tensor:
        """``(B, inputs)`` to ``(B, outputs, S, S)``, S the side or twice that without ``t``."""
        out: Tensor = self.up(self.unfold(self.squeeze(vector)).unflatten(1, self.shape))
        return out


class Decoder(nn.Module):
    """From a code to a face and the mask of what of it may be pasted.

    Args:
        inputs: channels of the code.
        dims: channels of the face's last stage, halved.
        mask_dims: likewise of the mask's.
        letters: option letters of the architecture.
    """

    def __init__(self, inputs: int, dims: int, mask_dims: int, letters: str) -> None:
        super().__init__()
        cosine, self.fourfold = "c" in letters, "d" in letters
        stages = (8, 8, 4, 2) if "t" in letters else (8, 4, 2)
        face: list[nn.Module] = []
        mask: list[nn.Module] = []
        width, mask_width = inputs, inputs
        for stage in stages:
            face += [up(width, stage * dims, cosine), Residual(stage * dims, cosine)]
            mask.append(up(mask_width, stage * mask_dims, cosine))
            width, mask_width = stage * dims, stage * mask_dims
        if self.fourfold:
            mask.append(up(mask_width, mask_dims, cosine))
            mask_width = mask_dims
        self.face, self.mask = nn.Sequential(*face), nn.Sequential(*mask)
        sizes = (1, 3, 3, 3) if self.fourfold else (1,)
        self.to_rgb = nn.ModuleList(conv(width, 3, size) for size in sizes)
        self.to_mask = conv(mask_width, 1, 1)

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, inputs, S, S)`` to the face ``(B, 3, R, R)`` and its mask ``(B, 1, R, R)``, both 0..1.

        With ``d`` four convolutions at half the size give the upper left, upper right, lower left and lower right pixel
        of each cell.
        """
        x = self.face(code)
        face: Tensor = self._four_pixels(x) if self.fourfold else self.to_rgb[0](x)
        return torch.sigmoid(face), torch.sigmoid(self.to_mask(self.mask(code)))

    def _four_pixels(self, x: Tensor) -> Tensor:
        """All four as one convolution, the first with zeros around its single tap."""
        weights: list[Tensor] = [layer.get_parameter("weight") for layer in self.to_rgb]
        weights[0] = functional.pad(weights[0], (1, 1, 1, 1))
        biases: list[Tensor] = [layer.get_parameter("bias") for layer in self.to_rgb]
        # pixel_shuffle wants the four pixels of one colour side by side
        out = functional.conv2d(x, torch.stack(weights, 1).flatten(0, 1), torch.stack(biases, 1).flatten(), padding=1)
        return functional.pixel_shuffle(out, 2)


def glorot(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """Fresh weights: uniform after Glorot and Bengio (2010), biases 0.

    Args:
        network: convolutions and dense layers of it are set.
        generator: where the numbers come from; torch's own if None.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
