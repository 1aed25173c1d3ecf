"""A person of a clip and the face they wear: chosen once, then kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fsa_data.engines.donors import pose_of
from fsa_data.errors import ConfigError
from fsa_data.merge import make_reference
from fsa_data.sources import find_faces
from fsa_data.types import (
    Box,
    ClipEngine,
    Face,
    FaceReference,
    Floats,
    Image,
    Json,
    Landmarker,
    Mask,
    Reason,
    Source,
    SourceFace,
    Swap,
    SwapEngine,
)
from fsa_data.worker.remember import remembering
from fsa_data.worker.smoothing import ColourSmoother, changed, region
from fsa_data.worker.work import HOPELESS

TRIES = 8
"""Sights of a person that are tried before the choice of a face is left to the first frame that can be swapped."""

STAY_DEG = 10.0
"""Another photo of the same donor must be nearer in pose and expression by this to be taken instead: changes show."""


@dataclass
class Person:
    """Somebody in a clip.

    Attributes:
        seed: of everything the engine draws for them.
        donors: the photos of the identity that they wear; everybody's as long as none is chosen.
        identity: whom they wear; empty as long as none is chosen.
        poses: ``(N, 8)`` float32, :func:`~fsa_data.engines.donors.pose_of` the donors, once an identity is chosen.
        photo: the photo worn last.
        reference: how their face usually looks, if enough was seen of them.
        colour: their colours over time.
        transfer: the colour transfer that was chosen for them; empty if none was.
        seen: the middle of their face in the frame before, in pixels.
        shared: parameters that all their swaps have in common.
    """

    seed: int
    donors: tuple[SourceFace, ...]
    identity: str = ""
    poses: Floats | None = None
    photo: SourceFace | None = None
    reference: FaceReference | None = None
    colour: ColourSmoother = field(default_factory=ColourSmoother)
    transfer: str = ""
    seen: tuple[float, float] | None = None
    shared: Json = field(default_factory=dict)

    def moved_px(self, face: Face) -> tuple[float, float]:
        """How far the middle of the face has moved since this was asked before; nothing the first time."""
        x, y = face.points_px[:, :2].mean(axis=0).tolist()
        before, self.seen = self.seen, (x, y)
        return (0.0, 0.0) if before is None else (x - before[0], y - before[1])

    def wear(self, identity: str) -> None:
        """Choose an identity for good."""
        self.identity = identity
        self.donors = tuple(donor for donor in self.donors if donor.identity == identity)
        self.poses = np.stack([pose_of(donor.face) for donor in self.donors])


def find_donors(source: Source, subject: str, landmarker: Landmarker) -> tuple[SourceFace, ...]:
    """The faces of a source, without those of ``subject``, by identity.

    Raises:
        ConfigError: nobody is left.
        SourceError: no photo shows a usable face.
    """
    photos = [photo for photo in source.photos if not subject or photo.identity != subject]
    if not photos:
        raise ConfigError(f"Nobody of the source {source.name} is left without {subject!r}. Add another source.")
    with remembering(landmarker) as looking:
        donors = find_faces(photos, looking)
    return tuple(sorted(donors, key=lambda donor: (donor.identity, donor.digest)))


def meet(
    engine: SwapEngine,
    sights: Sequence[tuple[Image, Face]],
    donors: Sequence[SourceFace],
    seed: int,
    taken: frozenset[str] = frozenset(),
) -> Person:
    """Get to know a person before the first frame is swapped. Whatever is learnt of them once belongs here.

    Args:
        engine: chooses the identity.
        sights: cut-outs that show the person, the best first, each with the face in its own pixels.
        donors: everybody who may be worn.
        seed: of this person.
        taken: identities that others near them wear; avoided as long as there are more.
    """
    free = tuple(donor for donor in donors if donor.identity not in taken)
    person = Person(seed, free or tuple(donors), reference=make_reference(sights) if engine.uses_reference else None)
    for image, face in sights[:TRIES]:
        swap = swap_face(engine, image, face, person.donors, seed, person.reference)
        if swap.swapped:
            person.wear(swap.source_identity)
            person.transfer = swap.notes.get("colour", "")
            break
    if isinstance(engine, ClipEngine) and engine.wants_start:
        person.shared = engine.begin(sights, person.donors)
    return person


def swap_person(engine: SwapEngine, frame: Image, face: Face, person: Person, steady: bool) -> Swap:
    """Swap one frame of a person.

    Args:
        engine: how.
        frame: ``(H, W, 3)`` uint8 RGB.
        face: of the person, in pixels of the frame.
        person: remembers identity and photo from frame to frame.
        steady: whether a photo is kept until another fits clearly better.
    """
    donors: Sequence[SourceFace] = person.donors
    if steady and person.poses is not None:
        person.photo = _nearest(face, person.donors, person.poses, person.photo)
        donors = (person.photo,)
    moved = person.moved_px(face)
    swap = swap_face(engine, frame, face, donors, person.seed, person.reference, person.transfer, moved, person.shared)
    if swap.swapped and not person.identity:
        person.wear(swap.source_identity)
    if swap.swapped and not person.transfer:
        person.transfer = swap.notes.get("colour", "")
    return swap


def swap_face(
    engine: SwapEngine,
    frame: Image,
    face: Face,
    donors: Sequence[SourceFace],
    seed: int,
    reference: FaceReference | None = None,
    transfer: str = "",
    motion_px: tuple[float, float] = (0.0, 0.0),
    shared: Json | None = None,
) -> Swap:
    """One swap; an engine that fails on this frame is a reason like others, with the message in its notes."""
    params: dict[str, Any] = {"seed": seed, "slot": 0, **(shared or {})}
    if transfer:
        params["colour"] = transfer
    if any(motion_px):
        params["motion_px"] = list(motion_px)
    try:
        return engine.swap(frame, face, donors, params, reference)
    except HOPELESS:
        raise
    except Exception as error:  # anything at all: the clip goes on, and the message is listed
        return Swap(Reason.FAILED, notes={"error": f"{type(error).__name__}: {error}"})


def _nearest(face: Face, photos: Sequence[SourceFace], poses: Floats, before: SourceFace | None) -> SourceFace:
    away = np.linalg.norm(poses - pose_of(face), axis=1)
    best = int(away.argmin())
    for photo, distance in zip(photos, away.tolist(), strict=True):
        if photo is before and float(away[best]) >= distance - STAY_DEG:
            return photo
    return photos[best]


def cut_out(frame: Image, face: Face) -> tuple[Image, Face]:
    """A copy of the face with its own size around it on each side, and the face in pixels of that."""
    box = Box.around(face.points_px, 1.0).clipped(*frame.shape[:2])
    return frame[box.slices].copy(), face.moved(-box.x, -box.y)


def put_on(frame: Image, swaps: Sequence[Swap]) -> Image:
    """The frame with all patches; only pixels that a patch changes are written, so overlapping ones get along."""
    out = frame.copy()
    for swap in sorted((s for s in swaps if s.box is not None), key=lambda s: s.box.area if s.box is not None else 0):
        if swap.box is not None and swap.patch is not None:
            change = changed(frame[swap.box.slices], swap.patch)
            out[swap.box.slices][change] = swap.patch[change]
    return out


def changed_region(frame: Image, swaps: Sequence[Swap]) -> Mask:
    """``(H, W)`` uint8, 255 where the patches change the frame."""
    mask = np.zeros(frame.shape[:2], np.uint8)
    for swap in swaps:
        if swap.box is not None and swap.patch is not None:
            part = region(changed(frame[swap.box.slices], swap.patch))
            mask[swap.box.slices] = np.maximum(mask[swap.box.slices], part)
    return mask
