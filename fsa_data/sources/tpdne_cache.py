"""A folder of downloaded pictures, each with a JSON file that says where it came from; the same face never twice.

``<sha256, 16 digits>.jpg`` is the picture as it came, ``<sha256, 16 digits>.json`` is written after it: a picture
without one is not complete, and is ignored. ``last-request`` is as old as the last question asked of the site.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from fsa_data.errors import SourceError
from fsa_data.sources.tpdne_client import Download
from fsa_data.types import Image

SIDE = 16
"""Steps of the hash across and down."""

NEAR_BITS = 48
"""Pictures whose hashes differ by no more of their 512 bits show the same: one was encoded again, or reduced."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture in the cache; everything but ``path`` is in its JSON file.

    Attributes:
        path: the picture.
        address: where it came from.
        time_utc: when, ISO 8601.
        sha256: of the file's bytes, 64 hex digits.
        dhash: what it shows, 128 hex digits; see :func:`dhash`.
        content_type: by the server's word.
        size: bytes.
    """

    path: Path
    address: str
    time_utc: str
    sha256: str
    dhash: str
    content_type: str
    size: int


def dhash(image: Image) -> str:
    """Difference hash (Krawetz, 2013) of the middle of a picture, along rows and along columns.

    The usual 64 bits of the whole picture do not tell portraits of different people before one background apart; the
    middle half, where the face is, in 512 bits does.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        512 bits as 128 hex digits.
    """
    height, width = image.shape[0] // 4, image.shape[1] // 4
    grey = cv2.cvtColor(image[height : 3 * height + 1, width : 3 * width + 1], cv2.COLOR_RGB2GRAY)
    across = cv2.resize(grey, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    down = cv2.resize(grey, (SIDE, SIDE + 1), interpolation=cv2.INTER_AREA)
    return np.packbits([across[:, :-1] > across[:, 1:], down[:-1] > down[1:]]).tobytes().hex()


def same_face(sha256: str, shown: str, kept: Iterable[Kept]) -> str:
    """Why a picture brings nothing new; empty if it does.

    Args:
        sha256: of its bytes.
        shown: its :func:`dhash`.
        kept: what is there already.
    """
    for one in kept:
        if one.sha256[:8] == sha256[:8]:
            return "the same picture again"
        if (int(one.dhash, 16) ^ int(shown, 16)).bit_count() <= NEAR_BITS:
            return "nearly the same picture again"
    return ""


def read_cache(folder: Path) -> tuple[list[Kept], list[str]]:
    """What is in the cache, the oldest first, and the names of what is damaged.

    A picture is damaged if its bytes are not those that came, or its JSON file cannot be understood.
    """
    kept: list[Kept] = []
    damaged: list[str] = []
    for beside in sorted(folder.glob("*.json")):
        try:
            told = json.loads(beside.read_text(encoding="utf-8"))
            one = Kept(beside.with_name(told.pop("file")), **told)
            intact = hashlib.sha256(one.path.read_bytes()).hexdigest() == one.sha256 and int(one.dhash, 16) >= 0
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            intact = False
        if intact:
            kept.append(one)
        else:
            damaged.append(beside.name)
    return sorted(kept, key=lambda one: (one.time_utc, one.sha256)), damaged


def keep(folder: Path, got: Download, shown: str) -> Kept:
    """Put a picture into the cache.

    Raises:
        SourceError: it cannot be written.
    """
    sha256 = hashlib.sha256(got.data).hexdigest()
    path = folder / f"{sha256[:16]}.{got.kind}"
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    one = Kept(path, got.address, now, sha256, shown, got.content_type, len(got.data))
    told = {"file": path.name, **{name: value for name, value in asdict(one).items() if name != "path"}}
    try:
        _write(path, got.data)
        _write(path.with_suffix(".json"), json.dumps(told, indent=1).encode())
    except OSError as error:
        raise SourceError(f"The cache {folder} cannot be written: {error.strerror}. Give cache=DIR.") from error
    return one


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
