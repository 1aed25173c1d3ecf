"""Light: the slow part of a face's colours, smoothed over the surface instead of the image.

Light changes slowly over a face; brows, spots and creases do not. The colours of bare skin are therefore read at the
vertices of the mesh and smoothed by kernel regression (Nadaraya, 1964; Watson, 1964) over the canonical surface: no
image filter, no background that bleeds into the cheeks, one small matrix product. Detail is what differs from that,
and moving a face's detail from one slow colour to another changes its tone and its light together.
"""

from __future__ import annotations

import numba
import numpy as np

from fsa_data.types import Floats


def smoothing_kernel(vertices_cm: Floats, sigma_cm: Floats) -> Floats:
    """Gaussian weights between vertices.

    Args:
        vertices_cm: ``(N, 3)`` float32 canonical positions.
        sigma_cm: ``(N,)`` float32 width of the kernel at each (output) vertex.

    Returns:
        ``(N, N)`` float32; row j holds the weight that vertex j has in the value of every vertex.
    """
    apart = np.square(vertices_cm[:, None] - vertices_cm[None]).sum(axis=2)
    return np.ascontiguousarray(np.exp(-apart / (2 * np.square(sigma_cm)[None])), np.float32)


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
    out = np.empty((len(lab), 3), np.float32)
    _smooth(kernel, lab, weight, tone, np.float32(prior), out)
    return out


def robust_weight(lab: Floats, weight: Floats, tolerance: float = 2.0) -> Floats:
    """Lower the weight of colours that are no skin: hair, spectacle rims, paint (Cauchy weights).

    Being lighter than the rest counts nothing: that is glare, which is light on skin.

    Args:
        lab: ``(N, 3)`` float32.
        weight: ``(N,)`` float32.
        tolerance: at this many (robust) standard deviations on the worst channel the weight is halved.

    Returns:
        ``(N,)`` float32.
    """
    out = np.empty(len(lab), np.float32)
    _robust(lab, weight, np.float32(tolerance), out)
    return out


@numba.njit(cache=True, nogil=True)
def middle(values):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Upper median of ``(n,)`` numbers, for compiled loops."""
    half = len(values) // 2
    return np.partition(values, half)[half]


@numba.njit(cache=True, nogil=True)
def _robust(lab, weight, tolerance, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out[:] = 0
    used = np.flatnonzero(weight > 0)
    if len(used) == 0:
        return
    for c in range(3):
        values = lab[used, c]
        centre = middle(values)
        scale = max(np.float32(1.4826) * middle(np.abs(values - centre)), np.float32(1)) * tolerance
        for i in used:
            away = lab[i, c] - centre
            if c == 0:
                away = min(away, np.float32(0))
            out[i] = max(out[i], abs(away) / scale)  # on the worst channel
    for i in used:
        out[i] = weight[i] / (1 + out[i] * out[i])


@numba.njit(cache=True, nogil=True)
def _smooth(kernel, lab, weight, tone, prior, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    count = lab.shape[0]
    sums = np.zeros((4, count), np.float32)
    for j in range(count):
        if weight[j] > 0:
            near, share = kernel[j], weight[j]
            first, second, third = (
                (lab[j, 0] - tone[0]) * share,
                (lab[j, 1] - tone[1]) * share,
                (lab[j, 2] - tone[2]) * share,
            )
            for i in range(count):
                sums[0, i] += near[i] * first
                sums[1, i] += near[i] * second
                sums[2, i] += near[i] * third
                sums[3, i] += near[i] * share
    for i in range(count):
        for k in range(3):
            out[i, k] = tone[k] + sums[k, i] / (sums[3, i] + prior)
