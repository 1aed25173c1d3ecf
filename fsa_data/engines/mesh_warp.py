"""The default engine: the donor's face as texture on the driver's mesh. No training, no network.

The donor's picture is cut along the 468-point triangulation and drawn where the target's landmarks are (a piecewise
affine warp with hidden surfaces removed), so head pose, opened mouth and raised brows are the target's and everything
on the skin is the donor's. What lies between the lids and between the lips stays the target's own pixels, because it
carries the label. Colours follow the target (:mod:`fsa_data.merge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fsa_data.engines.donors import Choice, Looks, PanelCache, Tone, choose_donor
from fsa_data.engines.drawing import Canvas, draw, read_canvas
from fsa_data.engines.limits import Limits
from fsa_data.engines.put_back import drawn_prediction, put_back
from fsa_data.engines.texture import TextureCache
from fsa_data.errors import ConfigError
from fsa_data.merge import MergeOptions, PasteOptions, merge_fingerprint
from fsa_data.merge.paste_masks import needed
from fsa_data.merge.paste_options import NEEDS_XSEG
from fsa_data.types import Face, FaceReference, Image, Json, Reason, SourceFace, Swap

ALGORITHM_VERSION = 3
"""Raised whenever equal inputs would give other pixels."""


@dataclass(frozen=True, slots=True)
class MeshWarpOptions(Limits):
    """Limits beyond which the engine declines, and how it chooses; every field is part of the fingerprint."""

    max_yaw_deg: float = 48.0
    """Faces turned further are declined as ``profile``. Landmarks of a face in profile claim about 50 degrees."""
    min_showing: float = 0.2
    """Faces of which a smaller share shows beside what lies in front are declined as ``occluded``."""
    tone: Tone = "near"
    """``near`` prefers donors of near skin tone, ``any`` does not look at it."""

    def __post_init__(self) -> None:
        Limits.__post_init__(self)
        if self.tone not in ("near", "any"):
            raise ConfigError(f"engine option tone must be 'near' or 'any', got {self.tone!r}.")


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Whom a target is to wear.

    Attributes:
        canvas: the target.
        choice: the donor.
        notes: of the swap.
    """

    canvas: Canvas
    choice: Choice
    notes: Json


class MeshWarp:
    """Draws the donor's textured mesh into the target's pose; see the module.

    Args:
        options: limits and choice of donors.
        merge: how the face is put back: the engine's own way, or that of DeepFaceLab, in which the face drawn in the
            donor's own colours is the prediction and its mask both masks.

    Raises:
        ConfigError: a mask mode that needs a segmentation network.
    """

    def __init__(
        self, options: MeshWarpOptions | None = None, merge: MergeOptions | PasteOptions | None = None
    ) -> None:
        self.options = options or MeshWarpOptions()
        self.merge = merge or MergeOptions()
        if isinstance(self.merge, PasteOptions) and self.merge.mask_mode >= NEEDS_XSEG:
            needed(self.merge, self.options.segmenter)
        self._texture = TextureCache(self.merge.occluders)
        self._panel = PanelCache()

    @property
    def fingerprint(self) -> Json:
        """Name, version, options and merge options; there are no weights."""
        return {
            "engine": "mesh_warp",
            "version": ALGORITHM_VERSION,
            "options": self.options.fingerprint,
            "merge": merge_fingerprint(self.merge),
        }

    @property
    def trained_on(self) -> frozenset[str]:
        """Nobody, unless an XSeg model is used."""
        segmenter = self.options.segmenter
        return frozenset() if segmenter is None else segmenter.identities

    @property
    def uses_reference(self) -> bool:
        """Whether a person's usual look changes what is drawn."""
        return self.merge.occluders

    def swap(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Swap:
        """See :meth:`fsa_data.types.SwapEngine.swap`."""
        chosen = self.choose(frame, target, donors, params, reference)
        return chosen if isinstance(chosen, Swap) else self.put(frame, target, chosen, chosen.choice.donor, params)

    def choose(
        self,
        frame: Image,
        target: Face,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None = None,
    ) -> Chosen | Swap:
        """The donor that :meth:`swap` would put on, or why nobody is; arguments as there."""
        if (reason := self.options.reason(frame, target)) is not None:
            return Swap(reason)
        canvas = read_canvas(frame, target, reference, self.merge.occluders)
        showing = canvas.showing
        if showing < self.options.min_showing:
            return Swap(Reason.OCCLUDED, notes=_front_notes(canvas, showing))
        panel = self._panel(donors, self._looks_of)
        choice = choose_donor(target, panel, params, canvas.tone, self.options.tone)
        if choice is None:
            return Swap(Reason.NO_DONOR)
        return Chosen(canvas, choice, {**_notes(choice), **_front_notes(canvas, showing)})

    def put(self, frame: Image, target: Face, chosen: Chosen, donor: SourceFace, params: Json) -> Swap:
        """Put a face on where another was chosen.

        Args:
            frame: ``(H, W, 3)`` uint8 RGB.
            target: the face to replace.
            chosen: of :meth:`choose`.
            donor: the face, of the identity chosen.
            params: of the swap.
        """
        texture = self._texture(donor)
        if isinstance(self.merge, PasteOptions):
            predicted, seen = drawn_prediction(frame, chosen.canvas, texture)
            segmenter = self.options.segmenter
            return put_back(frame, target, predicted, self.merge, params, donor.identity, seen, segmenter, chosen.notes)
        patch = draw(chosen.canvas, texture, self.merge)
        return Swap(Reason.SWAPPED, donor.identity, chosen.canvas.box, patch, chosen.notes)

    def _looks_of(self, donor: SourceFace) -> Looks:
        texture = self._texture(donor)
        return Looks(texture.tone, texture.bare, texture.glasses)


def _notes(choice: Choice) -> Json:
    return {
        "donor": choice.donor.digest,
        "pose_distance_deg": round(choice.pose_distance_deg, 1),
        "tone_distance": round(choice.tone_distance, 1),
    }


def _front_notes(canvas: Canvas, showing: float) -> Json:
    if canvas.front is None:
        return {}
    return {
        "occluders_by": canvas.front.by,
        "showing": round(showing, 2),
        "face_mask": canvas.front.face_mask,
        "glasses": canvas.front.glasses,
    }
