"""The donor's side of a swap, worked out once per donor: what is seen of it, its colours, its picture at any size."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np

from fsa_data import mesh
from fsa_data.engines.surface import Surface, hair, seen, surface
from fsa_data.faces import face_size_px
from fsa_data.merge import rgb_to_lab, robust_weight, slow_colour
from fsa_data.types import Box, Floats, Image, SourceFace

BLUR = 0.02
"""Standard deviation of the blur before colours are read at single vertices, as a share of the face size."""

_STEP = 2**0.5
"""Ratio between the sizes at which a donor's picture is kept."""


@dataclass(frozen=True, slots=True)
class Texture:
    """A donor ready to be drawn.

    Attributes:
        donor: the face itself.
        points_px: ``(468, 3)`` float32, its mesh in its picture.
        size_px: size of the face.
        seen: ``(468,)`` float32 in 0..1, how well the photo shows the skin of each vertex.
        own: ``(468,)`` float32 in 0..1, share of a vertex's colour that comes from its own side, the rest from the
            mirrored one.
        shown: ``(468,)`` float32 in 0..1, how well either side shows it.
        bare: 0..1, how much of the forehead is free of hair.
        lab: ``(468, 3)`` float32, colour of each vertex, sides mixed.
        base: ``(468, 3)`` float32, slow colour of the skin around each vertex.
        tone: ``(3,)`` float32, median Lab of the skin.
        levels: pictures of falling size (each ``_STEP`` smaller), ``(h, w, 3)`` uint8.
    """

    donor: SourceFace
    points_px: Floats
    size_px: float
    seen: Floats
    own: Floats
    shown: Floats
    bare: float
    lab: Floats
    base: Floats
    tone: Floats
    levels: tuple[Image, ...]

    def level(self, size_px: float) -> tuple[Image, float, float]:
        """The smallest picture whose face is no smaller than ``size_px``; its scales in x and y."""
        steps = int(
            np.clip(np.floor(np.log(max(self.size_px / size_px, 1.0)) / np.log(_STEP)), 0, len(self.levels) - 1)
        )
        image = self.levels[steps]
        height, width = self.levels[0].shape[:2]
        return image, image.shape[1] / width, image.shape[0] / height


class TextureCache:
    """Textures of the donors used last; belongs to one engine, is left behind when that is pickled."""

    def __init__(self, capacity: int = 512) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[str, Texture] = OrderedDict()

    def __call__(self, donor: SourceFace) -> Texture:
        """The donor's texture, made if need be."""
        kept = self._kept.get(donor.digest)
        if kept is not None and _same(kept.donor, donor):
            self._kept.move_to_end(donor.digest)
            return kept
        made = make_texture(donor)
        self._kept[donor.digest] = made
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return made

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._capacity,)


def _same(one: SourceFace, other: SourceFace) -> bool:
    return one is other or (
        one.image.shape == other.image.shape and np.array_equal(one.face.points_px, other.face.points_px)
    )


def make_texture(donor: SourceFace) -> Texture:
    """Everything about a donor that does not depend on the target."""
    face: Surface = surface()
    points = np.ascontiguousarray(donor.face.points_px[: mesh.VERTICES], np.float32)
    height, width = donor.image.shape[:2]
    size = face_size_px(points)
    lab = vertex_colours(donor.image, points, size)
    direct = seen(points, face.triangles, Box(0, 0, width, height))
    direct = np.asarray(direct * (1 - skin_of(lab, direct)[2]), np.float32)
    mirrored = direct[face.mirror]
    shown = np.asarray(direct + mirrored * (1 - direct), np.float32)
    own = np.where(shown > 0, direct / np.maximum(shown, 1e-6), 1).astype(np.float32)
    lab = own[:, None] * lab + (1 - own)[:, None] * lab[face.mirror]
    lab = lab.astype(np.float32)
    tone, base, _ = skin_of(lab, shown)
    return Texture(
        donor=donor,
        points_px=points,
        size_px=size,
        seen=direct,
        own=own,
        shown=shown,
        bare=float(shown[face.forehead].mean()),
        lab=lab,
        base=base,
        tone=tone,
        levels=_levels(donor.image, size),
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
    bare = lab[told > 0.3]
    tone = np.median(bare if len(bare) else lab, axis=0).astype(np.float32)
    hanging = hair(lab, tone)
    base = slow_colour(face.kernel, lab, robust_weight(lab, told * (1 - hanging)), tone)
    return tone, base, hanging


def vertex_colours(image: Image, points_px: Floats, size_px: float) -> Floats:
    """Lab colour of each vertex, a little blurred so that skin grain and noise do not matter.

    Args:
        image: ``(h, w, 3)`` uint8 RGB.
        points_px: ``(N, >=2)`` float32 in pixels of ``image``; positions outside take the nearest edge pixel.
        size_px: size of the face.

    Returns:
        ``(N, 3)`` float32.
    """
    blurred = cv2.GaussianBlur(image, (0, 0), max(BLUR * size_px, 0.3), borderType=cv2.BORDER_REPLICATE)
    colours = mesh.sample(np.asarray(blurred, np.uint8), np.ascontiguousarray(points_px[None, :, :2]))
    return rgb_to_lab(colours)[0]


def _levels(image: Image, size_px: float) -> tuple[Image, ...]:
    height, width = image.shape[:2]
    count = max(1, int(np.ceil(np.log(size_px / 16) / np.log(_STEP))))
    scales = [_STEP**-k for k in range(count)]
    return (
        image,
        *(
            np.asarray(
                cv2.resize(image, (max(1, round(width * s)), max(1, round(height * s))), interpolation=cv2.INTER_AREA),
                np.uint8,
            )
            for s in scales[1:]
        ),
    )
