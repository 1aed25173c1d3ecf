"""Handing it out: data sets, the guarded split, transforms."""

from fsa_data.datasets.deepfake import DeepfakeAugmentedMaskDAR, TestView
from fsa_data.datasets.face_swap import FaceSwap
from fsa_data.datasets.lineage import Audit, Excluded, check_fold, lineages
from fsa_data.datasets.maskdar import MaskDAR
from fsa_data.datasets.mirror import MirrorLabelled
from fsa_data.datasets.surgical_mask import SurgicalMask
from fsa_data.datasets.view import FrameView

__all__ = [
    "Audit",
    "DeepfakeAugmentedMaskDAR",
    "Excluded",
    "FaceSwap",
    "FrameView",
    "MaskDAR",
    "MirrorLabelled",
    "SurgicalMask",
    "TestView",
    "check_fold",
    "lineages",
]
