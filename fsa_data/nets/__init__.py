"""Published networks, by the name of the class that they agree with.

Each is a plain ``nn.Module`` with the constructor arguments and the state-dict keys of the published one, so that
published weights load as they are; only DeepFaceLab's, which are of another framework, have keys of the house's own.
Nothing here reads a file, and torch is imported by the first :func:`build`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

from fsa_data.errors import UnknownNameError

if TYPE_CHECKING:
    from torch import nn

NETWORKS: dict[str, tuple[str, str]] = {
    "DaGAN.DepthAwareGenerator": ("fsa_data.nets.dagan", "DepthAwareGenerator"),
    "DaGAN.DepthDecoder": ("fsa_data.nets.dagan_depth", "DepthDecoder"),
    "DaGAN.DepthNet": ("fsa_data.nets.dagan_depth", "DepthNet"),
    "DaGAN.KPDetector": ("fsa_data.nets.dagan", "KPDetector"),
    "DaGAN.MultiScaleDiscriminator": ("fsa_data.nets.dagan_discriminator", "MultiScaleDiscriminator"),
    "DaGAN.PoseDecoder": ("fsa_data.nets.dagan_depth", "PoseDecoder"),
    "DaGAN.ResnetEncoder": ("fsa_data.nets.dagan_depth", "ResnetEncoder"),
    "DaGAN.SPADEDepthAwareGenerator": ("fsa_data.nets.dagan_spade", "SPADEDepthAwareGenerator"),
    "Deep3DFaceRecon.ReconNetWrapper": ("fsa_data.nets.deep3d", "ReconNetWrapper"),
    "face_alignment.FAN": ("fsa_data.nets.face_alignment", "FAN"),
    "face_alignment.ResNetDepth": ("fsa_data.nets.face_alignment", "ResNetDepth"),
    "face_alignment.s3fd": ("fsa_data.nets.face_alignment", "S3FD"),
    "DeepFaceLab.CodeDiscriminator": ("fsa_data.nets.patch_discriminator", "CodeDiscriminator"),
    "DeepFaceLab.PatchDiscriminator": ("fsa_data.nets.patch_discriminator", "PatchDiscriminator"),
    "DeepFaceLab.Quick96": ("fsa_data.nets.quick96", "Quick96"),
    "DeepFaceLab.SAEHD": ("fsa_data.nets.saehd", "SAEHD"),
    "DeepFaceLab.XSeg": ("fsa_data.nets.xseg", "XSeg"),
    "StarGANv2.Discriminator": ("fsa_data.nets.stargan2", "Discriminator"),
    "StarGANv2.Generator": ("fsa_data.nets.stargan2", "Generator"),
    "StarGANv2.MappingNetwork": ("fsa_data.nets.stargan2", "MappingNetwork"),
    "StarGANv2.StyleEncoder": ("fsa_data.nets.stargan2", "StyleEncoder"),
    "StarGANv2.wing.FAN": ("fsa_data.nets.wing", "FAN"),
    "StyleGAN2.Generator": ("fsa_data.nets.stylegan2", "Generator"),
}
"""Where each network lives: module and class."""

__all__ = ["NETWORKS", "build"]


def build(module: str, **config: Any) -> nn.Module:
    """A network with fresh weights, in training mode, on the CPU.

    Args:
        module: a key of :data:`NETWORKS`, e.g. ``"StyleGAN2.Generator"``.
        **config: arguments of its constructor.

    Returns:
        The network.

    Raises:
        UnknownNameError: no such network; the message names the nearest.
        ConfigError: arguments of which no such network can be made.
    """
    if module not in NETWORKS:
        raise UnknownNameError("network", module, NETWORKS)
    home, name = NETWORKS[module]
    return cast("nn.Module", getattr(importlib.import_module(home), name)(**config))
