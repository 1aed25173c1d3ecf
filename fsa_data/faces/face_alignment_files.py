"""The networks of face-alignment from the user's own files, read without running anything from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fsa_data.errors import WrongWeightsError
from fsa_data.nets import build

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
    network = build(MODULES[name], **config)
    expected = network.state_dict()
    # files from before 2017 have no counters of batches, which matter in training only
    state = {
        key: state.get(key, tensor) if key.endswith("num_batches_tracked") else state.get(key)
        for key, tensor in expected.items()
    } | state
    wrong = [f"{key} is missing" for key in expected if state[key] is None]
    wrong += [f"{key} does not belong to it" for key in state if key not in expected]
    wrong += [
        f"{key} has the shape {tuple(getattr(state[key], 'shape', ()))}; expected {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if state[key] is not None and getattr(state[key], "shape", None) != tensor.shape
    ]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WrongWeightsError(f"{path} is not {MODULES[name]} of face-alignment: {', '.join(wrong[:3])}{more}.")
    network.load_state_dict(state)
    return network.eval()


def _stacks(state: Mapping[str, Any]) -> int:
    """How many hour-glasses a FAN has: each ends in a layer ``lN``."""
    return max(1, sum(f"l{at}.weight" in state for at in range(64)))


def _state(path: Path) -> dict[str, Any]:
    """Tensors by key; those of the depth network lie one level deeper, behind a prefix."""
    scalar = np.float64(0).__reduce__()[0]
    plain = [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar")]
    allowed: list[Any] = [*plain, np.dtype, np.dtypes.Float64DType, np.dtypes.Int64DType]
    try:
        with torch.serialization.safe_globals(allowed):
            held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch passes on whatever its readers stumble over
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WrongWeightsError(f"{path} cannot be read as a file that holds nothing but tensors: {reason}") from error
    inner = held.get("state_dict", held) if isinstance(held, dict) else None
    if not isinstance(inner, dict) or not all(isinstance(key, str) for key in inner):
        raise WrongWeightsError(f"{path} holds a {type(held).__name__} instead of tensors by name.")
    return {key.removeprefix("module."): value for key, value in inner.items()}
