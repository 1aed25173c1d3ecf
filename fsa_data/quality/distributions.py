"""Many swaps of a flow as a distribution: T1 kept the 95th percentile of each swap's scores and drew CDFs by flow.

The unit is the swap, never the frame: frames of one swap resemble each other.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

FEWEST_FOR_TWO = 8
"""Distinct values below which no mixture of two is fitted: it has five parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class LognormalMixture:
    """One or two lognormal distributions, mixed.

    Attributes:
        weight: ``(K,)``, shares; they add up to 1.
        mu: ``(K,)``, means of the logarithm, rising.
        sigma: ``(K,)``, its standard deviations.
        bic: Bayesian information criterion on the values themselves; of two fits the one with less is preferred.
    """

    weight: Values
    mu: Values
    sigma: Values
    bic: float

    def cdf(self, at: Values) -> Values:
        """Probability of at most these (positive) values."""
        from scipy.stats import norm

        below = norm.cdf((np.log(at)[..., None] - self.mu) / self.sigma)
        return np.asarray(below @ self.weight, np.float64)


@dataclass(frozen=True, slots=True)
class AndersonDarling:
    """A test of Anderson and Darling (1952) with mean and deviation estimated from the values.

    Attributes:
        statistic: A squared; larger fits worse.
        p_value: of the hypothesis that the values are so distributed.
    """

    statistic: float
    p_value: float


def cdf(values: Values) -> tuple[Values, Values]:
    """Empirical distribution function.

    Args:
        values: ``(N,)``, N >= 1, none of them NaN.

    Returns:
        The values in rising order, and the share of values that are at most as large, ``(N,)`` each.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    ordered = np.sort(_finite(values))
    return ordered, np.asarray(np.searchsorted(ordered, ordered, side="right") / len(ordered))


def bootstrap_band(
    values: Values, at: Values, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[Values, Values]:
    """Pointwise band around the empirical distribution function: swaps are drawn again with replacement.

    Args:
        values: ``(N,)``, one per swap. A single one gives a band without width: it says nothing about others.
        at: ``(M,)`` where the band is wanted.
        level: share of the draws inside.
        draws: how often the swaps are drawn.
        seed: of the draws.

    Returns:
        Lower and upper bound, ``(M,)`` each, in 0..1.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    values = _finite(values)
    below = values[:, None] <= np.asarray(at)[None, :]
    times = np.random.default_rng(seed).multinomial(len(values), np.full(len(values), 1 / len(values)), size=draws)
    low, high = np.quantile(times @ below / len(values), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def median_interval(
    values: Values, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Median and its bootstrap percentile interval.

    Args:
        values: ``(N,)``, one per swap.
        level: share of the draws inside.
        draws: how often the swaps are drawn.
        seed: of the draws.

    Returns:
        Median, lower and upper bound; the bounds are NaN for a single value.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    values = _finite(values)
    if len(values) == 1:
        return float(values[0]), math.nan, math.nan
    drawn = values[np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))]
    low, high = np.quantile(np.median(drawn, axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(np.median(values)), float(low), float(high)


def fit_lognormal(values: Values) -> LognormalMixture | None:
    """Maximum-likelihood lognormal distribution that begins at 0.

    Args:
        values: ``(N,)`` scores.

    Returns:
        None if there is nothing to fit: fewer than two distinct values, or one that is not positive.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    from scipy.stats import lognorm

    values = _finite(values)
    if (values <= 0).any() or len(np.unique(values)) < 2:
        return None
    sigma, _, scale = lognorm.fit(values, floc=0)
    if not sigma > 0:
        return None
    bic = 2 * math.log(len(values)) - 2 * float(lognorm.logpdf(values, sigma, 0, scale).sum())
    return LognormalMixture(np.ones(1), np.array([math.log(scale)]), np.array([float(sigma)]), bic)


def fit_bimodal(values: Values, seed: int = 0) -> LognormalMixture | None:
    """Two lognormal distributions by expectation-maximisation on the logarithms.

    Args:
        values: ``(N,)`` scores.
        seed: of the starts.

    Returns:
        None if there is nothing to fit: fewer than :data:`FEWEST_FOR_TWO` distinct values, or one that is not positive.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    values = _finite(values)
    if (values <= 0).any() or len(np.unique(values)) < FEWEST_FOR_TWO:
        return None
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    logs = np.log(values)[:, None]
    mixture = GaussianMixture(2, n_init=5, max_iter=1000, reg_covar=1e-4 * float(logs.var()), random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best of the starts is taken as it is
        mixture.fit(logs)
    order = np.argsort(mixture.means_[:, 0])
    bic = float(mixture.bic(logs)) + 2 * float(logs.sum())  # the density of the values, not of their logarithms
    return LognormalMixture(
        mixture.weights_[order], mixture.means_[order, 0], np.sqrt(mixture.covariances_[order, 0, 0]), bic
    )


def anderson_darling(values: Values, of: Literal["normal", "lognormal"]) -> AndersonDarling | None:
    """Whether values may come from a normal or a lognormal distribution.

    The p-value is Stephens's (D'Agostino and Stephens, 1986, "Goodness-of-fit techniques", table 4.9).

    Args:
        values: ``(N,)`` scores.
        of: the distribution.

    Returns:
        None if nothing can be said: fewer than 8 values, all equal, or, for ``lognormal``, one that is not positive.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    from scipy.stats import norm

    values = np.sort(_finite(values))
    count = len(values)
    if count < 8 or values[0] == values[-1] or (of == "lognormal" and values[0] <= 0):
        return None
    x = np.log(values) if of == "lognormal" else values
    z = (x - x.mean()) / x.std(ddof=1)
    order = 2 * np.arange(1, count + 1) - 1
    squared = -count - float((order * (norm.logcdf(z) + norm.logsf(z)[::-1])).sum()) / count
    return AndersonDarling(squared, _p_value(squared * (1 + 0.75 / count + 2.25 / count**2)))


def _p_value(a: float) -> float:
    if a >= 13:  # the parabola would turn upwards
        return 0.0
    if a >= 0.6:
        return math.exp(1.2937 - 5.709 * a + 0.0186 * a * a)
    if a >= 0.34:
        return math.exp(0.9177 - 4.279 * a - 1.38 * a * a)
    if a >= 0.2:
        return 1 - math.exp(-8.318 + 42.796 * a - 59.938 * a * a)
    return 1 - math.exp(-13.436 + 101.14 * a - 223.73 * a * a)


def _finite(values: Values) -> Values:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"Values must be (N,) with N >= 1 and all finite, got {values.shape} {values[:5]}.")
    return values
