"""DaGAN's other generator: its decoder is told the moved source at every layer.

Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019) is where the blocks come from;
here the moved source and four channels of features take the place of a label map.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.nets.dagan import Generated, SourceMover, resized
from fsa_data.nets.dagan_layers import KeyPoints

SLOPE = 0.2
"""Of every leaky ReLU."""

_COMPRESSED = 4
_HIDDEN = 128


class SpadeNorm(nn.Module):
    """Normalised instances, scaled and shifted at each place as a map says.

    Args:
        channels: of the features.
        labels: channels of the map.
    """

    def __init__(self, channels: int, labels: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(labels, _HIDDEN, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(_HIDDEN, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(_HIDDEN, channels, 3, padding=1)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        """``(B, C, h, w)`` and the map ``(B, labels, H, W)`` to ``(B, C, h, w)``."""
        hidden = self.mlp_shared(F.interpolate(guide, size=x.shape[2:], mode="nearest"))
        out: Tensor = F.instance_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)
        return out


class SpadeBlock(nn.Module):
    """Two convolutions, each behind :class:`SpadeNorm`, beside a shortcut.

    Args:
        inside: channels in.
        outside: channels out.
        labels: channels of the map.
    """

    def __init__(self, inside: int, outside: int, labels: int) -> None:
        super().__init__()
        middle = min(inside, outside)
        self.conv_0 = _spectral(nn.Conv2d(inside, middle, 3, padding=1))
        self.conv_1 = _spectral(nn.Conv2d(middle, outside, 3, padding=1))
        self.norm_0, self.norm_1 = SpadeNorm(inside, labels), SpadeNorm(middle, labels)
        self.learned = inside != outside
        if self.learned:
            self.conv_s = _spectral(nn.Conv2d(inside, outside, 1, bias=False))
            self.norm_s = SpadeNorm(inside, labels)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        """``(B, inside, h, w)`` and the map to ``(B, outside, h, w)``."""
        kept = self.conv_s(self.norm_s(x, guide)) if self.learned else x
        out = self.conv_0(F.leaky_relu(self.norm_0(x, guide), SLOPE))
        out = self.conv_1(F.leaky_relu(self.norm_1(out, guide), SLOPE))
        summed: Tensor = kept + out
        return summed


class _Decoder(nn.Module):
    def __init__(self, width: int, num_channels: int) -> None:
        super().__init__()
        labels = num_channels + _COMPRESSED
        last = max(1, width // 4)
        self.compress = nn.Conv2d(width, _COMPRESSED, 3, padding=1)
        self.fc = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.G_middle_0, self.G_middle_1, self.G_middle_2 = (SpadeBlock(2 * width, 2 * width, labels) for _ in range(3))
        self.up_0, self.up_1 = SpadeBlock(2 * width, width, labels), SpadeBlock(width, last, labels)
        self.conv_img = nn.Conv2d(last, num_channels, 3, padding=1)

    def forward(self, features: Tensor, image: Tensor) -> Tensor:
        guide = torch.cat([F.interpolate(self.compress(features), size=image.shape[2:], mode="nearest"), image], 1)
        x = self.fc(features)
        for block in (self.G_middle_0, self.G_middle_1, self.G_middle_2):
            x = block(x, guide)
        for block in (self.up_0, self.up_1):
            x = block(F.interpolate(x, scale_factor=2, mode="nearest"), guide)
        return torch.sigmoid(self.conv_img(F.leaky_relu(x, SLOPE)))


class SPADEDepthAwareGenerator(SourceMover):
    """The source, moved: DaGAN's generator with spatially adaptive normalisation.

    Args:
        num_kp: key points.
        num_channels: of the image.
        block_expansion: channels at full size; they double with each step.
        max_features: most channels.
        num_down_blocks: steps down; 2, because the decoder has two steps up.
        num_bottleneck_blocks: taken for the configuration's sake; there are none here.
        estimate_occlusion_map: whether hidden parts are told.
        dense_motion_params: further arguments of :class:`fsa_data.nets.dagan.DenseMotionNetwork`.
        estimate_jacobian: of the key points; taken for the configuration's sake.
    """

    def __init__(
        self,
        num_kp: int = 15,
        num_channels: int = 3,
        block_expansion: int = 64,
        max_features: int = 512,
        num_down_blocks: int = 2,
        num_bottleneck_blocks: int = 6,
        estimate_occlusion_map: bool = True,
        dense_motion_params: Mapping[str, Any] | None = None,
        estimate_jacobian: bool = True,
    ) -> None:
        super().__init__(
            *(num_kp, num_channels, block_expansion, max_features, num_down_blocks),
            estimate_occlusion_map,
            dense_motion_params,
        )
        del num_bottleneck_blocks, estimate_jacobian
        self.decoder = _Decoder(self.widths[-1], num_channels)

    def forward(self, source: Tensor, kp_source: KeyPoints, kp_driving: KeyPoints, source_depth: Tensor) -> Generated:
        """See :meth:`fsa_data.nets.dagan.DepthAwareGenerator.forward`."""
        features, deformed, motion, attention = self.moved(source, kp_source, kp_driving, source_depth)
        shown = deformed
        if motion.occlusion is not None:
            shown = deformed * resized(motion.occlusion, deformed.shape[2:])
        return Generated(self.decoder(features, shown), deformed, motion, attention)


def _spectral(layer: nn.Conv2d) -> nn.Conv2d:
    """Spectral normalisation with the keys of the published checkpoints (``weight_orig``, ``_u``, ``_v``)."""
    with warnings.catch_warnings():
        # torch advises its newer form, whose keys are others
        warnings.simplefilter("ignore", FutureWarning)
        made: nn.Conv2d = nn.utils.spectral_norm(layer)
    return made
