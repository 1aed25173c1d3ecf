"""Face geometry: the 468-point mesh of the landmark model, and one z-buffer rasteriser for everybody."""

from fsa_data.mesh.facing import facing
from fsa_data.mesh.raster import Fragments, interpolate, rasterise, sample
from fsa_data.mesh.topology import (
    FACE_OVAL,
    LEFT_EYE,
    LEFT_EYEBROW,
    LEFT_IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE_TIP,
    RIGHT_EYE,
    RIGHT_EYEBROW,
    RIGHT_IRIS,
    VERTICES,
    FaceMesh,
    face_mesh,
)

__all__ = [
    "FACE_OVAL",
    "LEFT_EYE",
    "LEFT_EYEBROW",
    "LEFT_IRIS",
    "LIPS_INNER",
    "LIPS_OUTER",
    "NOSE_TIP",
    "RIGHT_EYE",
    "RIGHT_EYEBROW",
    "RIGHT_IRIS",
    "VERTICES",
    "FaceMesh",
    "Fragments",
    "face_mesh",
    "facing",
    "interpolate",
    "rasterise",
    "sample",
]
