"""Published checkpoints: tensors by name, read without running anything, checked against the network they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fsa_data.errors import MissingWeightsError, WrongWeightsError

_NAMED = 3


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a file of torch holds: a dictionary of tensors, numbers, texts and dictionaries of these.

    Raises:
        MissingWeightsError: no such file.
        WrongWeightsError: it holds anything else, or is damaged.
    """
    if not path.is_file():
        raise MissingWeightsError(f"There is no file {path.absolute()}.")
    scalar = np.float64(0).__reduce__()[0]
    plain = [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar")]
    allowed: list[Any] = [*plain, np.dtype, np.dtypes.Float64DType, np.dtypes.Int64DType]
    try:
        with torch.serialization.safe_globals(allowed):
            held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch passes on whatever its readers stumble over
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WrongWeightsError(f"{path} cannot be read as a file that holds nothing but tensors: {reason}") from error
    if not isinstance(held, dict) or not all(isinstance(key, str) for key in held):
        raise WrongWeightsError(f"{path} holds a {type(held).__name__} instead of tensors by name.")
    return held


def state_of(held: Mapping[str, Any], part: str, path: Path) -> dict[str, Tensor]:
    """One network's tensors, without the prefix that training on several devices puts before each key.

    Raises:
        WrongWeightsError: it is not there, or is none.
    """
    state = held.get(part)
    if not isinstance(state, dict):
        raise WrongWeightsError(f"{path} holds no {part}; it holds {', '.join(sorted(held)[:8]) or 'nothing'}.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def part_of(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Those tensors of a flat state dict that belong to one of its modules, by the module's own keys."""
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}


def refuse_extras(held: Iterable[str], known: Iterable[str], path: Path) -> None:
    """Whether a file holds nothing but what belongs there.

    Raises:
        WrongWeightsError: something else; the message names it.
    """
    if strange := sorted(set(held) - set(known)):
        raise WrongWeightsError(
            f"{path} holds {', '.join(strange[:5])} besides; a file of this kind holds {', '.join(sorted(known))}."
        )


def load_checked(network: nn.Module, state: Mapping[str, Any], what: str, path: Path) -> None:
    """Give a network its weights. Counters of batches, which matter in training only, may be missing.

    Args:
        network: takes the tensors themselves.
        state: by key.
        what: named in the message.
        path: likewise.

    Raises:
        WrongWeightsError: keys or shapes differ; the message names some.
    """
    expected = network.state_dict()
    counters = {key for key in expected if key.endswith("num_batches_tracked")}
    wrong = [f"{key} is missing" for key in expected if key not in state and key not in counters]
    wrong += [f"{key} does not belong to it" for key in state if key not in expected]
    wrong += [
        f"{key} has the shape {tuple(getattr(state[key], 'shape', ()))}; expected {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and getattr(state[key], "shape", None) != tensor.shape
    ]
    if wrong:
        more = f", and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise WrongWeightsError(f"{path} is not {what}: {', '.join(wrong[:_NAMED])}{more}.")
    lacking = {key: torch.zeros((), dtype=torch.int64) for key in counters if key not in state}
    network.load_state_dict({**lacking, **state}, assign=True)


def shape_of(state: Mapping[str, Any], key: str, path: Path) -> tuple[int, ...]:
    """Shape of a tensor that must be there.

    Raises:
        WrongWeightsError: it is not.
    """
    if not isinstance(state.get(key), Tensor):
        raise WrongWeightsError(f"{path} has no tensor {key}, so that it tells no sizes.")
    return tuple(state[key].shape)


def count_of(state: Mapping[str, Any], pattern: str) -> int:
    """How many keys of a numbered series there are: ``pattern`` with ``{}`` for the number, from 0."""
    found = 0
    while pattern.format(found) in state:
        found += 1
    return found
