"""The networks of face-alignment from the user's own files, read without running anything from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fsa_data.errors import WrongWeightsError
from fsa_data.nets import build
from fsa_data.nets.checkpoints import load_checked, read_checkpoint

MODULES = {
    "s3fd": "face_alignment.s3fd",
    "fan_2d": "face_alignment.FAN",
    "fan_3d": "face_alignment.FAN",
    "fan_depth": "face_alignment.ResNetDepth",
}
"""The network in each file, by the file's name in :data:`fsa_data.weights.USERS`."""


def load_network(name: str, path: Path) -> nn.Module:
    """One of the networks, in evaluation mode, on the CPU.

    Args:
        name: a key of :data:`MODULES`.
        path: the published file, or one like it (a FAN may have any number of stacks).

    Raises:
        WrongWeightsError: it holds something else; the message names what does not fit.
    """
    state = _state(path)
    config = {"num_modules": _stacks(state)} if MODULES[name].endswith("FAN") else {}
    with torch.device("meta"):
        network = build(MODULES[name], **config)
    load_checked(network, state, f"{MODULES[name]} of face-alignment", path)
    return network.eval()


def _stacks(state: Mapping[str, Any]) -> int:
    """How many hour-glasses a FAN has: each ends in a layer ``lN``."""
    return max(1, sum(f"l{at}.weight" in state for at in range(64)))


def _state(path: Path) -> dict[str, Any]:
    """Tensors by key; those of the depth network lie one level deeper, behind a prefix."""
    held = read_checkpoint(path)
    inner = held.get("state_dict", held)
    if not isinstance(inner, dict) or not all(isinstance(key, str) for key in inner):
        raise WrongWeightsError(f"{path} holds a {type(inner).__name__} instead of tensors by name.")
    return {key.removeprefix("module."): value for key, value in inner.items()}
