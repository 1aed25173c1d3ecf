"""What MediaPipe's FaceLandmarker finds, as arrays.

Its Python wrapper makes an object of each of the 478 landmarks of a face, which takes a tenth of the time of a frame.
Here they are copied out of the structure that its C library fills. Where that structure, or how it is asked for, is
not the one known here, the wrapper's own way is taken; the faces are the same.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fsa_data.types import Floats

_DETECT, _CLOSE = "MpFaceLandmarkerDetectImage", "MpFaceLandmarkerCloseResult"
_RESULT = (
    *("face_landmarks", "face_landmarks_count", "face_blendshapes", "face_blendshapes_count"),
    *("facial_transformation_matrixes", "facial_transformation_matrixes_count"),
)


class Found(NamedTuple):
    """One face.

    Attributes:
        landmarks: ``(478, 3)`` float32, shares of the picture's width, height and width.
        matrix: ``(4, 4)`` float32, from the canonical face to the camera.
        blendshapes: ``(52,)`` float32.
    """

    landmarks: Floats
    matrix: Floats
    blendshapes: Floats


def find(task: Any, picture: Any) -> list[Found]:
    """The faces in a picture.

    Args:
        task: a ``FaceLandmarker`` for single images, with blendshapes and transformation matrixes.
        picture: a ``mediapipe.Image``.
    """
    return _find_directly(task, picture) if _is_known() else _find_by_wrapper(task, picture)


@cache
def _is_known() -> bool:
    """Whether the C library is asked, and answers, in the way that :func:`_find_directly` knows."""
    from mediapipe.tasks.python.vision import core, face_landmarker

    try:
        functions = {each.func_name: each for each in face_landmarker._CTYPES_SIGNATURES}
        result = face_landmarker.MpFaceLandmarkerResultC
        handle, to_result, error = ctypes.c_void_p, ctypes.POINTER(result), ctypes.POINTER(ctypes.c_char_p)
        asked = list(functions[_DETECT].argtypes)
        return (
            tuple(name for name, *_ in result._fields_) == _RESULT
            and asked[:2] == [handle, handle]
            and asked[3:] == [to_result, error]
            and list(functions[_CLOSE].argtypes) == [to_result]
            and {"_lib", "_handle"} <= set(face_landmarker.FaceLandmarker.__annotations__)
            and "_image_ptr" in core.image.Image.__annotations__
        )
    except (AttributeError, KeyError, TypeError):
        return False


def _find_by_wrapper(task: Any, picture: Any) -> list[Found]:
    result = task.detect(picture)
    parts = (result.face_landmarks, result.facial_transformation_matrixes, result.face_blendshapes)
    return [
        Found(
            np.array([(p.x, p.y, p.z) for p in landmarks], np.float32),
            np.asarray(matrix, np.float32),
            np.array([shape.score for shape in shapes], np.float32),
        )
        for landmarks, matrix, shapes in zip(*parts, strict=True)
    ]


def _find_directly(task: Any, picture: Any) -> list[Found]:
    from mediapipe.tasks.python.vision.face_landmarker import MpFaceLandmarkerResultC

    result = MpFaceLandmarkerResultC()
    getattr(task._lib, _DETECT)(task._handle, picture._image_ptr, None, ctypes.byref(result))
    try:
        return [_taken(result, at) for at in range(result.face_landmarks_count)]
    finally:
        getattr(task._lib, _CLOSE)(ctypes.byref(result))


def _taken(result: Any, at: int) -> Found:
    """A copy of one face; the original is freed by its library."""
    landmarks, shapes = result.face_landmarks[at], result.face_blendshapes[at]
    points = [_column(landmarks.landmarks, landmarks.landmarks_count, name) for name in ("x", "y", "z")]
    return Found(
        np.stack(points, axis=1),
        np.asarray(result.facial_transformation_matrixes[at].to_numpy(), np.float32),
        _column(shapes.categories, shapes.categories_count, "score"),
    )


def _column(records: Any, count: int, name: str) -> NDArray[np.float32]:
    """One float of each of some C structures."""
    kind = records._type_
    size = ctypes.sizeof(kind)
    one = {"names": [name], "formats": ["=f4"], "offsets": [getattr(kind, name).offset], "itemsize": size}
    found: Any = np.frombuffer(ctypes.string_at(records, count * size), np.dtype(one))  # type: ignore[call-overload]
    return np.ascontiguousarray(found[name], np.float32)
