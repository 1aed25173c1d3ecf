"""What the house can compute of the fixtures, by the module that they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.parity import deep3d, facealign, plain, score, stylegan2
from tests.parity.recipe import Fixture

KINDS: dict[str, Callable[[Fixture], dict[str, Any]]] = {
    "Deep3DFaceRecon.ParametricFaceModel": deep3d.face_model,
    "Deep3DFaceRecon.ReconNetWrapper": plain.forward,
    "Deep3DFaceRecon.align_img": deep3d.alignment,
    "face_alignment.FAN": facealign.heat_maps,
    "face_alignment.ResNetDepth": plain.forward,
    "face_alignment.s3fd": facealign.detector,
    "face_alignment.sfd decode+nms": facealign.decode,
    "face_alignment.utils": facealign.points,
    "StyleGAN2.Generator": stylegan2.generator,
    "StyleGAN2 pickle": stylegan2.pickled,
    "T1.landmark_score": score.landmark_score,
}
"""From a fixture to its outputs by name: complete ones, arrays or tensors."""
