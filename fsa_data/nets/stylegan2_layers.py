"""The layers of StyleGAN2's generator.

Weights are stored unscaled and scaled when used (equalised learning rate, Karras et al. 2018, section 4.1). Figures and
sections below are those of Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020.

Sizes: B images, r and R the side in pixels before and after a layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the name by which everybody knows it
from torch import Tensor, nn

from fsa_data.errors import ConfigError

SLOPE = 0.2
"""Of the leaky ReLU."""
GAIN = math.sqrt(2.0)
"""A leaky ReLU about halves the signal's power; this gives it back."""
TINY = 1e-8
"""Keeps a power from being zero before its root is divided by."""


def _normal(*shape: int, std: float = 1.0) -> Tensor:
    """Normal numbers; on the device ``meta`` nothing is drawn, which would import half of torch's compiler."""
    numbers = torch.empty(shape)
    return numbers if numbers.is_meta else numbers.normal_(std=std)


class FullyConnectedLayer(nn.Module):
    """Linear layer with equalised learning rate.

    Args:
        in_features: length of an input vector.
        out_features: length of an output vector.
        activate: leaky ReLU with gain after it, or nothing.
        lr_multiplier: weights are stored divided by it, biases too.
        bias_init: value of the fresh bias.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activate: bool = False,
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(_normal(out_features, in_features, std=1 / lr_multiplier))
        self.bias = nn.Parameter(torch.full((out_features,), float(bias_init)))
        self.activate = activate
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_features)`` to ``(B, out_features)``, float32."""
        out = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(out, SLOPE) * GAIN if self.activate else out


def _filter(taps: Sequence[float]) -> Tensor:
    """The separable low-pass filter of a resampling step, ``(4, 4)`` float32, sum 1."""
    if len(taps) != 4:
        raise ConfigError(f"StyleGAN2's resample_filter has four taps, got {list(taps)}.")
    total = sum(taps) ** 2
    return torch.tensor([[float(a * b / total) for b in taps] for a in taps])


def _clamped(x: Tensor, limit: float | None) -> Tensor:
    return x if limit is None else x.clamp(-limit, limit)


class SynthesisLayer(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU (section 2.2, figure 2d).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        w_dim: length of a style vector.
        resolution: side of the output, pixels.
        up: whether the output has twice the side of the input.
        use_noise: whether there is noise.
        resample_filter: taps of the low-pass filter.
        conv_clamp: largest absolute value of the output; None for no limit.
    """

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        up: bool,
        use_noise: bool = True,
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.resolution, self.up, self.use_noise, self.conv_clamp = resolution, up, use_noise, conv_clamp
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(_normal(out_channels, in_channels, 3, 3))
        self.register_buffer("resample_filter", _filter(resample_filter))
        if use_noise:
            self.register_buffer("noise_const", _normal(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, w: Tensor, noise_mode: str) -> Tensor:
        """``(B, in_channels, r, r)`` and ``(B, w_dim)`` to ``(B, out_channels, R, R)``; r is R, or R/2 if ``up``."""
        style = self.affine(w)
        # The style scales the input instead of the weights and the demodulation the output: the same product, but one
        # convolution for all images.
        x = x * style[:, :, None, None]
        x = self._upsampled(x) if self.up else F.conv2d(x, self.weight, padding=1)
        power = style.square() @ self.weight.square().sum(dim=(2, 3)).T
        # A positive factor passes through a leaky ReLU, so the gain is put on what comes before: fewer passes over x.
        scale = (power + TINY).rsqrt() * GAIN
        x = torch.addcmul((self.bias * GAIN)[:, None, None], x, scale[:, :, None, None])
        if self.use_noise and noise_mode != "none":
            noise = self.noise_const
            if noise_mode == "random":
                noise = torch.randn(x.shape[0], 1, *noise.shape, device=x.device)
            x.add_(noise * (self.noise_strength * GAIN))
        return _clamped(F.leaky_relu_(x, SLOPE), self.conv_clamp)

    def _upsampled(self, x: Tensor) -> Tensor:
        """Transposed convolution to 2r + 1, then the filter (gain 4 for the zeros put between) to 2r."""
        x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
        kernel = (self.resample_filter * 4).flip(0, 1)
        channels = x.shape[1]
        return F.conv2d(x, kernel.expand(channels, 1, -1, -1), padding=1, groups=channels)


class ToRGBLayer(nn.Module):
    """From features to an image: modulated 1 x 1 convolution without demodulation.

    Args:
        in_channels: channels of the features.
        out_channels: channels of the image.
        w_dim: length of a style vector.
        conv_clamp: as in :class:`SynthesisLayer`.
    """

    def __init__(self, in_channels: int, out_channels: int, w_dim: int, conv_clamp: float | None = None) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(_normal(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``(B, in_channels, R, R)`` and ``(B, w_dim)`` to ``(B, out_channels, R, R)``."""
        style = self.affine(w) * self.weight_gain
        return _clamped(F.conv2d(x * style[:, :, None, None], self.weight, self.bias), self.conv_clamp)


class SynthesisBlock(nn.Module):
    """Everything of one resolution; the first one starts from a learnt constant (figure 7, skip connections).

    Args:
        in_channels: channels of the input; 0 for the first block.
        out_channels: channels of the output.
        w_dim: length of a style vector.
        resolution: side, pixels.
        img_channels: channels of the image.
        use_noise: as in :class:`SynthesisLayer`.
        resample_filter: as in :class:`SynthesisLayer`.
        conv_clamp: as in :class:`SynthesisLayer`.
    """

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        img_channels: int,
        use_noise: bool = True,
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("resample_filter", _filter(resample_filter))
        self.num_conv = 2 if in_channels else 1
        rest = (use_noise, resample_filter, conv_clamp)
        if in_channels:
            self.conv0 = SynthesisLayer(in_channels, out_channels, w_dim, resolution, True, *rest)
        else:
            self.const = nn.Parameter(_normal(out_channels, resolution, resolution))
        self.conv1 = SynthesisLayer(out_channels, out_channels, w_dim, resolution, False, *rest)
        self.torgb = ToRGBLayer(out_channels, img_channels, w_dim, conv_clamp)

    def forward(self, x: Tensor | None, img: Tensor | None, ws: Tensor, noise_mode: str) -> tuple[Tensor, Tensor]:
        """Features and image of the next resolution.

        Args:
            x: ``(B, in_channels, R/2, R/2)``; None in the first block.
            img: ``(B, img_channels, R/2, R/2)``; None in the first block.
            ws: ``(B, num_conv + 1, w_dim)``, one for each convolution and one for the image.
            noise_mode: as in :meth:`SynthesisNetwork.forward`.

        Returns:
            ``(B, out_channels, R, R)`` and ``(B, img_channels, R, R)``.
        """
        x = self.const.expand(ws.shape[0], -1, -1, -1) if x is None else self.conv0(x, ws[:, 0], noise_mode)
        x = self.conv1(x, ws[:, self.num_conv - 1], noise_mode)
        rgb: Tensor = self.torgb(x, ws[:, self.num_conv])
        if img is not None:
            channels = img.shape[1]
            kernel = (self.resample_filter * 4).expand(channels, 1, -1, -1)
            rgb = rgb + F.conv_transpose2d(img, kernel, stride=2, padding=1, groups=channels)
        return x, rgb
