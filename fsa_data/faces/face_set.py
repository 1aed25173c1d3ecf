"""Sets of aligned faces on disk: a picture and a JSON file beside it per face, and an index that loads at once.

``NAME.png`` (or ``.jpg``) is the crop, ``NAME.json`` says where it comes from and what is known of it. Both may be
moved, copied or deleted by hand, as a pair; ``index.npz`` only repeats what the JSON files say and is made again when
they have changed. A picture is written before its JSON file, so a face is there as soon as that is.

Landmarks are kept in pixels of the *source* picture, with the matrix that leads to the crop, so that a face can be cut
anew in another type or size and be put back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fsa_data.errors import BadImageError, ConfigError, FaceSetError, OutputError
from fsa_data.faces.align import FACE_TYPES, Matrix, apply_3d
from fsa_data.frames.media import read_image
from fsa_data.paths import write_atomic
from fsa_data.types import BLENDSHAPES, LANDMARKS, Face, Floats, Image, Json

FORMAT, VERSION = "fsa-face", 1
INDEX = "index.npz"
LEAST_QUALITY = 95
"""Of JPEG; below, its blocks would be learnt."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceRecord:
    """One face of a set; its picture is not loaded.

    Attributes:
        name: of its files, without ending.
        image: path of the picture, ``(size, size, 3)`` when loaded.
        source: name of the picture or video that it was cut from.
        frame: number of the frame in a video, -1 for a picture.
        source_sha256: hex digest of the source file; empty where it is not known.
        identity: pseudonymous id of the person.
        face: in pixels of the source picture.
        matrix: ``(2, 3)`` float64 from the source picture to the crop.
        face_type: a key of :data:`fsa_data.faces.align.FACE_TYPES`.
        size: side of the crop in pixels.
        sharpness: the larger, the sharper; see :func:`fsa_data.faces.face_order.sharpness_of`.
        landmarker: fingerprint of what found the face.
    """

    name: str
    image: Path
    source: str
    frame: int
    source_sha256: str
    identity: str
    face: Face
    matrix: Matrix
    face_type: str
    size: int
    sharpness: float
    landmarker: str = ""

    @property
    def sidecar(self) -> Path:
        """The JSON file."""
        return self.image.with_suffix(".json")

    @property
    def points_px(self) -> Floats:
        """``(478, 3)`` float32 landmarks in pixels of the crop."""
        return apply_3d(self.matrix, self.face.points_px)

    def load(self) -> Image:
        """The crop, ``(size, size, 3)`` uint8 RGB.

        Raises:
            DatasetNotFoundError: the picture is gone.
            BadImageError: it cannot be decoded, or is of another size.
        """
        image = read_image(self.image)
        if image.shape[:2] != (self.size, self.size):
            raise BadImageError(
                f"{self.image} is {image.shape[1]} x {image.shape[0]} px; {self.sidecar.name} says {self.size} px. "
                "Both belong together: remove them and extract the face again."
            )
        return image


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """A folder of faces.

    Attributes:
        folder: where.
        records: by name.
        problems: one line per face that cannot be used, with the reason.
    """

    folder: Path
    records: tuple[FaceRecord, ...]
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.records)


def read_face_set(folder: str | Path) -> FaceSet:
    """All faces of a folder (not of its subfolders), without loading a picture.

    Raises:
        FaceSetError: no such folder, or not one face in it; the message names what stands in the way.
    """
    from fsa_data.faces.face_index import refresh

    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FaceSetError(f"There is no set of faces at {folder.absolute()}: no such folder.")
    records, problems = refresh(folder)
    if not records:
        why = f" {'; '.join(problems[:3])}." if problems else ""
        raise FaceSetError(f"{folder} holds no face that can be used.{why} `fsa faces` makes such a set.")
    return FaceSet(folder, tuple(records), tuple(problems))


def write_face(record: FaceRecord, crop: Image, quality: int = LEAST_QUALITY) -> None:
    """The picture of a face, then its JSON file; each whole or not at all.

    Args:
        record: its ``image`` ends in ``.png`` or ``.jpg``.
        crop: ``(size, size, 3)`` uint8 RGB.
        quality: of a JPEG.

    Raises:
        ConfigError: another ending, or a quality below :data:`LEAST_QUALITY`.
        OutputError: it cannot be written.
    """
    ending = record.image.suffix
    if ending not in (".png", ".jpg"):
        raise ConfigError(f"Faces are kept as .png or .jpg, got {ending!r}.")
    if ending == ".jpg" and not LEAST_QUALITY <= quality <= 100:
        raise ConfigError(f"The quality of a JPEG in a set of faces lies in {LEAST_QUALITY}..100, got {quality}.")
    full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444  # red lips would lose half of their sharpness
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full]
    options = jpeg if ending == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    _, encoded = cv2.imencode(ending, crop[:, :, ::-1], options)
    write_face_bytes(record, encoded.tobytes())


def write_face_bytes(record: FaceRecord, encoded: bytes) -> None:
    """Like :func:`write_face`, for a picture that is encoded already."""
    text = json.dumps(to_json(record), ensure_ascii=False, allow_nan=False)
    try:
        write_atomic(record.image, encoded)
        write_atomic(record.sidecar, text + "\n")
    except OSError as error:
        raise OutputError(f"A face cannot be written to {record.image.parent}: {error}.") from error


def set_aside(records: Sequence[FaceRecord], folder: str = "set_aside") -> None:
    """Move faces out of their set into a subfolder of it; nothing is deleted.

    Raises:
        OutputError: a file cannot be moved.
    """
    for record in records:
        place = record.image.parent / folder
        try:
            place.mkdir(exist_ok=True)
            record.sidecar.replace(place / record.sidecar.name)  # first: without it the picture is no face
            record.image.replace(place / record.image.name)
        except OSError as error:
            raise OutputError(f"{record.image} cannot be moved to {place}: {error}.") from error


def to_json(record: FaceRecord) -> Json:
    """What the JSON file says."""
    face = record.face
    return {
        "format": FORMAT,
        "version": VERSION,
        "image": record.image.name,
        "source": {"name": record.source, "frame": record.frame, "sha256": record.source_sha256},
        "identity": record.identity,
        "face_type": record.face_type,
        "size": record.size,
        "matrix": record.matrix.tolist(),
        "sharpness": record.sharpness,
        "confidence": face.confidence,
        "pose": {"yaw_deg": face.yaw_deg, "pitch_deg": face.pitch_deg, "roll_deg": face.roll_deg},
        "landmarker": record.landmarker,
        "blendshapes": [round(float(value), 5) for value in face.blendshapes],
        "landmarks": [[round(float(value), 3) for value in point] for point in face.points_px],
    }


def from_json(text: str | bytes, sidecar: Path) -> FaceRecord:
    """A face from its JSON file.

    Args:
        text: what the file holds.
        sidecar: where it lies; the picture lies beside it.

    Raises:
        FaceSetError: it is no such file; the message says what is wrong, without the path.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise FaceSetError(f"no JSON ({error})") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise FaceSetError(f"not the description of a face ('format' is not {FORMAT!r})")
    if data.get("version") != VERSION:
        raise FaceSetError(f"version {data.get('version')!r}, where {VERSION} is known here; update fsa-data")
    try:
        return _record(data, sidecar)
    except KeyError as error:
        raise FaceSetError(f"no {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise FaceSetError(str(error)) from error


def _record(data: dict[str, Any], sidecar: Path) -> FaceRecord:
    source, pose, image, size = data["source"], data["pose"], data["image"], data["size"]
    if image not in (f"{sidecar.stem}.png", f"{sidecar.stem}.jpg"):
        raise ValueError(f"the picture is {image!r} instead of {sidecar.stem}.png or .jpg; rename both or neither")
    if data["face_type"] not in FACE_TYPES:
        raise ValueError(f"unknown face type {data['face_type']!r}")
    if type(size) is not int or not 1 <= size <= 1 << 14:
        raise ValueError(f"a size of {size!r}")
    yaw, pitch, roll = (_number(pose[name], name) for name in ("yaw_deg", "pitch_deg", "roll_deg"))
    points = _array(data["landmarks"], (LANDMARKS, 3), "landmarks").astype(np.float32)
    shapes = _array(data["blendshapes"], (BLENDSHAPES,), "blendshapes").astype(np.float32)
    return FaceRecord(
        name=sidecar.stem,
        image=sidecar.with_name(image),
        source=str(source["name"]),
        frame=int(source["frame"]),
        source_sha256=str(source["sha256"]),
        identity=str(data["identity"]),
        face=Face(points, yaw, pitch, roll, shapes, _number(data["confidence"], "confidence")),
        matrix=_array(data["matrix"], (2, 3), "matrix"),
        face_type=data["face_type"],
        size=size,
        sharpness=_number(data["sharpness"], "sharpness"),
        landmarker=str(data["landmarker"]),
    )


def _number(value: Any, name: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}")
    return number


def _array(values: Any, shape: tuple[int, ...], name: str) -> Matrix:
    try:
        array = np.array(values, np.float64)
    except ValueError as error:
        raise ValueError(f"{name} are no numbers in rows of equal length") from error
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"{name} are not finite numbers of shape {shape}, got shape {array.shape}")
    return array
