"""Statistics against closed forms, references and simulations."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon
from sklearn.metrics import brier_score_loss, f1_score, log_loss

from fsa_data.errors import ConfigError
from fsa_data.evaluate import statistics
from fsa_data.evaluate.predictions import Predictions, concatenate, fold_predictions

CLASSES = ("a", "b", "c")


def table(rng, people=8, frames=30, skill=0.7, seed=0, spread=0.1):
    """Predictions that are right with a probability that differs from person to person."""
    parts = []
    for n in range(people):
        label = rng.integers(0, 3, frames)
        right = rng.random(frames) < np.clip(skill + spread * rng.normal(), 0, 1)
        named = np.where(right, label, (label + rng.integers(1, 3, frames)) % 3)
        probability = np.full((frames, 3), 0.15, np.float32)
        probability[np.arange(frames), named] = 0.7
        parts.append(
            fold_predictions(
                CLASSES, probability, label, seed=seed, fold=f"p{n}", domain="real", subject=[f"p{n}"] * frames,
                frame=[f"{n}-{i}" for i in range(frames)], source_identity=[""] * frames,
            )
        )  # fmt: skip
    return concatenate(parts)


def test_hodges_lehmann_is_the_median_of_pairs():
    d = np.array([0.1, -0.2, 0.4, 0.05, 0.3, 0.25])
    pairs = [(a + b) / 2 for a, b in itertools.combinations_with_replacement(d, 2)]
    found = statistics.hodges_lehmann(d)
    assert found.value == pytest.approx(np.median(pairs))
    assert (found.low, found.high) == pytest.approx((min(pairs), max(pairs)))  # six people: the first 95 % interval


@given(st.integers(6, 14), st.integers(0, 10**6))
def test_the_interval_is_what_the_test_does_not_reject(n, seed):
    d = np.random.default_rng(seed).normal(0.1, 1, n)
    found = statistics.hodges_lehmann(d)
    for value, kept in ((found.low, 1e-6), (found.high, -1e-6)):
        assert wilcoxon(d - value - kept, method="exact").pvalue > 0.05 - 1e-9
        assert wilcoxon(d - value + kept, method="exact").pvalue <= 0.05 + 1e-9


def test_the_interval_covers():
    rng = np.random.default_rng(0)
    hits = [
        found.low <= 0.3 <= found.high
        for found in (statistics.hodges_lehmann(rng.normal(0.3, 1, 12)) for _ in range(600))
    ]
    assert 0.93 <= np.mean(hits) <= 0.98
    assert (
        abs(statistics._critical(50) - 434) <= 1
    )  # of printed tables; the normal approximation goes on where the tables end
    assert 0 <= statistics._critical(51) - statistics._critical(50) < 40


def test_holm_by_hand():
    assert statistics.holm_corrected([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm_corrected([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert statistics.holm_corrected([]) == []


def test_effect_sizes():
    assert statistics.rank_biserial(np.array([1.0, 2, 3])) == 1
    assert statistics.rank_biserial(np.array([1.0, -2, 3])) == pytest.approx((4 - 2) / 6)
    assert statistics.rank_biserial(np.zeros(4)) == 0
    assert statistics.signed_rank(np.zeros(4)) == 1


def test_words_are_given_by_rule():
    d = np.array([0.05, 0.06, 0.04, 0.07, 0.03, 0.08, 0.055, 0.045])
    assert statistics.verdict_of(0.05, statistics.signed_rank(d), 1) == "better"
    assert statistics.verdict_of(-0.05, statistics.signed_rank(-d), 1) == "worse"
    near = (d - d.mean()) / 50
    assert statistics.equivalence(near, 0.02) < 0.05
    assert statistics.verdict_of(0.0, statistics.signed_rank(near), statistics.equivalence(near, 0.02)) == "equivalent"
    assert statistics.verdict_of(0.1, 0.2, 0.2) == "no evidence"
    wide = np.array([0.3, -0.3, 0.2, -0.25, 0.1, -0.05])
    assert statistics.equivalence(wide, 0.02) > 0.05


def test_many_zeros_are_no_equivalence():
    """Two frames per person: most differences are 0, the others large. The middle person says nothing of the mean."""
    d = np.array([0.0] * 36 + [2 / 3] * 8 + [-2 / 3] * 7)
    assert max(statistics.signed_rank(d + 0.02, "greater"), statistics.signed_rank(d - 0.02, "less")) < 0.05
    assert statistics.equivalence(d, 0.02) > 0.2
    assert statistics.equivalence(np.zeros(8), 0.02) < 0.05
    assert statistics.equivalence(np.full(8, 0.03), 0.02) > 0.9


def test_equivalence_is_claimed_seldom_at_the_margin():
    rng = np.random.default_rng(8)
    claims = [statistics.equivalence(rng.normal(0.02, 0.03, 30), 0.02) < 0.05 for _ in range(400)]
    assert np.mean(claims) <= 0.08


def test_what_is_detectable_is_detected():
    """Simulated: a shift of that size is found in about 80 % of experiments by the signed-rank test."""
    rng = np.random.default_rng(1)
    sample = rng.normal(0, 0.06, 30)
    sample *= 0.06 / np.std(sample, ddof=1)
    shift = statistics.detectable(sample)
    assert shift / 0.06 == pytest.approx(0.54, abs=0.02)
    found = np.mean([statistics.signed_rank(rng.normal(shift, 0.06, 30)) < 0.05 for _ in range(400)])
    assert 0.74 <= found <= 0.86
    assert math.isnan(statistics.detectable(np.array([0.1, 0.2])))


def test_pooled_macro_f1_is_scikit_learns():
    one = table(np.random.default_rng(2))
    found = statistics.pooled_macro_f1(one)
    assert found.value == pytest.approx(f1_score(one.label, one.prediction, average="macro"))
    assert found.low < found.value < found.high


def test_seeds_are_averaged_first():
    rng = np.random.default_rng(3)
    one, two = table(rng, seed=0), table(rng, seed=1)
    both = statistics.pooled_macro_f1(concatenate([one, two])).value
    assert both == pytest.approx(np.mean([statistics.pooled_macro_f1(each).value for each in (one, two)]))


def test_an_interval_over_people_is_wider_than_one_over_frames():
    rng = np.random.default_rng(4)
    one = table(rng, people=10, frames=200, spread=0.25)
    found = statistics.pooled_macro_f1(one)
    frames = []
    for _ in range(200):
        at = rng.integers(0, len(one), len(one))
        frames.append(f1_score(one.label[at], one.prediction[at], average="macro"))
    assert found.high - found.low > 2 * np.subtract(*np.percentile(frames, [97.5, 2.5]))


def test_no_difference_is_claimed_seldom_and_a_large_one_mostly():
    rng = np.random.default_rng(5)
    claimed = {0.0: 0, 0.25: 0}
    for better in claimed:
        for _ in range(150):
            d = better * 0.5 + rng.normal(0, 0.1, 12)
            word = statistics.verdict_of(float(np.median(d)), statistics.signed_rank(d), 1.0)
            claimed[better] += word in ("better", "worse")
    assert claimed[0.0] <= 14
    assert claimed[0.25] >= 130


def test_compare():
    rng = np.random.default_rng(6)
    arms = {"real_only": table(rng, skill=0.5), "hybrid": table(rng, skill=0.85), "same": table(rng, skill=0.5)}
    found = statistics.compare(arms, [("hybrid", "real_only"), ("same", "real_only")])
    assert [one.verdict for one in found] == ["better", "no evidence"]
    assert found[0].p_holm == pytest.approx(2 * found[0].p)
    assert found[0].people == 8
    assert found[0].pooled.low > 0
    few = arms["same"].where(np.asarray(arms["same"].subject != "p3", dtype=bool))
    with pytest.raises(ConfigError, match=r"different people \(p3\)"):
        statistics.compare(arms | {"few": few}, [("few", "real_only")])
    with pytest.raises(ConfigError, match="must be positive"):
        statistics.compare(arms, [], margin=0)


def test_calibration():
    rng = np.random.default_rng(7)
    one = table(rng, people=20, frames=100, skill=0.7, spread=0.0)
    found = statistics.calibration(one)
    assert found.ece == pytest.approx(abs(0.7 - np.mean(one.label == one.prediction)), abs=1e-5)
    assert found.nll == pytest.approx(log_loss(one.label, one.probability.astype(float)), abs=1e-5)
    of_classes = [brier_score_loss(one.label == c, one.probability[:, c].astype(float)) for c in range(3)]
    assert found.brier == pytest.approx(sum(of_classes), abs=1e-5)
    assert found.frames.sum() == 2000
    sure = Predictions(
        **{
            name: getattr(one, name)
            for name in (
                *("classes", "seed", "fold", "subject", "frame", "domain"),
                *("source_identity", "label", "prediction"),
            )
        },
        probability=np.eye(3, dtype=np.float32)[one.prediction],
    )
    assert statistics.calibration(sure).ece == pytest.approx(np.mean(one.label != one.prediction))
