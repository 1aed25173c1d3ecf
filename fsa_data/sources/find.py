"""From photos to faces that an engine can put on."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import cv2
import numpy as np

from fsa_data.errors import BadImageError, SourceError
from fsa_data.faces import face_size_px
from fsa_data.types import Box, Face, Image, Landmarker, Photo, SourceFace

MARGIN = 0.35
"""What is kept around a face, on each side, in its own width and height."""

SMALLEST_PX = 32.0
"""Faces smaller than this (square root of their box's area) carry nothing worth putting on."""

LARGEST_PX = 512.0
"""Larger faces are reduced to this size."""

_log = logging.getLogger(__name__)


def find_faces(photos: Iterable[Photo], landmarker: Landmarker) -> list[SourceFace]:
    """The largest face of each photo, cut out with a margin.

    Photos that cannot be read or show no usable face are left out and named in one log message.

    Args:
        photos: at least one.
        landmarker: finds them.

    Returns:
        In the order of the photos.

    Raises:
        SourceError: no photo shows a usable face.
    """
    found: list[SourceFace] = []
    failed: list[str] = []
    for photo in photos:
        try:
            image = photo.load()
        except BadImageError as error:
            failed.append(f"{_name(photo)}: {error}")
            continue
        faces = landmarker(image)
        if not faces or face_size_px(faces[0].points_px) < SMALLEST_PX:
            what = f"face too small (under {SMALLEST_PX:.0f} px)" if faces else "no face found"
            failed.append(f"{_name(photo)}: {what} in {image.shape[1]} x {image.shape[0]} px")
            continue
        picture, face = _cut_out(image, faces[0])
        found.append(SourceFace(photo.identity, photo.digest, picture, face, photo.provenance))
    if not found:
        raise SourceError(
            f"None of {len(failed)} photos shows a usable face; give photos with one clear, large face each. "
            + "; ".join(failed[:5])
        )
    if failed:
        _log.warning("%d of %d photos are left out: %s", len(failed), len(failed) + len(found), "; ".join(failed[:5]))
    return found


def _name(photo: Photo) -> str:
    return f"{photo.identity} ({photo.provenance.get('file', photo.digest[:8])})"


def _cut_out(image: Image, face: Face) -> tuple[Image, Face]:
    """The face with its margin, reduced if it is very large; its landmarks in pixels of the cut-out."""
    box = Box.around(face.points_px, MARGIN).clipped(*image.shape[:2])
    picture, face = image[box.slices], face.moved(-box.x, -box.y)
    scale = LARGEST_PX / face_size_px(face.points_px)
    if scale < 1:
        width, height = max(1, round(box.w * scale)), max(1, round(box.h * scale))
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        face = face.scaled(width / box.w, height / box.h)
    return np.ascontiguousarray(picture), face
