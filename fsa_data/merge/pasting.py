"""A predicted face goes back into its frame: the merge of DeepFaceLab, on the face's rectangle and nowhere else.

Everything happens at the frame's own resolution, inside a rectangle of at most twice the area of the face's box; the
predicted crop and its mask are brought there first. What differs from DeepFaceLab's merge: only the face's pixels are
ever changed (its denoising and degrading change whole frames); statistics of colour count the pixels that a mask covers
and that nothing lies in front of, instead of filling the rest with one colour; lengths mean the same at every
resolution; and nothing is random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.faces import face_size_px, polygon_mask
from fsa_data.merge import degrade
from fsa_data.merge.choose_colour import choose_colour
from fsa_data.merge.follow_light import follow_light
from fsa_data.merge.mask import blend, soft_mask
from fsa_data.merge.occluders import InFront, find_in_front
from fsa_data.merge.paste_masks import (
    UNIT,
    Segment,
    fade,
    hull_mask,
    kernel_sigma,
    limits,
    predicted_mask,
    shaped,
)
from fsa_data.merge.paste_options import PasteOptions
from fsa_data.merge.transfer import (
    FEWEST,
    LINEAR,
    TRANSFERS,
    Moments,
    as_eight_bit,
    as_float,
    linear,
    moments,
)
from fsa_data.merge.transport import histogram_match
from fsa_data.types import Box, Face, FaceReference, Floats, Image, Json, Mask

BESIDE = 0.015
"""Width of the soft edge beside whatever lies in front, share of the face size."""

FEWEST_PX = 4
"""A mask that is narrower or lower is not worth pasting."""

_SOLID = 0.1
"""From this share on a pixel counts for that."""

_SHRUNK = 1.25
"""A crop that the frame shows smaller by more than this is averaged to the frame's scale first."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What an engine predicts: an aligned crop of the new face, and how it lies in the frame.

    Attributes:
        image: ``(S, S, 3)`` RGB, uint8 or float32 in 0..1.
        matrix: ``(2, 3)``, from pixels of the frame to pixels of ``image`` (both counted from pixel edges).
        mask: ``(S, S)`` uint8 or float32 in 0..1, where ``image`` shows the new face.
        target_mask: the same of the target's face, as far as the engine tells.
    """

    image: Image | Floats
    matrix: NDArray[np.floating]
    mask: Mask | Floats
    target_mask: Mask | Floats


@dataclass(frozen=True, slots=True, eq=False)
class Showing:
    """Which pixels of a rectangle a new face may take, as far as the frame goes.

    Attributes:
        box: rectangle of the frame; beyond it everything may be taken.
        share: ``(box.h, box.w)`` float32 in 0..1, 0 where something lies in front of the face or must stay.
        front: what lies in front, if that was looked for.
    """

    box: Box
    share: Floats
    front: InFront | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pasted:
    """A face that is back.

    Attributes:
        box: rectangle of the frame.
        patch: ``(box.h, box.w, 3)`` uint8 RGB.
        mask: ``(box.h, box.w)`` float32 in 0..1, share of the new face; where it is 0 the patch is the frame.
        colour: the colour transfer that was used.
        moments: of a linear transfer those of the face and of its goal, as measured; else None.
        notes: why that transfer, if it was chosen here.
    """

    box: Box
    patch: Image
    mask: Floats
    colour: str
    moments: tuple[Moments, Moments] | None = None
    notes: Json = field(default_factory=dict)


def find_showing(frame: Image, target: Face, reference: FaceReference | None = None) -> Showing:
    """Where a target's face shows, by :func:`fsa_data.merge.find_in_front`.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        target: the face, at least partly inside.
        reference: how the person's face usually looks, if that is known.
    """
    points = np.ascontiguousarray(target.points_px[: mesh.VERTICES], np.float32)
    box = Box.around(points).clipped(*frame.shape[:2])
    local = points - np.array([box.x, box.y, 0], np.float32)
    front = find_in_front(np.ascontiguousarray(frame[box.slices]), local, reference)
    return Showing(box, beside(front, face_size_px(points)), front)


def beside(front: InFront, size_px: float) -> Floats:
    """0 where something lies in front of a face, rising to 1 beside it; ``(h, w)`` float32."""
    if not front.mask.any():
        return np.ones(front.mask.shape, np.float32)
    return soft_mask(255 - front.mask, 0, BESIDE * size_px)


def paste_face(
    frame: Image,
    target: Face,
    predicted: Prediction,
    options: PasteOptions,
    showing: Showing | None = None,
    segment: Segment | None = None,
    motion_px: tuple[float, float] = (0.0, 0.0),
) -> Pasted | None:
    """Put a predicted face back; a pure function of its arguments.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        target: the face to replace, in pixels of ``frame``.
        predicted: the new face.
        options: how.
        showing: what must stay; None if everything may be replaced.
        segment: the segmentation network for mask modes 6 to 9.
        motion_px: how far the face has moved since the frame before, for motion blur.

    Returns:
        None if the mask leaves less than a few pixels.

    Raises:
        ConfigError: the mask mode needs a segmentation network and there is none.
    """
    place = _Place.of(frame, target, predicted, options)
    alpha, counts, square = _alphas(frame, target, predicted, options, place, showing, segment)
    box = _solid(alpha)
    if box is None:
        return None
    whole = Box(place.box.x + box.x, place.box.y + box.y, box.w, box.h)
    alpha, counts, square = (np.ascontiguousarray(each[box.slices]) for each in (alpha, counts, square))
    original = np.ascontiguousarray(frame[whole.slices])
    drawn = place.brought(as_float(predicted.image), whole, cv2.INTER_CUBIC)
    name: str = options.colour
    notes: Json = {}
    if name == "auto":
        name, notes = choose_colour(drawn, as_float(original), counts)
    change = _Change(options, name, as_float(original), alpha, counts, square)
    if options.mode == "raw":
        return Pasted(whole, blend(original, as_eight_bit(drawn), alpha), alpha, "none", None, notes)
    if options.mode.startswith("seamless"):
        drawn = as_float(cloned(original, as_eight_bit(drawn), alpha))
        if change.any_colour:
            drawn = change.coloured(change.over(drawn))
    else:
        drawn = change.coloured(drawn)
    drawn = change.worn(drawn, motion_px)
    patch = blend(original, as_eight_bit(drawn), alpha)
    return Pasted(whole, patch, alpha, name, change.measured, notes)


def cloned(target: Image, source: Image, alpha: Floats) -> Image:
    """``source`` in ``target`` so that its gradients stay and its edge is the target's (Perez et al., 2003).

    Args:
        target: ``(h, w, 3)`` uint8 RGB.
        source: the same shape.
        alpha: ``(h, w)`` float32; cloned where it is more than 0.

    Returns:
        ``(h, w, 3)`` uint8 RGB; the target where there is nothing to clone.
    """
    pad = 2  # the equation needs known pixels all around
    mask = np.pad((alpha > 0).astype(np.uint8) * np.uint8(255), pad)
    where = cv2.boundingRect(mask)
    if min(where[2:]) < FEWEST_PX:
        return target
    rims = (pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    below, above = cv2.copyMakeBorder(target, *rims), cv2.copyMakeBorder(source, *rims)
    centre = where[0] + where[2] // 2, where[1] + where[3] // 2
    out = cv2.seamlessClone(above, below, mask, centre, cv2.NORMAL_CLONE)  # channels apart: RGB is as good as BGR
    return np.asarray(out[pad:-pad, pad:-pad], np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """How a crop lies in the frame.

    Attributes:
        box: the part of the frame that may be changed.
        matrix: ``(2, 3)`` float64 from the frame to the crop, the new face's size taken into account.
        side_px: of the crop, in pixels of the frame.
        shape: ``(h, w)`` of the crop.
    """

    box: Box
    matrix: NDArray[np.float64]
    side_px: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, frame: Image, target: Face, predicted: Prediction, options: PasteOptions) -> _Place:
        height, width = predicted.image.shape[:2]
        matrix = np.array(predicted.matrix, np.float64)
        middle = np.array([width / 2, height / 2])
        smaller = 1 / (1 + options.face_scale / 100)
        matrix *= smaller
        matrix[:, 2] += middle * (1 - smaller)
        scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
        return cls(limits(target, *frame.shape[:2]), matrix, width / scale, (height, width))

    @property
    def unit_px(self) -> float:
        """Pixels of the frame that a mask's unit of length is."""
        return self.side_px / UNIT

    def brought(self, picture: Floats, box: Box, how: int, border: int = cv2.BORDER_REPLICATE) -> Floats:
        """A picture of the crop as a rectangle of the frame shows it, clipped to 0..1."""
        shrink = self.shape[1] / self.side_px
        matrix = self.matrix.copy()
        if shrink > _SHRUNK:
            size = math.ceil(self.side_px), math.ceil(self.side_px * self.shape[0] / self.shape[1])
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
            matrix *= np.array([[size[0] / self.shape[1]], [size[1] / self.shape[0]]])
        # pixel edges to pixel centres, on both sides
        matrix[:, 2] += matrix[:, :2] @ np.array([box.x + 0.5, box.y + 0.5]) - 0.5
        out = cv2.warpAffine(picture, matrix, (box.w, box.h), flags=how | cv2.WARP_INVERSE_MAP, borderMode=border)
        return np.asarray(np.clip(out, 0, 1), np.float32)

    def cropped(self, frame: Image) -> Image:
        """The crop's part of the frame, ``(h, w, 3)`` uint8."""
        out = np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]]))[:2]
        out[:, 2] += out[:, :2] @ np.array([0.5, 0.5]) - 0.5
        size = self.shape[1], self.shape[0]
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(frame, out, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def square(self, inset: float) -> Floats:
        """Where the crop lies, ``(box.h, box.w)`` float32, narrower by some pixels of the crop on each side."""
        height, width = self.shape
        if 2 * inset >= min(height, width):
            return np.zeros((self.box.h, self.box.w), np.float32)
        x0, y0, x1, y1 = inset, inset, width - inset, height - inset
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - self.matrix[:, 2]
        there = corners @ np.linalg.inv(self.matrix[:, :2]).T
        return np.asarray(polygon_mask([there.astype(np.float32)], self.box) / np.float32(255), np.float32)


@dataclass(slots=True, eq=False)
class _Change:
    """What happens to the colours of a face between its prediction and its blending.

    Attributes:
        options: how.
        colour: the transfer, chosen.
        original: ``(h, w, 3)`` float32, the frame.
        alpha: ``(h, w)`` share of the new face.
        counts: ``(h, w)`` what the mask covers and nothing lies in front of.
        square: ``(h, w)`` what the crop covers and nothing lies in front of.
        measured: moments that were measured.
    """

    options: PasteOptions
    colour: str
    original: Floats
    alpha: Floats
    counts: Floats
    square: Floats
    measured: tuple[Moments, Moments] | None = None

    @property
    def any_colour(self) -> bool:
        """Whether colours change at all."""
        return self.colour != "none" or self.options.mode.endswith("hist-match")

    def over(self, drawn: Floats) -> Floats:
        """The frame with the face so far."""
        return np.asarray(self.original + self.alpha[..., None] * (drawn - self.original), np.float32)

    def coloured(self, drawn: Floats) -> Floats:
        """Colour transfer and matching of histograms."""
        name, _, how = self.colour.partition("-")
        if name in LINEAR:
            drawn = self._linear(name, drawn, masked=how != "" or name == "rct")
        elif name != "none":
            own, goal = self._pixels(drawn, masked=how != "")
            drawn = TRANSFERS[name](drawn, own, goal) if min(len(own), len(goal)) >= FEWEST else drawn
        if how == "l":
            drawn = follow_light(drawn, self.original, self.counts)
        if self.options.mode.endswith("hist-match"):
            own, goal = self._pixels(drawn, masked=self.options.masked_hist_match)
            if min(len(own), len(goal)) >= FEWEST:
                drawn = histogram_match(drawn, own, goal, self.options.hist_match_threshold)
        return drawn

    def worn(self, drawn: Floats, motion_px: tuple[float, float]) -> Floats:
        """Blur, sharpening and degrading, of the face in its frame."""
        options = self.options
        touched = (options.motion_blur, options.sharpen_amount, options.denoise, options.bicubic_degrade)
        if not any((*touched, options.colour_degrade)):
            return drawn
        before = self.over(drawn)
        face = degrade.motion_blurred(before, motion_px, options.motion_blur)
        face = degrade.sharpened(face, options.sharpen, options.sharpen_amount)
        face = degrade.denoised(face, options.denoise)
        face = degrade.rescaled(face, options.bicubic_degrade)
        face = degrade.fewer_colours(face, options.colour_degrade)
        return drawn if face is before else face

    def _linear(self, name: str, drawn: Floats, masked: bool) -> Floats:
        share = self.counts if masked else self.square
        own, goal = moments(name, drawn, share), moments(name, self.original, share)
        if own is None or goal is None:
            return drawn
        self.measured = own, goal
        return linear(name, drawn, *self.measured)

    def _pixels(self, drawn: Floats, masked: bool) -> tuple[Floats, Floats]:
        share = (self.counts if masked else self.square) >= 0.5
        return drawn[share], self.original[share]


def _alphas(
    frame: Image,
    target: Face,
    predicted: Prediction,
    options: PasteOptions,
    place: _Place,
    showing: Showing | None,
    segment: Segment | None,
) -> Sequence[Floats]:
    """Share of the new face, what counts for its colours, and what of the whole crop does; all over ``place.box``."""
    box = place.box
    free = _free(box, showing)
    square = place.square(0)
    edges = fade(box, target, *frame.shape[:2])
    if options.mode == "raw":
        return square * free, square * free, square * free

    def crops() -> tuple[Image, Image]:
        return as_eight_bit(as_float(predicted.image)), place.cropped(frame)

    new, other = as_float(predicted.mask), as_float(predicted.target_mask)
    mask = predicted_mask(options, new, other, crops, segment)
    there = (
        hull_mask(target.points_px, box)
        if mask is None
        else place.brought(mask, box, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    )
    unit = place.unit_px
    inset = options.blur // 2 * place.shape[1] / UNIT
    alpha = shaped(there, place.square(inset), options.erode / 2 * unit, kernel_sigma(options.blur) * unit)
    counts = (alpha > 0) * free
    return alpha * edges * free, np.asarray(counts, np.float32), square * free


def _free(box: Box, showing: Showing | None) -> Floats:
    """What of a rectangle may be replaced."""
    free = np.ones((box.h, box.w), np.float32)
    if showing is None:
        return free
    own = showing.box
    x0, y0 = max(box.x, own.x), max(box.y, own.y)
    x1, y1 = min(box.x + box.w, own.x + own.w), min(box.y + box.h, own.y + own.h)
    if x1 > x0 and y1 > y0:
        free[y0 - box.y : y1 - box.y, x0 - box.x : x1 - box.x] = showing.share[
            y0 - own.y : y1 - own.y, x0 - own.x : x1 - own.x
        ]
    return free


def _solid(alpha: Floats) -> Box | None:
    """Smallest rectangle that holds a mask, with a rim of one pixel where there is room; None if it is too small."""
    if min(cv2.boundingRect((alpha >= _SOLID).astype(np.uint8))[2:]) < FEWEST_PX:
        return None
    x, y, w, h = cv2.boundingRect((alpha > 0).astype(np.uint8))
    return Box(x - 1, y - 1, w + 2, h + 2).clipped(*alpha.shape)
