import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.sampling import epoch_rows, steps_per_epoch, stream_seed


@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 8), st.integers(0, 2**32))
def test_every_row_is_used_equally_often(rows, size, epochs, seed):
    used = np.concatenate([epoch_rows(rows, epoch, size, (seed,)) for epoch in range(epochs)])
    assert len(used) == size * epochs
    counts = np.bincount(used, minlength=rows)
    assert len(counts) == rows
    assert counts.max() - counts.min() <= 1


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 5))
def test_an_epoch_does_not_depend_on_the_epochs_before(rows, size, epoch):
    alone = epoch_rows(rows, epoch, size, (7, 1))
    stream = np.concatenate([epoch_rows(rows, e, size, (7, 1)) for e in range(epoch + 1)])
    assert alone.tolist() == stream[epoch * size :].tolist()


def test_whole_epochs_are_permutations_and_differ():
    first, second = (epoch_rows(30, epoch, 30, (0,)) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(30))
    assert first.tolist() != second.tolist()
    assert first.tolist() != epoch_rows(30, 0, 30, (1,)).tolist()


@pytest.mark.parametrize(("real", "batch", "steps"), [(450, 32, 15), (448, 32, 14), (1, 32, 1)])
def test_steps_follow_the_real_rows(real, batch, steps):
    assert steps_per_epoch(real, batch) == steps


def test_seeds_of_different_numbers_differ():
    seeds = {stream_seed(*parts) for parts in [(0,), (1,), (0, 0), (0, 1), (1, 0), (-1, 0), (2**64 - 2, 0)]}
    assert len(seeds) == 7
    assert all(0 <= seed < 2**63 for seed in seeds)
