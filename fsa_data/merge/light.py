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

_LEAST = np.float32(1e-3)
"""Points that count less than this (the most certain ones count 1) are left out."""

_ANY_ORDER = {"reassoc", "contract"}
"""Sums over points may be taken in any order, several at a time."""

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
    _fit(difference, scale, weight, basis, field)
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
def _fit(difference, scale, weight, basis, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """All rounds from all starts. Points lie along the last axis, so that sums over them are vector operations."""
    count = difference.shape[0]
    base = weight / (scale[:, 0] * scale[:, 0])
    greatest = base.max()
    if greatest <= 0:
        return
    base /= greatest
    apart, precision = np.ascontiguousarray(difference.T), np.ascontiguousarray(1 / scale.T)
    spread = np.ascontiguousarray(basis.T)
    products = _products(spread, apart)
    share, best = np.empty(count, np.float32), np.zeros(count, np.float32)
    most = np.float32(-1)
    for start in range(4):
        for i in range(count):
            x, y = spread[1, i], spread[2, i]
            told = start == 0 or (start == 1 and y > 0.1) or (start == 2 and x < 0) or (start == 3 and x > 0)
            share[i] = base[i] if told and base[i] >= _LEAST else 0
        explained = np.float32(0)
        for half in _WIDE:
            _solve(products, share, out)
            explained = _judge(apart, precision, spread, base, out, half, share)
        if explained > most:
            most = explained
            best[:] = share
    for half in _NARROW:
        _solve(products, best, out)
        _judge(apart, precision, spread, base, out, half, best)
    _solve(products, best, out)


@numba.njit(cache=True, nogil=True)
def _products(basis, difference):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """What is summed in every round: each term times each that is not behind it, and times each channel."""
    terms, count = basis.shape
    channels = difference.shape[0]
    out = np.empty((terms, terms + channels, count), np.float32)
    for j in range(terms):
        for k in range(j + 1):
            out[j, k] = basis[j] * basis[k]
        for c in range(channels):
            out[j, terms + c] = basis[j] * difference[c]
    return out


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def _dot(one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    total = np.float32(0)
    for i in range(one.shape[0]):
        total += one[i] * other[i]
    return total


@numba.njit(cache=True, nogil=True)
def _solve(products, share, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Weighted least squares with the ridge."""
    terms, channels = out.shape
    normal = np.zeros((terms, terms), np.float64)
    right = np.zeros((terms, channels), np.float64)
    for j in range(terms):
        for k in range(j + 1):
            normal[j, k] = _dot(products[j, k], share)
        for c in range(channels):
            right[j, c] = _dot(products[j, terms + c], share)
    evidence = normal[0, 0] + 1e-3  # the first term is 1 everywhere
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


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def _judge(difference, precision, basis, base, field, half, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """What each point counts in the next round, and how much of the evidence is explained."""
    channels, count = difference.shape
    misfit = np.zeros(count, np.float32)
    for c in range(channels):
        one, x, y, xx, xy, yy = field[0, c], field[1, c], field[2, c], field[3, c], field[4, c], field[5, c]
        for i in range(count):
            light = one + x * basis[1, i] + y * basis[2, i] + xx * basis[3, i] + xy * basis[4, i] + yy * basis[5, i]
            away = (difference[c, i] - light) * precision[c, i]
            misfit[i] += away * away
    explained = np.float32(0)
    for i in range(count):
        good = 1 / (1 + misfit[i] / (channels * half * half))
        explained += base[i] * good
        counts = base[i] * good * good
        share[i] = counts if counts >= _LEAST else 0
    return explained
