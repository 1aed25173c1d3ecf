"""Curves between two values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def smoothstep(values: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """Cubic step from 0 at ``low`` to 1 at ``high``."""
    t: NDArray[np.float64] = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
