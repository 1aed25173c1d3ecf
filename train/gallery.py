"""Which real/fake pairs the report shows: not the best ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsa_data.datasets import FrameView
from fsa_data.evaluate import Pair


def draw_pairs(views: Sequence[tuple[FrameView, FrameView]], count: int, seed: int) -> list[Pair]:
    """Pairs drawn by seed: first one of every class that has a swap, then more at random.

    Args:
        views: real frames and fakes of the same subjects, of every fold.
        count: how many pairs.
        seed: of the draw.
    """
    candidates = [
        (view, row, int(label)) for view, (_, fake) in enumerate(views) for row, label in enumerate(fake.targets)
    ]
    order = np.random.default_rng(seed).permutation(len(candidates))
    first: dict[int, int] = {}
    for number in order:
        first.setdefault(candidates[number][2], int(number))
    by_class = [first[label] for label in sorted(first)]
    chosen = (by_class + [int(number) for number in order if number not in set(by_class)])[:count]
    return [_pair(*views[candidates[number][0]], candidates[number][1]) for number in chosen]


def _pair(real: FrameView, fake: FrameView, row: int) -> Pair:
    meta = fake.meta(row)
    at = int(np.flatnonzero(real.rows.frame == fake.rows.frame[row])[0])
    return Pair(
        real=real.array(at),
        fake=fake.array(row),
        label=fake.classes[fake.targets[row]],
        subject=meta["subject"],
        source_identity=meta["source_identity"],
    )
