"""Light: the slow part of the difference between two faces, smoothed over the surface instead of the image.

A face's light changes slowly over its surface; brows, beards and skin detail do not. The difference of two faces is
therefore measured at the vertices of the mesh, robustly, and smoothed by kernel regression (Nadaraya, 1964; Watson,
1964) over the canonical surface. Smoothing on the surface needs no image filter, bleeds no background into the
cheeks, and costs one small matrix product.
"""

from __future__ import annotations

import numpy as np

from fsa_data.types import Floats


def smoothing_kernel(vertices_cm: Floats, sigma_cm: Floats) -> Floats:
    """Gaussian weights between vertices.

    Args:
        vertices_cm: ``(N, 3)`` float32 canonical positions.
        sigma_cm: ``(N,)`` float32 width of the kernel at each (output) vertex.

    Returns:
        ``(N, N)`` float32; row i holds the weights of all vertices for the value at vertex i.
    """
    apart = np.square(vertices_cm[:, None] - vertices_cm[None]).sum(axis=2)
    return np.exp(-apart / (2 * np.square(sigma_cm)[:, None])).astype(np.float32)


def smooth_difference(kernel: Floats, difference: Floats, weight: Floats, prior: float = 0.05) -> Floats:
    """The slow part of a difference of colours.

    Args:
        kernel: ``(N, N)`` float32 of :func:`smoothing_kernel`.
        difference: ``(N, C)`` float32 measured at the vertices.
        weight: ``(N,)`` float32, at least 0; vertices of weight 0 are filled from their neighbours.
        prior: weight of "no difference"; decides where nothing is measured.

    Returns:
        ``(N, C)`` float32.
    """
    columns = np.concatenate([difference * weight[:, None], weight[:, None]], axis=1)
    sums = kernel @ columns
    return np.asarray(sums[:, :-1] / (sums[:, -1:] + np.float32(prior)), np.float32)


def robust_weight(difference: Floats, weight: Floats, tolerance: float = 2.0) -> Floats:
    """Lower the weight of differences that lie far from the rest (Cauchy weights on the worst channel).

    Args:
        difference: ``(N, C)`` float32.
        weight: ``(N,)`` float32.
        tolerance: at this many (robust) standard deviations the weight is halved.

    Returns:
        ``(N,)`` float32.
    """
    used = difference[weight > 0]
    if len(used) == 0:
        return weight
    centre = np.median(used, axis=0)
    scale = np.maximum(1.4826 * np.median(np.abs(used - centre), axis=0), 1.0) * tolerance
    worst = (np.abs(difference - centre) / scale).max(axis=1)
    return np.asarray(weight / (1 + np.square(worst)), np.float32)
