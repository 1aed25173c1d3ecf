"""From photos to faces that an engine can put on."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from fsa_data.errors import BadImageError, NoViewError, SourceError
from fsa_data.faces import face_size_px
from fsa_data.types import Box, Face, Image, Json, Landmarker, Photo, SourceFace

MARGIN = 0.35
"""What is kept around a face, on each side, in its own width and height."""

SMALLEST_PX = 32.0
"""Faces smaller than this (square root of their box's area) carry nothing worth putting on."""

LARGEST_PX = 512.0
"""Larger faces are reduced to this size."""

MISLED_DEG = 22.0
"""Landmarks of a view whose head pose differs more from the one it was drawn in are wrong (those of a face turned by 72
degrees claim 51 to 57)."""

_log = logging.getLogger(__name__)


def find_faces(photos: Iterable[Photo], landmarker: Landmarker) -> list[SourceFace]:
    """The largest face of each photo, cut out with a margin.

    Photos that cannot be read or show no usable face are left out and named in one log message; views that show none
    are left out and counted.

    Args:
        photos: at least one.
        landmarker: finds them.

    Returns:
        In the order of the photos.

    Raises:
        SourceError: no photo shows a usable face.
    """
    found: list[SourceFace] = []
    failed: dict[str, str] = {}
    unturned: dict[str, str] = {}
    views, lost = 0, 0
    for photo in photos:
        name = f"{photo.identity} ({photo.provenance.get('file', photo.digest[:8])})"
        view = "view" in photo.provenance
        views += view
        try:
            face = _face(photo, landmarker, view)
        except NoViewError as error:
            face = unturned.setdefault(name, str(error))
        if not isinstance(face, str):
            found.append(face)
        elif view:
            lost += 1
        else:
            failed[name] = face
    if not found:
        raise SourceError(
            f"None of {len(failed)} photos shows a usable face; give photos with one clear, large face each. "
            + _listed(failed)
        )
    if failed:
        total = len(failed) + len(found) - (views - lost)
        _log.warning("%d of %d photos are left out: %s", len(failed), total, _listed(failed))
    if unturned := {name: why for name, why in unturned.items() if name not in failed}:
        _log.warning("%d photos are used as they are, without views: %s", len(unturned), _listed(unturned))
    elif lost:
        _log.info("%d of %d views are left out: no face is found again in them.", lost, views)
    return found


def find_face(photo: Photo, landmarker: Landmarker) -> SourceFace | str:
    """The largest face of one photo, cut out with a margin; or, in a few words, why it is of no use."""
    try:
        return _face(photo, landmarker, "view" in photo.provenance)
    except NoViewError as error:
        return str(error)


def _misled(face: Face, drawn: Json) -> bool:
    """Whether a face was found in a view that looks elsewhere than it was drawn: its landmarks are wrong."""
    return math.hypot(face.yaw_deg - drawn["yaw_deg"], face.pitch_deg - drawn["pitch_deg"]) > MISLED_DEG


def _listed(why: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in list(why.items())[:5])


def _face(photo: Photo, landmarker: Landmarker, view: bool) -> SourceFace | str:
    """The face of a photo, or why it is of no use."""
    try:
        image = photo.load()
    except NoViewError:
        raise
    except BadImageError as error:
        return str(error)
    faces = [photo.face] if photo.face is not None else landmarker(image, closely=not view)
    if view and faces and _misled(faces[0], photo.provenance["view"]):
        return "the landmarks found in it look elsewhere"
    if not faces:
        return f"no face found in {image.shape[1]} x {image.shape[0]} px"
    if face_size_px(faces[0].points_px) < SMALLEST_PX:
        return f"face too small (under {SMALLEST_PX:.0f} px) in {image.shape[1]} x {image.shape[0]} px"
    if len(faces) > 1:
        _log.info("%s shows %d faces; the largest is taken.", photo.provenance.get("file", photo.identity), len(faces))
    known = faces[0]
    if photo.mesh_px is not None:
        mesh_px = photo.mesh_px()
        known = replace(known, points_px=np.concatenate([mesh_px, known.points_px[len(mesh_px) :]]))
    picture, face = _cut_out(image, known)
    return SourceFace(photo.identity, photo.digest, picture, face, photo.provenance)


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
