"""Distributions of swaps: definitions, coverage of the band, parameters that are found again, degenerate input."""

import math

import numpy as np
import pytest
from scipy import stats

from fsa_data.quality import (
    anderson_darling,
    bootstrap_band,
    cdf,
    fit_bimodal,
    fit_lognormal,
    median_interval,
)

RNG = np.random.default_rng(3)


def test_the_cdf_is_the_share_that_is_no_larger():
    values = np.array([3.0, 1, 2, 2, 5])
    at, share = cdf(values)
    assert at.tolist() == [1, 2, 2, 3, 5]
    assert share.tolist() == [sum(v <= x for v in values) / 5 for x in at]


def test_the_band_holds_the_cdf_and_equal_seeds_are_equal():
    values = RNG.lognormal(1, 0.4, 30)
    at = np.linspace(0.5, 8, 40)
    low, high = bootstrap_band(values, at, seed=4)
    share = (values[:, None] <= at).mean(axis=0)
    assert ((low <= share) & (share <= high) & (low >= 0) & (high <= 1)).all()
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()
    again = bootstrap_band(values, at, seed=4)
    assert np.array_equal(low, again[0])
    assert np.array_equal(high, again[1])
    assert not np.array_equal(low, bootstrap_band(values, at, seed=5)[0])


def test_the_band_is_as_wide_as_the_binomial_says():
    """At one place the number of drawn swaps below is binomial: an oracle for every quantile."""
    values = np.arange(60.0)
    low, high = bootstrap_band(values, np.array([19.0]), level=0.9, draws=20000)
    expected = stats.binom.ppf([0.05, 0.95], 60, 20 / 60) / 60
    assert [low[0], high[0]] == pytest.approx(expected, abs=1 / 60)


def test_the_interval_of_the_median_covers_it_about_as_often_as_it_says():
    hits = 0
    for trial in range(200):
        values = np.random.default_rng(trial).lognormal(0, 0.5, 30)
        _, low, high = median_interval(values, draws=400, seed=trial)
        hits += low <= 1 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_a_lognormal_is_found_again():
    values = RNG.lognormal(1.5, 0.3, 4000)
    fit = fit_lognormal(values)
    assert (fit.mu[0], fit.sigma[0]) == pytest.approx((1.5, 0.3), abs=0.02)
    # maximum likelihood has a closed form when the distribution begins at 0
    assert (fit.mu[0], fit.sigma[0]) == pytest.approx((np.log(values).mean(), np.log(values).std()), rel=1e-6)
    at = np.array([2.0, 4.5, 9.0])
    assert fit.cdf(at) == pytest.approx(stats.lognorm.cdf(at, fit.sigma[0], 0, math.exp(fit.mu[0])), abs=1e-12)


def test_two_lognormals_are_found_again_and_preferred():
    values = np.concatenate([RNG.lognormal(0.5, 0.2, 700), RNG.lognormal(2.0, 0.25, 300)])
    two, one = fit_bimodal(values), fit_lognormal(values)
    assert two.weight == pytest.approx([0.7, 0.3], abs=0.03)
    assert two.mu == pytest.approx([0.5, 2.0], abs=0.06)
    assert two.sigma == pytest.approx([0.2, 0.25], abs=0.04)
    assert two.bic < one.bic
    ordered, share = cdf(values)
    assert np.abs(two.cdf(ordered) - share).max() < 0.02


def test_one_lognormal_is_preferred_where_there_is_one():
    """Both criteria are those of the values, so that they can be compared: here by their own definition."""
    values = RNG.lognormal(1, 0.5, 500)
    one, two = fit_lognormal(values), fit_bimodal(values)
    density = stats.lognorm.logpdf(values[:, None], two.sigma, 0, np.exp(two.mu)) + np.log(two.weight)
    likelihood = np.log(np.exp(density).sum(axis=1)).sum()
    assert two.bic == pytest.approx(5 * math.log(500) - 2 * likelihood, rel=1e-3)
    assert one.bic < two.bic


def test_anderson_darling_against_scipy_and_what_it_rejects():
    values = RNG.lognormal(1, 0.6, 200)
    normal, lognormal = anderson_darling(values, "normal"), anderson_darling(values, "lognormal")
    for got, x in ((normal, values), (lognormal, np.log(values))):
        assert got.statistic == pytest.approx(stats.anderson(x, method="interpolate").statistic, rel=1e-9)
    assert normal.p_value < 1e-6
    assert lognormal.p_value > 0.05


def test_anderson_darling_p_values_are_uniform_under_the_hypothesis():
    p = [anderson_darling(np.random.default_rng(s).normal(5, 1, 25), "normal").p_value for s in range(1000)]
    for level in (0.01, 0.05, 0.25, 0.5, 0.75):
        assert np.mean(np.array(p) < level) == pytest.approx(level, abs=0.045)


@pytest.mark.parametrize("values", [[2.0], [2.0] * 20])
def test_nothing_is_fitted_to_a_single_value(values):
    values = np.array(values)
    assert fit_lognormal(values) is None
    assert fit_bimodal(values) is None
    assert anderson_darling(values, "normal") is None
    low, high = bootstrap_band(values, np.array([1.0, 2.0, 3.0]))
    assert low.tolist() == high.tolist() == [0, 1, 1]
    median, least, most = median_interval(values)
    assert median == 2
    assert (least, most) == (2, 2) or (math.isnan(least) and len(values) == 1)


def test_values_without_a_logarithm_have_no_lognormal():
    values = np.arange(20.0)
    assert fit_lognormal(values) is None
    assert fit_bimodal(values) is None
    assert anderson_darling(values, "lognormal") is None
    assert anderson_darling(values, "normal") is not None


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0]]])
@pytest.mark.parametrize("function", [cdf, median_interval, fit_lognormal, fit_bimodal])
def test_what_are_no_values(function, values):
    with pytest.raises(ValueError, match="all finite"):
        function(np.array(values))
