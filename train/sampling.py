"""Which row is trained on at which step: a pure function of the seed, so that a resumed run goes on exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def steps_per_epoch(real_rows: int, batch_size: int) -> int:
    """Optimiser steps of an epoch: the batches that the *real* training rows fill, the last one completed.

    The same number for every setup of a fold, whatever number of fakes it trains on: setups are compared at equal
    steps, not at equal epochs of unequal data.

    Args:
        real_rows: frames of subjects that are not tested, 1 or more.
        batch_size: rows per step.
    """
    return math.ceil(real_rows / batch_size)


def epoch_rows(rows: int, epoch: int, size: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    """Row numbers of one epoch.

    The training rows are shuffled again and again into one endless row of permutations; epoch e takes the positions
    ``e * size .. (e + 1) * size - 1`` of it. So every row is used equally often (give or take one), however long an
    epoch is.

    Args:
        rows: number of training rows N, 1 or more.
        epoch: from 0.
        size: rows per epoch, steps x batch size.
        seed: of the shuffling.

    Returns:
        ``(size,)`` int64, 0 .. N - 1.
    """
    first, last = epoch * size // rows, ((epoch + 1) * size - 1) // rows
    stream = np.concatenate([_permutation(rows, number, seed) for number in range(first, last + 1)])
    start = epoch * size - first * rows
    return stream[start : start + size]


def stream_seed(*parts: int) -> int:
    """A 63-bit seed from several numbers; different numbers give unrelated seeds."""
    return int(
        np.random.SeedSequence([len(parts), *(part & 0xFFFFFFFFFFFFFFFF for part in parts)]).generate_state(
            1, np.uint64
        )[0]
        >> 1
    )


def _permutation(rows: int, number: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    return np.random.default_rng([*seed, number]).permutation(rows)
