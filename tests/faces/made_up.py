"""Made-up faces, so that everything about them is known."""

import numpy as np

from fsa_data.types import Face

SHAPE = np.random.default_rng(0).random((478, 3)).astype(np.float32) - 0.5


def face(x, y=100.0, size=60.0, yaw=0.0, confidence=0.9):
    points = SHAPE * size + np.array([x, y, 0], np.float32)
    return Face(points.astype(np.float32), yaw, 0.0, 0.0, np.zeros(52, np.float32), confidence)
