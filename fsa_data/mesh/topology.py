"""The 468-point face mesh: vertices, texture coordinates, triangles, and the rings of points that have names.

The mesh is read from the metadata that the landmark model itself carries, so that no copy of it can drift away from
the landmarks. A ``.task`` file is a zip; its geometry metadata is a protocol-buffer message whose first
length-delimited field 1 holds the mesh: field 3 repeats float32 ``x, y, z, u, v`` per vertex (centimetres, y up, z to
the camera), field 4 repeats the vertex indices of the triangles; field 2 of the message repeats ``(landmark, weight)``
pairs that the model uses to fit the head pose.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fsa_data import weights
from fsa_data.errors import WrongWeightsError
from fsa_data.types import Floats, Ints

VERTICES = 468
"""Vertices of the mesh; the landmark model adds ten iris points behind them."""

# Rings in drawing order. LEFT and RIGHT are the person's own: RIGHT is on the left of the image.
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYEBROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_EYEBROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
NOSE_TIP = 1


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """The canonical face.

    Attributes:
        vertices_cm: ``(468, 3)`` float32; x to the right of the image, y up, z towards the camera.
        uv: ``(468, 2)`` float32 in 0..1; u to the right, v down.
        triangles: ``(898, 3)`` int32, counter-clockwise seen from the front with y up.
        pose_landmarks: ``(33,)`` int32, the vertices used to fit a head pose.
        pose_weights: ``(33,)`` float32, their weights.
    """

    vertices_cm: Floats
    uv: Floats
    triangles: Ints
    pose_landmarks: Ints
    pose_weights: Floats


@cache
def face_mesh() -> FaceMesh:
    """The mesh of the installed landmark model, read once per process; its arrays are read-only.

    Raises:
        MissingWeightsError: the landmark model is not installed.
        WrongWeightsError: it carries no such mesh.
    """
    path = weights.resolve("face_landmarker")
    with zipfile.ZipFile(path) as task:
        names = [n for n in task.namelist() if n.endswith("geometry_pipeline_metadata_landmarks.binarypb")]
        if not names:
            raise WrongWeightsError(f"{path} holds no geometry metadata, so the face topology cannot be read from it.")
        metadata = task.read(names[0])
    message = list(_fields(metadata))
    mesh = list(_fields(next(value for field, value in message if field == 1 and isinstance(value, bytes))))
    vertices = np.frombuffer(b"".join(v for f, v in mesh if f == 3 and isinstance(v, bytes)), "<f4").reshape(-1, 5)
    triangles = np.array([v for f, v in mesh if f == 4], np.int32).reshape(-1, 3)
    if len(vertices) != VERTICES or triangles.max() >= VERTICES:
        raise WrongWeightsError(
            f"The mesh in {path} has {len(vertices)} vertices and indices up to {triangles.max()}; expected {VERTICES}."
        )
    pairs = [dict(_fields(value)) for field, value in message if field == 2 and isinstance(value, bytes)]
    return FaceMesh(
        vertices_cm=_frozen(vertices[:, :3].astype(np.float32)),
        uv=_frozen(vertices[:, 3:].astype(np.float32)),
        triangles=_frozen(triangles),
        pose_landmarks=_frozen(np.array([pair.get(1, 0) for pair in pairs], np.int32)),
        pose_weights=_frozen(np.array([struct.unpack("<f", pair[2])[0] for pair in pairs], np.float32)),  # type: ignore[arg-type]
    )


T = TypeVar("T", bound=np.generic)


def _frozen(array: NDArray[T]) -> NDArray[T]:
    array.flags.writeable = False
    return array


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A base-128 number that starts at ``at``, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field number and raw value of every field of a protocol-buffer message, in order."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                number, at = _varint(data, at)
                yield tag >> 3, number
                continue
            case 2:
                size, at = _varint(data, at)
            case 5:
                size = 4
            case 1:
                size = 8
            case wire:
                raise WrongWeightsError(
                    f"The landmark model's metadata uses wire type {wire}, which is not known here."
                )
        yield tag >> 3, data[at : at + size]
        at += size
