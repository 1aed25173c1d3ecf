"""StarGAN v2's networks as they are used, from a training of the house or from a published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from fsa_data.engines.reenact.training import read
from fsa_data.engines.snapshots import find_snapshot, read_tensors, weights_digest
from fsa_data.engines.stargan2.losses import Networks
from fsa_data.engines.stargan2.training import AVERAGED, CLASSES
from fsa_data.errors import ConfigError, WrongWeightsError
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
from fsa_data.types import Json
from fsa_data.weights import file_sha256, users_file

WING = "stargan2_wing"
"""The landmark network's file in :data:`fsa_data.weights.USERS`."""

_PUBLISHED_DOMAINS = {2: ("female", "male"), 3: ("cat", "dog", "wild")}


@dataclass(frozen=True, slots=True)
class StarganFile:
    """What is known of networks before they are loaded.

    Attributes:
        path: a snapshot, or a checkpoint file.
        img_size: side of the pictures.
        domains: names.
        identities: everybody they have seen, as far as known.
        digest: of the weights.
        snapshot: whether it is a training of the house.
        judges: whether there is a discriminator, which tells domains.
    """

    path: Path
    img_size: int
    domains: tuple[str, ...]
    identities: frozenset[str]
    digest: str
    snapshot: bool
    judges: bool


def find_stargan(where: str | Path, domains: tuple[str, ...] = ()) -> StarganFile:
    """Look at a training's folder, or at a published checkpoint (``NNNNNN_nets_ema.ckpt``, ``NNNNNN_nets.ckpt``).

    Args:
        where: folder or file.
        domains: names for those of a checkpoint, which has none.

    Raises:
        DatasetNotFoundError: no training there.
        WrongWeightsError: something else lies there.
        ConfigError: as many names as there are domains are wanted.
    """
    path = Path(where).expanduser()
    if not path.is_file():
        snapshot = find_snapshot(path, "StarGAN v2")
        stored = read(snapshot)
        if stored.kind != "stargan2":
            raise WrongWeightsError(f"{snapshot} holds networks of {stored.kind}, not of stargan2.")
        names, sizes = tuple(stored.about["domains"]), stored.architecture
        return StarganFile(snapshot, sizes["img_size"], names, stored.identities, weights_digest(snapshot), True, True)
    held = _held(path)
    config = published_config(held, path)
    count = config["mapping_network"]["num_domains"]
    names = domains or _PUBLISHED_DOMAINS.get(count) or tuple(str(at) for at in range(count))
    if len(names) != count:
        raise ConfigError(f"{path} has {count} domains, but {len(names)} names are given: {', '.join(names)}.")
    size, judges = config["generator"]["img_size"], "discriminator" in held
    return StarganFile(path, size, names, frozenset(), file_sha256(path), False, judges)


def load_stargan(found: StarganFile) -> Networks:
    """The networks of :func:`find_stargan`, in evaluation mode, on the CPU.

    Raises:
        WrongWeightsError: they lack weights, or have those of others; the message names them.
        MissingWeightsError: they have a high-pass path, and the landmark network's file is nowhere.
    """
    states: dict[str, Mapping[str, Any]] = {}
    if found.snapshot:
        stored, tensors = read(found.path), read_tensors(found.path)
        config = _config_of(stored.architecture)
        for name in CLASSES:
            states[name] = part_of(tensors, f"{name}_ema" if name in AVERAGED else name)
        if fan := part_of(tensors, "fan"):
            states["fan"] = fan
    else:
        held = _held(found.path)
        config = published_config(held, found.path)
        states = {name: state_of(held, name, found.path) for name in (*CLASSES, "fan") if name in held}
    made: dict[str, nn.Module] = {}
    for name, args in config.items():
        if name in states:
            with torch.device("meta"):
                made[name] = build(f"StarGANv2.{CLASSES[name]}", **args)
            load_checked(made[name], states[name], f"StarGAN v2's {name}", found.path)
    if config["generator"]["w_hpf"] > 0:
        made["fan"] = load_fan(states.get("fan"), found.path)
    for network in made.values():
        network.eval().requires_grad_(False)
    return Networks(**cast("dict[str, Any]", made))


def load_fan(state: Mapping[str, Any] | None = None, path: Path | None = None) -> nn.Module:
    """The landmark network of the high-pass path: from tensors that are at hand, or from the user's ``wing.ckpt``.

    Raises:
        MissingWeightsError: the file is nowhere.
        WrongWeightsError: it holds another network.
    """
    if state is None:
        path = users_file(WING)
        held = read_checkpoint(path)
        state = {key.removeprefix("module."): value for key, value in held.get("state_dict", held).items()}
    fan = build("StarGANv2.wing.FAN")
    # the published file carries the weights of a training as well; only the network's own are taken
    known = fan.state_dict()
    load_checked(
        fan, {key: state[key] for key in known if key in state}, "StarGAN v2's landmark network", path or Path()
    )
    return fan.eval()


def _held(path: Path) -> dict[str, Any]:
    held = read_checkpoint(path)
    refuse_extras(held, (*CLASSES, "fan"), path)
    return held


def _config_of(architecture: Json) -> dict[str, dict[str, Any]]:
    from fsa_data.engines.stargan2.preset import StarganPreset

    sizes = dict(architecture)
    count = sizes.pop("num_domains")
    return StarganPreset(**sizes).nets(count)


def published_config(held: Mapping[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    """Arguments of the networks that a published checkpoint holds, told by the shapes in it.

    Raises:
        WrongWeightsError: it holds no such networks, or some that do not belong together.
    """
    drawn, mapped, seen = (state_of(held, name, path) for name in AVERAGED)
    steps = count_of(drawn, "encode.{}.conv1.weight") - 2
    high = "hpf.filter" in drawn
    width = shape_of(drawn, "from_rgb.weight", path)[0]
    hidden, latent = shape_of(mapped, "shared.0.weight", path)
    domains = {
        "mapping network": count_of(mapped, "unshared.{}.0.weight"),
        "style encoder": count_of(seen, "unshared.{}.weight"),
    }
    if len(set(domains.values())) > 1:
        told = " and ".join(f"the {name} {count}" for name, count in domains.items())
        raise WrongWeightsError(f"{path} holds networks that do not belong together: of domains {told}.")
    size = 2 ** (steps + 4 - (1 if high else 0))
    most = max(tensor.shape[0] for key, tensor in seen.items() if key.startswith("shared.") and tensor.ndim == 4)
    widths = {"max_conv_dim": most, "dim_in": width}
    style, count = shape_of(drawn, "decode.0.norm1.fc.weight", path)[1], domains["style encoder"]
    return {
        "generator": {
            "img_size": size,
            "style_dim": style,
            "w_hpf": 8 / float(drawn["hpf.filter"][1, 1]) if high else 0.0,
            **widths,
        },
        "mapping_network": {"latent_dim": latent, "style_dim": style, "num_domains": count, "hidden_dim": hidden},
        "style_encoder": {"img_size": size, "style_dim": style, "num_domains": count, **widths},
        "discriminator": {"img_size": size, "num_domains": count, **widths},
    }
