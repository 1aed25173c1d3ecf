"""T1's landmark score, computed by ours on the landmarks that its fixture holds."""

import numpy as np

from fsa_data.quality import landmark_scores


def landmark_score(fixture):
    """Score, nearest source, percentile and validity."""
    got = landmark_scores(fixture.arrays["dst_landmarks"], fixture.arrays["src_landmarks"])
    return {"score": got.score, "best": got.nearest, "q95": np.array([got.q95]), "valid": got.valid}
