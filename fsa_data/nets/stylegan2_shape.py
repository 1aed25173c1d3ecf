"""From the tensors of a StyleGAN2 generator to the arguments that make one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fsa_data.errors import WrongWeightsError

Shapes = Mapping[str, tuple[int, ...]]
_SIZES = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
_KNOWN = {
    "": {*_SIZES, "mapping_kwargs", "synthesis_kwargs"},
    "mapping_kwargs": {
        *("num_layers", "embed_features", "layer_features", "activation", "lr_multiplier", "w_avg_beta"),
    },
    "synthesis_kwargs": {
        *("channel_base", "channel_max", "num_fp16_res", "architecture", "use_noise", "resample_filter", "conv_clamp"),
        *("fp16_channels_last", "activation"),
    },
}
_ONLY = {"activation": "lrelu", "architecture": "skip"}
CLAMP = 256
"""Of networks trained in mixed precision, as all published ones are; assumed where a file does not say."""


def config_of(shapes: Shapes) -> dict[str, Any]:
    """The arguments of the generator that has tensors of these shapes.

    Args:
        shapes: of every tensor of a state dict, by key.

    Returns:
        Arguments of :class:`fsa_data.nets.stylegan2.Generator`; what shapes do not tell is as in published networks.

    Raises:
        WrongWeightsError: a key is missing, or the shapes are those of no generator.
    """
    resolutions = sorted(
        int(m[1]) for key in shapes if (m := re.fullmatch(r"synthesis\.b(\d{1,5})\.conv1\.weight", key))
    )
    if not resolutions or resolutions != [2**i for i in range(2, 2 + len(resolutions))]:
        raise WrongWeightsError(
            "A StyleGAN2 generator has synthesis.b4.conv1.weight, synthesis.b8.conv1.weight and so on; "
            f"resolutions found: {', '.join(map(str, resolutions)) or 'none'}. First keys: {_first(shapes)}."
        )
    layers = 0
    while f"mapping.fc{layers}.weight" in shapes:
        layers += 1
    first = _shape(shapes, "mapping.fc0.weight", 2)
    w_dim = _shape(shapes, f"mapping.fc{layers - 1}.weight", 2)[0]
    embed = _shape(shapes, "mapping.embed.weight", 2) if "mapping.embed.weight" in shapes else (0, 0)
    channels = {side: _shape(shapes, f"synthesis.b{side}.conv1.weight", 4)[0] for side in resolutions}
    base, most = _channels(channels)
    mapping: dict[str, Any] = {"num_layers": layers}
    if layers > 1 and first[0] != w_dim:
        mapping["layer_features"] = first[0]
    if embed[1] and embed[0] != w_dim:
        mapping["embed_features"] = embed[0]
    if "mapping.w_avg" not in shapes:
        mapping["w_avg_beta"] = None
    synthesis: dict[str, Any] = {"channel_base": base, "channel_max": most, "conv_clamp": CLAMP}
    if "synthesis.b4.conv1.noise_const" not in shapes:
        synthesis["use_noise"] = False
    return {
        "z_dim": first[1] - embed[0],
        "c_dim": embed[1],
        "w_dim": w_dim,
        "img_resolution": resolutions[-1],
        "img_channels": _shape(shapes, "synthesis.b4.torgb.weight", 4)[0],
        "mapping_kwargs": mapping,
        "synthesis_kwargs": synthesis,
    }


def _first(shapes: Shapes) -> str:
    return ", ".join(ascii(key[:60])[1:-1] for key in list(shapes)[:4]) or "none"


def _shape(shapes: Shapes, key: str, dimensions: int) -> tuple[int, ...]:
    if key not in shapes:
        raise WrongWeightsError(
            f"A StyleGAN2 generator has a tensor {key}, which is missing. First keys: {_first(shapes)}."
        )
    if len(shapes[key]) != dimensions or not all(shapes[key]):
        raise WrongWeightsError(f"{key} should have {dimensions} dimensions, got shape {list(shapes[key])}.")
    return shapes[key]


def _channels(channels: Mapping[int, int]) -> tuple[int, int]:
    """``channel_base`` and ``channel_max`` of the channels by resolution."""
    most = max(channels.values())
    narrow = [count * side for side, count in channels.items() if count < most]
    base = max(narrow) if narrow else most * max(channels)
    for side, count in channels.items():
        if min(base // side, most) != count:
            raise WrongWeightsError(
                f"synthesis.b{side} has {count} channels; with channel_base {base} and channel_max {most}, as the "
                f"other blocks have them, it should have {min(base // side, most)}."
            )
    return base, most


def with_said(config: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, completed by what a file says about itself, which must agree with its tensors.

    Args:
        config: from :func:`config_of`.
        said: arguments that the network was made with, as the file tells them; empty if it does not.

    Raises:
        WrongWeightsError: they contradict each other, or are no generator's of this kind.
    """
    mapping, synthesis = dict(config["mapping_kwargs"]), dict(config["synthesis_kwargs"])
    if said:
        _only_known(said, "")
        for key in _SIZES:
            _agree(key, said.get(key), config[key])
        theirs = _only_known(said.get("mapping_kwargs") or {}, "mapping_kwargs")
        _agree("num_layers", theirs.get("num_layers", 8), mapping["num_layers"])
        mapping["lr_multiplier"] = _positive("lr_multiplier", theirs.get("lr_multiplier", 0.01))
        theirs = _only_known(said.get("synthesis_kwargs") or {}, "synthesis_kwargs")
        base, most = theirs.get("channel_base", 32768), theirs.get("channel_max", 512)
        _agree_channels(config["img_resolution"], (base, most), (synthesis["channel_base"], synthesis["channel_max"]))
        clamp = theirs.get("conv_clamp")
        synthesis |= {"channel_base": base, "channel_max": most}
        synthesis["conv_clamp"] = None if clamp is None else _positive("conv_clamp", clamp)
    return {**config, "mapping_kwargs": mapping, "synthesis_kwargs": synthesis}


def _only_known(said: Any, group: str) -> Mapping[str, Any]:
    if type(said) is not dict:
        raise WrongWeightsError(f"The file gives {group} as a {type(said).__name__}; expected names with values.")
    strange = [ascii(name)[1:61] for name in said if name not in _KNOWN[group]]
    strange += [f"{name} other than {_ONLY[name]!r}" for name in _ONLY if said.get(name, _ONLY[name]) != _ONLY[name]]
    if strange:
        raise WrongWeightsError(
            f"The file's generator was made with arguments that StyleGAN2's skip generator does not take: "
            f"{', '.join(strange[:6])}. It may be one of StyleGAN3, or of another architecture."
        )
    found: Mapping[str, Any] = said
    return found


def _agree(name: str, said: Any, seen: int) -> None:
    if type(said) is not int or said != seen:
        told = str(said)[:20] if type(said) is int else f"a {type(said).__name__}"
        raise WrongWeightsError(f"The file says {name} = {told}, but its tensors are those of {name} = {seen}.")


def _agree_channels(resolution: int, said: tuple[Any, Any], seen: tuple[int, int]) -> None:
    fine = all(type(value) is int and 0 < value < 2**31 for value in said)
    sides = [2**i for i in range(2, resolution.bit_length())]
    if not fine or any(min(said[0] // side, said[1]) != min(seen[0] // side, seen[1]) for side in sides):
        told = f"{said[0]} and {said[1]}" if fine else "other things than numbers"
        raise WrongWeightsError(
            f"The file says channel_base and channel_max are {told}, "
            f"but its tensors are those of {seen[0]} and {seen[1]}."
        )


def _positive(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1e9:
        raise WrongWeightsError(f"The file says {name} is no positive number.")
    number: float = value
    return number
