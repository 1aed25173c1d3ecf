"""Augmentation of a batch: parameters are drawn first, applying them is a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Params = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Strength:
    """How much a frame may change.

    Attributes:
        shift: greatest shift as a share of the side, 0..0.5.
        scale: greatest relative change of size, 0..0.5.
        light: greatest relative change of contrast; half of it is the greatest change of brightness.
        colour: the same for each colour channel by itself.
        mirror: share of mirrored frames, 0..1; only classes that may be mirrored, with their label.
        randaugment: whether RandAugment changes them first (two operations of magnitude 9; none mirrors).
    """

    shift: float
    scale: float
    light: float
    colour: float
    mirror: float
    randaugment: bool = False


def randaugmented(frames: Tensor, seed: int) -> Tensor:
    """Each frame of a batch changed by RandAugment (Cubuk et al., 2020), as torchvision draws it.

    Args:
        frames: ``(B, 3, H, W)`` uint8 RGB.
        seed: of all that is drawn.
    """
    from torchvision.transforms import v2

    change = v2.RandAugment(num_ops=2, magnitude=9)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.stack([change(frame) for frame in frames])


def draw_params(strength: Strength, batch: int, generator: torch.Generator) -> Params:
    """Draw the changes of a batch of B frames.

    Returns:
        ``size`` ``(B,)`` factors around 1; ``shift`` ``(B, 2)`` in units of the half side (x, y); ``contrast`` and
        ``brightness`` ``(B, 3)`` per channel, factors around 1 and summands around 0; ``mirror`` ``(B,)`` bool, wishes
        that the label may refuse. float32 on the CPU.
    """

    def spread(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * 2 - 1

    return {
        "size": 1 + strength.scale * spread(batch),
        "shift": 2 * strength.shift * spread(batch, 2),
        "contrast": (1 + strength.light * spread(batch, 1)) * (1 + strength.colour * spread(batch, 3)),
        "brightness": strength.light / 2 * spread(batch, 1) + strength.colour / 2 * spread(batch, 3),
        "mirror": torch.rand(batch, generator=generator) < strength.mirror,
    }


def apply_params(frames: Tensor, labels: Tensor, params: Params, mirror_index: Tensor) -> tuple[Tensor, Tensor]:
    """Change a batch; mirrored frames change their label with them (left is not right).

    Args:
        frames: ``(B, 3, H, W)`` float32, any range symmetric around 0.
        labels: ``(B,)`` int64.
        params: of :func:`draw_params`.
        mirror_index: ``(C,)`` int64, label of the mirror image of each class, -1 where there is none.

    Returns:
        Frames and labels of the same shapes.
    """
    partner = mirror_index[labels]
    mirrored = params["mirror"] & (partner >= 0)
    labels = torch.where(mirrored, partner, labels)
    theta = torch.zeros(len(frames), 2, 3, device=frames.device, dtype=frames.dtype)
    theta[:, 0, 0] = torch.where(mirrored, -params["size"], params["size"])
    theta[:, 1, 1] = params["size"]
    theta[:, :, 2] = params["shift"]
    grid = functional.affine_grid(theta, list(frames.shape), align_corners=False)
    frames = functional.grid_sample(frames, grid, mode="bilinear", padding_mode="border", align_corners=False)
    frames = frames * params["contrast"][:, :, None, None] + params["brightness"][:, :, None, None]
    return frames, labels


def mirror_tensor(mirror_index: Sequence[int]) -> Tensor:
    """``(C,)`` int64 from a label map's ``mirror_index``."""
    return torch.tensor(list(mirror_index), dtype=torch.int64)
