"""Finding faces: landmarkers, head pose, measures, masks, alignment and sets of faces on disk."""

from __future__ import annotations

from typing import Any

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces.align import FACE_TYPES, face_matrix
from fsa_data.faces.extract import ExtractOptions, extract_faces
from fsa_data.faces.face_alignment_landmarker import FaceAlignmentLandmarker, FaceAlignmentOptions
from fsa_data.faces.face_set import FaceRecord, FaceSet, read_face_set
from fsa_data.faces.masks import eyes_mask, mouth_mask, oval_mask, polygon_mask
from fsa_data.faces.measures import face_size_px
from fsa_data.faces.mediapipe_landmarker import BLENDSHAPE_NAMES, MediapipeLandmarker, MediapipeOptions
from fsa_data.faces.points68 import points68
from fsa_data.faces.pose import angles_from_rotation, rotation_from_angles
from fsa_data.types import Landmarker

__all__ = [
    "BLENDSHAPE_NAMES",
    "FACE_TYPES",
    "LANDMARKERS",
    "ExtractOptions",
    "FaceAlignmentLandmarker",
    "FaceAlignmentOptions",
    "FaceRecord",
    "FaceSet",
    "MediapipeLandmarker",
    "MediapipeOptions",
    "angles_from_rotation",
    "extract_faces",
    "eyes_mask",
    "face_matrix",
    "face_size_px",
    "load_landmarker",
    "mouth_mask",
    "oval_mask",
    "points68",
    "polygon_mask",
    "read_face_set",
    "rotation_from_angles",
]


def _mediapipe(**options: Any) -> Landmarker:
    return MediapipeLandmarker(MediapipeOptions(**options))


def _face_alignment(**options: Any) -> Landmarker:
    return FaceAlignmentLandmarker(FaceAlignmentOptions(**options))


LANDMARKERS = {"mediapipe": _mediapipe, "face_alignment": _face_alignment}
"""Every landmarker by name."""


def load_landmarker(name: str = "mediapipe", **options: Any) -> Landmarker:
    """A landmarker; cheap to make, its networks are opened by the first call.

    Args:
        name: a key of :data:`LANDMARKERS`.
        options: fields of its options, :class:`MediapipeOptions` or :class:`FaceAlignmentOptions`.

    Raises:
        UnknownNameError: no such landmarker.
        ConfigError: an option that it does not know, or a value out of range.
    """
    if name not in LANDMARKERS:
        raise UnknownNameError("landmarker", name, LANDMARKERS)
    try:
        return LANDMARKERS[name](**options)
    except TypeError as error:
        raise ConfigError(f"Options of the landmarker {name!r}: {error}.") from error
