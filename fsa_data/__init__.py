"""Face-swap data augmentation for driver action recognition.

The public names are imported on first use, so that ``import fsa_data`` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fsa_data._version import __version__

if TYPE_CHECKING:
    from fsa_data.datasets import DeepfakeAugmentedMaskDAR, FaceSwap, MaskDAR, SurgicalMask
    from fsa_data.engines import load_engine
    from fsa_data.frames import LabelledFrames
    from fsa_data.sources import load_source
    from fsa_data.store import SwapStore

_HOME = {
    "DeepfakeAugmentedMaskDAR": "fsa_data.datasets",
    "FaceSwap": "fsa_data.datasets",
    "LabelledFrames": "fsa_data.frames",
    "MaskDAR": "fsa_data.datasets",
    "SurgicalMask": "fsa_data.datasets",
    "SwapStore": "fsa_data.store",
    "load_engine": "fsa_data.engines",
    "load_source": "fsa_data.sources",
}

__all__ = [
    "DeepfakeAugmentedMaskDAR",
    "FaceSwap",
    "LabelledFrames",
    "MaskDAR",
    "SurgicalMask",
    "SwapStore",
    "__version__",
    "load_engine",
    "load_source",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'fsa_data' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
