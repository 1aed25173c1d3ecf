"""A smooth field of light over a face, fitted to colours some of which are not the face's at all."""

from __future__ import annotations

import numba
import numpy as np

from fsa_data.types import Floats

_RIDGE = np.array([1e-6, 0.02, 0.02, 0.1, 0.1, 0.1], np.float32)
"""Prior weight against each term, as a share of the evidence: a gradient needs some, a curvature more."""

_WIDE = np.array([12, 6], np.float32)
"""At this many standard deviations a colour counts for half, round by round, from each start: wide, so that strong
light is followed."""

_NARROW = np.array([3, 3, 3], np.float32)
"""The same from the best start on: narrow, so that what is no light is left out."""

_WIDTH_CM, _HEIGHT_CM = 7.5, 9.0
"""Half width and half height of the canonical face."""


def light_basis(where_cm: Floats) -> Floats:
    """Terms of the field at positions on the canonical face: 1, x, y, x^2, xy, y^2, each about -1..1.

    Args:
        where_cm: ``(N, 3)`` float32.

    Returns:
        ``(N, 6)`` float32.
    """
    x, y = where_cm[:, 0] / _WIDTH_CM, where_cm[:, 1] / _HEIGHT_CM
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1).astype(np.float32)


def fit_light(difference: Floats, scale: Floats, weight: Floats, basis: Floats) -> Floats:
    """Coefficients of the field that explains as much of a difference as it can, and ignores the rest.

    Iteratively reweighted least squares with Cauchy weights (Holland and Welsch, 1977), begun from the whole face,
    its upper half, its left and its right half: whatever covers the face covers one of them little. The start whose
    fit explains the most points is followed to the end.

    Args:
        difference: ``(N, C)`` float32, colours less what they usually are.
        scale: ``(N, C)`` float32, standard deviation of each.
        weight: ``(N,)`` float32 in 0..1, 0 for points that are not seen.
        basis: ``(N, 6)`` float32 of :func:`light_basis`.

    Returns:
        ``(6, C)`` float32.
    """
    field = np.zeros((basis.shape[1], difference.shape[1]), np.float32)
    _fit(difference, 1 / scale, weight, basis, field)
    return field


def apply_light(field: Floats, basis: Floats) -> Floats:
    """The field at some positions.

    Args:
        field: ``(6, C)`` float32.
        basis: ``(N, 6)`` float32.

    Returns:
        ``(N, C)`` float32.
    """
    return np.asarray(basis @ field, np.float32)


@numba.njit(cache=True, nogil=True)
def _fit(difference, precision, weight, basis, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    count = difference.shape[0]
    base = weight * precision[:, 0] * precision[:, 0]
    greatest = base.max()
    if greatest <= 0:
        return
    base /= greatest
    best = np.ones(count, np.float32)
    most = np.float32(-1)
    for start in range(4):
        good = np.empty(count, np.float32)
        for i in range(count):
            x, y = basis[i, 1], basis[i, 2]
            told = start == 0 or (start == 1 and y > 0.1) or (start == 2 and x < 0) or (start == 3 and x > 0)
            good[i] = 1 if told else 0
        explained = np.float32(0)
        for half in _WIDE:
            _solve(difference, basis, base * good * good, out)
            explained = _judge(difference, precision, basis, base, out, half, good)
        if explained > most:
            most, best = explained, good
    for half in _NARROW:
        _solve(difference, basis, base * best * best, out)
        _judge(difference, precision, basis, base, out, half, best)
    _solve(difference, basis, base * best * best, out)


@numba.njit(cache=True, nogil=True)
def _solve(difference, basis, share, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Weighted least squares with the ridge; shares below a thousandth are left out."""
    count, channels = difference.shape
    terms = basis.shape[1]
    normal = np.zeros((terms, terms), np.float64)
    right = np.zeros((terms, channels), np.float64)
    evidence = np.float64(1e-3)
    for i in range(count):
        if share[i] < 1e-3:
            continue
        evidence += share[i]
        for j in range(terms):
            weighted = share[i] * basis[i, j]
            for k in range(j + 1):
                normal[j, k] += weighted * basis[i, k]
            for c in range(channels):
                right[j, c] += weighted * difference[i, c]
    for j in range(terms):
        normal[j, j] += _RIDGE[j] * evidence
    _cholesky(normal, right)
    for j in range(terms):
        for c in range(channels):
            out[j, c] = right[j, c]


@numba.njit(cache=True, nogil=True)
def _cholesky(normal, right):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Solve in place; only the lower triangle of ``normal`` is read. A tenth of the time of a call to LAPACK."""
    terms, channels = right.shape
    for j in range(terms):
        for k in range(j + 1):
            rest = normal[j, k]
            for i in range(k):
                rest -= normal[j, i] * normal[k, i]
            normal[j, k] = np.sqrt(rest) if j == k else rest / normal[k, k]
    for c in range(channels):
        for j in range(terms):
            rest = right[j, c]
            for i in range(j):
                rest -= normal[j, i] * right[i, c]
            right[j, c] = rest / normal[j, j]
        for j in range(terms - 1, -1, -1):
            rest = right[j, c]
            for i in range(j + 1, terms):
                rest -= normal[i, j] * right[i, c]
            right[j, c] = rest / normal[j, j]


@numba.njit(cache=True, nogil=True)
def _judge(difference, precision, basis, base, field, half, good):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """How well each point is explained, 0..1, and how much of the evidence is."""
    count, channels = difference.shape
    terms = basis.shape[1]
    explained = np.float32(0)
    for i in range(count):
        if base[i] == 0:
            continue
        misfit = np.float32(0)
        for c in range(channels):
            away = difference[i, c]
            for j in range(terms):
                away -= basis[i, j] * field[j, c]
            away *= precision[i, c]
            misfit += away * away
        good[i] = 1 / (1 + misfit / (channels * half * half))
        explained += base[i] * good[i]
    return explained
