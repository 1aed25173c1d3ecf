"""Whose key points the moved source shall have (Siarohin et al., NeurIPS 2019, section 3.3)."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from fsa_data.nets.dagan_layers import KeyPoints, inverted


def relative(source: KeyPoints, driving: KeyPoints, initial: KeyPoints, adapt_scale: bool = True) -> KeyPoints:
    """The source's key points, moved as the driving face moved since a first image (eq. 15).

    Args:
        source: of the source.
        driving: of the driving image.
        initial: of the driving face's first image, which should look as the source does.
        adapt_scale: whether the way is scaled by how much larger the source's face is.
    """
    scale = math.sqrt(hull_area(source.value) / hull_area(initial.value)) if adapt_scale else 1.0
    value = (driving.value - initial.value) * scale + source.value
    if source.jacobian is None or driving.jacobian is None or initial.jacobian is None:
        return KeyPoints(value, None)
    return KeyPoints(value, driving.jacobian @ inverted(initial.jacobian) @ source.jacobian)


def hull_area(points: Tensor) -> float:
    """Area of the smallest convex outline around the key points of one image ``(1, K, 2)``, at least a millionth."""
    hull = cv2.convexHull(np.ascontiguousarray(points[0].detach().cpu().numpy(), np.float32))
    return max(float(cv2.contourArea(hull)), 1e-6)


def alike(source_px: Tensor, driving_px: Tensor) -> Tensor:
    """How differently two faces are held, whatever their place and size.

    Args:
        source_px: ``(N, 2)`` landmarks.
        driving_px: ``(T, N, 2)`` landmarks of a clip.

    Returns:
        ``(T,)`` squared distances; the smallest is the best frame to begin with.
    """
    return (_unit(driving_px) - _unit(source_px[None])).square().sum((1, 2))


def _unit(points: Tensor) -> Tensor:
    middle = points - points.mean(dim=1, keepdim=True)
    areas = torch.tensor([hull_area(each[None]) for each in middle], device=points.device, dtype=points.dtype)
    return middle / areas.sqrt()[:, None, None]
