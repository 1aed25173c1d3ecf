"""Where a classifier starts from: ``model.init``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from fsa_data.errors import MissingWeightsError, UnknownNameError, WrongWeightsError
from fsa_data.weights import resolve

MODELS = {"efficientnet_b1": "efficientnet_b1", "efficientnet_lite1": "tf_efficientnet_lite1"}
"""Our names and timm's."""

_INITS = ("imagenet", "lite1", "random", "FILE.pth", "FILE.safetensors")
_GATE_BIAS = 6.0  # sigmoid(6) = 0.9975: a squeeze-excite gate that starts open


def build_classifier(name: str, init: str, classes: int) -> nn.Module:
    """A classifier with a fresh head, started as asked.

    Args:
        name: ``efficientnet_b1`` or ``efficientnet_lite1``.
        init: ``imagenet`` (timm's weights, from its cache or the network), ``lite1`` (ImageNet weights of
            EfficientNet-Lite1 that an installed package carries; B1 starts as a function-preserving extension of
            it), ``random``, or a ``.pth`` / ``.safetensors`` state dict.
        classes: number of classes C.

    Returns:
        A module from ``(B, 3, H, W)`` float32 in the model's own normalisation to ``(B, C)`` logits.

    Raises:
        UnknownNameError: unknown model or init.
        MissingWeightsError: the weights cannot be had; there is no fall-back.
        WrongWeightsError: a file that does not fit the model.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    if init == "imagenet":
        return _imagenet(name, classes)
    model: nn.Module = timm.create_model(MODELS[name], pretrained=False, num_classes=classes)
    if init == "lite1":
        start_from_lite1(model)
    elif init.endswith((".pth", ".pt", ".safetensors")):
        _load_file(model, Path(init))
    elif init != "random":
        raise UnknownNameError("model.init", init, _INITS)
    return model


def lite1_weights() -> dict[str, Tensor]:
    """State dict of timm's ``tf_efficientnet_lite1`` with its 1000-class head, from the packaged file.

    The file holds the same 386 tensors in the same order under the names of another code base.
    """
    reference = timm.create_model("tf_efficientnet_lite1", pretrained=False).state_dict()
    stored = _read_state(resolve("efficientnet_lite1"))
    if [tuple(t.shape) for t in stored.values()] != [tuple(t.shape) for t in reference.values()]:
        raise WrongWeightsError("The packaged EfficientNet-Lite1 does not have the shapes of timm's; update timm.")
    return dict(zip(reference, stored.values(), strict=True))


def start_from_lite1(model: nn.Module) -> None:
    """Start EfficientNet-B1 (or Lite1 itself) as the function that ImageNet's EfficientNet-Lite1 computes.

    B1 is Lite1 plus squeeze-excite gates, two residual blocks, SiLU in place of ReLU6 and another epsilon in its
    batch norms. The tensors that agree by name and shape are copied; gates start open, added blocks start as the
    identity, and running variances absorb the epsilon (in evaluation only ``variance + epsilon`` counts). What is
    left of the difference is the activation, and the padding where a map has an even side. The classifier stays as
    it was made.

    Args:
        model: timm's ``efficientnet_b1`` or ``tf_efficientnet_lite1``; changed in place.
    """
    stored = lite1_weights()
    own = model.state_dict()
    head = ("classifier.weight", "classifier.bias")
    fitting = {k: v for k, v in stored.items() if k in own and own[k].shape == v.shape and k not in head}
    model.load_state_dict(fitting, strict=False)
    epsilon = {
        name: m.eps
        for name, m in timm.create_model("tf_efficientnet_lite1").named_modules()
        if isinstance(m, nn.BatchNorm2d)
    }
    blocks_there = {_block(key) for key in fitting}
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.BatchNorm2d) and module.running_var is not None and name in epsilon:
                module.running_var += epsilon[name] - module.eps
            if name.endswith("se.conv_expand") and isinstance(module, nn.Conv2d) and module.bias is not None:
                module.weight.zero_()
                module.bias.fill_(_GATE_BIAS)
        for name in {_block(key) for key in own} - blocks_there:
            _start_as_identity(model.get_submodule(name))


def _imagenet(name: str, classes: int) -> nn.Module:
    try:
        model: nn.Module = timm.create_model(MODELS[name], pretrained=True, num_classes=classes)
    # huggingface_hub, urllib and its own wrappers raise a dozen types for "not here and not reachable"
    except Exception as error:
        raise MissingWeightsError(
            f"The ImageNet weights of {name} are neither in timm's cache nor can they be fetched "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}). "
            "Two ways out: put a state dict on disk and set model.init=FILE.safetensors (or .pth), "
            "or start from the packaged weights with model.init=lite1."
        ) from error
    return model


def _load_file(model: nn.Module, path: Path) -> None:
    """Load a state dict; a head for other classes is left out, anything else must fit."""
    if not path.is_file():
        raise MissingWeightsError(f"model.init={path}: no such file.")
    stored = _read_state(path)
    own = model.state_dict()
    head = {k for k in ("classifier.weight", "classifier.bias") if k in stored and stored[k].shape != own[k].shape}
    fitting = {k: v for k, v in stored.items() if k not in head}
    wrong = sorted(k for k in own.keys() | fitting.keys() if k not in head and _shape(own, k) != _shape(fitting, k))
    if wrong:
        k = wrong[0]
        raise WrongWeightsError(
            f"model.init={path} does not fit: {len(wrong)} of {len(own)} tensors differ, e.g. {k}: expected "
            f"{_shape(own, k)}, got {_shape(fitting, k)}. Check model=."
        )
    model.load_state_dict(fitting, strict=False)


def _shape(state: Mapping[str, Tensor], key: str) -> str:
    return str(tuple(state[key].shape)) if key in state else "nothing"


def _read_state(path: Path) -> dict[str, Tensor]:
    """Tensors of a file; never runs code from it."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    # safetensors has its own error type, torch.load raises pickle, zip and runtime errors
    except Exception as error:
        raise WrongWeightsError(f"{path} is no file of tensors: {error}") from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WrongWeightsError(f"{path} holds no state dict (a mapping from names to tensors).")
    return {str(k).removeprefix("net."): v for k, v in state.items()}


def _block(key: str) -> str:
    """``blocks.2.1`` of ``blocks.2.1.conv_pw.weight``; empty outside the blocks."""
    return ".".join(key.split(".")[:3]) if key.startswith("blocks.") else ""


def _start_as_identity(block: nn.Module) -> None:
    """A residual block adds nothing while its last batch norm gives 0; gamma learns as soon as the head does."""
    norm = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)][-1]
    nn.init.zeros_(norm.weight)
    nn.init.zeros_(norm.bias)


def input_statistics(model: nn.Module, init: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of RGB in 0..1 that the starting weights expect.

    Args:
        model: of :func:`build_classifier`.
        init: how it was started; Lite1's weights want 0.5 whatever timm says about B1.
    """
    config = getattr(model, "pretrained_cfg", None) or {}
    half = (0.5, 0.5, 0.5)
    if init in ("lite1", "random"):
        return half, half
    return tuple(config.get("mean", half)), tuple(config.get("std", half))


def stages(model: nn.Module) -> list[nn.Module]:
    """The network from the input on: its stem with the first stage of blocks, then one stage each."""
    stem = nn.ModuleList([model.get_submodule("conv_stem"), model.get_submodule("bn1")])
    return [stem, *model.get_submodule("blocks").children()]


def depthwise(model: nn.Module) -> list[nn.Module]:
    """The convolutions that filter each channel by itself."""
    return [module for module in model.modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
