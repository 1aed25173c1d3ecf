"""The donor's side of a swap, worked out once per donor: what is seen of it, its colours, its picture at any size."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces import face_size_px
from fsa_data.merge import find_in_front, rgb_to_lab, robust_weight, slow_colour
from fsa_data.merge.shading import middle
from fsa_data.merge.surface import BEARD, hair, seen, surface
from fsa_data.types import Box, Floats, Image, SourceFace

SQUARE = 0.06
"""Side of the square over which a vertex's colour is averaged, as a share of the face size."""

_STEP = 2**0.5
"""Ratio between the sizes at which a donor's picture is kept."""


@dataclass(frozen=True, slots=True)
class Texture:
    """A donor ready to be drawn.

    Attributes:
        donor: the face itself.
        points_px: ``(468, 3)`` float32, its mesh in its picture.
        size_px: size of the face.
        own: ``(468,)`` float32 in 0..1, share of a vertex's colour that comes from its own side, the rest from the
            mirrored one.
        shown: ``(468,)`` float32 in 0..1, how well either side shows its skin.
        bare: 0..1, how much of the forehead is free of hair.
        glasses: whether it wears spectacles.
        lab: ``(468, 3)`` float32, colour of each vertex, sides mixed.
        base: ``(468, 3)`` float32, slow colour of the skin around each vertex.
        tone: ``(3,)`` float32, median Lab of the skin.
        levels: by number of steps of ``_STEP`` down, ``(h, w, 3)`` int16 pictures in hundredths of a Lab unit; made
            when first needed.
    """

    donor: SourceFace
    points_px: Floats
    size_px: float
    own: Floats
    shown: Floats
    bare: float
    glasses: bool
    lab: Floats
    base: Floats
    tone: Floats
    levels: dict[int, NDArray[np.int16]] = field(default_factory=dict)

    def level(self, size_px: float) -> tuple[NDArray[np.int16], float, float]:
        """The smallest picture whose face is no smaller than ``size_px``, and its scales in x and y."""
        steps = max(0, math.floor(math.log(self.size_px / size_px) / math.log(_STEP) + 1e-6))
        height, width = self.donor.image.shape[:2]
        if steps not in self.levels:
            size = max(1, round(width * _STEP**-steps)), max(1, round(height * _STEP**-steps))
            small = cv2.resize(self.donor.image, size, interpolation=cv2.INTER_AREA) if steps else self.donor.image
            self.levels[steps] = np.round(rgb_to_lab(np.asarray(small, np.uint8)) * 100).astype(np.int16)
        picture = self.levels[steps]
        return picture, picture.shape[1] / width, picture.shape[0] / height


class TextureCache:
    """Textures of the donors used last; belongs to one engine, is left behind when that is pickled."""

    def __init__(self, occluders: bool, capacity: int = 512) -> None:
        self._occluders, self._capacity = occluders, capacity
        self._kept: OrderedDict[str, Texture] = OrderedDict()

    def __call__(self, donor: SourceFace) -> Texture:
        """The donor's texture, made if need be."""
        kept = self._kept.get(donor.digest)
        if kept is not None and _same(kept.donor, donor):
            self._kept.move_to_end(donor.digest)
            return kept
        made = make_texture(donor, self._occluders)
        self._kept[donor.digest] = made
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return made

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._occluders, self._capacity)


def _same(one: SourceFace, other: SourceFace) -> bool:
    return one is other or (
        one.image.shape == other.image.shape and np.array_equal(one.face.points_px, other.face.points_px)
    )


def make_texture(donor: SourceFace, occluders: bool) -> Texture:
    """Everything about a donor that does not depend on the target.

    Args:
        donor: the face.
        occluders: whether what lies in front of it is looked for, and left out.
    """
    face = surface()
    points = np.ascontiguousarray(donor.face.points_px[: mesh.VERTICES], np.float32)
    height, width = donor.image.shape[:2]
    size = face_size_px(points)
    lab = vertex_colours(donor.image, points, size)
    direct = seen(points, face.triangles, Box(0, 0, width, height))
    front = find_in_front(donor.image, points, None) if occluders else None
    if front is not None:
        direct = direct * ~front.vertices
    direct = np.asarray(direct * (1 - skin_of(lab, direct)[2]), np.float32)
    mirrored = direct[face.mirror]
    shown = np.asarray(direct + mirrored * (1 - direct), np.float32)
    own = np.asarray(np.where(shown > 0, direct / np.maximum(shown, 1e-6), 1), np.float32)
    lab = np.asarray(own[:, None] * lab + (1 - own)[:, None] * lab[face.mirror], np.float32)
    tone, base, _ = skin_of(lab, shown)
    return Texture(
        donor=donor,
        points_px=points,
        size_px=size,
        own=own,
        shown=shown,
        bare=float(shown[face.forehead].mean()),
        glasses=front is not None and front.glasses,
        lab=lab,
        base=base,
        tone=tone,
    )


def skin_of(lab: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Tone, slow colour and hair of a face.

    Args:
        lab: ``(468, 3)`` float32 colour of each vertex.
        weight: ``(468,)`` float32, how well each vertex is seen.

    Returns:
        ``(3,)`` tone, ``(468, 3)`` slow colour and ``(468,)`` hair, as in :class:`Texture`.
    """
    face = surface()
    told = face.skin * weight
    tone = np.empty(3, np.float32)
    _tone(lab, told, face.beard, tone)
    hanging = hair(lab, tone)
    _doubt(lab, tone, hanging, face.beard, np.float32(BEARD[0]), np.float32(BEARD[1]), told)
    return tone, slow_colour(face.kernel, lab, robust_weight(lab, told), tone), hanging


@numba.njit(cache=True, nogil=True)
def _tone(lab, told, beard, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Median of the skin that is seen, beards left out; of everything if none is."""
    bare = np.flatnonzero((told > np.float32(0.3)) & ~beard)
    if len(bare) == 0:
        bare = np.arange(len(lab))
    for c in range(3):
        out[c] = middle(lab[bare, c])


@numba.njit(cache=True, nogil=True)
def _doubt(lab, tone, hanging, beard, low, high, told):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Lower the weight of vertices that may show hair or a beard."""
    for n in range(lab.shape[0]):
        told[n] *= 1 - hanging[n]
        if beard[n]:
            darker = (tone[0] - lab[n, 0]) / max(tone[0], np.float32(1))
            told[n] *= 1 - min(max((darker - low) / (high - low), np.float32(0)), np.float32(1))


def vertex_colours(image: Image, points_px: Floats, size_px: float) -> Floats:
    """Lab colour of each vertex, averaged over a small square so that skin grain and noise do not matter.

    Args:
        image: ``(h, w, 3)`` uint8 RGB.
        points_px: ``(N, >=2)`` float32 in pixels of ``image``; positions outside take the nearest edge pixel.
        size_px: size of the face.

    Returns:
        ``(N, 3)`` float32.
    """
    side = 2 * round(SQUARE * size_px / 2) + 1
    blurred = cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)
    colours = rgb_to_lab(mesh.sample(np.asarray(blurred, np.uint8), points_px[None, :, :2]))
    return np.asarray(colours[0], np.float32)
