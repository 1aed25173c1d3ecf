"""Files that hold a StyleGAN2 generator.

========================  ====================================================================================
``.pkl``                  official pickle of stylegan2-ada-pytorch, through the allow-list reader; ``G_ema`` of it
``.safetensors``          written by :func:`to_safetensors`, or any file with the official keys
``.pt``, ``.pth``         a state dict with the official keys, or a dictionary that has one under ``G_ema``
========================  ====================================================================================

Nothing in a file is run. Where a file does not tell how its network was made, its shapes do.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fsa_data.errors import MissingWeightsError, OutputError, UnsafeFileError, WrongWeightsError
from fsa_data.nets.stylegan2 import Generator
from fsa_data.nets.stylegan2_pickle import read_network
from fsa_data.nets.stylegan2_shape import config_of, with_said
from fsa_data.weights import file_sha256

NETWORK = "StyleGAN2.Generator"
_POSITIONAL = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs")


@dataclass(frozen=True, slots=True, eq=False)
class StoredGenerator:
    """What a file holds.

    Attributes:
        config: arguments of :class:`fsa_data.nets.stylegan2.Generator`, in agreement with the tensors.
        state: its state dict, float32 on the CPU.
    """

    config: Mapping[str, Any]
    state: Mapping[str, Tensor]


def load_generator(path: str | Path) -> Generator:
    """The generator in a file, in evaluation mode, on the CPU, without gradients.

    Args:
        path: a ``.pkl``, ``.safetensors``, ``.pt`` or ``.pth`` file.

    Raises:
        MissingWeightsError: no such file.
        WrongWeightsError: it holds no StyleGAN2 generator; the message names the key or shape.
        UnsafeFileError: it wants something to be run, or is damaged.
    """
    stored = read_generator(path)
    with torch.device("meta"):  # neither memory nor random numbers for weights that come from the file
        generator = Generator(**stored.config)
    generator.load_state_dict(stored.state, strict=True, assign=True)
    return generator.eval().requires_grad_(False)


def read_generator(path: str | Path) -> StoredGenerator:
    """What a file holds, checked but not built; arguments and errors as of :func:`load_generator`."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingWeightsError(f"There is no StyleGAN2 network at {path.absolute()}.")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise WrongWeightsError(
            f"{path} ends in none of {', '.join(_READERS)}, the files a StyleGAN2 network may be in."
        )
    try:
        state, said = reader(path)
        config = with_said(config_of({key: tuple(tensor.shape) for key, tensor in state.items()}), said)
        return StoredGenerator(config, _checked(state, config))
    except UnsafeFileError:
        raise
    except WrongWeightsError as error:
        text = str(error)
        raise WrongWeightsError(text if str(path) in text else f"{path}: {text}") from error


def to_safetensors(path: str | Path, target: str | Path) -> Path:
    """Convert a generator to a safetensors file that says how it was made; to be done once.

    Args:
        path: as in :func:`load_generator`.
        target: the new file; must not exist.

    Returns:
        The target.

    Raises:
        OutputError: the target exists or cannot be written.
    """
    from safetensors.torch import save_file

    target = Path(target).expanduser()
    if target.suffix.lower() != ".safetensors":
        raise OutputError(f"{target} should end in .safetensors.")
    if target.exists():
        raise OutputError(f"{target} exists already; remove it or name another file.")
    stored = read_generator(path)
    about = {
        "network": NETWORK,
        "config": json.dumps(stored.config),
        "source_sha256": file_sha256(Path(path).expanduser()),
    }
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: tensor.contiguous() for key, tensor in stored.state.items()}, part, about)
        part.replace(target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return target


Read = tuple[dict[str, Tensor], dict[str, Any]]


def _from_pickle(path: Path) -> Read:
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            raise WrongWeightsError(f"{path} is a file of torch.save, no official pickle; rename it to end in .pt.")
    network = read_network(path)
    if network.class_name != "Generator":
        raise WrongWeightsError("What the file has as G_ema is no Generator.")
    said = dict(network.arguments)
    positional = said.pop("")
    if type(positional) is tuple and len(positional) <= len(_POSITIONAL):
        said = dict(zip(_POSITIONAL, positional, strict=False)) | said
    return {key: _tensor(array) for key, array in network.state.items()}, said


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C", copy=False))


def _from_torch(path: Path) -> Read:
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeFileError(
            f"{path} is refused, nothing in it was run. It holds more than tensors: {_last_sentence(error)}"
        ) from error
    except (RuntimeError, ValueError, EOFError, KeyError, OSError) as error:
        raise WrongWeightsError(f"{path} cannot be read as a file of torch.save: {_last_sentence(error)}") from error
    if isinstance(held, dict) and isinstance(held.get("G_ema"), dict):
        held = held["G_ema"]
    if not isinstance(held, dict):
        raise WrongWeightsError(f"The file holds a {type(held).__name__}; expected a state dict.")
    if strange := [str(key)[:60] for key, value in held.items() if not isinstance(value, Tensor)]:
        raise WrongWeightsError(f"The file holds other things than tensors: {', '.join(strange[:4])}.")
    return {str(key): value for key, value in held.items()}, {}


def _last_sentence(error: Exception) -> str:
    """The telling line of torch's long explanations."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next(
        (line for line in lines if "GLOBAL" in line or "Unsupported" in line), lines[0] if lines else "damaged"
    )[:300]


def _from_safetensors(path: Path) -> Read:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError) as error:
        raise WrongWeightsError(f"{path} is no safetensors file: {error}") from error
    if about.get("network", NETWORK) != NETWORK:
        raise WrongWeightsError(f"The file says that it holds the network {about['network'][:60]!r}, not {NETWORK!r}.")
    try:
        said = json.loads(about.get("config", "{}"))
    except (ValueError, RecursionError) as error:
        raise WrongWeightsError("The file's config is no JSON.") from error
    if type(said) is not dict:
        raise WrongWeightsError("The file's config is no JSON object.")
    return state, said


_READERS = {".pkl": _from_pickle, ".safetensors": _from_safetensors, ".pt": _from_torch, ".pth": _from_torch}


def _checked(state: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors as float32, in the network's order; exactly its keys and shapes, all finite."""
    with torch.device("meta"):
        expected = Generator(**config).state_dict()
    for key, tensor in expected.items():
        if key not in state:
            raise WrongWeightsError(f"The tensor {key} is missing; its shape should be {list(tensor.shape)}.")
        if state[key].shape != tensor.shape:
            raise WrongWeightsError(f"{key} has the shape {list(state[key].shape)}; expected {list(tensor.shape)}.")
        if not bool(torch.isfinite(state[key]).all()):
            raise WrongWeightsError(f"{key} holds values that are no finite numbers.")
    if strange := [key[:80] for key in state if key not in expected]:
        raise WrongWeightsError(f"{len(strange)} tensors are none of StyleGAN2's generator: {', '.join(strange[:4])}.")
    return {key: state[key].to(torch.float32) for key in expected}
