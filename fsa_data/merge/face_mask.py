"""Face masks: a surgical or cloth mask over nose and mouth. It stays on; the new face goes above it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.merge.reference import Texels
from fsa_data.merge.surface import surface
from fsa_data.types import Floats, Image, Mask

CHROMA = 12.0
"""Distance in Cr and Cb (BT.601, 0..255) between mask and skin from which it is a mask: cloth is greyer, bluer or
more coloured than skin; shadow, make-up and stubble change lightness far more than chroma."""

COVERED = 0.5
"""Share of the skin beside and on the nose that must look like the mouth's region: no beard grows there."""

NEAREST = 0.4
"""Where between skin (0) and mask (1) a pixel begins to count as mask."""

HAIR = 0.3
"""Share of the upper face that may be hair or spectacles: what has the least colour of skin there is left out."""

_FEWEST = 8
"""Texels that each region must show."""

_UPPER_CM, _MOUTH_CM, _NOSE_CM = 1.5, -2.5, (-2.0, 0.2)
"""Heights on the canonical face: skin is looked at above the first, the mask below the second, beards between the
third."""

_TOP_CM = 3.3
"""No mask reaches above the bridge of the nose."""

_ALWAYS_CM = -1.0
"""Everything below the tip of the nose is behind a mask."""


@dataclass(frozen=True, slots=True)
class FaceMask:
    """A mask that was found.

    Attributes:
        skin: ``(2,)`` float32, Cr and Cb of the skin above it.
        colour: ``(2,)`` float32, of the mask.
        above: ``(n,)`` bool, bare skin above any mask.
    """

    skin: Floats
    colour: Floats
    above: NDArray[np.bool_]

    def in_light_of(self, colour: Floats, seen: NDArray[np.bool_]) -> FaceMask:
        """The same mask in a frame of another light, told by the skin above it.

        Args:
            colour: ``(n, 3)`` float32 YCrCb of the texels in that frame.
            seen: ``(n,)`` bool.
        """
        told = self.above & seen
        if told.sum() < _FEWEST:
            return self
        shift = _skin(colour[told, 1:]) - self.skin
        return FaceMask(self.skin + shift, self.colour + shift, self.above)


def find_face_mask(colour: Floats, seen: NDArray[np.bool_], texels: Texels) -> FaceMask | None:
    """Whether a face wears a mask.

    Args:
        colour: ``(n, 3)`` float32 YCrCb of the texels.
        seen: ``(n,)`` bool.
        texels: where they lie on the face.

    Returns:
        None if it wears none, or too little can be seen to tell.
    """
    x, y = texels.where_cm[:, 0], texels.where_cm[:, 1]
    bare = texels.spread(surface().skin) > 0.9
    above = bare & (y > _UPPER_CM)
    upper = seen & above
    mouth = seen & (y < _MOUTH_CM) & (y > _MOUTH_CM - 4.5) & (np.abs(x) < 4)
    nose = seen & bare & (y > _NOSE_CM[0]) & (y < _NOSE_CM[1]) & (np.abs(x) < 5)
    if min(upper.sum(), mouth.sum(), nose.sum()) < _FEWEST:
        return None
    skin = _skin(colour[upper, 1:])
    cloth = np.median(colour[mouth, 1:], axis=0)
    apart = cloth - skin
    distance = float(np.hypot(*apart))
    if distance < CHROMA:
        return None
    along = (colour[nose, 1:] - skin) @ apart / distance**2
    if float((along > 0.5).mean()) < COVERED:
        return None
    return FaceMask(skin, cloth.astype(np.float32), above)


def _skin(chroma: Floats) -> Floats:
    """Median Cr and Cb of what is reddest and least blue."""
    redness = chroma[:, 0] - chroma[:, 1]
    return np.asarray(np.median(chroma[redness >= np.quantile(redness, HAIR)], axis=0), np.float32)


def mask_region(worn: FaceMask, picture: Image, where_cm: Floats, covered: Floats, size_px: float) -> Mask:
    """Pixels behind a mask.

    Args:
        worn: the mask.
        picture: ``(h, w, 3)`` uint8 YCrCb.
        where_cm: ``(h, w, 2)`` float32, x and y on the canonical face at each pixel.
        covered: ``(h, w)`` float32, 1 where the face's mesh is.
        size_px: size of the face.

    Returns:
        ``(h, w)`` uint8, 1 behind the mask.
    """
    apart = worn.colour - worn.skin
    chroma = picture[:, :, 1:].astype(np.float32) - worn.skin
    along = (chroma @ apart) / float(apart @ apart)
    cloth = (along > NEAREST) & (where_cm[..., 1] < _TOP_CM) & (covered > 0)
    region: Mask = (cloth | ((where_cm[..., 1] < _ALWAYS_CM) & (covered > 0))).astype(np.uint8)
    radius = max(1, round(0.03 * size_px))
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    opened = cv2.morphologyEx(region, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, element)
    grow = max(1, round(0.015 * size_px))
    return np.asarray(cv2.dilate(closed, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)), np.uint8)
