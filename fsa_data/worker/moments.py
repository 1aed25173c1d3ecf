"""Calm colours over time for linear transfers: statistics in, statistics out.

A transfer measured anew in every frame flickers whenever a hand or a turn of the head changes which pixels count. The
map from one face's colours to the other's is made of moments; smoothed moments make a smooth map. An engine takes them
as ``params["moments"]`` (:func:`fsa_data.engines.put_back.moments_json`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsa_data.merge import Moments
from fsa_data.worker.smoothing import COLOUR_SIGMA_S, fit_at

Pair = tuple[Moments, Moments]
"""Of the new face, and of the target's."""


def smooth_moments(pairs: Sequence[Pair], times_s: Sequence[float], sigma_s: float = COLOUR_SIGMA_S) -> list[Pair]:
    """Moments of one track without their trembling.

    Means follow a local line, so that a steady change of light passes as it is. Covariances take a local mean, whose
    weights are never negative: it is a covariance, too.

    Args:
        pairs: in order of time, as :attr:`fsa_data.merge.Pasted.moments` gives them.
        times_s: when each was measured, rising.
        sigma_s: standard deviation of the Gaussian weights.
    """
    times = np.asarray(times_s, np.float64)
    means = np.array([[each.mean for each in pair] for pair in pairs])
    spreads = np.array([[each.covariance for each in pair] for pair in pairs])
    out = []
    for time_s in times.tolist():
        mean, spread = fit_at(times, means, time_s, sigma_s, 1), fit_at(times, spreads, time_s, sigma_s, 0)
        out.append((Moments(mean[0], spread[0]), Moments(mean[1], spread[1])))
    return out
