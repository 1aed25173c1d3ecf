"""The generator of StyleGAN2 (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020).

Keys, shapes and constructor arguments are those of stylegan2-ada-pytorch. All arithmetic is float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.nets.stylegan2_layers import TINY, FullyConnectedLayer, SynthesisBlock

NOISE_MODES = ("const", "random", "none")
"""The network's own noise, new noise for every image, no noise."""


class MappingNetwork(nn.Module):
    """From noise (and a label) to style vectors (StyleGAN, Karras et al. 2019, figure 1b).

    Args:
        z_dim: length of the noise vector; 0 for none.
        c_dim: length of the label; 0 for an unlabelled network.
        w_dim: length of a style vector.
        num_ws: copies of the style vector that are handed out; None for the vector itself.
        num_layers: number of layers.
        embed_features: length of the embedded label; None for ``w_dim``.
        layer_features: length between the layers; None for ``w_dim``.
        activation: ``lrelu``, the only one there is.
        lr_multiplier: of the layers.
        w_avg_beta: decay of the running mean during training; None for no mean, and then no truncation.
    """

    w_avg: Tensor | None

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        embed_features: int | None = None,
        layer_features: int | None = None,
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        w_avg_beta: float | None = 0.995,
    ) -> None:
        super().__init__()
        if activation != "lrelu":
            raise ConfigError(f"StyleGAN2's mapping network has the activation 'lrelu', got {activation!r}.")
        if num_layers < 1 or z_dim < 0 or c_dim < 0 or z_dim + c_dim < 1:
            raise ConfigError(
                "StyleGAN2's mapping network needs at least one layer and an input, "
                f"got num_layers={num_layers}, z_dim={z_dim}, c_dim={c_dim}."
            )
        self.z_dim, self.c_dim, self.num_ws, self.num_layers = z_dim, c_dim, num_ws, num_layers
        embedded = (w_dim if embed_features is None else embed_features) if c_dim else 0
        between = w_dim if layer_features is None else layer_features
        sizes = [z_dim + embedded, *[between] * (num_layers - 1), w_dim]
        if c_dim:
            self.embed = FullyConnectedLayer(c_dim, embedded)
        for i in range(num_layers):
            self.add_module(f"fc{i}", FullyConnectedLayer(sizes[i], sizes[i + 1], True, lr_multiplier))
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))
        else:
            self.w_avg = None

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """Style vectors.

        Args:
            z: ``(B, z_dim)`` standard normal.
            c: ``(B, c_dim)`` one-hot label; ignored by an unlabelled network.
            truncation_psi: 1 leaves the vectors, 0 makes all of them the mean.
            truncation_cutoff: only this many of an image's vectors are truncated; None for all.

        Returns:
            ``(B, num_ws, w_dim)``, or ``(B, w_dim)`` if ``num_ws`` is None.

        Raises:
            ConfigError: no label for a labelled network, a wrong length, or truncation without a mean.
        """
        parts = []
        if self.z_dim:
            parts.append(_unit_power(_checked(z, self.z_dim, "z", "noise")))
        if self.c_dim:
            parts.append(_unit_power(self.embed(_checked(c, self.c_dim, "c", "label"))))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        if self.num_ws is not None:
            x = x.unsqueeze(1).repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            if self.w_avg is None:
                raise ConfigError("This network keeps no mean style (w_avg_beta=None), so truncation_psi must be 1.")
            upto = x.shape[1] if self.num_ws is None or truncation_cutoff is None else truncation_cutoff
            x[:, :upto] = self.w_avg.lerp(x[:, :upto], truncation_psi)
        return x


def _checked(x: Tensor | None, length: int, name: str, what: str) -> Tensor:
    if x is None or x.ndim != 2 or x.shape[1] != length:
        got = "nothing" if x is None else f"shape {tuple(x.shape)}"
        raise ConfigError(f"StyleGAN2 generator: {name} ({what}) must have shape (B, {length}), got {got}.")
    return x.float()


def _unit_power(x: Tensor) -> Tensor:
    return x * (x.square().mean(dim=1, keepdim=True) + TINY).rsqrt()


class SynthesisNetwork(nn.Module):
    """From style vectors to images.

    Args:
        w_dim: length of a style vector.
        img_resolution: side of the image, a power of two from 4.
        img_channels: channels of the image.
        channel_base: a resolution R has ``channel_base // R`` channels,
        channel_max: but never more than this.
        num_fp16_res: accepted and without effect, everything is float32.
        architecture: ``skip``, the only one there is.
        use_noise: as in :class:`SynthesisLayer`.
        resample_filter: as in :class:`SynthesisLayer`.
        conv_clamp: as in :class:`SynthesisLayer`.
        fp16_channels_last: accepted and without effect.
    """

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_fp16_res: int = 0,
        architecture: str = "skip",
        use_noise: bool = True,
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
        fp16_channels_last: bool = False,
    ) -> None:
        super().__init__()
        del num_fp16_res, fp16_channels_last
        if img_resolution < 4 or img_resolution & (img_resolution - 1):
            raise ConfigError(f"StyleGAN2's img_resolution is a power of two from 4, got {img_resolution}.")
        if architecture != "skip":
            raise ConfigError(
                f"Of StyleGAN2's generators only those of architecture 'skip' work, got {architecture!r}."
            )
        if channel_base < img_resolution:
            raise ConfigError(f"channel_base {channel_base} leaves no channels at {img_resolution} px.")
        self.resolutions = [2**i for i in range(2, img_resolution.bit_length())]
        self.num_ws = 2 * len(self.resolutions)
        self.w_dim = w_dim
        before = 0
        for resolution in self.resolutions:
            channels = min(channel_base // resolution, channel_max)
            block = SynthesisBlock(
                *(before, channels, w_dim, resolution, img_channels), use_noise, resample_filter, conv_clamp
            )
            self.add_module(f"b{resolution}", block)
            before = channels

    def forward(self, ws: Tensor, noise_mode: str = "const") -> Tensor:
        """Images.

        Args:
            ws: ``(B, num_ws, w_dim)``. A block uses one for each of its convolutions and the next one for its image;
                that one is used again by the first convolution of the next block.
            noise_mode: ``const`` (the network's own noise), ``random``, or ``none``.

        Returns:
            ``(B, img_channels, img_resolution, img_resolution)`` float32, about -1..1, not clamped.

        Raises:
            ConfigError: a wrong shape or an unknown noise mode.
        """
        if ws.ndim != 3 or tuple(ws.shape[1:]) != (self.num_ws, self.w_dim):
            raise ConfigError(f"ws must have shape (B, {self.num_ws}, {self.w_dim}), got {tuple(ws.shape)}.")
        if noise_mode not in NOISE_MODES:
            raise UnknownNameError("noise mode", noise_mode, NOISE_MODES)
        ws = ws.float()
        x: Tensor | None = None
        img: Tensor | None = None
        at = 0
        for resolution in self.resolutions:
            block = self.get_submodule(f"b{resolution}")
            count = 1 if x is None else 2
            x, img = block(x, img, ws[:, at : at + count + 1], noise_mode)
            at += count
        return cast(Tensor, img)  # there is always a first block


class Generator(nn.Module):
    """Noise in, faces out.

    Args:
        z_dim: length of the noise vector.
        c_dim: length of the label; 0 for an unlabelled network.
        w_dim: length of a style vector.
        img_resolution: side of the image, a power of two from 4.
        img_channels: channels of the image.
        mapping_kwargs: further arguments of :class:`MappingNetwork`.
        synthesis_kwargs: further arguments of :class:`SynthesisNetwork`.
    """

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        mapping_kwargs: Mapping[str, Any] | None = None,
        synthesis_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.img_resolution, self.img_channels = img_resolution, img_channels
        self.synthesis = SynthesisNetwork(w_dim, img_resolution, img_channels, **(synthesis_kwargs or {}))
        self.num_ws = self.synthesis.num_ws
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, self.num_ws, **(mapping_kwargs or {}))

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise_mode: str = "const",
    ) -> Tensor:
        """Images; see :meth:`MappingNetwork.forward` and :meth:`SynthesisNetwork.forward`."""
        ws = self.mapping(z, c, truncation_psi, truncation_cutoff)
        images: Tensor = self.synthesis(ws, noise_mode)
        return images
