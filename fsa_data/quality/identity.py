"""Who is on a picture, told by a network that no engine uses: dlib's, or any ONNX file of the user's.

An engine that was trained with a network's judgement scores too well by it, so the judge must be another one.
Embeddings compare people; they are never stored.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError, MissingWeightsError, UnknownNameError, WrongWeightsError
from fsa_data.faces import points68
from fsa_data.faces.align import similarity
from fsa_data.recon.align import five_points
from fsa_data.types import Face, Image

Embedding = NDArray[np.float32]

_ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Eyes, nose and corners of the mouth in the 112-pixel crop that ArcFace networks take (Deng et al., CVPR 2019)."""


class Embedder(Protocol):
    """Tells people apart.

    Attributes:
        same: distance below which two faces are taken for one person.
    """

    same: float

    def __call__(self, image: Image, face: Face) -> Embedding:
        """The face as a point, ``(D,)`` float32; near points are alike."""
        ...


class DlibEmbedder:
    """dlib's face recognition network: 128 numbers, Euclidean distance, about 0.6 between strangers (King, 2017).

    Raises:
        ConfigError: dlib or its models are not installed.
    """

    same = 0.45

    def __init__(self) -> None:
        if any(importlib.util.find_spec(name) is None for name in ("dlib", "face_recognition_models")):
            raise ConfigError("embedder=dlib needs dlib and its models: pip install 'fsa-data[identity]'.")
        self._pid = -1
        self._models: Any = None

    def __call__(self, image: Image, face: Face) -> Embedding:
        """See :class:`Embedder`."""
        dlib, corners, network = self._opened()
        box = face.box
        # dlib's frontal detector frames a face from the brows to the chin
        where = dlib.rectangle(box.x, box.y + int(0.2 * box.h), box.x + box.w, box.y + box.h)
        whole = np.ascontiguousarray(image)
        return np.array(network.compute_face_descriptor(whole, corners(whole, where), 1), np.float32)

    def _opened(self) -> Any:
        if self._models is None or self._pid != os.getpid():
            import dlib

            # its __init__ needs a part of setuptools that is gone; only the files are wanted
            spec = importlib.util.find_spec("face_recognition_models")
            folder = Path(str(spec.origin if spec is not None else "")).parent / "models"
            corners = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
            network = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
            self._pid, self._models = os.getpid(), (dlib, corners, network)
        return self._models

    def __getstate__(self) -> dict[str, Any]:
        return {"_pid": -1, "_models": None}


class OnnxEmbedder:
    """An ArcFace-like network in an ONNX file: 112 pixels RGB in -1..1; distance is 1 minus the cosine.

    Args:
        path: of the file.

    Raises:
        MissingWeightsError: no such file.
        WrongWeightsError: OpenCV cannot read it, or it does not take such a picture.
    """

    same = 0.5

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise MissingWeightsError(f"There is no embedder {self.path}.")
        self._pid = -1
        self._net: Any = None

    def __call__(self, image: Image, face: Face) -> Embedding:
        """See :class:`Embedder`; the length is 1."""
        import cv2

        matrix = similarity(five_points(points68(face.points_px)[:, :2]), _ARCFACE)
        crop = cv2.warpAffine(image, matrix, (112, 112), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        net = self._opened()
        try:
            net.setInput(cv2.dnn.blobFromImage(crop, 1 / 127.5, (112, 112), (127.5, 127.5, 127.5)))
            found = np.asarray(net.forward(), np.float32).ravel()
        except cv2.error as error:
            raise WrongWeightsError(f"{self.path} does not take a face of 112 x 112 pixels: {error}") from error
        return found / max(float(np.linalg.norm(found)), 1e-12)

    def _opened(self) -> Any:
        if self._net is None or self._pid != os.getpid():
            import cv2

            try:
                self._net, self._pid = cv2.dnn.readNetFromONNX(str(self.path)), os.getpid()
            except cv2.error as error:
                raise WrongWeightsError(f"{self.path} is no ONNX network that OpenCV can read: {error}") from error
        return self._net

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_pid": -1, "_net": None}


def load_embedder(spec: str) -> Embedder:
    """``dlib``, or ``onnx:FILE``.

    Raises:
        UnknownNameError: another word.
        ConfigError, MissingWeightsError: it is not there.
    """
    word, _, argument = spec.partition(":")
    if word == "onnx" and argument:
        return OnnxEmbedder(argument)
    if spec == "dlib":
        return DlibEmbedder()
    raise UnknownNameError("embedder", spec, ("dlib", "onnx:FILE"))


def distance(one: Embedding, other: Embedding) -> float:
    """Between two embeddings of one embedder: Euclidean, or of unit vectors 1 minus their cosine."""
    if abs(float(one @ one) - 1) < 1e-3 and abs(float(other @ other) - 1) < 1e-3 and len(one) != 128:
        return float(1 - one @ other)
    return float(np.linalg.norm(one - other))


def lookalikes(
    worn: Mapping[str, Sequence[Embedding]], subjects: Mapping[str, Iterable[Embedding]], same: float
) -> list[tuple[str, str, float]]:
    """People of a source who can hardly be told from people of the data: perhaps the same under two names.

    Each is taken by the middle of their embeddings, which single odd pictures do not move far.

    Args:
        worn: embeddings of each identity of a source.
        subjects: embeddings of each subject.
        same: distance below which two are taken for one person, :attr:`Embedder.same`.

    Returns:
        Identity, subject and distance, the nearest first.
    """
    middles = [
        {name: np.median(np.stack(list(found)), axis=0).astype(np.float32) for name, found in people.items() if found}
        for people in (worn, {name: list(found) for name, found in subjects.items()})
    ]
    pairs = [
        (identity, subject, distance(one, other))
        for identity, one in middles[0].items()
        for subject, other in middles[1].items()
    ]
    return sorted((pair for pair in pairs if pair[2] < same), key=lambda pair: pair[2])
