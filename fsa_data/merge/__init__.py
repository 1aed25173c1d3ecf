"""Putting a new face back: colour, light, soft masks, blending. Plain functions on arrays, shared by all engines."""

from fsa_data.merge.colour import detail_gains, eight_bit, lab_to_rgb, lab_to_steps, moved_detail, rgb_to_lab
from fsa_data.merge.mask import blend, soft_mask
from fsa_data.merge.occluders import InFront, find_in_front
from fsa_data.merge.options import MergeOptions, merge_fingerprint, merge_options
from fsa_data.merge.paste_options import PasteOptions, paste_options
from fsa_data.merge.pasting import Pasted, Prediction, Showing, find_showing, paste_face
from fsa_data.merge.reference import FRAMES as REFERENCE_FRAMES
from fsa_data.merge.reference import VERSION as REFERENCE_VERSION
from fsa_data.merge.reference import make_reference
from fsa_data.merge.shading import robust_weight, slow_colour, smoothing_kernel
from fsa_data.merge.sharpness import edge_width_px2, match_sharpness
from fsa_data.merge.transfer import TRANSFERS, Moments, transfer

__all__ = [
    "REFERENCE_FRAMES",
    "REFERENCE_VERSION",
    "TRANSFERS",
    "InFront",
    "MergeOptions",
    "Moments",
    "PasteOptions",
    "Pasted",
    "Prediction",
    "Showing",
    "blend",
    "detail_gains",
    "edge_width_px2",
    "eight_bit",
    "find_in_front",
    "find_showing",
    "lab_to_rgb",
    "lab_to_steps",
    "make_reference",
    "match_sharpness",
    "merge_fingerprint",
    "merge_options",
    "moved_detail",
    "paste_face",
    "paste_options",
    "rgb_to_lab",
    "robust_weight",
    "slow_colour",
    "smoothing_kernel",
    "soft_mask",
    "transfer",
]
