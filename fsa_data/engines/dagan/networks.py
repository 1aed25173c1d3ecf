"""DaGAN's networks as they are used, from a training of the house or from published checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from fsa_data.engines.dagan.preset import DaganPreset
from fsa_data.engines.reenact.training import read
from fsa_data.engines.snapshots import find_snapshot, read_tensors, weights_digest
from fsa_data.errors import DatasetNotFoundError, MissingWeightsError, WrongWeightsError
from fsa_data.nets import build
from fsa_data.nets.checkpoints import (
    count_of,
    load_checked,
    part_of,
    read_checkpoint,
    refuse_extras,
    shape_of,
    state_of,
)
from fsa_data.nets.dagan import DepthAwareGenerator, KPDetector
from fsa_data.nets.dagan_depth import LAYERS, DepthNet
from fsa_data.nets.dagan_layers import KeyPoints
from fsa_data.nets.dagan_spade import SPADEDepthAwareGenerator
from fsa_data.types import Json
from fsa_data.weights import file_sha256

ENCODER, DECODER = "encoder.pth", "depth.pth"
"""The published depth network's files, beside the checkpoint or in a folder ``depth`` there."""

PUBLISHED_PX = 256
"""Side of the pictures that the published networks were trained with."""

_KNOWN = (
    *("generator", "kp_detector", "discriminator", "epoch"),
    *("optimizer_generator", "optimizer_kp_detector", "optimizer_discriminator"),
)
_ENCODER_EXTRAS = ("height", "width", "use_stereo")


@dataclass(frozen=True, slots=True)
class DaganFile:
    """What is known of networks before they are loaded.

    Attributes:
        path: a snapshot, or the published checkpoint.
        size: side of the pictures.
        num_kp: key points.
        identities: everybody they have seen, as far as known.
        digest: of the weights.
        depth: the published depth network's files; None for a training of the house.
    """

    path: Path
    size: int
    num_kp: int
    identities: frozenset[str]
    digest: str
    depth: tuple[Path, Path] | None = None


class Reenactor(nn.Module):
    """Depth, key points and generator together: what one driving picture costs.

    Args:
        depth: the face-depth network.
        kp_detector: finds key points.
        generator: moves the source.
    """

    def __init__(
        self, depth: DepthNet, kp_detector: KPDetector, generator: DepthAwareGenerator | SPADEDepthAwareGenerator
    ) -> None:
        super().__init__()
        self.depth, self.kp_detector, self.generator = depth, kp_detector, generator

    def detect(self, images: Tensor) -> tuple[KeyPoints, Tensor]:
        """Key points of images ``(B, 3, S, S)`` in 0..1, and their depth ``(B, 1, S, S)``."""
        depth = self.depth(images)
        points: KeyPoints = self.kp_detector(torch.cat([images, depth], 1))
        return points, depth

    def move(self, source: Tensor, points: KeyPoints, depth: Tensor, wanted: KeyPoints) -> Tensor:
        """A source with other key points: ``(B, 3, S, S)`` in 0..1."""
        made: Tensor = self.generator(source, points, wanted, depth).prediction
        return made


def find_dagan(where: str | Path) -> DaganFile:
    """Look at a training's folder, or at a published checkpoint (``DaGAN_vox_adv_256.pth.tar``) beside its depth files.

    Args:
        where: folder of a training, the checkpoint, or a folder with one.

    Raises:
        DatasetNotFoundError: neither lies there.
        WrongWeightsError: something else lies there.
        MissingWeightsError: a checkpoint without its depth network's files.
    """
    path = Path(where).expanduser()
    if path.is_dir() and (held := sorted(path.glob("*.pth.tar"))):
        path = held[0]
    if path.is_file():
        return _published(path)
    snapshot = find_snapshot(path, "DaGAN")
    stored = read(snapshot)
    if stored.kind != "dagan":
        raise WrongWeightsError(f"{snapshot} holds networks of {stored.kind}, not of dagan.")
    sizes = stored.architecture
    return DaganFile(snapshot, sizes["size"], sizes["num_kp"], stored.identities, weights_digest(snapshot))


def _published(path: Path) -> DaganFile:
    held = _held(path)
    count = published_config(held, path)["kp_detector"][1]["num_kp"]
    files = _depth_files(path.parent)
    digest = "-".join(file_sha256(each)[:16] for each in (path, *files))
    return DaganFile(path, PUBLISHED_PX, count, frozenset(), digest, files)


def _depth_files(folder: Path) -> tuple[Path, Path]:
    for each in (folder, folder / "depth"):
        if (each / ENCODER).is_file() and (each / DECODER).is_file():
            return each / ENCODER, each / DECODER
    raise MissingWeightsError(
        f"DaGAN's depth network is not beside its checkpoint: {ENCODER} and {DECODER} of github.com/harlanhong/"
        f"CVPR2022-DaGAN belong into {folder} (or its subfolder depth)."
    )


def load_dagan(found: DaganFile) -> Reenactor:
    """The networks of :func:`find_dagan`, in evaluation mode, on the CPU.

    Raises:
        WrongWeightsError: they lack weights, or have those of others; the message names them.
    """
    if found.depth is not None:
        held = _held(found.path)
        config = published_config(held, found.path)
        states = {name: state_of(held, name, found.path) for name in config}
        depth = load_depth_files(*found.depth)
    else:
        architecture, tensors = read(found.path).architecture, read_tensors(found.path)
        config = _config_of(architecture)
        states = {name: part_of(tensors, name) for name in config}
        with torch.device("meta"):
            depth = DepthNet(architecture["depth_layers"])
        load_checked(depth, part_of(tensors, "depth"), "DaGAN's depth network", found.path)
    made: dict[str, nn.Module] = {}
    for name, (module, args) in config.items():
        with torch.device("meta"):
            made[name] = build(module, **args)
        load_checked(made[name], states[name], f"DaGAN's {name}", found.path)
    net = Reenactor(depth, cast("Any", made["kp_detector"]), cast("Any", made["generator"]))
    return net.eval().requires_grad_(False)


def load_depth(where: str | Path) -> tuple[DepthNet, frozenset[str]]:
    """A face-depth network for a training, and everybody whom it has seen.

    Args:
        where: folder of a depth training, or of the published ``encoder.pth`` and ``depth.pth``.

    Raises:
        DatasetNotFoundError: neither lies there.
        WrongWeightsError: something else lies there.
    """
    folder = Path(where).expanduser()
    if (folder / ENCODER).is_file():
        return load_depth_files(*_depth_files(folder)), frozenset()
    try:
        snapshot = find_snapshot(folder, "depth network")
    except DatasetNotFoundError as error:
        raise DatasetNotFoundError(f"{error} (fsa train-reenact depth CLIPS -o DIR)") from error
    stored = read(snapshot)
    if stored.kind != "depth":
        raise WrongWeightsError(f"{snapshot} holds networks of {stored.kind}, not of depth.")
    net = DepthNet(stored.architecture["num_layers"])
    load_checked(net, part_of(read_tensors(snapshot), "depth"), "a face-depth network", snapshot)
    return net.eval(), stored.identities


def load_depth_files(encoder: Path, decoder: Path) -> DepthNet:
    """The published face-depth network; its files' notes (height, width, use_stereo) are left aside.

    Raises:
        WrongWeightsError: the files hold something else.
    """
    seen, drawn = read_checkpoint(encoder), read_checkpoint(decoder)
    state = {key: value for key, value in seen.items() if key not in _ENCODER_EXTRAS}
    with torch.device("meta"):
        net = DepthNet(layers_of(state, encoder))
    load_checked(net.encoder, state, "the encoder of a face-depth network", encoder)
    load_checked(net.decoder, drawn, "the decoder of a face-depth network", decoder)
    return net.eval()


def layers_of(state: Mapping[str, Any], path: Path) -> int:
    """Depth of the ResNet whose tensors these are.

    Raises:
        WrongWeightsError: of none.
    """
    wide = "encoder.layer1.0.conv3.weight" in state
    blocks = count_of(state, "encoder.layer3.{}.conv1.weight")
    found = {(False, 2): 18, (False, 6): 34, (True, 6): 50, (True, 23): 101, (True, 36): 152}.get((wide, blocks))
    if found is None:
        raise WrongWeightsError(f"{path} is no ResNet of {', '.join(map(str, LAYERS))} layers.")
    return found


def _held(path: Path) -> dict[str, Any]:
    held = read_checkpoint(path)
    refuse_extras(held, _KNOWN, path)
    return held


def _config_of(architecture: Json) -> dict[str, tuple[str, dict[str, Any]]]:
    sizes = {name: value for name, value in architecture.items() if name != "depth_layers"}
    nets = DaganPreset(**sizes).nets()
    return {name: nets[name] for name in ("generator", "kp_detector")}


def published_config(held: Mapping[str, Any], path: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Class and arguments of the networks that a published checkpoint holds, told by the shapes in it.

    Raises:
        WrongWeightsError: it holds no such networks, or some that do not belong together.
    """
    drawn, detected = state_of(held, "generator", path), state_of(held, "kp_detector", path)
    count = shape_of(detected, "kp.weight", path)[0]
    moved = shape_of(drawn, "dense_motion_network.mask.weight", path)[0] - 1
    if count != moved:
        raise WrongWeightsError(
            f"{path} holds networks that do not belong together: the detector finds {count} key points, the generator "
            f"moves {moved}."
        )
    downs = count_of(drawn, "down_blocks.{}.conv.weight")
    last = shape_of(drawn, f"down_blocks.{downs - 1}.conv.weight", path)[0]
    spade = "decoder.compress.weight" in drawn
    motion = _hourglass(drawn, "dense_motion_network.hourglass", "dense_motion_network.down.weight", path)
    generator = {
        "num_kp": count,
        "block_expansion": shape_of(drawn, "first.conv.weight", path)[0],
        "max_features": last,
        "num_down_blocks": downs,
        "num_bottleneck_blocks": count_of(drawn, "bottleneck.r{}.conv1.weight"),
        "estimate_occlusion_map": "dense_motion_network.occlusion.weight" in drawn,
        "dense_motion_params": motion,
    }
    detector = {
        "num_kp": count,
        "estimate_jacobian": "jacobian.weight" in detected,
        **_hourglass(detected, "predictor", "down.weight", path),
    }
    name = "SPADEDepthAwareGenerator" if spade else "DepthAwareGenerator"
    return {"generator": (f"DaGAN.{name}", generator), "kp_detector": ("DaGAN.KPDetector", detector)}


def _hourglass(state: Mapping[str, Any], prefix: str, down: str, path: Path) -> dict[str, Any]:
    blocks = count_of(state, f"{prefix}.encoder.down_blocks.{{}}.conv.weight")
    step = (shape_of(state, down, path)[-1] - 1) // 4 + 1 if down in state else 1
    return {
        "block_expansion": shape_of(state, f"{prefix}.decoder.up_blocks.{blocks - 1}.conv.weight", path)[0],
        "max_features": shape_of(state, f"{prefix}.encoder.down_blocks.{blocks - 1}.conv.weight", path)[0],
        "num_blocks": blocks,
        "scale_factor": 1 / step,
    }
