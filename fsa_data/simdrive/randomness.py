"""Random generators keyed by what they are for, so that one draw never depends on how many others came before."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from fsa_data.errors import ConfigError


class Stream(IntEnum):
    """What a generator is for; first word of its key. Values are part of the data: never renumber."""

    SET = 1
    SHAPE = 2
    SKIN = 3
    HAIR = 4
    CABIN = 5
    CLIP = 6
    FRAME = 7
    NOISE = 8
    WEAR = 9


def generator(stream: Stream, seed: int, *key: int) -> np.random.Generator:
    """A generator that depends on nothing but its arguments.

    Args:
        stream: what it is for.
        seed: seed of the data set, 0 or more.
        key: subject, class, clip, frame: whatever the draw belongs to, each 0 or more.

    Raises:
        ConfigError: a number is negative.
    """
    if min((seed, *key)) < 0:
        raise ConfigError(f"Seeds and indices of simdrive start at 0, got seed={seed} and key={key}.")
    return np.random.default_rng(np.random.SeedSequence([int(stream), seed, *key]))
