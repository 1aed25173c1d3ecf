"""Faces that an engine declines, whichever it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

from fsa_data.errors import ConfigError
from fsa_data.faces import face_size_px
from fsa_data.types import Face, Image, Json, Reason

if TYPE_CHECKING:
    from fsa_data.engines.xseg.segment import Segmenter


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits beyond which an engine declines, and its XSeg model; all are part of its fingerprint."""

    max_yaw_deg: float = 60.0
    """Faces turned further are declined as ``profile``."""
    max_pitch_deg: float = 50.0
    """Faces nodding further are declined as ``profile``."""
    min_size_px: float = 24.0
    """Smaller faces (square root of their box's area) are declined as ``too_small``."""
    min_confidence: float = 0.4
    """Less sure faces are declined as ``low_confidence``."""
    max_outside: float = 0.25
    """Faces of which a larger share of the box lies outside the frame are declined as ``out_of_frame``."""
    xseg: str = ""
    """File of an XSeg model (``fsa train-xseg``) for the mask modes 6 to 9 of the merge."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, str):
                continue
            if not (isinstance(value, int | float) and value >= 0):
                raise ConfigError(f"engine option {field.name} must be at least 0, got {value!r}.")
            # 48 and 48.0 are one value and must be one fingerprint
            object.__setattr__(self, field.name, float(value))

    @property
    def fingerprint(self) -> Json:
        """Every limit; of an XSeg model the digest, wherever the file lies, and nothing if there is none."""
        given = asdict(self)
        del given["xseg"]
        return given | ({"xseg": self.segmenter.digest} if self.segmenter is not None else {})

    @property
    def segmenter(self) -> Segmenter | None:
        """The XSeg model, if there is one.

        Raises:
            MissingWeightsError: no such file.
        """
        return _segmenter(self.xseg) if self.xseg else None

    def reason(self, frame: Image, target: Face) -> Reason | None:
        """Why a face is declined; None if it is not.

        Args:
            frame: ``(H, W, 3)`` uint8 RGB.
            target: the face, in pixels of the frame.
        """
        if target.confidence < self.min_confidence:
            return Reason.LOW_CONFIDENCE
        if abs(target.yaw_deg) > self.max_yaw_deg or abs(target.pitch_deg) > self.max_pitch_deg:
            return Reason.PROFILE
        if face_size_px(target.points_px) < self.min_size_px:
            return Reason.TOO_SMALL
        box = target.box
        if box.clipped(*frame.shape[:2]).area < (1 - self.max_outside) * box.area:
            return Reason.OUT_OF_FRAME
        return None


@cache
def _segmenter(path: str) -> Segmenter:
    """One for each file and process."""
    from fsa_data.engines.xseg.segment import Segmenter

    return Segmenter(path)
