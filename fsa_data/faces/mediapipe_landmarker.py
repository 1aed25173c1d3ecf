"""The default landmarker: MediaPipe's FaceLandmarker on single images.

The model file holds a face detector (BlazeFace, short range: Bazarevsky et al., 2019, arXiv:1907.05047), a landmark
network, a blendshape network and the geometry that fits a metric face to the landmarks. The detector sees the whole
frame at 128 x 128 pixels, so a face much smaller than a tenth of the frame escapes it; see :mod:`fsa_data.faces.tiles`
for the second look.
"""

from __future__ import annotations

import atexit
import json
import os
import weakref
import zipfile
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fsa_data import weights
from fsa_data.errors import ConfigError
from fsa_data.faces import mediapipe_result
from fsa_data.faces.chatter import chatter_held_back
from fsa_data.faces.pose import angles_from_rotation
from fsa_data.faces.tiles import tile_levels
from fsa_data.types import Box, Face, Floats, Image

ALGORITHM_VERSION = 1
"""Raised whenever the same image and options would give other faces."""

BLENDSHAPE_NAMES = (
    "_neutral",
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight"),
    *("eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight"),
    *("jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker"),
    *("mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
)
"""Names of the 52 expression coefficients, in the order of ``Face.blendshapes``; left and right are the person's."""


@dataclass(frozen=True, slots=True)
class MediapipeOptions:
    """Options of the landmarker; all of them are part of its fingerprint."""

    max_faces: int = 3
    """Most faces returned per image."""
    min_confidence: float = 0.4
    """Lowest detector score of a face, 0..1."""
    min_presence: float = 0.5
    """Lowest score of the landmark network's own 'there is a face here', 0..1 (it is not reported, only applied)."""
    retry: bool = True
    """Whether to look again at overlapping parts of the image when the whole shows no face."""

    def __post_init__(self) -> None:
        if self.max_faces < 1:
            raise ConfigError(f"max_faces must be at least 1, got {self.max_faces}.")
        for name in ("min_confidence", "min_presence"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie between 0 and 1, got {getattr(self, name)}.")


class MediapipeLandmarker:
    """Finds faces with MediaPipe; opened lazily, one model per process, picklable at any time.

    ``Face.confidence`` is the score of the model's own face detector for the face: the highest among its detections
    whose centre lies within the landmarks. The landmark result itself carries no score, so the detector is run once
    more by itself (a fifth of the time of the landmarks). Should it find nothing there, the face has just passed the
    threshold, and its confidence is ``min_confidence``.

    Args:
        options: see :class:`MediapipeOptions`.
    """

    def __init__(self, options: MediapipeOptions | None = None) -> None:
        self.options = options or MediapipeOptions()
        self._pid = -1
        self._warm = False
        self._landmarks: Any = None
        self._detector: Any = None
        self._release: weakref.finalize[..., MediapipeLandmarker] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """JSON of the algorithm version, the model file's SHA-256 and the options."""
        facts = {
            "landmarker": "mediapipe",
            "version": ALGORITHM_VERSION,
            "model": weights.WEIGHTS["face_landmarker"].sha256,
            **asdict(self.options),
        }
        return json.dumps(facts, sort_keys=True)

    def __getstate__(self) -> dict[str, Any]:
        return {"options": self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["options"])  # type: ignore[misc]

    def __call__(self, image: Image, closely: bool = True) -> list[Face]:
        """Faces of an ``(H, W, 3)`` uint8 RGB image, the largest first; empty if there is none.

        Args:
            image: the picture.
            closely: whether to look again at parts of it when the whole shows no face, if the options say so.

        Raises:
            MissingWeightsError: the model file is not installed.
            WrongWeightsError: the model file is not the registered one.
            ValueError: the image is not ``(H, W, 3)`` uint8.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"An image must be (H, W, 3) uint8 RGB; got {image.shape} {image.dtype}.")
        if self._pid == os.getpid() and self._warm:
            return self._find(image, closely)
        with chatter_held_back():  # each network's first run talks too, and that of the last needs a face
            if self._pid != os.getpid():
                self._open()
            faces = self._find(image, closely)
        self._warm = bool(faces)
        return faces

    def _find(self, image: Image, closely: bool) -> list[Face]:
        faces = self._look(image, Box(0, 0, image.shape[1], image.shape[0]))
        if not faces and closely and self.options.retry:
            faces = self._look_closer(image)
        return sorted(faces, key=lambda face: -face.box.area)[: self.options.max_faces]

    def _look_closer(self, image: Image) -> list[Face]:
        """Detect on tiles, coarse ones first; landmarks from a crop around the best detection."""
        for tiles in tile_levels(*image.shape[:2]):
            found = [hit for tile in tiles for hit in self._detect(_picture(image[tile.slices]), tile)]
            for _, box in sorted(found, key=lambda hit: -hit[0])[: self.options.max_faces]:
                faces = self._look(image, _grown(box).clipped(*image.shape[:2]))
                if faces:
                    return faces
        return []

    def _look(self, image: Image, crop: Box) -> list[Face]:
        """Landmarks of the faces in a rectangle, in pixels of the image."""
        picture = _picture(image[crop.slices])
        found = mediapipe_result.find(self._landmarks, picture)
        if not found:
            return []
        scores = self._detect(picture, crop)
        faces = []
        for landmarks, matrix, shapes in found:
            points = landmarks * np.array([crop.w, crop.h, crop.w], np.float32)
            points += np.array([crop.x, crop.y, 0], np.float32)
            yaw, pitch, roll = angles_from_rotation(matrix[:3, :3])
            faces.append(Face(points, yaw, pitch, roll, shapes, self._confidence(points, scores)))
        return faces

    def _confidence(self, points_px: Floats, scores: list[tuple[float, Box]]) -> float:
        box = Box.around(points_px)
        inside = [
            score
            for score, hit in scores
            if 0 <= hit.x + hit.w / 2 - box.x <= box.w and 0 <= hit.y + hit.h / 2 - box.y <= box.h
        ]
        return max(inside, default=self.options.min_confidence)

    def _detect(self, picture: Any, crop: Box) -> list[tuple[float, Box]]:
        """Score and box (pixels of the image) of what the detector sees in a picture of a rectangle."""
        hits = []
        for detection in self._detector.detect(picture).detections:
            box = detection.bounding_box
            hit = Box(crop.x + box.origin_x, crop.y + box.origin_y, box.width, box.height)
            hits.append((float(detection.categories[0].score), hit))
        return hits

    def _open(self) -> None:
        """Load both networks in this process; what a parent process opened stays the parent's."""
        from mediapipe.tasks.python import BaseOptions, vision

        if self._release is not None:
            self._release()
        _close_left()
        model = weights.resolve("face_landmarker")
        with zipfile.ZipFile(model) as task:
            detector = task.read("face_detector.tflite")
        self._landmarks = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=model.read_bytes()),
                num_faces=self.options.max_faces,
                min_face_detection_confidence=self.options.min_confidence,
                min_face_presence_confidence=self.options.min_presence,
                output_face_blendshapes=True,
                output_facial_transformation_matrixes=True,
            )
        )
        self._detector = vision.FaceDetector.create_from_options(
            vision.FaceDetectorOptions(
                base_options=BaseOptions(model_asset_buffer=detector),
                min_detection_confidence=self.options.min_confidence,
            )
        )
        self._pid, self._warm = os.getpid(), False
        _OPEN.extend([self._landmarks, self._detector])
        self._release = weakref.finalize(self, _LEFT.append, (self._pid, [self._landmarks, self._detector]))
        self._release.atexit = False

    def close(self) -> None:
        """Free the networks now; the next call opens them again."""
        if self._release is not None:
            self._release()
        _close_left()
        self._pid, self._landmarks, self._detector = -1, None, None


_OPEN: list[Any] = []
"""Tasks that are open in this process or were inherited from its parent."""


_LEFT: list[tuple[int, list[Any]]] = []
"""Tasks whose landmarker is gone, with the process that opened them; the next one that opens or closes frees them.

Tasks must not be left to the garbage collector: it tells their thread to end before it runs their destructor, and that
waits for the thread for ever. Nor may a finalizer close them: it runs wherever the collector happens to, also where a
lock is held that closing needs. So the finalizer only puts them here, where they never become garbage.
"""


def _close_left() -> None:
    """Close tasks whose landmarker is gone, or make them forget their handles where that is impossible.

    In a forked child the thread that would close them does not exist; the operating system frees the memory.
    """
    while _LEFT:
        pid, tasks = _LEFT.pop()
        for task in tasks:
            if pid == os.getpid():
                task.close()
            task._handle = None
            _OPEN.remove(task)


@atexit.register
def _disown_all() -> None:
    """At interpreter exit the threads that would close them have already ended."""
    for task in _OPEN:
        task._handle = None


def _grown(box: Box) -> Box:
    """A rectangle three times as wide and high about the same centre: a detector's favourite view of a face."""
    return Box(box.x - box.w, box.y - box.h, 3 * box.w, 3 * box.h)


def _picture(image: Image) -> Any:
    """The image as mediapipe takes it."""
    import mediapipe

    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
