"""The networks of face-alignment: a face detector, 68 heat maps, and the depth of 68 points.

* S3FD (Zhang et al., "S3FD: Single Shot Scale-invariant Face Detector", ICCV 2017).
* FAN (Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D Face Alignment problem?", ICCV 2017): stacked
  hour-glasses of residual blocks whose three convolutions are joined side by side.
* The depth network of the same paper, a ResNet-152 on the crop and 68 Gaussian maps.

Keys equal those of the published state dicts (1adrianb/face-alignment); the depth file has them under ``state_dict``,
each behind ``module.``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from fsa_data.errors import ConfigError

POINTS = 68
"""Heat maps, or depths."""

BGR_MEAN = (104.0, 117.0, 123.0)
"""What the detector takes off its input: blue, green, red."""

# group by group: how many 3 x 3 convolutions, channels in, channels out
_TRUNK = ((2, 3, 64), (2, 64, 128), (3, 128, 256), (3, 256, 512), (3, 512, 512))
_SOURCES = (("conv3_3_norm", 256), ("conv4_3_norm", 512), ("conv5_3_norm", 512))
_DEEP_SOURCES = (("fc7", 1024), ("conv6_2", 512), ("conv7_2", 256))


def detector_input(images: Tensor) -> Tensor:
    """What :class:`S3FD` looks at.

    Args:
        images: ``(B, 3, H, W)`` RGB in 0..255, any number type.

    Returns:
        ``(B, 3, H, W)`` float32 BGR without its mean.
    """
    return images.flip(1).float() - torch.tensor(BGR_MEAN, device=images.device).view(1, 3, 1, 1)


class ChannelNorm(nn.Module):
    """Length 1 over the channels, then a weight per channel.

    Args:
        channels: how many.
        scale: the weights before training.
    """

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same shape."""
        length = x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10
        return x / length * self.weight.view(1, -1, 1, 1)


class S3FD(nn.Module):
    """Face detector with anchors of six sizes; takes :func:`detector_input`."""

    def __init__(self) -> None:
        super().__init__()
        for group, (count, inside, outside) in enumerate(_TRUNK, 1):
            for at in range(1, count + 1):
                layer = nn.Conv2d(inside if at == 1 else outside, outside, 3, padding=1)
                self.add_module(f"conv{group}_{at}", layer)
        # the padding of 3 makes the map larger by 4; anchors take no notice of it, as in the original
        self.fc6 = nn.Conv2d(512, 1024, 3, padding=3)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.conv6_1 = nn.Conv2d(1024, 256, 1)
        self.conv6_2 = nn.Conv2d(256, 512, 3, stride=2, padding=1)
        self.conv7_1 = nn.Conv2d(512, 128, 1)
        self.conv7_2 = nn.Conv2d(128, 256, 3, stride=2, padding=1)
        for (name, channels), scale in zip(_SOURCES, (10.0, 8.0, 5.0), strict=True):
            self.add_module(name, ChannelNorm(channels, scale))
        for name, channels in (*_SOURCES, *_DEEP_SOURCES):
            # the finest level has three kinds of background, of which the likeliest counts
            self.add_module(f"{name}_mbox_conf", nn.Conv2d(channels, 4 if name == "conv3_3_norm" else 2, 3, padding=1))
            self.add_module(f"{name}_mbox_loc", nn.Conv2d(channels, 4, 3, padding=1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of the six levels, from anchors of 16 to 512 pixels.

        Args:
            x: ``(B, 3, H, W)``, see :func:`detector_input`.

        Returns:
            By level two maps, 12 in all: ``(B, 2, h, w)`` logits of background and face, ``(B, 4, h, w)`` offsets.
        """
        seen: list[tuple[str, Tensor]] = []
        for group, (count, _, _) in enumerate(_TRUNK, 1):
            for at in range(1, count + 1):
                x = F.relu(self._layer(f"conv{group}_{at}", x))
            if group >= 3:
                name = f"conv{group}_3_norm"
                seen.append((name, self._layer(name, x)))
            x = F.max_pool2d(x, 2)
        for name in ("fc6", "fc7", "conv6_1", "conv6_2", "conv7_1", "conv7_2"):
            x = F.relu(self._layer(name, x))
            if name in ("fc7", "conv6_2", "conv7_2"):
                seen.append((name, x))
        maps: list[Tensor] = []
        for name, features in seen:
            logits = self._layer(f"{name}_mbox_conf", features)
            if logits.shape[1] == 4:
                logits = torch.cat([logits[:, :3].amax(dim=1, keepdim=True), logits[:, 3:]], dim=1)
            maps += [logits, self._layer(f"{name}_mbox_loc", features)]
        return maps

    def _layer(self, name: str, x: Tensor) -> Tensor:
        out: Tensor = self.get_submodule(name)(x)
        return out


class ConvBlock(nn.Module):
    """Three convolutions, the outputs of all three side by side, plus the input.

    Args:
        inside: channels in.
        outside: channels out, a multiple of 4.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        half, quarter = outside // 2, outside // 4
        for at, (a, b) in enumerate(((inside, half), (half, quarter), (quarter, quarter)), 1):
            self.add_module(f"bn{at}", nn.BatchNorm2d(a))
            self.add_module(f"conv{at}", nn.Conv2d(a, b, 3, padding=1, bias=False))
        self.downsample: nn.Module | None = None
        if inside != outside:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(inside), nn.ReLU(), nn.Conv2d(inside, outside, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inside, H, W)`` to ``(B, outside, H, W)``."""
        parts, out = [], x
        for at in (1, 2, 3):
            out = self.get_submodule(f"conv{at}")(F.relu(self.get_submodule(f"bn{at}")(out)))
            parts.append(out)
        kept: Tensor = x if self.downsample is None else self.downsample(x)
        return torch.cat(parts, dim=1) + kept


class HourGlass(nn.Module):
    """Down by 2 ``depth`` times and up again, with a block beside each step (Newell et al., 2016).

    Args:
        depth: steps.
        channels: throughout.
    """

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        self.depth = depth
        for level in range(depth, 0, -1):
            for name in ("b1", "b2", "b3"):
                self.add_module(f"{name}_{level}", ConvBlock(channels, channels))
        self.b2_plus_1 = ConvBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same; H and W are multiples of ``2 ** depth``."""
        return self._at(self.depth, x)

    def _at(self, level: int, x: Tensor) -> Tensor:
        low = self.get_submodule(f"b2_{level}")(F.avg_pool2d(x, 2))
        low = self._at(level - 1, low) if level > 1 else self.b2_plus_1(low)
        low = self.get_submodule(f"b3_{level}")(low)
        beside: Tensor = self.get_submodule(f"b1_{level}")(x)
        return beside + F.interpolate(low, scale_factor=2, mode="nearest")


class FAN(nn.Module):
    """Heat maps of the 68 points, by stacked hour-glasses.

    Args:
        num_modules: how many of them; the published weights have 4.

    Raises:
        ConfigError: not at least one.
    """

    def __init__(self, num_modules: int = 1) -> None:
        super().__init__()
        if num_modules < 1:
            raise ConfigError(f"A FAN's num_modules is at least 1, got {num_modules}.")
        self.num_modules = num_modules
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2, self.conv3, self.conv4 = ConvBlock(64, 128), ConvBlock(128, 128), ConvBlock(128, 256)
        for i in range(num_modules):
            self.add_module(f"m{i}", HourGlass(4, 256))
            self.add_module(f"top_m_{i}", ConvBlock(256, 256))
            self.add_module(f"conv_last{i}", nn.Conv2d(256, 256, 1))
            self.add_module(f"bn_end{i}", nn.BatchNorm2d(256))
            self.add_module(f"l{i}", nn.Conv2d(256, POINTS, 1))
            if i < num_modules - 1:
                self.add_module(f"bl{i}", nn.Conv2d(256, 256, 1))
                self.add_module(f"al{i}", nn.Conv2d(POINTS, 256, 1))

    def forward(self, crops: Tensor) -> list[Tensor]:
        """Heat maps of every stack; the last are the best.

        Args:
            crops: ``(B, 3, 256, 256)`` float RGB in 0..1.

        Returns:
            ``num_modules`` times ``(B, 68, 64, 64)``.
        """
        x = F.avg_pool2d(self.conv2(F.relu(self.bn1(self.conv1(crops)))), 2)
        x = self.conv4(self.conv3(x))
        found: list[Tensor] = []
        for i in range(self.num_modules):
            y = self.get_submodule(f"top_m_{i}")(self.get_submodule(f"m{i}")(x))
            y = F.relu(self.get_submodule(f"bn_end{i}")(self.get_submodule(f"conv_last{i}")(y)))
            heat: Tensor = self.get_submodule(f"l{i}")(y)
            found.append(heat)
            if i < self.num_modules - 1:
                x = x + self.get_submodule(f"bl{i}")(y) + self.get_submodule(f"al{i}")(heat)
        return found


class ResNetDepth(ResNet):  # type: ignore[misc]
    """Depths of the 68 points from a crop and where the points lie in it."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 8, 36, 3], num_classes=POINTS)
        self.conv1 = nn.Conv2d(3 + POINTS, 64, 7, stride=2, padding=3, bias=False)
        # of the 8 x 8 map of a crop only the upper left 7 x 7 count, as in the original
        self.avgpool = nn.AvgPool2d(7)

    def forward(self, x: Tensor) -> Tensor:
        """Depths.

        Args:
            x: ``(B, 71, 256, 256)`` float: RGB in 0..1, then one map per point.

        Returns:
            ``(B, 68)`` in pixels of the crop.
        """
        out: Tensor = super().forward(x)
        return out
