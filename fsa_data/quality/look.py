"""Skin tone and light of a face, and how far two faces are apart in them.

T1 (section 6.2.1) names both as what makes a pair unsuitable: complexions that differ, and light from another side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsa_data import mesh
from fsa_data.engines.texture import skin_of, vertex_colours
from fsa_data.faces import face_size_px
from fsa_data.merge.surface import seen, surface
from fsa_data.types import Box, Face, Floats, Image


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Colour and light of a face's skin.

    Attributes:
        tone: ``(3,)`` float32, median Lab (D65).
        light: ``(2,)`` float32, change of lightness L across the face: from its left edge in the image to its right one
            and from its upper edge to its lower one.
    """

    tone: Floats
    light: Floats


def look_of(image: Image, face: Face) -> Look:
    """Tone and light of a face.

    Light is the plane that fits the lightness of the visible skin best, over the face's own width and height, so a
    turned head does not change it.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        face: in pixels of the image.
    """
    points = np.ascontiguousarray(face.points_px[: mesh.VERTICES], np.float32)
    shown = seen(points, surface().triangles, Box(0, 0, image.shape[1], image.shape[0]))
    lab = vertex_colours(image, points, face_size_px(points))
    tone, _, hair = skin_of(lab, shown)
    weight = np.sqrt(surface().skin * shown * (1 - hair), dtype=np.float64)
    terms = np.concatenate([_across(), np.ones((mesh.VERTICES, 1))], axis=1)
    plane = np.linalg.lstsq(terms * weight[:, None], lab[:, 0].astype(np.float64) * weight, rcond=None)[0]
    return Look(tone, plane[:2].astype(np.float32))


def tone_distance(one: Look, other: Look) -> float:
    """Distance of two skin tones in Lab (CIE76)."""
    return float(np.linalg.norm(one.tone - other.tone))


def light_distance(one: Look, other: Look) -> float:
    """Distance of two lights: 0 if both faces are lit from the same side as strongly; units of L across a face."""
    return float(np.linalg.norm(one.light - other.light))


def _across() -> Floats:
    """``(468, 2)``, place of each vertex on the canonical face, from left to right and from top to bottom, 1 apart."""
    flat = mesh.face_mesh().vertices_cm[:, :2] * np.array([1, -1], np.float32)
    return np.asarray((flat - flat.min(axis=0)) / np.ptp(flat, axis=0), np.float32)
