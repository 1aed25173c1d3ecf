"""Light: the slow part of a face's colours, smoothed over the surface instead of the image.

Light changes slowly over a face; brows, spots and creases do not. The colours of bare skin are therefore read at the
vertices of the mesh and smoothed by kernel regression (Nadaraya, 1964; Watson, 1964) over the canonical surface: no
image filter, no background that bleeds into the cheeks, one small matrix product. Detail is what differs from that,
and moving a face's detail from one slow colour to another changes its tone and its light together.
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
    return np.asarray(np.exp(-apart / (2 * np.square(sigma_cm)[:, None])), np.float32)


def slow_colour(kernel: Floats, lab: Floats, weight: Floats, tone: Floats, prior: float = 0.05) -> Floats:
    """Colour that the bare skin has around each vertex: tone and light, without brows, lips and detail.

    Args:
        kernel: ``(N, N)`` float32 of :func:`smoothing_kernel`.
        lab: ``(N, 3)`` float32 colour of each vertex.
        weight: ``(N,)`` float32, at least 0; vertices of weight 0 are filled from their neighbours.
        tone: ``(3,)`` float32, the colour where nothing near is measured.
        prior: weight of ``tone`` in the average.

    Returns:
        ``(N, 3)`` float32.
    """
    columns = np.concatenate([(lab - tone) * weight[:, None], weight[:, None]], axis=1)
    sums = kernel @ columns
    return np.asarray(tone + sums[:, :-1] / (sums[:, -1:] + np.float32(prior)), np.float32)


def robust_weight(lab: Floats, weight: Floats, tolerance: float = 2.0) -> Floats:
    """Lower the weight of colours that lie far from the rest: hair, spectacle rims, glare (Cauchy weights).

    Args:
        lab: ``(N, C)`` float32.
        weight: ``(N,)`` float32.
        tolerance: at this many (robust) standard deviations on the worst channel the weight is halved.

    Returns:
        ``(N,)`` float32.
    """
    used = lab[weight > 0]
    if len(used) == 0:
        return weight
    centre = np.median(used, axis=0)
    scale = np.maximum(1.4826 * np.median(np.abs(used - centre), axis=0), 1.0) * tolerance
    worst = (np.abs(lab - centre) / scale).max(axis=1)
    return np.asarray(weight / (1 + np.square(worst)), np.float32)
