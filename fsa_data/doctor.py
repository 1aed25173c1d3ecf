"""Is everything here that the house needs? One check per known cause of trouble, each with its remedy."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fsa_data import preflight, weights
from fsa_data.errors import FsaError
from fsa_data.paths import cache_dir


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check.

    Attributes:
        name: what was looked at.
        ok: whether it is in order.
        text: what was found, or what is wrong and how to mend it.
    """

    name: str
    ok: bool
    text: str


def examine() -> Iterator[Finding]:
    """Run every check, cheap ones first; a check that fails does not stop the others."""
    for name, check in _CHECKS.items():
        try:
            yield Finding(name, True, check())
        except _CheckFailedError as error:
            yield Finding(name, False, str(error))
        except Exception as error:  # a broken installation can fail in any way; each way is a finding
            yield Finding(name, False, f"{type(error).__name__}: {error}")


class _CheckFailedError(FsaError):
    """Text of a failed check."""


def _system() -> str:
    if found := preflight.problems(Path(sys.prefix)):
        raise _CheckFailedError(" ".join(found))
    return f"Python {sys.version.split()[0]}, system libraries present"


def _opencv() -> str:
    import cv2

    versions = {name: importlib.metadata.version(name) for name in ("opencv-python", "opencv-contrib-python")}
    if len({*versions.values()}) != 1:
        raise _CheckFailedError(
            f"{versions} share one cv2 and must be of one version. "
            "Mend: pip install --force-reinstall --no-deps opencv-python==X opencv-contrib-python==X"
        )
    return f"cv2 {cv2.__version__}"


def _torch() -> str:
    import torch
    import torchvision

    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)  # fails where the two were built for different versions
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return f"torch {torch.__version__}, torchvision {torchvision.__version__}, device {device}"


def _lightning() -> str:
    version = importlib.metadata.version("pytorch-lightning")
    if version in ("2.6.2", "2.6.3"):
        raise _CheckFailedError(
            f"pytorch-lightning {version} is on the list of compromised releases. pip install -U pytorch-lightning"
        )
    return f"pytorch-lightning {version}"


def _weights() -> str:
    return ", ".join(f"{name}: {weights.resolve(name).name}" for name in weights.WEIGHTS)


def _landmarks() -> str:
    from fsa_data.faces import load_landmarker
    from fsa_data.sources import load_source

    landmarker = load_landmarker()
    photos = load_source("portraits").photos
    found = sum(len(landmarker(photo.load())) > 0 for photo in photos)
    if found != len(photos):
        raise _CheckFailedError(
            f"The landmarker finds a face in {found} of the {len(photos)} portraits that come with the house."
        )
    return f"a face found in each of {found} portraits"


def _cache() -> str:
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _CheckFailedError(
            f"{folder.absolute()} cannot be written: {error.strerror}. Set FSA_CACHE to another folder."
        ) from error
    return str(folder.absolute())


def _hdf5() -> str:
    import h5py

    locking = os.environ.get("HDF5_USE_FILE_LOCKING", "default")
    return f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}, file locking: {locking}"


_CHECKS: dict[str, Callable[[], str]] = {
    "system": _system,
    "opencv": _opencv,
    "torch": _torch,
    "lightning": _lightning,
    "hdf5": _hdf5,
    "weights": _weights,
    "landmarks": _landmarks,
    "cache": _cache,
}
