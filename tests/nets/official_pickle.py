"""Pickles as stylegan2-ada-pytorch writes them, made without its code: the same globals, the same nesting."""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from fsa_data.nets import build

TINY: dict[str, Any] = {
    **{"z_dim": 8, "c_dim": 0, "w_dim": 12, "img_resolution": 16, "img_channels": 3},
    "mapping_kwargs": {"num_layers": 2},
    "synthesis_kwargs": {"channel_base": 64, "channel_max": 8, "num_fp16_res": 0, "conv_clamp": 256},
}


class EasyDict(dict):
    """Stands for dnnlib's."""


def _reconstruct_persistent_obj(meta: Any) -> None:
    raise AssertionError("the real thing is never called")


@contextlib.contextmanager
def official_modules() -> Iterator[None]:
    """Meanwhile the two names can be pickled as globals of the official modules."""
    made = {name: ModuleType(name) for name in ("dnnlib", "dnnlib.util", "torch_utils", "torch_utils.persistence")}
    made["dnnlib.util"].EasyDict = EasyDict
    made["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]


class OfficialPickler(pickle.Pickler):
    """Writes every network as a persistent object with the source text of a module."""

    def __init__(self, file: Any, protocol: int, source: str) -> None:
        super().__init__(file, protocol)
        self.source = source

    def reducer_override(self, thing: Any) -> Any:
        if not isinstance(thing, nn.Module):
            return NotImplemented
        state = dict(vars(thing))
        state["_backward_hooks"] = OrderedDict()
        if hasattr(thing, "weight_gain"):
            state["weight_gain"] = np.float64(thing.weight_gain)
        meta = EasyDict(
            type="class", version=6, module_src=self.source, class_name=type(thing).__name__, state=EasyDict(state)
        )
        return _reconstruct_persistent_obj, (meta,)


def generator(seed: int = 0, **changed: Any) -> nn.Module:
    """A small generator that knows its arguments, as official ones do."""
    config = TINY | changed
    torch.manual_seed(seed)
    made = build("StyleGAN2.Generator", **config)
    made._init_args, made._init_kwargs = (), EasyDict(config)
    return made.eval().requires_grad_(False)


def pickled(content: Any, protocol: int = 3, source: str = "raise RuntimeError('executed')") -> bytes:
    """The bytes of a file with this content."""
    file = io.BytesIO()
    with official_modules():
        OfficialPickler(file, protocol, source).dump(content)
    return file.getvalue()


def write(path: Path, content: Any, protocol: int = 3, source: str = "raise RuntimeError('executed')") -> Path:
    """A file with this content."""
    path.write_bytes(pickled(content, protocol, source))
    return path


def networks(g_ema: nn.Module | None = None, **more: Any) -> dict[str, Any]:
    """What an official file holds."""
    return {
        "G": generator(1),
        "D": nn.Linear(2, 2),
        "G_ema": g_ema if g_ema is not None else generator(2),
        "augment_pipe": None,
        "training_set_kwargs": EasyDict(class_name="training.dataset.ImageFolderDataset", path="faces.zip"),
        **more,
    }
