"""What T1's printed matrices say: no difference worth speaking of between its two set-ups.

Its diagonals (per cent of balanced classes) and the confusions that it names are all that is used: the rest of each row
goes to the class it is confused with, elsewhere evenly to all others.
"""

import numpy as np
import pytest

from fsa_data.evaluate.metrics import accuracy, macro_f1

REAL = (84, 64, 89, 65, 84, 75, 83, 92, 82, 38, 38, 91, 54, 49, 84), ((12, 9), (13, 10))
SWAPPED = (86, 84, 84, 55, 49, 85, 90, 73, 88, 87, 37, 37, 65, 68, 68), ((3, 10), (4, 11))


def matrix(diagonal, confused):
    """Counts per ten thousand frames of each class."""
    partner = {a: b for pair in confused for a, b in (pair, pair[::-1])}
    counts = np.zeros((15, 15))
    for true, percent in enumerate(diagonal):
        rest = 100 - percent
        counts[true] = 0 if true in partner else rest / 14
        if true in partner:
            counts[true, partner[true]] = rest
        counts[true, true] = percent
    return np.rint(100 * counts).astype(np.int64)


def test_both_set_ups_are_alike_and_neither_is_what_is_printed():
    real, swapped = (macro_f1(matrix(*setup)) for setup in (REAL, SWAPPED))
    assert real == pytest.approx(0.72, abs=0.005)
    assert swapped == pytest.approx(0.71, abs=0.005)
    assert real - swapped < 0.02  # printed: 0.06


def test_the_printed_accuracy_of_the_second_is_not_its_diagonal():
    assert accuracy(matrix(*SWAPPED)) == pytest.approx(0.704, abs=0.001)  # printed: 0.74
