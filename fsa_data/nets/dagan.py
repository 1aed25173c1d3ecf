"""DaGAN: the face of one image moves as that of another does.

Hong et al., "Depth-Aware Generative Adversarial Network for Talking Head Video Generation" (CVPR 2022), sections 3.2
and 3.3: key points with their surroundings (Siarohin et al., 2019), a dense motion field, and features of the source
that attend to its depth. Images are RGB in 0..1. Keys equal those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.errors import ConfigError
from fsa_data.nets.dagan_layers import (
    AntiAlias,
    DownBlock,
    Hourglass,
    KeyPoints,
    ResBlock,
    SameBlock,
    UpBlock,
    coordinate_grid,
    inverted,
    spots,
)


class KPDetector(nn.Module):
    """Key points of an image and its depth.

    Args:
        block_expansion: channels at full size.
        num_kp: key points.
        num_channels: of the input: RGB and depth.
        max_features: most channels.
        num_blocks: steps of the hour-glass.
        temperature: what logits are divided by; lower is sharper.
        estimate_jacobian: whether the surroundings are told, too.
        scale_factor: size at which it looks, in sizes of the image.
    """

    def __init__(
        self,
        block_expansion: int = 32,
        num_kp: int = 15,
        num_channels: int = 4,
        max_features: int = 1024,
        num_blocks: int = 5,
        temperature: float = 0.1,
        estimate_jacobian: bool = True,
        scale_factor: float = 0.25,
    ) -> None:
        super().__init__()
        if num_kp < 1 or not temperature > 0:
            raise ConfigError(
                f"DaGAN needs a key point and a temperature above 0, got num_kp={num_kp}, temperature={temperature}."
            )
        self.num_kp, self.temperature = num_kp, temperature
        self.predictor = Hourglass(block_expansion, num_channels, num_blocks, max_features)
        self.kp = nn.Conv2d(self.predictor.out_features, num_kp, 7)
        self.jacobian = nn.Conv2d(self.predictor.out_features, 4 * num_kp, 7) if estimate_jacobian else None
        if self.jacobian is not None and self.jacobian.bias is not None:  # at first nothing is turned
            nn.init.zeros_(self.jacobian.weight)
            self.jacobian.bias.data.copy_(torch.eye(2).flatten().repeat(num_kp))
        self.down: nn.Module = AntiAlias(num_channels, scale_factor) if scale_factor != 1 else nn.Identity()

    def forward(self, rgbd: Tensor) -> KeyPoints:
        """``(B, num_channels, H, W)`` in 0..1 to the key points."""
        features = self.predictor(self.down(rgbd))
        logits = self.kp(features)
        batch, _, height, width = logits.shape
        heat = torch.softmax(logits.flatten(2) / self.temperature, dim=2)
        value = heat @ coordinate_grid(height, width, heat).reshape(-1, 2)
        if self.jacobian is None:
            return KeyPoints(value, None)
        maps = self.jacobian(features).view(batch, self.num_kp, 4, -1)
        jacobian = (maps * heat[:, :, None]).sum(-1).view(batch, self.num_kp, 2, 2)
        return KeyPoints(value, jacobian)


class Motion(NamedTuple):
    """How an image is to move.

    Attributes:
        deformation: ``(B, h, w, 2)``, where in the source each cell comes from, -1..1.
        occlusion: ``(B, 1, h, w)`` in 0..1, how much of it is there; None if that is not told.
        mask: ``(B, K + 1, h, w)``, share of each key point's motion, that of standing still first.
        sparse_deformed: ``(B, K + 1, C, h, w)``, the source as each of these motions would move it.
    """

    deformation: Tensor
    occlusion: Tensor | None
    mask: Tensor
    sparse_deformed: Tensor


class DenseMotionNetwork(nn.Module):
    """From key points of two images to a motion field between them.

    Args:
        block_expansion: channels at full size.
        num_blocks: steps of the hour-glass.
        max_features: most channels.
        num_kp: key points.
        num_channels: of the image.
        estimate_occlusion_map: whether it tells what the source does not show.
        scale_factor: size at which it looks, in sizes of the image.
        kp_variance: of the spot that stands for a key point.
    """

    def __init__(
        self,
        block_expansion: int = 64,
        num_blocks: int = 5,
        max_features: int = 1024,
        num_kp: int = 15,
        num_channels: int = 3,
        estimate_occlusion_map: bool = True,
        scale_factor: float = 0.25,
        kp_variance: float = 0.01,
    ) -> None:
        super().__init__()
        inside = (num_kp + 1) * (num_channels + 1)
        self.hourglass = Hourglass(block_expansion, inside, num_blocks, max_features)
        self.mask = nn.Conv2d(self.hourglass.out_features, num_kp + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.out_features, 1, 7, padding=3) if estimate_occlusion_map else None
        self.down: nn.Module = AntiAlias(num_channels, scale_factor) if scale_factor != 1 else nn.Identity()
        self.kp_variance = kp_variance

    def forward(self, source: Tensor, kp_source: KeyPoints, kp_driving: KeyPoints) -> Motion:
        """``(B, C, H, W)`` in 0..1 and the key points of both images to the motion."""
        image = self.down(source)
        channels, height, width = image.shape[1:]
        moves = self._moves(kp_source, kp_driving, height, width)
        copies = image[:, None].expand(-1, moves.shape[1], -1, -1, -1)
        deformed = F.grid_sample(
            copies.reshape(-1, channels, height, width), moves.flatten(0, 1), align_corners=False
        ).view(copies.shape)
        at = (spots(kp.value, height, width, self.kp_variance) for kp in (kp_driving, kp_source))
        heat = F.pad(next(at) - next(at), (0, 0, 0, 0, 1, 0))  # standing still has none
        seen = torch.cat([heat[:, :, None], deformed], dim=2).flatten(1, 2)
        features = self.hourglass(seen)
        mask = torch.softmax(self.mask(features), dim=1)
        deformation = (mask[..., None] * moves).sum(1)
        occlusion = None if self.occlusion is None else torch.sigmoid(self.occlusion(features))
        return Motion(deformation, occlusion, mask, deformed)

    def _moves(self, source: KeyPoints, driving: KeyPoints, height: int, width: int) -> Tensor:
        """``(B, K + 1, height, width, 2)``: where each key point's motion fetches from; eq. 4 of Siarohin et al."""
        grid = coordinate_grid(height, width, source.value)
        away = grid - driving.value[:, :, None, None]
        if source.jacobian is not None and driving.jacobian is not None:
            turn = source.jacobian @ inverted(driving.jacobian)
            away = torch.einsum("bkij,bkhwj->bkhwi", turn, away)
        moves = away + source.value[:, :, None, None]
        still = grid.expand(len(moves), 1, height, width, 2)
        return torch.cat([still, moves], dim=1)


class CrossModalAttention(nn.Module):
    """Features of the moved source, gathered as its depth asks for them (section 3.3).

    Args:
        channels: of both features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few = max(1, channels // 8)
        self.query_conv, self.key_conv = nn.Conv2d(channels, few, 1), nn.Conv2d(channels, few, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, depth: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Two of ``(B, C, h, w)`` to features of that shape, and the attention ``(B, h * w, h * w)``."""
        query = F.relu(self.query_conv(depth)).flatten(2)
        key = F.relu(self.key_conv(features)).flatten(2)
        value = F.relu(self.value_conv(features)).flatten(2)
        attention = torch.softmax(query.transpose(1, 2) @ key, dim=2)
        # the attention stands left, so that its gradient comes as it lies: the softmax's then needs no copy of it
        gathered = (attention @ value.transpose(1, 2)).transpose(1, 2).reshape(features.shape)
        return self.gamma * gathered + features, attention


class Generated(NamedTuple):
    """What a generator made.

    Attributes:
        prediction: ``(B, 3, H, W)`` in 0..1.
        deformed: ``(B, 3, H, W)``, the source moved, as it is.
        motion: how it was moved.
        attention: ``(B, h * w, h * w)``; rows ask, columns answer.
    """

    prediction: Tensor
    deformed: Tensor
    motion: Motion
    attention: Tensor


class SourceMover(nn.Module):
    """What both generators share: from the source and key points to features of the moved source."""

    def __init__(
        self,
        num_kp: int,
        num_channels: int,
        block_expansion: int,
        max_features: int,
        num_down_blocks: int,
        estimate_occlusion_map: bool,
        dense_motion_params: Mapping[str, Any] | None,
    ) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotionNetwork(
            num_kp=num_kp,
            num_channels=num_channels,
            estimate_occlusion_map=estimate_occlusion_map,
            **(dense_motion_params or {}),
        )
        widths = [min(max_features, block_expansion * 2**i) for i in range(num_down_blocks + 1)]
        self.first, self.src_first = SameBlock(num_channels, widths[0], 7), SameBlock(1, widths[0], 7)
        pairs = list(pairwise(widths))
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in pairs)
        self.src_down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in pairs)
        self.AttnModule = CrossModalAttention(widths[-1])
        self.widths = widths

    def moved(
        self, source: Tensor, kp_source: KeyPoints, kp_driving: KeyPoints, source_depth: Tensor
    ) -> tuple[Tensor, Tensor, Motion, Tensor]:
        """Features, the moved source, the motion and the attention."""
        features, depth = self.first(source), self.src_first(source_depth)
        for down, src_down in zip(self.down_blocks, self.src_down_blocks, strict=True):
            features, depth = down(features), src_down(depth)
        motion = self.dense_motion_network(source, kp_source, kp_driving)
        features = sampled(features, motion.deformation)
        if motion.occlusion is not None:
            features = features * resized(motion.occlusion, features.shape[2:])
        features, attention = self.AttnModule(depth, features)
        return features, sampled(source, motion.deformation), motion, attention


class DepthAwareGenerator(SourceMover):
    """The source, moved: DaGAN's generator with residual blocks.

    Args:
        num_kp: key points.
        num_channels: of the image.
        block_expansion: channels at full size; they double with each step.
        max_features: most channels.
        num_down_blocks: steps down.
        num_bottleneck_blocks: residual blocks at the bottom.
        estimate_occlusion_map: whether hidden parts are told.
        dense_motion_params: further arguments of :class:`DenseMotionNetwork`.
        estimate_jacobian: of the key points; taken for the configuration's sake, it changes nothing here.
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
        del estimate_jacobian
        widths = self.widths
        self.bottleneck = nn.Sequential()
        for i in range(num_bottleneck_blocks):
            self.bottleneck.add_module(f"r{i}", ResBlock(widths[-1]))
        self.up_blocks = nn.ModuleList(UpBlock(a, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.final = nn.Conv2d(widths[0], num_channels, 7, padding=3)

    def forward(self, source: Tensor, kp_source: KeyPoints, kp_driving: KeyPoints, source_depth: Tensor) -> Generated:
        """The source with the driving image's key points.

        Args:
            source: ``(B, 3, H, W)`` RGB in 0..1.
            kp_source: of the source.
            kp_driving: wanted.
            source_depth: ``(B, 1, H, W)`` in 0..1.
        """
        features, deformed, motion, attention = self.moved(source, kp_source, kp_driving, source_depth)
        out = self.bottleneck(features)
        for block in self.up_blocks:
            out = block(out)
        return Generated(torch.sigmoid(self.final(out)), deformed, motion, attention)


def sampled(image: Tensor, deformation: Tensor) -> Tensor:
    """``(B, C, H, W)`` fetched from where a field ``(B, h, w, 2)`` says, at the size of the image; black outside."""
    if deformation.shape[1:3] != image.shape[2:]:
        deformation = resized(deformation.permute(0, 3, 1, 2), image.shape[2:]).permute(0, 2, 3, 1)
    return F.grid_sample(image, deformation, align_corners=False)


def resized(maps: Tensor, size: torch.Size) -> Tensor:
    """``(B, C, h, w)`` at another size, bilinearly."""
    return maps if maps.shape[2:] == size else F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
