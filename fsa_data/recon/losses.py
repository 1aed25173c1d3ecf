"""The losses that Deep3DFaceRecon was trained with (Deng et al., CVPRW 2019, section 4), unweighted.

:data:`WEIGHTS` holds the weights of the published training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fsa_data.recon.morphable import Coefficients

WEIGHTS = {
    "perceptual": 0.2,
    "photo": 1.92,
    "landmark": 1.6e-3,
    "coefficient": 3e-4,
    "lighting": 10.0,
    "reflectance": 5.0,
}
"""Weight of each loss in their sum."""

LANDMARK_WEIGHTS = torch.ones(68)
"""How much each of the 68 points counts."""
LANDMARK_WEIGHTS[28:31] = 20  # ridge and tip of the nose
LANDMARK_WEIGHTS[-8:] = 20  # inner lips

EXPRESSION_WEIGHT = 0.8
"""Weight of expression coefficients against identity's."""


def coefficient_loss(
    coefficients: Coefficients, identity: float = 1.0, expression: float = EXPRESSION_WEIGHT, albedo: float = 0.017
) -> Tensor:
    """How far faces are from the mean face: weighted squared lengths, mean over the batch."""
    total = (
        identity * coefficients.identity.square().sum()
        + expression * coefficients.expression.square().sum()
        + albedo * coefficients.albedo.square().sum()
    )
    return total / len(coefficients.identity)


def lighting_loss(lighting: Tensor) -> Tensor:
    """How coloured the light is: mean squared difference of ``(B, 27)`` from its mean over the three colours."""
    gamma = lighting.reshape(-1, 3, 9)
    return (gamma - gamma.mean(dim=1, keepdim=True)).square().mean()


def landmark_loss(predicted_px: Tensor, landmarks_px: Tensor) -> Tensor:
    """Mean over 68 points of the squared distance; nose ridge and inner lips count twenty times.

    Args:
        predicted_px: ``(B, 68, 2)``.
        landmarks_px: ``(B, 68, 2)``, where they should be.
    """
    squared = (predicted_px - landmarks_px).square().sum(dim=-1)
    return (squared * LANDMARK_WEIGHTS.to(squared)).mean()


def photo_loss(rendered: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Mean colour distance inside a mask.

    Args:
        rendered: ``(B, 3, H, W)``.
        image: ``(B, 3, H, W)``.
        mask: ``(B, 1, H, W)``, weight of each pixel; takes no gradient.
    """
    mask = mask.detach()
    distance = (1e-6 + (rendered - image).square().sum(dim=1, keepdim=True)).sqrt()
    return (distance * mask).sum() / mask.sum().clamp(min=1.0)


def reflectance_loss(albedo: Tensor, skin_mask: Tensor) -> Tensor:
    """How uneven the albedo ``(B, N, 3)`` of skin is: its variance over the vertices of ``skin_mask`` ``(N,)``.

    Summed over the colours.
    """
    weight = skin_mask.to(albedo)[None, :, None]
    mean = (albedo * weight).sum(dim=1, keepdim=True) / weight.sum()
    return ((albedo - mean) * weight).square().sum() / (len(albedo) * weight.sum())


def perceptual_loss(embedding: Tensor, other: Tensor) -> Tensor:
    """One minus the cosine of unit embeddings ``(B, D)`` of the identity, mean over the batch."""
    return (1 - (embedding * other).sum(dim=-1)).mean()
