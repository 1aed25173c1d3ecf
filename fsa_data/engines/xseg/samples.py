"""Training samples of XSeg, made on the device.

As in DeepFaceLab, half of the pictures get a piece of another one laid over them (what is not its face, turned), so
that the network learns about things in front of faces that nobody outlined; all are turned, bent and recoloured.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fsa_data.engines.autoencoder.colours import hsv_shift
from fsa_data.engines.autoencoder.samples import SampleOptions, affine_places, warp_offsets

_PLACED = 108  # numbers of a row that place a picture
UNIFORMS = _PLACED + 9
"""Numbers that one sample is drawn from."""

_PASTE, _BLEND, _HUE, _SMOOTH, _SMALLER, _SIDE, _FLARE = 108, 109, 110, 113, 114, 115, 116
_MOVED = SampleOptions(flip=True)
_TURNED = SampleOptions(rotation_deg=180, scale=0.15, shift=0.25)


def make_samples(images: Tensor, masks: Tensor, index: Tensor, others: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Samples as a pure function of their numbers.

    Args:
        images: ``(N, 3, R, R)`` uint8 RGB.
        masks: ``(N, 1, R, R)`` uint8, 255 on the face.
        index: ``(B,)`` which pictures.
        others: ``(B,)`` whose surroundings are laid over half of them.
        rows: ``(B, UNIFORMS)`` uniform numbers in 0..1.

    Returns:
        ``(B, 3, R, R)`` float in 0..1, and ``(B, 1, R, R)`` float, 0 or 1.
    """
    size = images.shape[-1]
    whole = _float(images, masks, index)
    placed = rows[:, :_PLACED]
    places = affine_places(placed, size, _MOVED)
    whole = _fetch(whole, places + warp_offsets(placed, places))
    piece = _fetch(_float(images, masks, others), affine_places(placed.flip(1), size, _TURNED))
    beside = 1 - piece[:, 3:]
    # a piece, not the whole surroundings: one half of the picture, any way round
    half = _ramp(rows, size)
    covered = beside * half * (rows[:, _PASTE] < 0.5).float().view(-1, 1, 1, 1)
    blend = (0.15 + 0.85 * rows[:, _BLEND]).view(-1, 1, 1, 1)
    picture = whole[:, :3] * (1 - covered * blend) + piece[:, :3] * covered * blend
    mask = ((whole[:, 3:] >= 0.5) & ~(covered * (blend > 0.5) >= 0.5)).float()
    return _spoilt(picture, mask, rows), mask


def _float(images: Tensor, masks: Tensor, index: Tensor) -> Tensor:
    return torch.cat([images[index], masks[index]], 1).float() / 255


def _fetch(pictures: Tensor, places: Tensor) -> Tensor:
    return functional.grid_sample(pictures, places, mode="bilinear", padding_mode="border", align_corners=False)


def _ramp(rows: Tensor, size: int) -> Tensor:
    """1 on one side of a line through the middle that lies at a drawn angle, else 0."""
    angle = 2 * torch.pi * rows[:, _SIDE].view(-1, 1, 1)
    across = torch.linspace(-1, 1, size, device=rows.device)
    side = across.view(1, 1, -1) * torch.cos(angle) + across.view(1, -1, 1) * torch.sin(angle)
    return (side > 0).float().unsqueeze(1)


def _spoilt(picture: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
    """Other colours, light that bleeds out of the face, and lost sharpness."""
    size = picture.shape[-1]
    draw = rows[:, _HUE : _HUE + 3] - 0.5
    picture = hsv_shift(picture, torch.floor(draw[:, 0] * 20), draw[:, 1] * 0.3, draw[:, 2] * 0.3)
    flare = functional.avg_pool2d(picture * mask, size // 4 + 1, 1, size // 8)[..., :size, :size]
    lit = (rows[:, _FLARE] < 0.5).float().view(-1, 1, 1, 1)
    picture = (picture + lit * flare).clamp(0, 1)
    soft = functional.avg_pool2d(functional.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
    picture = torch.where((rows[:, _SMOOTH] < 0.25).view(-1, 1, 1, 1), soft, picture)
    small = functional.interpolate(picture, scale_factor=0.5, mode="bilinear", antialias=True)
    coarse = functional.interpolate(small, (size, size), mode="bilinear")
    return torch.where((rows[:, _SMALLER] < 0.25).view(-1, 1, 1, 1), coarse, picture)
