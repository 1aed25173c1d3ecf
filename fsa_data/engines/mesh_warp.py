"""The default engine: the donor's face as texture on the driver's mesh. No training, no network.

The donor's picture is cut along the 468-point triangulation and drawn where the target's landmarks are (a piecewise
affine warp with hidden surfaces removed), so head pose, opened mouth and raised brows are the target's and everything
on the skin is the donor's. What lies between the lids and between the lips stays the target's own pixels, because it
carries the label. Colours follow the target (:mod:`fsa_data.merge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import cv2
import numpy as np

from fsa_data import mesh
from fsa_data.engines.donors import Choice, Tone, choose_donor
from fsa_data.engines.surface import facing, surface
from fsa_data.engines.texture import Texture, TextureCache, skin_of, vertex_colours
from fsa_data.errors import ConfigError
from fsa_data.faces import eyes_mask, face_size_px, mouth_mask
from fsa_data.merge import (
    MergeOptions,
    blend,
    detail_gains,
    lab_to_rgb,
    move_detail,
    rgb_to_lab,
    soft_mask,
)
from fsa_data.types import Box, Face, Floats, Image, Json, Reason, SourceFace, Swap

ALGORITHM_VERSION = 1
"""Raised whenever equal inputs would give other pixels."""

PEOPLE_DIFFER = 0.8
"""Features that stand out this much less than the donor's are put down to the person, not to the picture."""


@dataclass(frozen=True, slots=True)
class MeshWarpOptions:
    """Limits beyond which the engine declines, and how it chooses; every field is part of the fingerprint."""

    max_yaw_deg: float = 55.0
    """Faces turned further are declined as ``profile``."""
    max_pitch_deg: float = 50.0
    """Faces nodding further are declined as ``profile``."""
    min_size_px: float = 24.0
    """Smaller faces (square root of their box's area) are declined as ``too_small``."""
    min_confidence: float = 0.4
    """Less sure faces are declined as ``low_confidence``."""
    max_outside: float = 0.25
    """Faces of which a larger share of the box lies outside the frame are declined as ``out_of_frame``."""
    tone: Tone = "near"
    """``near`` prefers donors of near skin tone, ``any`` does not look at it."""

    def __post_init__(self) -> None:
        if self.tone not in ("near", "any"):
            raise ConfigError(f"engine option tone must be 'near' or 'any', got {self.tone!r}.")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "tone" and not value >= 0:
                raise ConfigError(f"engine option {field.name} must be at least 0, got {value!r}.")


class MeshWarp:
    """Draws the donor's textured mesh into the target's pose; see the module.

    Args:
        options: limits and choice of donors.
        merge: how the face is put back.
    """

    trained_on: frozenset[str] = frozenset()

    def __init__(self, options: MeshWarpOptions | None = None, merge: MergeOptions | None = None) -> None:
        self.options = options or MeshWarpOptions()
        self.merge = merge or MergeOptions()
        self._texture = TextureCache()

    @property
    def fingerprint(self) -> Json:
        """Name, version, options and merge options; there are no weights."""
        return {
            "engine": "mesh_warp",
            "version": ALGORITHM_VERSION,
            "options": asdict(self.options),
            "merge": dict(self.merge.json),
        }

    def swap(self, frame: Image, target: Face, donors: Sequence[SourceFace], params: Json) -> Swap:
        """See :meth:`fsa_data.types.SwapEngine.swap`."""
        if (reason := self._limits(frame, target)) is not None:
            return Swap(reason)
        points = np.ascontiguousarray(target.points_px[: mesh.VERTICES], np.float32)
        drawn = Box.around(points)
        box = Box(drawn.x - 2, drawn.y - 2, drawn.w + 4, drawn.h + 4).clipped(*frame.shape[:2])
        canvas = _Canvas.read(frame, box, points)
        choice = choose_donor(target, donors, params, self._looks_of, canvas.tone, self.options.tone)
        if choice is None:
            return Swap(Reason.NO_DONOR)
        patch = self._draw(canvas, target, self._texture(choice.donor))
        return Swap(Reason.SWAPPED, choice.donor.identity, box, patch, _notes(choice))

    def _looks_of(self, donor: SourceFace) -> tuple[Floats, float]:
        texture = self._texture(donor)
        return texture.tone, texture.bare

    def _limits(self, frame: Image, target: Face) -> Reason | None:
        options = self.options
        if target.confidence < options.min_confidence:
            return Reason.LOW_CONFIDENCE
        if abs(target.yaw_deg) > options.max_yaw_deg or abs(target.pitch_deg) > options.max_pitch_deg:
            return Reason.PROFILE
        if face_size_px(target.points_px) < options.min_size_px:
            return Reason.TOO_SMALL
        box = target.box
        if box.clipped(*frame.shape[:2]).area < (1 - options.max_outside) * box.area:
            return Reason.OUT_OF_FRAME
        return None

    def _draw(self, canvas: _Canvas, target: Face, texture: Texture) -> Image:
        face = surface()
        fragments = mesh.rasterise(canvas.points, face.triangles, canvas.box, cull="back")
        picture, sx, sy = texture.level(canvas.size)
        scale = np.array([sx, sy], np.float32)
        shown = texture.shown * (1 - canvas.hair) * np.clip((canvas.facing - 0.05) / 0.3, 0, 1)
        attributes = np.concatenate(
            [
                texture.points_px[:, :2] * scale,
                texture.points_px[face.mirror, :2] * scale,
                texture.own[:, None],
                shown[:, None],
                texture.base,
                self._goal(canvas, texture),
            ],
            axis=1,
        ).astype(np.float32)
        values = mesh.interpolate(fragments, face.triangles, attributes)
        colours = _remap(picture, values[..., 0:2])
        own = values[..., 4:5]
        covered = fragments.triangle >= 0
        if float(own[covered].min(initial=1)) < 0.99:
            colours = own * colours + (1 - own) * _remap(picture, values[..., 2:4])
        lab = rgb_to_lab(np.asarray(colours + 0.5, np.uint8))
        gains = detail_gains(texture.tone, canvas.tone, self.merge.contrast * self.merge.colour)
        gains *= 1 + self.merge.contrast * (_haze(canvas, texture) - 1)
        drawn = lab_to_rgb(move_detail(lab, values[..., 6:9], values[..., 9:12], gains))
        alpha = soft_mask(covered.astype(np.uint8), self.merge.erode * canvas.size, self.merge.feather * canvas.size)
        alpha *= np.clip(values[..., 5], 0, 1)
        kept = np.maximum(eyes_mask(canvas.points, canvas.box), mouth_mask(canvas.points, canvas.box))
        kept = cv2.GaussianBlur(kept, (0, 0), max(0.4, 0.008 * canvas.size))
        alpha *= 1 - kept.astype(np.float32) / 255
        return blend(canvas.image, drawn, alpha)

    def _goal(self, canvas: _Canvas, texture: Texture) -> Floats:
        """Slow colour that the new face shall have at each vertex, ``(468, 3)``."""
        light = canvas.base - canvas.tone
        own_light = texture.base - texture.tone
        tone = texture.tone + self.merge.colour * (canvas.tone - texture.tone)
        return np.asarray(tone + own_light + self.merge.shading * (light - own_light), np.float32)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """The target's side of a swap, in coordinates of the whole frame."""

    box: Box
    image: Image
    points: Floats
    size: float
    facing: Floats
    lab: Floats
    tone: Floats
    base: Floats
    hair: Floats

    @classmethod
    def read(cls, frame: Image, box: Box, points: Floats) -> _Canvas:
        image = np.ascontiguousarray(frame[box.slices])
        local = points[:, :2] - np.array([box.x, box.y], np.float32)
        inside = ((local >= 0) & (local < np.array([box.w, box.h]))).all(axis=1).astype(np.float32)
        size = face_size_px(points)
        lab = vertex_colours(image, local, size)
        turned = facing(points, surface().triangles)
        tone, base, hanging = skin_of(lab, np.clip((turned - 0.1) / 0.3, 0, 1) * inside)
        return cls(box, image, points, size, turned, lab, tone, base, hanging)


def _haze(canvas: _Canvas, texture: Texture) -> float:
    """How much less than the donor's the target's features stand out, 0.5..1, beyond what people differ in.

    A picture that is hazy, badly lit or blurred has weak brows, lashes, lips and nostrils, whoever it shows.
    """
    weight = (surface().skin == 0) * np.clip(canvas.facing, 0, 1) * texture.shown
    stands_out = []
    for lab, base, tone in ((canvas.lab, canvas.base, canvas.tone), (texture.lab, texture.base, texture.tone)):
        depth = np.minimum(lab[:, 0] - base[:, 0], 0) / max(float(tone[0]), 1.0)
        stands_out.append(float(np.sqrt((weight * depth * depth).sum())))
    return float(np.clip(stands_out[0] / max(PEOPLE_DIFFER * stands_out[1], 1e-6), 0.5, 1))


def _remap(picture: Image, xy_px: Floats) -> Floats:
    return mesh.sample(picture, np.ascontiguousarray(xy_px)).astype(np.float32)


def _notes(choice: Choice) -> Json:
    return {
        "donor": choice.donor.digest,
        "pose_distance_deg": round(choice.pose_distance_deg, 1),
        "tone_distance": round(choice.tone_distance, 1),
    }
