"""From one photo to a face that can be seen from anywhere."""

from fsa_data.recon.embedded import Reconstruction, reconstruct
from fsa_data.recon.expressions import EXPRESSIONS, expressed, find_expression, valence_arousal
from fsa_data.recon.render import PITCHES_DEG, YAWS_DEG, render_view, render_views

__all__ = [
    "EXPRESSIONS",
    "PITCHES_DEG",
    "YAWS_DEG",
    "Reconstruction",
    "expressed",
    "find_expression",
    "reconstruct",
    "render_view",
    "render_views",
    "valence_arousal",
]
