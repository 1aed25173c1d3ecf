"""Colours of batches of pictures, on any device: shifts of hue, saturation and light, and two colour transfers.

Pictures are ``(B, 3, H, W)`` float RGB in 0..1.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.950456, 1.0, 1.088754)
_KNEE = 6 / 29


def hsv_shift(image: Tensor, hue_deg: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Turn the hue, and add to saturation and value.

    Args:
        image: ``(B, 3, H, W)``.
        hue_deg: ``(B,)``.
        saturation: ``(B,)``, added and clipped to 0..1.
        value: ``(B,)``, likewise.
    """
    v, _ = image.max(1)
    chroma = v - image.amin(1)
    safe = torch.where(chroma == 0, torch.ones_like(chroma), chroma)
    r, g, b = image.unbind(1)
    sector = torch.where(v == r, ((g - b) / safe) % 6, torch.where(v == g, (b - r) / safe + 2, (r - g) / safe + 4))
    s = chroma / torch.where(v == 0, torch.ones_like(v), v)
    per = (-1, 1, 1)
    sector = (sector + hue_deg.view(per) / 60) % 6
    s, v = (s + saturation.view(per)).clamp(0, 1), (v + value.view(per)).clamp(0, 1)
    # of each colour: how far its own sector lies from the hue (IEC 61966: f(n) = v - v s max(0, min(k, 4 - k, 1)))
    k = (torch.tensor([5.0, 3.0, 1.0], device=image.device).view(1, 3, 1, 1) + sector.unsqueeze(1)) % 6
    return v.unsqueeze(1) * (1 - s.unsqueeze(1) * torch.minimum(k, 4 - k).clamp(0, 1))


def _matrix(rows: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    return torch.tensor(rows, device=like.device, dtype=like.dtype)


def to_lab(image: Tensor) -> Tensor:
    """CIE Lab (D65) of sRGB, as :func:`fsa_data.merge.rgb_to_lab`."""
    light = torch.where(image <= 0.04045, image / 12.92, ((image.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,bjhw->bihw", _matrix(_TO_XYZ, image), light)
    xyz = xyz / torch.tensor(_WHITE, device=image.device).view(1, 3, 1, 1)
    root = torch.where(xyz > _KNEE**3, xyz.clamp_min(1e-9) ** (1 / 3), xyz / (3 * _KNEE**2) + 4 / 29)
    x, y, z = root.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def from_lab(lab: Tensor) -> Tensor:
    """Inverse of :func:`to_lab`; colours that do not exist are clipped."""
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    root = torch.stack([y + a / 500, y, y - b / 200], 1)
    xyz = torch.where(root > _KNEE, root**3, 3 * _KNEE**2 * (root - 4 / 29))
    xyz = xyz * torch.tensor(_WHITE, device=lab.device).view(1, 3, 1, 1)
    light = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(_matrix(_TO_XYZ, lab)), xyz).clamp(0, 1)
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp_min(1e-9) ** (1 / 2.4) - 0.055)


def rct(image: Tensor, reference: Tensor) -> Tensor:
    """Means and deviations of Lab channels become the reference's (Reinhard et al., "Color Transfer", 2001)."""
    a, b = to_lab(image), to_lab(reference)
    spread_a, mean_a = torch.std_mean(a, (2, 3), unbiased=False, keepdim=True)
    spread_b, mean_b = torch.std_mean(b, (2, 3), unbiased=False, keepdim=True)
    moved = (a - mean_a) * (spread_b / spread_a.clamp_min(1e-3)) + mean_b
    low = torch.tensor([0.0, -127, -127], device=image.device).view(1, 3, 1, 1)
    high = torch.tensor([100.0, 127, 127], device=image.device).view(1, 3, 1, 1)
    return from_lab(torch.maximum(torch.minimum(moved, high), low))


def lct(image: Tensor, reference: Tensor) -> Tensor:
    """Mean and covariance of RGB become the reference's, by symmetric roots of the two covariances."""
    mean_a, root_a = _moments(image)
    mean_b, root_b = _moments(reference)
    map_ab = root_b @ torch.linalg.inv(root_a)
    moved: Tensor = map_ab @ (image.flatten(2) - mean_a) + mean_b
    return moved.clamp(0, 1).view_as(image)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(B, 3, 1)`` and symmetric root of the covariance ``(B, 3, 3)``."""
    pixels = image.flatten(2)
    mean = pixels.mean(2, keepdim=True)
    centred = pixels - mean
    covariance = centred @ centred.mT / pixels.shape[2] + 1e-5 * torch.eye(3, device=image.device)
    values, vectors = torch.linalg.eigh(covariance)
    return mean, vectors @ torch.diag_embed(values.clamp_min(0).sqrt()) @ vectors.mT


TRANSFERS = {"rct": rct, "lct": lct}
"""Colour transfers by name."""
