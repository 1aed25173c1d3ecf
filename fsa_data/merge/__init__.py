"""Putting a new face back: colour, light, soft masks, blending. Plain functions on arrays, shared by all engines."""

from fsa_data.merge.colour import detail_gains, lab_to_rgb, move_detail, rgb_to_lab
from fsa_data.merge.mask import blend, soft_mask
from fsa_data.merge.options import MergeOptions, merge_options
from fsa_data.merge.shading import robust_weight, slow_colour, smoothing_kernel
from fsa_data.merge.sharpness import edge_width_px2, match_sharpness

__all__ = [
    "MergeOptions",
    "blend",
    "detail_gains",
    "edge_width_px2",
    "lab_to_rgb",
    "match_sharpness",
    "merge_options",
    "move_detail",
    "rgb_to_lab",
    "robust_weight",
    "slow_colour",
    "smoothing_kernel",
    "soft_mask",
]
