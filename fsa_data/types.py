"""The words everybody uses: images, points, faces, swaps, and the three plug points.

Conventions, said once:

* Images are ``(H, W, 3)`` uint8 RGB at every module boundary. BGR lives only inside a function that calls OpenCV,
  floats only inside networks and private arithmetic.
* Points are in pixels, x to the right, y down; pixel ``(row, column)`` covers ``[column, column + 1) x [row, row + 1)``
  and its centre is at ``(column + 0.5, row + 0.5)``. Resizing an image by s multiplies its points by s, nothing more.
* z of a point has the scale of x and grows away from the camera.
* Angles are degrees: ``yaw_deg`` positive when the face turns to the right of the image (the driver's own left),
  ``pitch_deg`` positive when it looks down, ``roll_deg`` positive when the head tilts clockwise as seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""``(H, W, 3)`` uint8 RGB."""

Mask = NDArray[np.uint8]
"""``(H, W)`` uint8, 0 outside, 255 inside, values between on soft edges."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

Json = Mapping[str, Any]
"""A JSON object with plain values only (str, int, float, bool, None, lists and objects of these)."""

LANDMARKS = 478
"""Points of a face: 468 of the mesh, then 5 of each iris."""

BLENDSHAPES = 52
"""Expression coefficients of a face, each 0..1, in the order of ``faces.mediapipe_landmarker.BLENDSHAPE_NAMES``."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels: columns ``x .. x + w - 1``, rows ``y .. y + h - 1``."""

    x: int
    y: int
    w: int
    h: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return self.w * self.h

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an ``(H, W, ...)`` array."""
        return slice(self.y, self.y + self.h), slice(self.x, self.x + self.w)

    @classmethod
    def around(cls, points_px: Floats, margin: float = 0.0) -> Box:
        """Smallest rectangle that holds ``(N, >=2)`` points, grown on each side by ``margin`` of its own size."""
        xs, ys = points_px[:, 0], points_px[:, 1]  # by column: five times as fast as along the first axis
        left, right, top, bottom = float(xs.min()), float(xs.max()), float(ys.min()), float(ys.max())
        x0, x1 = math.floor(left - margin * (right - left)), math.ceil(right + margin * (right - left))
        y0, y1 = math.floor(top - margin * (bottom - top)), math.ceil(bottom + margin * (bottom - top))
        return cls(x0, y0, x1 - x0, y1 - y0)

    def clipped(self, height: int, width: int) -> Box:
        """The part inside an image of this size (``w`` or ``h`` is 0 if there is none)."""
        x0, y0 = min(max(self.x, 0), width), min(max(self.y, 0), height)
        x1, y1 = min(max(self.x + self.w, x0), width), min(max(self.y + self.h, y0), height)
        return Box(x0, y0, x1 - x0, y1 - y0)


@dataclass(frozen=True, slots=True)
class Face:
    """One face found in an image.

    Attributes:
        points_px: ``(478, 3)`` float32, x and y in pixels of the image, z in the same scale.
        yaw_deg: -90..90, positive towards the right of the image.
        pitch_deg: -90..90, positive looking down.
        roll_deg: -180..180, positive clockwise as seen.
        blendshapes: ``(52,)`` float32 in 0..1.
        confidence: 0..1, how sure the landmarker is that this is a face.
    """

    points_px: Floats
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    blendshapes: Floats
    confidence: float

    @property
    def box(self) -> Box:
        """Smallest rectangle that holds the points (it may reach outside the image)."""
        return Box.around(self.points_px)

    def scaled(self, sx: float, sy: float) -> Face:
        """The same face in an image resized by these factors (z takes the horizontal one)."""
        return replace(self, points_px=self.points_px * np.array([sx, sy, sx], np.float32))

    def moved(self, dx: float, dy: float) -> Face:
        """The same face in an image whose origin lies at ``(-dx, -dy)`` of this one."""
        return replace(self, points_px=self.points_px + np.array([dx, dy, 0.0], np.float32))


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture of one identity that a source offers, not yet looked at.

    Attributes:
        identity: pseudonymous id of the person; equal ids are the same person, in data and sources alike.
        digest: hex digest of what the picture shows (file bytes, or the parameters that draw it); known without
            decoding, so that a finished job costs no decoding.
        load: returns the picture, ``(H, W, 3)`` uint8 RGB.
        provenance: where it comes from (``flow``, ``licence`` and whatever else the flow knows).
        face: where the face is, if that need not be looked for.
        mesh_px: returns the ``(468, 3)`` float32 points of the face's mesh in pixels of the picture, if they are known
            better than a landmarker can tell.
    """

    identity: str
    digest: str
    load: Callable[[], Image]
    provenance: Json
    face: Face | None = None
    mesh_px: Callable[[], Floats] | None = None


@dataclass(frozen=True, slots=True)
class SourceFace:
    """A face to put on: a photo with its landmarks.

    Attributes:
        identity: as in :class:`Photo`.
        digest: as in :class:`Photo`.
        image: ``(H, W, 3)`` uint8 RGB, cropped around the face.
        face: the face in pixels of ``image``.
        provenance: as in :class:`Photo`.
    """

    identity: str
    digest: str
    image: Image
    face: Face
    provenance: Json


@dataclass(frozen=True, slots=True, eq=False)
class FaceReference:
    """What a person's own face usually looks like, on the texture square of the canonical face.

    Attributes:
        colour: ``(S, S, 3)`` float32 YCrCb (BT.601, 0..255), median over frames of the person.
        tolerance: ``(S, S, 3)`` float32, how far it may differ: one standard deviation.
    """

    colour: Floats
    tolerance: Floats


class Reason(StrEnum):
    """Why a frame carries no swap. ``SWAPPED`` stands for 'it does'."""

    SWAPPED = "swapped"
    NO_FACE = "no_face"
    TOO_SMALL = "too_small"
    PROFILE = "profile"
    LOW_CONFIDENCE = "low_confidence"
    OUT_OF_FRAME = "out_of_frame"
    OCCLUDED = "occluded"
    NO_DONOR = "no_donor"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Swap:
    """What an engine made of one frame: a rectangle of new pixels, or the reason why there is none.

    Attributes:
        reason: ``Reason.SWAPPED``, or why not.
        source_identity: whose face it wears; empty when not swapped.
        box: where the patch lies in the working frame; None when not swapped.
        patch: ``(box.h, box.w, 3)`` uint8 RGB, complete pixels that replace the frame's; None when not swapped.
        notes: small JSON facts worth keeping (donor digest, pose distance, ...).
    """

    reason: Reason
    source_identity: str = ""
    box: Box | None = None
    patch: Image | None = None
    notes: Json = field(default_factory=dict)

    @property
    def swapped(self) -> bool:
        """Whether there is a patch."""
        return self.reason is Reason.SWAPPED


def paste(frame: Image, box: Box, patch: Image) -> Image:
    """A copy of ``frame`` with the patch put in its place; every pixel outside the box is the frame's own.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB working frame.
        box: rectangle inside the frame.
        patch: ``(box.h, box.w, 3)`` uint8 RGB.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    out = frame.copy()
    out[box.slices] = patch
    return out


@runtime_checkable
class Landmarker(Protocol):
    """Plug point 1: finds faces in an image."""

    @property
    def fingerprint(self) -> str:
        """Names the model, its weights and its options: equal fingerprints give equal faces."""
        ...

    def __call__(self, image: Image, closely: bool = True) -> list[Face]:
        """Faces of an ``(H, W, 3)`` uint8 RGB image, the largest first; empty if there is none.

        Args:
            image: the picture.
            closely: whether small faces are worth a longer search.
        """
        ...


@runtime_checkable
class Source(Protocol):
    """Plug point 2: offers pictures of people whose faces may be put on."""

    @property
    def name(self) -> str:
        """The string that makes this source again, e.g. ``folder:faces``."""
        ...

    @property
    def photos(self) -> Sequence[Photo]:
        """Every picture, in a fixed order, not decoded."""
        ...


@runtime_checkable
class SwapEngine(Protocol):
    """Plug point 3: puts one of several faces on the face in a frame."""

    @property
    def fingerprint(self) -> Json:
        """Name, algorithm version, weights hash and options: everything besides the inputs that changes pixels."""
        ...

    @property
    def trained_on(self) -> frozenset[str]:
        """Identities that the engine's weights were trained on (empty for an engine without weights)."""
        ...

    @property
    def uses_reference(self) -> bool:
        """Whether :meth:`swap` makes use of a reference; if not, none is made and none is part of a swap's key."""
        ...

    def swap(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Swap:
        """Swap the target face; a pure function of its arguments.

        Args:
            frame: ``(H, W, 3)`` uint8 RGB working frame.
            target: the face to replace, in pixels of ``frame``.
            donors: every face that may be put on (never the target's own identity).
            params: ``{"seed": int, "slot": int}`` plus the engine's own draws, JSON-serialisable. ``slot`` counts the
                fakes of one frame; different slots choose different identities as long as there are any.
            reference: how the target person's face usually looks, if enough frames of them are known.

        Returns:
            The patch, or a reason.
        """
        ...


@runtime_checkable
class ClipEngine(Protocol):
    """What an engine offers besides if a clip's swaps have something in common that one frame cannot tell."""

    @property
    def wants_start(self) -> bool:
        """Whether :meth:`begin` is to be asked; if so, a clip must be one scene."""
        ...

    def begin(self, sights: Sequence[tuple[Image, Face]], donors: Sequence[SourceFace]) -> Json:
        """Parameters that every swap of one person in a clip gets, JSON-serialisable.

        Args:
            sights: cut-outs that show the person, the best first, each with the face in its own pixels.
            donors: the faces that may be put on them.
        """
        ...
