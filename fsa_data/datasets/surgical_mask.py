"""Face masks on bare faces, as a transform of any image pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torchvision.transforms import v2

from fsa_data import mesh
from fsa_data.datasets.any_image import Draws, first_image, is_image, is_plain, like, to_array
from fsa_data.datasets.face_mask import COLOURS, PATTERNED, SHAPES, draw_params, wear
from fsa_data.engines.drawing import read_canvas
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import face_size_px, load_landmarker
from fsa_data.merge.surface import surface
from fsa_data.types import Face, Image, Landmarker, paste

MAX_YAW_DEG, MAX_PITCH_DEG = 55.0, 50.0
"""Faces turned or nodding further get no mask."""

MIN_SIZE_PX = 20.0
"""Smaller faces (square root of their box's area) get no mask."""

MIN_CONFIDENCE = 0.4
"""Less sure faces get no mask."""

MAX_OUTSIDE = 0.25
"""Faces of which a larger share of the box lies outside the image get no mask."""

MAX_COVERED = 0.2
"""Share of mouth, chin and cheeks that may have another colour than the skin around the eyes."""


class SurgicalMask(v2.Transform):  # type: ignore[misc]  # torchvision is untyped
    """Puts a face mask on the largest face of an image, with probability ``p``; everything else stays as it is.

    The masks are drawn, not photographed: surgical ones with pleats, sewn cloth, folded flat (FFP2, KN95), with a
    middle panel (KF94) and domes, in the usual colours, over the landmarks of the face and in its light. They stand in
    for recordings of people with masks where there are none, or too few.

    Takes what torchvision v2 takes for an image: ``tv_tensors.Image``, a plain uint8 ``(3, H, W)`` tensor, or an RGB
    PIL image, at native size (put it before resizing and before ``ToDtype``). An image comes out unchanged when it
    shows no face, a profile, or a mouth that is covered already. Covered is told by colour alone: a black mask passes
    for a beard and gets another one on top, and so does a hand.

    What is drawn depends on the seed, on the image's content and on how often this content has been seen, so each
    epoch draws anew and the number of DataLoader workers does not matter (:class:`fsa_data.FaceSwap` says more).

    Args:
        p: probability of a mask, 0..1.
        seed: of everything that is drawn.
        shapes: kinds of masks, among ``pleated``, ``cloth``, ``folded``, ``boat`` and ``cup``; default all.
        colours: among ``light_blue``, ``white``, ``pale_green``, ``black``, ``grey``, ``pink``, ``navy`` and
            ``patterned``; default all, each as often as it is seen in its kind of mask.
        landmarker: finds the faces; default :func:`fsa_data.faces.load_landmarker`.

    Raises:
        ConfigError: ``p`` is no probability, or there is no shape or colour.
        UnknownNameError: an unknown shape or colour.
    """

    _transformed_types = (is_image, is_plain)

    def __init__(
        self,
        p: float = 0.5,
        seed: int = 0,
        *,
        shapes: Sequence[str] | None = None,
        colours: Sequence[str] | None = None,
        landmarker: Landmarker | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ConfigError(f"p must be a probability, got {p}.")
        self.p, self.seed = p, seed
        self.shapes = _chosen("shape", shapes, SHAPES)
        self.colours = _chosen("colour", colours, [*COLOURS, PATTERNED])
        self._landmarker = landmarker or load_landmarker()
        self._draws = Draws(seed)

    def extra_repr(self) -> str:
        """Arguments for ``repr``."""
        return f"p={self.p}, seed={self.seed}, shapes={list(self.shapes)}, colours={list(self.colours)}"

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw for one sample: whether to put on a mask, and which; counts the image as seen."""
        image = first_image(flat_inputs)
        if image is None:
            return {"wear": False}
        chance, seed = self._draws.next(to_array(image, "SurgicalMask"))
        return {"wear": chance < self.p, **draw_params(seed, self.shapes, self.colours)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Apply what was drawn; a pure function of image and params."""
        if not params["wear"]:
            return inpt
        image = to_array(inpt, "SurgicalMask")
        faces = self._landmarker(image)
        if not faces or not may_wear(image, faces[0]):
            return inpt
        worn = wear(image, faces[0], params)
        return inpt if worn is None else like(paste(image, worn.box, worn.patch), inpt)


def may_wear(image: Image, face: Face) -> bool:
    """Whether a face can be given a mask: near, sure, not in profile, inside the image, its mouth not covered.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        face: in pixels of the image.
    """
    box = face.box
    return (
        face.confidence >= MIN_CONFIDENCE
        and abs(face.yaw_deg) <= MAX_YAW_DEG
        and abs(face.pitch_deg) <= MAX_PITCH_DEG
        and face_size_px(face.points_px) >= MIN_SIZE_PX
        and box.clipped(*image.shape[:2]).area >= (1 - MAX_OUTSIDE) * box.area
        and covered_share(image, face) <= MAX_COVERED
    )


def covered_share(image: Image, face: Face) -> float:
    """Share of the visible skin around the mouth that is lighter or of another colour than that around the eyes.

    Darker is no sign: beards are. Cups, bottles and masks of most colours are seen, hands are not.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        face: in pixels of the image, at least partly inside.

    Returns:
        0..1; 0 where too little is seen to tell.
    """
    canvas = read_canvas(image, face)
    x, y, _ = mesh.face_mesh().vertices_cm.T
    plain = (surface().skin > 0) & (canvas.facing > 0.3)
    around_eyes = plain & (y > 0.8) & (y < 6.0)
    around_mouth = plain & (y > -9.0) & (y < -2.3) & (np.abs(x) < 5.0)
    if not around_eyes.any() or not around_mouth.any():
        return 0.0
    away = canvas.lab[around_mouth] - np.median(canvas.lab[around_eyes], axis=0)
    return float(np.mean((np.hypot(away[:, 1], away[:, 2]) > 14) | (away[:, 0] > 18)))


def _chosen(kind: str, wanted: Sequence[str] | None, known: Sequence[str] | dict[str, Any]) -> tuple[str, ...]:
    """What was asked for, or everything, in a fixed order."""
    if wanted is None:
        return tuple(known)
    if isinstance(wanted, str) or not wanted:
        raise ConfigError(f"SurgicalMask needs a list of at least one {kind}, got {wanted!r}.")
    for name in wanted:
        if name not in known:
            raise UnknownNameError(kind, name, known)
    return tuple(name for name in known if name in wanted)
