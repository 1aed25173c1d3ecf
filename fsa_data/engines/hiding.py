"""Faces hidden instead of swapped: the cheap rivals that a swap has to beat.

If a blurred face, or none at all, helps a classifier as much as a new one, the new face adds nothing. Both are engines
so that they take the same way as swaps: the same frames, declined for the same reasons, stored, guarded and counted
alike. Donors are not looked at; what is worn is called :data:`NOBODY`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from fsa_data.engines.limits import Limits
from fsa_data.faces import face_size_px, oval_mask
from fsa_data.types import Box, Face, FaceReference, Image, Json, Reason, SourceFace, Swap

ALGORITHM_VERSION = 1
"""Raised whenever equal inputs would give other pixels."""

NOBODY = "nobody"
"""Source identity of a hidden face."""

BLUR = 0.15
"""Standard deviation of the blur, in face sizes: eyes, nose and mouth run into one another."""

GREY = 128
"""What a face is cut out with, in every channel."""

_MARGIN, _FEATHER = 0.08, 0.03  # around the face's box, and width of the soft edge, in face sizes


class Hiding:
    """Blurs a face, or cuts it out.

    Args:
        how: ``blur`` or ``cutout``.
        options: faces that are declined.
    """

    trained_on: frozenset[str] = frozenset()
    uses_reference = False

    def __init__(self, how: Literal["blur", "cutout"], options: Limits | None = None) -> None:
        self.how, self.options = how, options or Limits()

    @property
    def fingerprint(self) -> Json:
        """Name, version and limits."""
        return {
            "engine": f"face_{self.how}",
            "version": ALGORITHM_VERSION,
            "options": dict(self.options.fingerprint),
        }

    def swap(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Swap:
        """See :meth:`fsa_data.types.SwapEngine.swap`."""
        del donors, params, reference
        if (reason := self.options.reason(frame, target)) is not None:
            return Swap(reason)
        size = face_size_px(target.points_px)
        box = Box.around(target.points_px, _MARGIN).clipped(*frame.shape[:2])
        mask = oval_mask(target.points_px, box).astype(np.float32)[..., None] / 255
        soft = cv2.GaussianBlur(mask, (0, 0), max(0.5, _FEATHER * size))[..., None]
        below = frame[box.slices]
        if self.how == "cutout":
            hidden = np.full_like(below, GREY, dtype=np.float32)
        else:
            hidden = cv2.GaussianBlur(below, (0, 0), BLUR * size, borderType=cv2.BORDER_REPLICATE).astype(np.float32)
        patch = np.rint(below + soft * (hidden - below)).astype(np.uint8)
        return Swap(Reason.SWAPPED, NOBODY, box, patch)
