"""Depth of a face from one image, and the motion of the camera between two: DaGAN's face-depth networks.

Godard et al., "Digging Into Self-Supervised Monocular Depth Estimation" (ICCV 2019), with a camera that is learnt, too
(Hong et al., section 3.1). Images are RGB in 0..1. Keys equal those of the published ``encoder.pth``, ``depth.pth``,
``pose_encoder.pth`` and ``pose.pth``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torchvision.models import resnet

from fsa_data.errors import ConfigError

LAYERS = {
    18: resnet.resnet18,
    34: resnet.resnet34,
    50: resnet.resnet50,
    101: resnet.resnet101,
    152: resnet.resnet152,
}
"""ResNets by their depth; the published demonstration uses 18, the published training 50."""

MULTIPLE_PX = 32
"""Sides of an image are multiples of this."""

_WIDTHS = (16, 32, 64, 128, 256)
_CALIBRATED_PX = 256
"""Side of the image that intrinsics are given for."""


class ResnetEncoder(nn.Module):
    """Features of an image, or of several beside each other.

    Args:
        num_layers: a key of :data:`LAYERS`.
        num_input_images: how many.

    Raises:
        ConfigError: no such ResNet.
    """

    def __init__(self, num_layers: int = 18, num_input_images: int = 1) -> None:
        super().__init__()
        if num_layers not in LAYERS:
            raise ConfigError(f"There are ResNets of {', '.join(map(str, LAYERS))} layers, got {num_layers}.")
        self.encoder = LAYERS[num_layers](weights=None)
        if num_input_images > 1:
            self.encoder.conv1 = nn.Conv2d(3 * num_input_images, 64, 7, stride=2, padding=3, bias=False)
        wider = 4 if num_layers > 34 else 1
        self.num_ch_enc = (64, *(wider * width for width in (64, 128, 256, 512)))

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3 * images, H, W)`` in 0..1 to five maps, of 1/2 to 1/32 of the size."""
        net = self.encoder
        seen = [F.relu(net.bn1(net.conv1((images - 0.45) / 0.225)))]
        x = net.maxpool(seen[0])
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
            seen.append(x)
        return seen


class _Padded(nn.Module):
    """A 3 x 3 convolution over a mirrored border."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        return out


class _Elu(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = _Padded(inside, outside)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.conv(x))


class DepthDecoder(nn.Module):
    """Disparities from features.

    Args:
        num_ch_enc: channels of the five features.
        scales: which sizes are told: s is ``1 / 2 ** s`` of the image.
    """

    def __init__(self, num_ch_enc: Sequence[int], scales: Sequence[int] = (0, 1, 2, 3)) -> None:
        super().__init__()
        self.scales = tuple(scales)
        layers: list[nn.Module] = []
        for level in (4, 3, 2, 1, 0):
            width = _WIDTHS[level]
            layers.append(_Elu(num_ch_enc[-1] if level == 4 else _WIDTHS[level + 1], width))
            layers.append(_Elu(width + (num_ch_enc[level - 1] if level else 0), width))
        layers += [_Padded(_WIDTHS[scale], 1) for scale in self.scales]
        self.decoder = nn.ModuleList(layers)

    def forward(self, features: Sequence[Tensor]) -> dict[int, Tensor]:
        """Features of :class:`ResnetEncoder` to ``(B, 1, H / 2 ** s, W / 2 ** s)`` in 0..1 by scale, 1 the nearest."""
        x, found = features[-1], {}
        for at, level in enumerate((4, 3, 2, 1, 0)):
            x = F.interpolate(self.decoder[2 * at](x), scale_factor=2, mode="nearest")
            if level:
                x = torch.cat([x, features[level - 1]], dim=1)
            x = self.decoder[2 * at + 1](x)
            if level in self.scales:
                found[level] = torch.sigmoid(self.decoder[10 + self.scales.index(level)](x))
        return found


class DepthNet(nn.Module):
    """Encoder and decoder together: the "depth" that DaGAN's other networks are given.

    Args:
        num_layers: of the encoder.
    """

    def __init__(self, num_layers: int = 18) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.encoder = ResnetEncoder(num_layers)
        self.decoder = DepthDecoder(self.encoder.num_ch_enc)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in 0..1, sides multiples of 32, to disparities ``(B, 1, H, W)`` in 0..1."""
        found: Tensor = self.decoder(self.encoder(images))[0]
        return found


class CameraMotion(NamedTuple):
    """How the camera moves from one image to the other, in both directions, and what camera it is.

    Attributes:
        axisangle: ``(B, N, 1, 3)`` radians.
        translation: ``(B, N, 1, 3)`` in units of depth.
        intrinsics: ``(B, 3, 3)`` in pixels of a 256 px image.
    """

    axisangle: Tensor
    translation: Tensor
    intrinsics: Tensor


class PoseDecoder(nn.Module):
    """Motion and camera from features of two images.

    Args:
        num_ch_enc: channels of the encoder's features.
        num_input_features: encoders whose features are given.
        num_frames_to_predict_for: motions told (default: one less than features plus one).
    """

    def __init__(
        self, num_ch_enc: Sequence[int], num_input_features: int = 1, num_frames_to_predict_for: int = 2
    ) -> None:
        super().__init__()
        self.frames = num_frames_to_predict_for
        # 0 squeezes, 1 to 3 tell the motion, 4 the focal lengths, 5 the principal point
        self.net = nn.ModuleList(
            [
                nn.Conv2d(num_ch_enc[-1], 256, 1),
                nn.Conv2d(num_input_features * 256, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
                nn.Conv2d(256, 6 * num_frames_to_predict_for, 1),
                nn.Conv2d(256, 2, 3, padding=1),
                nn.Conv2d(256, 2, 3, padding=1),
            ]
        )

    def forward(self, features: Sequence[Sequence[Tensor]]) -> CameraMotion:
        """By encoder its features, of which the last are used."""
        squeezed = torch.cat([F.relu(self.net[0](each[-1])) for each in features], dim=1)
        seen = F.relu(self.net[2](F.relu(self.net[1](squeezed))))
        motion = 0.01 * self.net[3](seen).mean(dim=(2, 3)).view(-1, self.frames, 1, 6)
        focal = F.softplus(self.net[4](seen)).mean(dim=(2, 3)) * _CALIBRATED_PX
        middle = (F.softplus(self.net[5](seen)).mean(dim=(2, 3)) + 0.5) * _CALIBRATED_PX
        zero, one = torch.zeros_like(focal[:, 0]), torch.ones_like(focal[:, 0])
        rows = [[focal[:, 0], zero, middle[:, 0]], [zero, focal[:, 1], middle[:, 1]], [zero, zero, one]]
        intrinsics = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
        return CameraMotion(motion[..., :3], motion[..., 3:], intrinsics)
