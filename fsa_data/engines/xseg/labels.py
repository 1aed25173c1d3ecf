"""Outlines drawn by hand: polygons in LabelMe's JSON files, as masks.

A file has ``imagePath`` (relative to the file) and ``shapes``; each shape is a polygon whose label is ``face`` (or
``include``) or ``exclude``. What is included is filled first, then what is excluded: a hand before the face is drawn as
an ``exclude`` over it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fsa_data.errors import DatasetNotFoundError, FaceSetError
from fsa_data.frames import read_image
from fsa_data.types import Floats, Image, Mask

INCLUDED, EXCLUDED = ("face", "include"), ("exclude",)


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """One picture with its outlines.

    Attributes:
        image: path of the picture, a square crop of a face.
        included: polygons ``(N, 2)`` float32 in pixels of the picture.
        excluded: the same, of what is cut out of them.
        identity: who it shows, as its set of faces says; empty if unknown.
    """

    image: Path
    included: tuple[Floats, ...]
    excluded: tuple[Floats, ...]
    identity: str

    def load(self, size: int) -> tuple[Image, Mask]:
        """The picture and its mask, each ``size`` pixels wide and high.

        Returns:
            ``(size, size, 3)`` uint8 RGB, and ``(size, size)`` uint8, 255 where the face may be swapped.

        Raises:
            BadImageError: the picture cannot be decoded.
            FaceSetError: it is no square.
        """
        image = read_image(self.image)
        height, width = image.shape[:2]
        if height != width:
            raise FaceSetError(
                f"{self.image} is {width} x {height} px, but a crop of a face is a square: cut the faces out with "
                "`fsa faces` and draw the outlines there."
            )
        mask = np.zeros((height, width), np.uint8)
        for polygons, value in ((self.included, 255), (self.excluded, 0)):
            for polygon in polygons:
                # shift=4: corners lie between pixels, in sixteenths
                cv2.fillPoly(mask, [np.round((polygon - 0.5) * 16).astype(np.int32)], value, cv2.LINE_8, 4)
        how = cv2.INTER_AREA if size < width else cv2.INTER_LINEAR
        small = cv2.resize(image, (size, size), interpolation=how)
        shrunk = cv2.resize(mask, (size, size), interpolation=how)
        return small.astype(np.uint8), (255 * (shrunk >= 128)).astype(np.uint8)


def read_outlines(folder: str | Path) -> list[Outlined]:
    """Every picture that has outlines in a folder, by the name of its file.

    Args:
        folder: of JSON files; others than LabelMe's (those of a set of faces) are passed over.

    Raises:
        DatasetNotFoundError: no such folder, no outlines in it, or a picture that is gone.
        FaceSetError: a file that makes no sense.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DatasetNotFoundError(f"There is no folder {folder} of outlines.")
    found = [one for path in sorted(folder.glob("*.json")) if (one := _read(path)) is not None]
    if not found:
        raise DatasetNotFoundError(
            f"{folder} holds no outlines: draw polygons labelled 'face' and 'exclude' with LabelMe and keep its JSON "
            "files there."
        )
    return found


def _read(path: Path) -> Outlined | None:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FaceSetError(f"{path} cannot be read: {error}. Draw this outline again, or remove the file.") from error
    if not isinstance(given, dict) or "shapes" not in given:
        return None
    image = path.parent / str(given.get("imagePath", ""))
    if not image.is_file():
        raise DatasetNotFoundError(f"{path} belongs to {given.get('imagePath')!r}, which is not there ({image}).")
    polygons: dict[bool, list[Floats]] = {True: [], False: []}
    for at, shape in enumerate(given["shapes"]):
        label, points = _polygon(path, at, shape)
        polygons[label in INCLUDED].append(points)
    if not polygons[True]:
        raise FaceSetError(f"{path} has no polygon labelled 'face': outline the face, then what lies before it.")
    return Outlined(image, tuple(polygons[True]), tuple(polygons[False]), _identity(image))


def _polygon(path: Path, at: int, shape: Any) -> tuple[str, Floats]:
    where = f"{path}, shape {at}"
    label = str(shape.get("label", "")) if isinstance(shape, dict) else ""
    if label not in (*INCLUDED, *EXCLUDED):
        raise FaceSetError(f"{where} is labelled {label!r}; expected face, include or exclude.")
    kind = shape.get("shape_type", "polygon")
    try:
        points = np.asarray(shape["points"], np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise FaceSetError(f"{where} has no points: {error!r}.") from error
    if kind != "polygon" or points.ndim != 2 or points.shape[1:] != (2,) or len(points) < 3:
        raise FaceSetError(f"{where} is a {kind} of {len(points)} points; expected a polygon of three or more.")
    if not np.isfinite(points).all():
        raise FaceSetError(f"{where} has a point that is no number.")
    return label, points


def _identity(image: Path) -> str:
    """Who a picture shows, if it belongs to a set of faces."""
    try:
        given = json.loads(image.with_suffix(".json").read_text(encoding="utf-8"))
        return str(given.get("identity", "")) if isinstance(given, dict) else ""
    except (OSError, ValueError):
        return ""
