"""Rows of the three kinds as bytes and back, exactly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError
from fsa_data.store.keys import canonical, packed
from fsa_data.store.shard import OK, Row
from fsa_data.types import BLENDSHAPES, LANDMARKS, Box, Face, FaceReference, Image, Json, Reason, Swap

_FACE = np.dtype(
    [
        ("angles_confidence", "<f8", (4,)),  # Python floats, kept to the last bit
        ("points", "<f4", (LANDMARKS, 3)),
        ("blendshapes", "<f4", (BLENDSHAPES,)),
    ]
)


@dataclass(frozen=True, slots=True)
class FrameFaces:
    """The faces of an image, and the size of the image that their points are in.

    Attributes:
        faces: the largest first.
        height: pixels.
        width: pixels.
    """

    faces: list[Face]
    height: int
    width: int


def swap_row(key: str, swap: Swap, subject: str) -> Row:
    """A swap (or the reason why there is none) as a row.

    Raises:
        ConfigError: the patch does not fit its box, or the notes are not plain JSON.
    """
    box, payload = (0, 0, 0, 0), b""
    if swap.swapped:
        if swap.box is None or swap.patch is None or not swap.source_identity:
            raise ConfigError(f"The swap {key} says it is one, but has no box, no patch or no source identity.")
        check_image(swap.patch, (swap.box.h, swap.box.w), f"The patch of swap {key}")
        box, payload = (swap.box.x, swap.box.y, swap.box.w, swap.box.h), swap.patch.tobytes()
    return Row(_key(key), str(swap.reason), box, swap.source_identity, subject, payload, _notes(swap.notes))


def frame_row(key: str, image: Image, subject: str) -> Row:
    """A working frame as a row."""
    check_image(image, image.shape[:2], f"The frame {key}")
    height, width = image.shape[:2]
    return Row(_key(key), OK, (0, 0, width, height), "", subject, image.tobytes(), b"")


def faces_row(key: str, found: FrameFaces, subject: str) -> Row:
    """The faces of an image as a row."""
    packed_faces = np.zeros(len(found.faces), _FACE)
    for at, face in enumerate(found.faces):
        angles = (face.yaw_deg, face.pitch_deg, face.roll_deg, face.confidence)
        packed_faces[at] = (angles, face.points_px, face.blendshapes)
    return Row(_key(key), OK, (0, 0, found.width, found.height), "", subject, packed_faces.tobytes(), b"")


def reference_row(key: str, reference: FaceReference | None, subject: str, notes: Json) -> Row:
    """A person's usual look as a row, or that there is none: no payload. Values are kept as float16."""
    payload, side = b"", 0
    if reference is not None:
        side = len(reference.colour)
        payload = np.concatenate([reference.colour, reference.tolerance], axis=2).astype("<f2").tobytes()
    return Row(_key(key), OK, (0, 0, side, side), "", subject, payload, _notes(notes))


def failed_row(key: str, message: str, subject: str) -> Row:
    """An input that could not be processed, with the message of what happened."""
    return Row(_key(key), str(Reason.FAILED), (0, 0, 0, 0), "", subject, b"", _notes({"error": message}))


def swap_of(status: str, source: str, box: Sequence[int], payload: NDArray[np.uint8], notes: bytes) -> Swap:
    """The swap that a row holds."""
    kept = notes_of(notes)
    if status != Reason.SWAPPED:
        return Swap(Reason(status), notes=kept)
    x, y, w, h = (int(value) for value in box)
    return Swap(Reason.SWAPPED, source, Box(x, y, w, h), payload.reshape(h, w, 3), kept)


def faces_of(box: Sequence[int], payload: NDArray[np.uint8]) -> FrameFaces:
    """The faces that a row holds."""
    faces = []
    for row in np.frombuffer(payload.tobytes(), _FACE):
        yaw, pitch, roll, confidence = (float(value) for value in row["angles_confidence"])
        faces.append(Face(row["points"].copy(), yaw, pitch, roll, row["blendshapes"].copy(), confidence))
    return FrameFaces(faces, int(box[3]), int(box[2]))


def reference_of(box: Sequence[int], payload: NDArray[np.uint8]) -> FaceReference | None:
    """The usual look that a row holds; None if too little was known to tell."""
    side = int(box[2])
    if not side:
        return None
    both = np.frombuffer(payload.tobytes(), "<f2").reshape(side, side, 6).astype(np.float32)
    return FaceReference(np.ascontiguousarray(both[..., :3]), np.ascontiguousarray(both[..., 3:]))


def notes_of(notes: bytes) -> Json:
    """The notes that a row holds."""
    return json.loads(notes) if notes else {}


def check_image(image: Image, size: tuple[int, ...], what: str) -> None:
    """Refuse what is not an ``(H, W, 3)`` uint8 image of this size.

    Raises:
        ConfigError: another shape or dtype.
    """
    if image.dtype != np.uint8 or image.shape != (*size, 3):
        raise ConfigError(f"{what} must be {(*size, 3)} uint8 RGB, got {image.shape} {image.dtype}.")


def _key(key: str) -> bytes:
    return packed([key]).tobytes()


def _notes(notes: Json) -> bytes:
    return canonical(dict(notes)).encode() if notes else b""
