"""Probes against features whose answer is known."""

import numpy as np
import pytest

from fsa_data.evaluate import concatenate
from fsa_data.evaluate.probes import (
    by_tercile,
    detectability,
    kernel_distance,
    preservation,
    residual_identity,
    share_bias,
)
from tests.evaluate.tables import CLASSES, make_table

RNG = np.random.default_rng(0)
SUBJECT = np.repeat([f"p{n}" for n in range(8)], 30)
LABEL = np.tile(np.arange(3), 80)


def test_a_trace_is_found_and_none_is_not():
    real = RNG.normal(size=(240, 20))
    trace = np.zeros(20)
    trace[3] = 4
    found, of_class = detectability(real, real + trace + 0.1 * RNG.normal(size=real.shape), SUBJECT, LABEL, 4)
    assert found > 0.95
    assert of_class[3] is None
    assert min(of_class[:3]) > 0.9
    none, _ = detectability(real, RNG.normal(size=real.shape), SUBJECT, LABEL, 3)
    assert 0.4 < none < 0.6


def test_a_trace_in_one_class_is_found_there():
    real = RNG.normal(size=(240, 20))
    trace = np.where((LABEL == 1)[:, None], 4.0, 0.0) * np.eye(20)[3]
    _, of_class = detectability(real, real + trace, SUBJECT, LABEL, 3)
    assert of_class[1] > 0.85
    assert max(of_class[0], of_class[2]) < 0.65


def test_who_it_is_is_told_until_it_is_taken_away():
    codes = np.unique(SUBJECT, return_inverse=True)[1]
    centre = RNG.normal(size=(8, 20)) * 3
    frames = [centre[codes] + RNG.normal(size=(240, 20)) for _ in range(2)]
    other = centre[RNG.permutation(8)[codes]] + RNG.normal(size=(240, 20))
    real, same = residual_identity(frames[0], SUBJECT, frames[1], frames[1], SUBJECT)
    assert real == same > 0.95
    assert residual_identity(frames[0], SUBJECT, frames[1], other, SUBJECT)[1] < 0.5
    assert np.isnan(residual_identity(frames[0], np.full(240, "a"), frames[1], other, SUBJECT)[0])


def test_kernel_distance_is_none_between_samples_of_one_kind():
    """Against the sum written out, and by what it must be for equal and for shifted distributions."""
    a, b = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3))

    def k(x, y):
        return (x @ y / 3 + 1) ** 3

    own = np.mean([k(a[i], a[j]) for i in range(5) for j in range(5) if i != j])
    other = np.mean([k(b[i], b[j]) for i in range(4) for j in range(4) if i != j])
    assert kernel_distance(a, b) == pytest.approx(own + other - 2 * np.mean([[k(x, y) for y in b] for x in a]))
    alike = [kernel_distance(RNG.normal(size=(100, 8)), RNG.normal(size=(100, 8))) for _ in range(20)]
    assert abs(np.mean(alike)) < 0.02
    assert kernel_distance(RNG.normal(size=(100, 8)), RNG.normal(1.0, 1.0, (100, 8))) > 0.5
    assert np.isnan(kernel_distance(a[:1], b))


def test_share_bias_is_cramers_v():
    assert share_bias([10, 10, 10], [5, 5, 5]) == 0
    assert share_bias([10, 0], [0, 10]) == pytest.approx(1)
    assert share_bias([10, 10], [0, 0]) == 0
    assert 0 < share_bias([10, 8, 0], [0, 2, 0]) < 0.5


def test_preservation_by_hand():
    real, fake = make_table(), make_table(domain="fake")
    both = preservation(concatenate([real, fake]))
    assert (both.frames, both.agreement, both.kept) == (36, 1.0, 1.0)
    fake.prediction[:9] = (fake.prediction[:9] + 1) % 4
    found = preservation(concatenate([real, fake]))
    assert found.agreement == pytest.approx(27 / 36)
    of_class = [np.mean([(at < 9) for at in range(36) if real.label[at] == c]) for c in range(4)]
    assert found.flips == pytest.approx(of_class)
    assert preservation(real) is None


def test_terciles():
    real, fake = make_table(), make_table(domain="fake")
    quality = {(frame, "donor"): float(at) for at, frame in enumerate(fake.frame)}
    fake.prediction[:12] = (fake.label[:12] + 1) % 4  # the worst third is wrong throughout
    found = by_tercile(concatenate([real, fake]), quality)
    assert [third["frames"] for third in found] == [12, 12, 12]
    assert found[0]["fake"] == 0
    assert found[0]["real"] > 0.4
    assert found[2]["fake"] == found[2]["real"]
    assert [third["quality"] for third in found] == sorted(third["quality"] for third in found)
    assert by_tercile(concatenate([real, fake]), {}) == []
    assert len(CLASSES) == 4
