"""Whether one arm is better than another: tests over people, never over frames.

The unit is a held-out person: frames of one person resemble each other, so a test over frames finds differences that
are none (McNemar on pooled frames is wrong about four times as often as it says). Scores of one person under several
seeds are averaged first. Folds share most of their training data, so their scores are not independent; no test mends
that, and every interval here is somewhat too narrow.

* Difference: Hodges-Lehmann, the median of the Walsh averages, with the interval that belongs to Wilcoxon's signed-rank
  test (Hodges and Lehmann, 1963).
* p: Wilcoxon signed-rank, two-sided, exact where there are no ties; several arms are corrected by Holm (1979).
* Equivalence: two one-sided tests (Schuirmann, 1987) against a margin, by t and by signed ranks; both must agree.
* Pooled macro-F1: bootstrap over people (cluster bootstrap), percentile interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError
from fsa_data.evaluate import metrics
from fsa_data.evaluate.predictions import Predictions

Values = NDArray[np.float64]
Verdict = Literal["better", "worse", "equivalent", "no evidence"]

LEVEL = 0.05
"""Of every test; intervals are ``1 - LEVEL``."""

MARGIN = 0.02
"""Differences of macro-F1 below this are none, for the equivalence test."""

DRAWS = 2000
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against another, over the people that both were tested on.

    Attributes:
        arm: the one.
        against: the other.
        people: number of people.
        difference: Hodges-Lehmann difference of macro-F1 per person, ``arm - against``.
        pooled: difference of pooled macro-F1, interval by cluster bootstrap.
        p: Wilcoxon signed-rank, two-sided.
        p_holm: the same, corrected for the number of comparisons made beside it.
        p_equivalent: of :func:`equivalence`.
        rank_biserial: effect size, -1..1: share of rank sum in favour minus share against.
        detectable: difference that would be found with probability 0.8.
        verdict: by :func:`verdict_of`.
    """

    arm: str
    against: str
    people: int
    difference: Interval
    pooled: Interval
    p: float
    p_holm: float
    p_equivalent: float
    rank_biserial: float
    detectable: float
    verdict: Verdict


def compare(
    arms: dict[str, Predictions], pairs: Sequence[tuple[str, str]], margin: float = MARGIN, seed: int = 0
) -> list[Comparison]:
    """Compare pairs of arms; the pairs are one family for Holm's correction.

    Args:
        arms: prediction tables (real frames) by name; all seeds of an arm in one table.
        pairs: ``(arm, against)``.
        margin: of the equivalence test.
        seed: of the bootstrap.

    Raises:
        ConfigError: a margin that is not positive, or arms that were tested on different people.
    """
    if margin <= 0:
        raise ConfigError(f"The margin of equivalence must be positive, got {margin}.")
    scores = {name: metrics.subject_macro_f1(table) for name, table in arms.items()}
    found, ps = [], []
    for arm, against in pairs:
        one, other = scores[arm], scores[against]
        if one.keys() != other.keys():
            odd = ", ".join(sorted(one.keys() ^ other.keys())[:5])
            raise ConfigError(f"{arm} and {against} were tested on different people ({odd}): they cannot be compared.")
        found.append(np.array([one[name] - other[name] for name in one]))
        ps.append(signed_rank(found[-1]))
    out = []
    for (arm, against), differences, p, holm in zip(pairs, found, ps, holm_corrected(ps), strict=True):
        estimate, equal = hodges_lehmann(differences), equivalence(differences, margin)
        out.append(
            Comparison(
                arm,
                against,
                len(differences),
                estimate,
                pooled_difference(arms[arm], arms[against], seed),
                p,
                holm,
                equal,
                rank_biserial(differences),
                detectable(differences),
                verdict_of(estimate.value, holm, equal),
            )
        )
    return out


def verdict_of(difference: float, p: float, p_equivalent: float) -> Verdict:
    """The only words in which a comparison is reported.

    ``better`` or ``worse`` if the corrected test finds a difference; else ``equivalent`` if the equivalence test finds
    that there is none worth speaking of; else ``no evidence``.
    """
    if p < LEVEL and difference:
        return "better" if difference > 0 else "worse"
    return "equivalent" if p_equivalent < LEVEL else "no evidence"


def signed_rank(differences: Values, alternative: Literal["two-sided", "greater", "less"] = "two-sided") -> float:
    """P of Wilcoxon's signed-rank test; differences of 0 are left out, and with nothing left p is 1."""
    from scipy.stats import wilcoxon

    kept = np.round(differences[np.isfinite(differences)], 12)
    kept = kept[kept != 0]
    if not len(kept):
        return 1.0
    exact = len(np.unique(np.abs(kept))) == len(kept) and len(kept) <= 50
    return float(wilcoxon(kept, alternative=alternative, method="exact" if exact else "approx").pvalue)


def equivalence(differences: Values, margin: float) -> float:
    """The p of the hypothesis that the difference is as large as the margin, in either direction.

    The largest p of two one-sided signed-rank tests and two one-sided t tests: the first look at the middle person, the
    second at the mean. With few frames per person most differences are exactly 0, and the middle alone would call that
    equivalent, however far the others are apart.
    """
    from scipy.stats import t

    ranks = max(signed_rank(differences + margin, "greater"), signed_rank(differences - margin, "less"))
    n = len(differences)
    if n < 2:
        return 1.0
    mean, error = float(np.mean(differences)), float(np.std(differences, ddof=1)) / math.sqrt(n)
    room = margin - abs(mean)
    if error == 0:
        return ranks if room > 0 else 1.0
    return max(ranks, float(t.sf(room / error, n - 1)))


def hodges_lehmann(differences: Values) -> Interval:
    """Median of the Walsh averages, with the interval that inverts the signed-rank test.

    With so few people that no interval of that level exists, its ends are the smallest and the largest average.
    """
    n = len(differences)
    if not n:
        return Interval(math.nan, math.nan, math.nan)
    rows, columns = np.triu_indices(n)
    averages = np.sort((differences[rows] + differences[columns]) / 2)
    cut = _critical(n)
    return Interval(float(np.median(averages)), float(averages[cut]), float(averages[len(averages) - 1 - cut]))


def _critical(n: int) -> int:
    """Number of Walsh averages cut off at each end: the largest c with P(W+ <= c) <= LEVEL / 2, 0 if there is none."""
    if n > 50:  # normal approximation
        mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return max(0, math.floor(mean - 1.959964 * sd))
    counts = np.ones(1)
    for rank in range(1, n + 1):  # distribution of the sum of a random subset of the ranks
        grown = np.zeros(len(counts) + rank)
        grown[: len(counts)] += counts
        grown[rank:] += counts
        counts = grown
    below = np.cumsum(counts) / 2.0**n
    return max(0, int(np.count_nonzero(below <= LEVEL / 2)) - 1)


def holm_corrected(ps: Sequence[float]) -> list[float]:
    """P values corrected for their number (Holm, 1979), in their order."""
    order = np.argsort(ps, kind="stable")
    corrected, largest = [0.0] * len(ps), 0.0
    for place, at in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (len(ps) - place) * ps[at]))
        corrected[at] = largest
    return corrected


def rank_biserial(differences: Values) -> float:
    """Matched-pairs rank-biserial correlation (Kerby, 2014); 0 without a difference."""
    from scipy.stats import rankdata

    kept = differences[differences != 0]
    if not len(kept):
        return 0.0
    ranks = rankdata(np.abs(kept))
    return float((ranks[kept > 0].sum() - ranks[kept < 0].sum()) / ranks.sum())


def detectable(differences: Values, power: float = 0.8) -> float:
    """The mean difference that a test over as many people, as different as these, finds with a probability.

    By the noncentral t distribution, and the signed-rank test's efficiency of 3 / pi against it where differences are
    normal. NaN for fewer than three people, or if all differ alike.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    n = len(differences)
    sd = float(np.std(differences, ddof=1)) if n > 1 else math.nan
    if n < 3 or not sd > 0:
        return math.nan
    bound = t.ppf(1 - LEVEL / 2, n - 1)

    def short_of(effect: float) -> float:
        return float(nct.sf(bound, n - 1, effect * math.sqrt(n)) - power)

    return sd * float(brentq(short_of, 1e-6, 50.0)) / math.sqrt(3 / math.pi)


def pooled_macro_f1(table: Predictions, seed: int = 0) -> Interval:
    """Macro-F1 of the pooled predictions, mean over seeds, with a cluster bootstrap interval over people."""
    counts = subject_counts(table)
    drawn = _macro_f1s(counts, _draws(counts.shape[1], seed))
    return _percentiles(float(_macro_f1s(counts, np.ones((1, counts.shape[1])))[0]), drawn)


def pooled_difference(one: Predictions, other: Predictions, seed: int = 0) -> Interval:
    """Difference of pooled macro-F1; each draw takes the same people from both."""
    a, b = subject_counts(one), subject_counts(other)
    weights, whole = _draws(a.shape[1], seed), np.ones((1, a.shape[1]))
    value = float(_macro_f1s(a, whole)[0] - _macro_f1s(b, whole)[0])
    return _percentiles(value, _macro_f1s(a, weights) - _macro_f1s(b, weights))


def subject_counts(table: Predictions) -> NDArray[np.int64]:
    """``(seeds, subjects, C, C)`` confusion counts; subjects in sorted order."""
    seeds, subjects = np.unique(table.seed), sorted(set(table.subject))
    return np.stack(
        [
            np.stack(
                [
                    metrics.table_confusion(
                        table.where(np.asarray((table.subject == name) & (table.seed == seed), dtype=bool))
                    )
                    for name in subjects
                ]
            )
            for seed in seeds
        ]
    )


def _draws(people: int, seed: int) -> Values:
    """``(DRAWS, people)`` how often each person is drawn."""
    rng = np.random.default_rng([seed, 0xB007])
    return rng.multinomial(people, np.full(people, 1 / people), size=DRAWS).astype(np.float64)


def _macro_f1s(counts: NDArray[np.int64], weights: Values) -> Values:
    """``(B,)`` pooled macro-F1 of weighted people, mean over seeds."""
    scores = np.zeros(len(weights))
    for of_seed in counts:
        hits = weights @ np.diagonal(of_seed, axis1=1, axis2=2)
        support, named = weights @ of_seed.sum(axis=2), weights @ of_seed.sum(axis=1)
        with np.errstate(invalid="ignore"):
            f1 = np.where(support > 0, 2 * hits / (support + named), np.nan)
        scores += np.nanmean(f1, axis=1)
    return np.asarray(scores / len(counts), np.float64)


def _percentiles(value: float, drawn: Values) -> Interval:
    low, high = np.percentile(drawn, [100 * LEVEL / 2, 100 * (1 - LEVEL / 2)])
    return Interval(value, float(low), float(high))


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How far probabilities can be believed.

    Attributes:
        ece: expected calibration error: mean gap between confidence and accuracy, in bins of equal width (Guo et al.,
            2017).
        brier: mean squared error of all probabilities, 0..2.
        nll: mean negative log-likelihood of the true class, nats.
        confidence: ``(bins,)`` mean confidence of each bin; NaN where it is empty.
        accuracy: ``(bins,)`` share of right predictions.
        frames: ``(bins,)`` number of predictions.
    """

    ece: float
    brier: float
    nll: float
    confidence: Values
    accuracy: Values
    frames: NDArray[np.int64]


def calibration(table: Predictions, bins: int = 10) -> Calibration:
    """Calibration of the predictions of a table, which must hold some."""
    sure = table.probability.max(axis=1).astype(np.float64)
    right = (table.prediction == table.label).astype(np.float64)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    frames = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(place, sure, bins) / frames
        accuracy = np.bincount(place, right, bins) / frames
    gaps = np.where(frames > 0, np.abs(confidence - accuracy), 0)
    truth = np.eye(len(table.classes))[table.label]
    own = table.probability[np.arange(len(table)), table.label].astype(np.float64)
    return Calibration(
        float((gaps * frames).sum() / frames.sum()),
        float(((table.probability - truth) ** 2).sum(axis=1).mean()),
        float(-np.log(np.maximum(own, 1e-12)).mean()),
        confidence,
        accuracy,
        frames.astype(np.int64),
    )
