"""Aligned faces of DeepFaceLab made a set of ours.

Its aligned JPEGs carry a pickled dictionary in the segment APP15 (0xFFEF): the face type, 68 landmarks in the crop and
in the source picture, the name of that, and the matrix between them. A pickle is a program; this one is read by an
interpreter that knows data only (:mod:`fsa_data.nets.pickle_reader`). The picture is kept as it is, bit for bit, but
without that segment.

68 landmarks become a mesh as :mod:`fsa_data.faces.mesh_from_68` says. Masks that were drawn or trained there
(``seg_ie_polys``, ``xseg_mask``) are not taken over.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import BadImageError, DatasetNotFoundError, FaceSetError, FsaError, UnsafeFileError
from fsa_data.faces.align import FACE_TYPES, Matrix, apply_3d
from fsa_data.faces.extract import ExtractReport
from fsa_data.faces.face_index import refresh
from fsa_data.faces.face_order import sharpness_of
from fsa_data.faces.face_set import FaceRecord, write_face_bytes
from fsa_data.faces.mesh_from_68 import face_from_68
from fsa_data.frames.frame_folder import check_new, safe_name
from fsa_data.frames.media import decode_image
from fsa_data.nets.pickle_reader import Budget, Dialect, Global, read_pickle

APP15 = 0xEF
START_OF_SCAN = 0xDA
MOST_OPCODES = 50_000
_LONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers that have no length behind them."""


@dataclass(slots=True)
class _Type:
    """A numpy type of a file, until its byte order is known."""

    code: str
    order: str = "<"


@dataclass(slots=True)
class _Array:
    """A numpy array of a file, until its contents are known."""

    value: NDArray[Any] | None = None


def import_aligned(folder: str | Path, out: str | Path, identity: str = "") -> ExtractReport:
    """A folder of DeepFaceLab's aligned faces as a new set.

    Args:
        folder: with ``.jpg`` files.
        out: a new folder.
        identity: who is on them; by default the folder's name, or that of the folder around one called ``aligned``.

    Returns:
        How many became faces; a file that is none, or that is refused, is a line of ``failures``.

    Raises:
        DatasetNotFoundError: no such folder, or no ``.jpg`` in it.
        ConfigError: ``out`` holds something already.
        OutputError: a face cannot be written.
    """
    folder, out = Path(folder).expanduser(), Path(out).expanduser()
    files = (
        sorted(path for path in folder.glob("*") if path.suffix.lower() in (".jpg", ".jpeg")) if folder.is_dir() else []
    )
    if not files:
        raise DatasetNotFoundError(f"No aligned faces (.jpg) in {folder.absolute()}.")
    check_new(out)
    out.mkdir(parents=True, exist_ok=True)
    where = folder.absolute()
    identity = identity or (where.parent.name if where.name == "aligned" else where.name)
    failures: list[str] = []
    taken: set[str] = set()
    for path in files:
        name = safe_name(path.stem)
        while name in taken:
            name += "_"
        try:
            record, picture = read_aligned(path.read_bytes(), out / f"{name}.jpg", identity)
        except (FsaError, OSError) as error:
            failures.append(f"{path}: {error}")
            continue
        taken.add(name)
        write_face_bytes(record, picture)
    refresh(out)
    return ExtractReport(len(taken), len(files), len(files) - len(taken) - len(failures), 0, tuple(failures))


def read_aligned(data: bytes, image: Path, identity: str) -> tuple[FaceRecord, bytes]:
    """One aligned JPEG.

    Args:
        data: the whole file.
        image: where its picture will lie.
        identity: who is on it.

    Returns:
        The face, and the picture without the dictionary.

    Raises:
        BadImageError: it is no JPEG that can be decoded.
        UnsafeFileError: its dictionary asks for more than data.
        FaceSetError: there is no dictionary, or something in it is missing or wrong.
    """
    segments = list(_segments(data))
    held = [(start, end) for marker, start, end in segments if marker == APP15]
    picture = data
    for start, end in reversed(held):
        picture = picture[:start] + picture[end:]
    crop = decode_image(picture, image.name)
    if not held:
        raise FaceSetError("no dictionary of DeepFaceLab in it (no segment APP15)")
    facts = _dictionary(data[held[0][0] + 4 : held[0][1]])
    size = crop.shape[0]
    if crop.shape[1] != size:
        raise FaceSetError(f"a crop is square, this is {crop.shape[1]} x {size} px")
    face_type = facts.get("face_type")
    if type(face_type) is not str or face_type not in FACE_TYPES:
        raise FaceSetError(f"the face type {face_type!r} is none of {', '.join(FACE_TYPES)}")
    if "source_landmarks" in facts and "image_to_face_mat" in facts:
        points, matrix = _numbers(facts, "source_landmarks", (68, 2)), _from_centres(facts)
    else:
        points, matrix = _numbers(facts, "landmarks", (68, 2)), np.eye(3)[:2]
    try:
        face = face_from_68(points)
    except ValueError as error:
        raise FaceSetError(str(error)) from error
    source = facts.get("source_filename")
    record = FaceRecord(
        name=image.stem,
        image=image,
        source=source if isinstance(source, str) else "",
        frame=-1,
        source_sha256="",
        identity=identity,
        face=face,
        matrix=matrix,
        face_type=face_type,
        size=size,
        sharpness=sharpness_of(crop, apply_3d(matrix, face.points_px)),
        landmarker="deepfacelab",
    )
    return record, picture


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the picture itself."""
    if not data.startswith(b"\xff\xd8"):
        raise BadImageError("not a JPEG")
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise BadImageError(f"a damaged JPEG (no marker at byte {at})")
        marker = data[at + 1]
        if marker == 0xFF or marker in _LONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == START_OF_SCAN:
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            raise BadImageError(f"a damaged JPEG (the segment at byte {at} has no end)")
        yield marker, at, end
        at = end
    raise BadImageError("a damaged JPEG (it ends before its picture)")


def _dictionary(pickled: bytes) -> Mapping[str, Any]:
    facts = read_pickle(io.BytesIO(pickled), _DIALECT, Budget(MOST_OPCODES))
    if type(facts) is not dict:
        raise FaceSetError(f"APP15 holds a {type(facts).__name__} instead of DeepFaceLab's dictionary")
    return facts


def _numbers(facts: Mapping[str, Any], key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Finite numbers, whether written as an array or as lists."""
    value = facts.get(key)
    if value is None:
        raise FaceSetError(f"no {key!r} in its dictionary")
    try:
        array = np.array(_plain(value, len(shape)), np.float64)
    except (ValueError, TypeError) as error:
        raise FaceSetError(f"{key!r} in its dictionary are no numbers") from error
    if array.shape != shape or not np.isfinite(array).all():
        raise FaceSetError(f"{key!r} in its dictionary are not finite numbers of shape {shape}, got {array.shape}")
    return array


def _plain(value: Any, depth: int) -> Any:
    """Lists of numbers; anything deeper is not followed, since it may contain itself."""
    if type(value) is _Array and value.value is not None:
        return value.value
    if depth and type(value) in (list, tuple) and len(value) <= 1000:
        return [_plain(each, depth - 1) for each in value]
    if type(value) in (int, float):
        return value
    raise TypeError(type(value).__name__)


def _from_centres(facts: Mapping[str, Any]) -> Matrix:
    """Its matrix counts from pixel centres, as OpenCV does."""
    matrix = _numbers(facts, "image_to_face_mat", (2, 3))
    if not abs(np.linalg.det(matrix[:, :2])) > 1e-12:
        raise FaceSetError("'image_to_face_mat' in its dictionary cannot be inverted")
    matrix[:, 2] += 0.5 - matrix[:, :2] @ (0.5, 0.5)
    return matrix


def _made_type(code: Any, *_: Any) -> _Type:
    if type(code) is not str or code not in ("f4", "f8", "i4", "i8", "i2", "u1", "b1"):
        raise UnsafeFileError("The pickle has an array of a type that no face needs.")
    return _Type(code)


def _give_order(made: _Type, state: Any) -> None:
    if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
        raise UnsafeFileError("The pickle describes a type in a way that numpy does not.")
    made.order = state[1]


def _fill(array: _Array, state: Any) -> None:
    """What numpy writes: version, shape, type, order of axes, bytes."""
    if type(state) is not tuple or len(state) != 5:
        raise UnsafeFileError("The pickle fills an array in a way that numpy does not.")
    _, shape, kind, fortran, content = state
    sizes = type(shape) is tuple and len(shape) <= 4 and all(type(side) is int and 0 <= side <= 65536 for side in shape)
    if not sizes or type(kind) is not _Type or type(content) is not bytes:
        raise UnsafeFileError("The pickle fills an array with something else than numbers.")
    dtype = np.dtype(kind.order + kind.code)
    if math.prod(shape) * dtype.itemsize != len(content):
        raise UnsafeFileError("The pickle fills an array with more or less than it holds.")
    array.value = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran is True else "C")


def _scalar(kind: Any, content: Any) -> float:
    if type(kind) is not _Type or type(content) is not bytes:
        raise UnsafeFileError("The pickle has a number that is none.")
    value = np.frombuffer(content, np.dtype(kind.order + kind.code))
    if value.size != 1:
        raise UnsafeFileError("The pickle has a number that is none.")
    return float(value[0])


def _bytes(text: Any, encoding: Any = "latin1") -> bytes:
    """How old protocols write bytes."""
    if type(text) is not str or encoding != "latin1":
        raise UnsafeFileError("The pickle encodes something in a way that no face needs.")
    return text.encode("latin1")


def _named() -> Mapping[tuple[str, str], Global]:
    made = [Global("numpy", "ndarray"), Global("numpy", "dtype", _made_type), Global("_codecs", "encode", _bytes)]
    for home in ("numpy.core.multiarray", "numpy._core.multiarray"):
        made += [Global(home, "_reconstruct", lambda *_: _Array()), Global(home, "scalar", _scalar)]
    return {(one.module, one.name): one for one in made}


_DIALECT = Dialect(globals=_named(), build={_Type: _give_order, _Array: _fill}, reader="face")
