"""What the autoencoder is trained on, as DeepFaceLab (Perov et al., arXiv:2005.05535) defines it.

Pictures are ``(B, C, H, W)`` float in 0..1. Losses are one number per sample, ``(B,)``, unless said otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_C1, _C2 = 0.01**2, 0.03**2
_SSIM_SIGMA = 1.5


def gaussian_window(size: int, sigma: float, like: Tensor) -> Tensor:
    """``(size,)`` weights that sum to 1, on the device and of the kind of ``like``; even sizes have no middle."""
    at = torch.arange(size, device=like.device, dtype=like.dtype) - (size - 1) / 2
    return torch.softmax(-(at**2) / (2 * sigma**2), 0)


def _filtered(x: Tensor, window: Tensor, padding: int = 0) -> Tensor:
    """Each channel by itself, rows then columns; by two band matrices, which beat one-channel convolutions by far.

    On a GPU they are also exact, where convolutions may be rounded to ten bits, too few for variances.
    """
    across = _band(window, x.shape[3], padding)
    return _band(window, x.shape[2], padding).mT @ (x @ across)


def _band(window: Tensor, length: int, padding: int) -> Tensor:
    """``(length, places)`` weights of each input in each place of the window."""
    size = len(window)
    places = length + 2 * padding - size + 1
    taps = torch.arange(length, device=window.device)[:, None] - torch.arange(places, device=window.device) + padding
    inside = (taps >= 0) & (taps < size)
    return torch.where(inside, window[taps.clamp(0, size - 1)], torch.zeros_like(window[:1]))


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Blurred, with zeros around; the kernel is ``4 sigma`` pixels, made odd, 3 at least.

    Args:
        x: ``(B, C, H, W)``.
        sigma: in pixels; not above 0 leaves the picture as it is.
    """
    if sigma <= 0:
        return x
    size = max(3, int(4 * sigma)) | 1
    return _filtered(x, gaussian_window(size, sigma, x), size // 2)


def ssim(a: Tensor, b: Tensor, window_size: int) -> Tensor:
    """Structural similarity (Wang et al. 2004), mean over channels and over places where the window fits.

    Args:
        a: ``(B, C, H, W)``, each side at least ``window_size``.
        b: likewise.
        window_size: side of the Gaussian window, whose sigma is 1.5 pixels.

    Returns:
        ``(B,)``, 1 for equal pictures.
    """
    window = gaussian_window(window_size, _SSIM_SIGMA, a)
    maps = _filtered(torch.cat([a, b, a * a + b * b, a * b], 1), window)
    mean_a, mean_b, squares, products = maps.chunk(4, 1)
    both, means = mean_a * mean_b, mean_a.square() + mean_b.square()
    luminance = (2 * both + _C1) / (means + _C1)
    contrast = (2 * (products - both) + _C2) / (squares - means + _C2)
    return (luminance * contrast).mean((1, 2, 3))


def dssim_windows(resolution: int) -> tuple[int, ...]:
    """Window sizes for faces of a resolution: one below 256 pixels, two from there on."""
    sizes = (int(resolution / 11.6), int(resolution / 23.2))
    return sizes[:1] if resolution < 256 else sizes


def dissimilarity(target: Tensor, output: Tensor, weight: float = 10.0) -> Tensor:
    """``(1 - SSIM) / 2``, times ``weight`` in all, at the windows of the pictures' resolution."""
    windows = dssim_windows(target.shape[-1])
    each = [(1 - ssim(target, output, size)) / 2 for size in windows]
    return torch.stack(each).sum(0) * (weight / len(windows))


def squared_error(target: Tensor, output: Tensor) -> Tensor:
    """Mean squared difference."""
    return (target - output).square().mean((1, 2, 3))


def mask_weight(mask: Tensor, clip: bool = True) -> Tensor:
    """How much each pixel counts in masked training, softly falling to 0 outside the mask.

    Args:
        mask: ``(B, 1, R, R)``.
        clip: whether all of the mask counts fully; without, a half on its outline.
    """
    blurred = gaussian_blur(mask, max(1, mask.shape[-1] // 32))
    return blurred.clamp(0, 0.5) * 2 if clip else blurred


def blurred_outside(target: Tensor, mask: Tensor) -> Tensor:
    """The picture with everything outside the mask blurred, without colours of the face bleeding out.

    Args:
        target: ``(B, 3, R, R)``.
        mask: ``(B, 1, R, R)``.
    """
    sigma = target.shape[-1] / 128
    outside = 1 - mask
    weight = 1 - gaussian_blur(mask, sigma)
    blurred = gaussian_blur(target * outside, sigma) / torch.where(weight == 0, torch.ones_like(weight), weight)
    return target * mask + blurred * outside


def priority(target: Tensor, output: Tensor, eyes_mouth: Tensor) -> Tensor:
    """Differences in the eyes and the mouth, 300 fold.

    Args:
        target: ``(B, 3, R, R)``.
        output: ``(B, 3, R, R)``.
        eyes_mouth: ``(B, 1, R, R)`` mask.
    """
    return 300 * (target * eyes_mouth - output * eyes_mouth).abs().mean((1, 2, 3))


def style(output: Tensor, reference: Tensor, blur_sigma: float, weight: float) -> Tensor:
    """Differences of the mean and deviation of each channel, after blurring.

    Args:
        output: ``(B, C, R, R)``, what is trained.
        reference: ``(B, C, R, R)``, what it shall look like.
        blur_sigma: in pixels.
        weight: of the sum over channels, divided by their number.
    """
    a, b = gaussian_blur(output, blur_sigma), gaussian_blur(reference, blur_sigma)

    def deviation(x: Tensor) -> Tensor:
        return (x.var((2, 3), unbiased=False) + 1e-5).sqrt()

    means = (a.mean((2, 3)) - b.mean((2, 3))).square()
    deviations = (deviation(a) - deviation(b)).square()
    return (means + deviations).sum(1) * (weight / output.shape[1])


def judged(logits: Tensor, real: bool) -> Tensor:
    """Cross-entropy of a discriminator's logits against one verdict."""
    wanted = torch.full_like(logits, float(real))
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return each.mean(tuple(range(1, logits.ndim)))


def roughness(x: Tensor) -> Tensor:
    """Squared differences of neighbours, along rows and along columns, summed."""
    down, right = x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]
    return down.square().sum((1, 2, 3)) + right.square().sum((1, 2, 3))


def cosine_share(iteration: int, period: int = 500) -> float:
    """Share of the learning rate under learning-rate dropout: a cosine wave between 1 and 0."""
    return (math.cos(2 * math.pi * iteration / period) + 1) / 2
