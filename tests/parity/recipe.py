"""How the fixtures of published networks were made: weights, inputs, and the files themselves.

A fixture is an ``.npz``: ``meta`` (JSON: module, config, fill, inputs, state, weights_sha256, outputs) and one array
``out_<name>`` per output, kept at every ``stride``-th element of its last two axes. Weights are drawn from the keys of
the state dict, so that no weights need to be stored.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.nets import build


class ParityError(Exception):
    """What the house builds is not what the fixture describes."""


@dataclass(frozen=True)
class Fixture:
    """One file: ``meta`` as decoded JSON, ``arrays`` everything else that it holds, by name."""

    path: Path
    meta: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def name(self) -> str:
        """What it calls itself, or else its file name."""
        return str(self.meta.get("name") or self.path.stem)


def read_fixture(path: Path) -> Fixture:
    """A fixture file, completely in memory."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    return Fixture(path, meta, arrays)


def generator(seed: int) -> np.random.Generator:
    """The generator of this seed."""
    return np.random.Generator(np.random.PCG64(seed))


def draw(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers, float64, that belong to a key; a scalar draws one."""
    numbers = generator(zlib.crc32(key.encode())).standard_normal(shape or (1,))
    return numbers.reshape(shape)


def fill(state: Mapping[str, Tensor], mode: str) -> dict[str, Tensor]:
    """Weights of the recipe for every key; counters and constant filters stay as they are.

    Args:
        state: a fresh module's state dict.
        mode: ``fan_in`` or ``equalised``.
    """
    rule = {"fan_in": _fan_in, "equalised": _equalised}[mode]
    filled = {}
    for key, tensor in state.items():
        if key.rsplit(".", 1)[-1] in ("weight_u", "weight_v"):
            continue
        if _constant(key, tensor):
            filled[key] = tensor.clone()
        else:
            filled[key] = _float32(rule(key, draw(key, tuple(tensor.shape))))
    for key in [key for key in state if key.endswith("weight_u")]:
        stem = key.removesuffix("weight_u")
        u, v = _power_step(filled[f"{stem}weight_orig"], draw(key, tuple(state[key].shape)))
        filled[key], filled[f"{stem}weight_v"] = _float32(u), _float32(v)
    return {key: filled[key] for key in state}


def _float32(values: np.ndarray | float) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))  # a 0-d array stays one


def _constant(key: str, tensor: Tensor) -> bool:
    filters = ("filter", "resample_filter")
    return not tensor.is_floating_point() or key.rsplit(".", 1)[-1] in filters or key.endswith("down.weight")


def _equalised(key: str, n: np.ndarray) -> np.ndarray:
    *_, parent, last = ["", *key.split(".")]
    layer = parent.startswith("fc")
    if last == "weight":
        return n * (100.0 if layer else 1.0)
    if key.endswith("affine.bias"):
        return 1 + 0.1 * n
    if last == "bias" and layer:
        return 10.0 * n
    return n if last in ("const", "noise_const") else 0.1 * n


def _fan_in(key: str, n: np.ndarray) -> np.ndarray:
    last = key.rsplit(".", 1)[-1]
    if last == "running_var":
        return 1 + 0.1 * np.abs(n)
    if key.endswith("jacobian.bias"):
        return np.tile([1.0, 0.0, 0.0, 1.0], len(n) // 4) + 0.1 * n
    if n.ndim >= 2 and last != "running_mean":
        scale = 0.1 if key.endswith("jacobian.weight") else 1.0
        return scale * n / math.sqrt(math.prod(n.shape[1:]))
    return 1 + 0.1 * n if last in ("weight", "gamma") else 0.1 * n


def _power_step(weight: Tensor, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of spectral normalisation, in float64."""
    matrix = weight.double().numpy().reshape(weight.shape[0], -1)
    v = matrix.T @ u
    v /= np.linalg.norm(v)
    u = matrix @ v
    return u / np.linalg.norm(u), v


def make_input(spec: Mapping[str, Any]) -> Tensor:
    """One entry of ``meta["inputs"]`` that is no ``custom`` one; float32, or int64 for ``int``."""
    if "custom" in spec:
        raise ParityError(f"input {spec['name']!r} is described in words: {spec['custom']}")
    rng, shape, kind = generator(int(spec["seed"])), tuple(spec["shape"]), spec["dist"]
    if kind == "int":
        return torch.from_numpy(rng.integers(spec["lo"], spec["hi"], shape))
    if kind == "smooth":
        side = int(spec.get("grid", 8))
        coarse = _float32(rng.random((*shape[:2], side, side)))
        drawn = F.interpolate(coarse, size=shape[2:], mode="bilinear", align_corners=True).numpy()
    else:
        drawn = {"normal": rng.standard_normal, "uniform": rng.random}[kind](shape)
    scaled = np.asarray(drawn, np.float32) * np.float32(spec.get("mul", 1)) + np.float32(spec.get("add", 0))
    x = _float32(scaled)
    return x + torch.eye(2) if spec.get("eye") else x


def make_inputs(fixture: Fixture) -> dict[str, Tensor]:
    """Every input by its name, in the file's order."""
    return {spec["name"]: make_input(spec) for spec in fixture.meta["inputs"]}


def weights_sha256(state: Mapping[str, Tensor]) -> str:
    """Digest of a state dict: over the sorted keys, each key's bytes and its tensor's as float32."""
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(state[key].detach().numpy(), np.float32).tobytes())
    return digest.hexdigest()


def filled(fixture: Fixture, module: nn.Module | None = None, part: str = "") -> nn.Module:
    """The fixture's network with the recipe's weights, in evaluation mode.

    Args:
        fixture: names the network and its arguments.
        module: the network, if :func:`fsa_data.nets.build` is not to make it.
        part: which module of a fixture that has several (its keys are then ``part::key``).

    Raises:
        ParityError: other keys, shapes or weights than the fixture's.
    """
    if module is None:
        module = build(fixture.meta["module"], **fixture.meta["config"])
    fresh = module.state_dict()
    check_state(fresh, expected_shapes(fixture, part))
    weights = fill(fresh, fixture.meta["fill"])
    check_hash(fixture, weights, part)
    module.load_state_dict(weights, strict=True)
    return module.eval()


def expected_shapes(fixture: Fixture, part: str = "") -> dict[str, tuple[int, ...]]:
    """Shape of every key of the published state dict, in its order."""
    prefix = f"{part}::" if part else ""
    state = fixture.meta["state"]
    return {key.removeprefix(prefix): tuple(shape) for key, (shape, _) in state.items() if key.startswith(prefix)}


def check_state(state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Equal keys and shapes, or a :class:`ParityError` that names some of what differs."""
    wrong = [f"no {key}" for key in expected if key not in state]
    wrong += [
        f"{key} is {list(state[key].shape)} instead of {list(shape)}"
        for key, shape in expected.items()
        if key in state and tuple(state[key].shape) != shape
    ]
    wrong += [f"{key} too many" for key in state if key not in expected]
    if wrong:
        raise ParityError(f"{len(wrong)} keys differ: {', '.join(wrong[:4])}")


def check_hash(fixture: Fixture, state: Mapping[str, Tensor], part: str = "") -> None:
    """The weights are those of the fixture, or a :class:`ParityError`."""
    expected, got = fixture.meta["weights_sha256"].get(part), weights_sha256(state)
    if got != expected:
        raise ParityError(f"the weights{f' of {part}' if part else ''} have the SHA-256 {got} instead of {expected}")


def made_up(module: nn.Module, times: float = 1.0) -> nn.Module:
    """A network with the recipe's weights, in evaluation mode, of a fixture that lists no keys.

    Args:
        module: the network.
        times: what kernels of convolutions are multiplied by.
    """
    weights = fill(module.state_dict(), "fan_in")
    module.load_state_dict({key: each * times if each.ndim == 4 else each for key, each in weights.items()})
    return module.eval()


def gradient_norm(loss: Tensor, *modules: nn.Module) -> Tensor:
    """Length of a loss's gradient over all parameters of some networks, ``(1,)``; the graph is kept."""
    parameters = [each for module in modules for each in module.parameters() if each.requires_grad]
    slopes = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return torch.stack([each.double().square().sum() for each in slopes if each is not None]).sum().sqrt()[None]
