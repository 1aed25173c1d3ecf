"""What the house can compute of the fixtures, by the module that they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.parity import dagan, deep3d, facealign, plain, score, stargan2, stylegan2
from tests.parity.recipe import Fixture

KINDS: dict[str, Callable[[Fixture], dict[str, Any]]] = {
    "DaGAN.DepthAwareGenerator": dagan.moved,
    "DaGAN demo path": dagan.road,
    "DaGAN face-depth self-supervision loss": dagan.self_supervision,
    "DaGAN training losses": dagan.losses,
    "DaGAN.KPDetector": dagan.key_points,
    "DaGAN.MultiScaleDiscriminator": dagan.judged,
    "DaGAN.SPADEDepthAwareGenerator": dagan.moved,
    "DaGAN.depth ResnetEncoder+DepthDecoder": dagan.depth,
    "DaGAN.depth pose encoder + PoseDecoder": dagan.pose,
    "Deep3DFaceRecon.ParametricFaceModel": deep3d.face_model,
    "Deep3DFaceRecon.ReconNetWrapper": plain.forward,
    "Deep3DFaceRecon.align_img": deep3d.alignment,
    "face_alignment.FAN": facealign.heat_maps,
    "face_alignment.ResNetDepth": plain.forward,
    "face_alignment.s3fd": facealign.detector,
    "face_alignment.sfd decode+nms": facealign.decode,
    "face_alignment.utils": facealign.points,
    "StarGANv2.Discriminator": plain.forward,
    "StarGANv2.Generator": stargan2.styled,
    "StarGANv2.MappingNetwork": plain.forward,
    "StarGANv2.StyleEncoder": plain.forward,
    "StarGANv2 training losses": stargan2.losses,
    "StarGANv2.wing.FAN": stargan2.heat_maps,
    "StarGANv2.wing.preprocess": stargan2.masks,
    "StyleGAN2.Generator": stylegan2.generator,
    "StyleGAN2 pickle": stylegan2.pickled,
    "T1.landmark_score": score.landmark_score,
}
"""From a fixture to its outputs by name: complete ones, arrays or tensors."""
