"""Judge it: how well faces cover a clip, and how well a swap kept what the frame showed. Arrays in, numbers out."""

from fsa_data.quality.distributions import (
    AndersonDarling,
    LognormalMixture,
    anderson_darling,
    bootstrap_band,
    cdf,
    fit_bimodal,
    fit_lognormal,
    median_interval,
)
from fsa_data.quality.gate import Gated, GateOptions, gated
from fsa_data.quality.kept import Kept, compare_faces, found_again, jitter
from fsa_data.quality.landmark_score import LandmarkScores, landmark_scores, level68
from fsa_data.quality.look import Look, light_distance, look_of, tone_distance

__all__ = [
    "AndersonDarling",
    "GateOptions",
    "Gated",
    "Kept",
    "LandmarkScores",
    "LognormalMixture",
    "Look",
    "anderson_darling",
    "bootstrap_band",
    "cdf",
    "compare_faces",
    "fit_bimodal",
    "fit_lognormal",
    "found_again",
    "gated",
    "jitter",
    "landmark_scores",
    "level68",
    "light_distance",
    "look_of",
    "median_interval",
    "tone_distance",
]
