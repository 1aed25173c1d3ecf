import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from fsa_data.evaluate import concatenate, metrics
from tests.evaluate.tables import make_table

labels = st.integers(2, 6).flatmap(
    lambda c: st.tuples(
        st.just(c), st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1, max_size=40)
    )
)


@given(labels)
def test_against_scikit_learn_also_where_classes_are_absent(case):
    classes, pairs = case
    true, named = np.array(pairs).T
    matrix = metrics.confusion(true, named, classes)
    assert matrix.tolist() == confusion_matrix(true, named, labels=range(classes)).tolist()
    present = sorted(set(true.tolist()))
    assert metrics.absent_classes(matrix) == [c for c in range(classes) if c not in present]
    assert metrics.accuracy(matrix) == pytest.approx(accuracy_score(true, named))
    reference = f1_score(true, named, labels=present, average="macro", zero_division=0)
    assert metrics.macro_f1(matrix) == pytest.approx(reference)
    expected = precision_recall_fscore_support(true, named, labels=range(classes), zero_division=0)
    for ours, theirs in zip(metrics.precision_recall_f1(matrix), expected[:3], strict=True):
        assert ours[present] == pytest.approx(theirs[present])


def test_a_class_that_is_never_named_counts_as_zero():
    assert metrics.macro_f1(metrics.confusion(np.array([0, 0, 1, 1]), np.zeros(4, np.int64), 2)) == pytest.approx(1 / 3)


def test_a_class_without_frames_is_left_out_and_told():
    matrix = metrics.confusion(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    assert metrics.absent_classes(matrix) == [2]
    assert metrics.macro_f1(matrix) == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(metrics.precision_recall_f1(matrix)[2][2])


def test_without_frames_there_is_no_number():
    matrix = np.zeros((3, 3), np.int64)
    assert math.isnan(metrics.macro_f1(matrix))
    assert math.isnan(metrics.accuracy(matrix))


def test_macro_f1_is_not_the_f1_of_mean_precision_and_recall():
    matrix = np.array([[9, 1, 0], [5, 5, 0], [0, 9, 1]])
    precision, recall, f1 = metrics.precision_recall_f1(matrix)
    other = 2 * precision.mean() * recall.mean() / (precision.mean() + recall.mean())
    assert metrics.macro_f1(matrix) == pytest.approx(f1.mean())
    assert abs(other - f1.mean()) > 0.05


def test_subjects_average_their_seeds_first():
    first, second = make_table(seed=1), make_table(seed=2)
    both = metrics.subject_macro_f1(concatenate([first, second]))
    one, two = metrics.subject_macro_f1(first), metrics.subject_macro_f1(second)
    assert both == {name: pytest.approx((one[name] + two[name]) / 2) for name in ("ann", "bea", "cyd")}


def test_mean_and_sample_deviation():
    assert metrics.mean_sd(np.array([1.0, 2.0, 4.0])) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1)))
    mean, sd = metrics.mean_sd(np.array([0.5]))
    assert mean == 0.5
    assert math.isnan(sd)
    assert all(math.isnan(v) for v in metrics.mean_sd(np.array([])))


def test_largest_confusions_are_off_the_diagonal():
    matrix = np.array([[50, 2, 0], [7, 50, 1], [0, 0, 50]])
    assert metrics.largest_confusions(matrix, 2) == [(1, 0, 7), (0, 1, 2)]
    assert metrics.largest_confusions(matrix, 9) == [(1, 0, 7), (0, 1, 2), (1, 2, 1)]


# The thesis prints row-percent matrices of balanced classes; the mean of per-class F1 needs nothing else.
def test_row_percent_of_balanced_classes_gives_the_same_macro_f1():
    counts = np.array([[30, 10, 0], [4, 36, 0], [1, 1, 38]])
    assert metrics.macro_f1(100 * counts // 40) == pytest.approx(metrics.macro_f1(counts), abs=0.02)
