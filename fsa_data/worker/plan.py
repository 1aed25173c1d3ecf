"""The plan: the key of every row that a job needs, without decoding or detecting anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError
from fsa_data.frames import LabelledFrames, hash_frame
from fsa_data.store import SwapStore
from fsa_data.store.keys import Keys, digest, packed
from fsa_data.types import Landmarker, Photo, Source, SwapEngine
from fsa_data.worker import references
from fsa_data.worker.identities import IdentityMap, person_of
from fsa_data.worker.own_faces import OwnFaces
from fsa_data.worker.working import WorkingSize

KEY_VERSION = 1
"""Raised when the same ingredients would give other rows for a reason that no fingerprint shows."""


@dataclass(frozen=True)
class Recipe:
    """What is made of each frame; together with the frame's content and its subject it decides every pixel.

    Attributes:
        source: whose faces may be put on; None when only frames are wanted.
        engine: how; None when only frames are wanted.
        landmarker: what finds the faces.
        working_size: see :data:`fsa_data.worker.working.WorkingSize`.
        fakes_per_frame: slots per frame; 0 when only frames are wanted.
        seed: of everything the engine draws.
        identities: which names are the same person.
    """

    source: Source | None
    engine: SwapEngine | None
    landmarker: Landmarker
    working_size: WorkingSize = 240
    fakes_per_frame: int = 1
    seed: int = 0
    identities: IdentityMap = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.fakes_per_frame < 0:
            raise ConfigError(f"fakes_per_frame must be 0 or more, got {self.fakes_per_frame}.")
        if self.fakes_per_frame and (self.source is None or self.engine is None):
            raise ConfigError("Fakes need a source and an engine.")

    @property
    def engine_fingerprint(self) -> dict[str, Any]:
        """The engine's fingerprint; empty without one."""
        return dict(self.engine.fingerprint) if self.engine is not None else {}

    @property
    def uses_reference(self) -> bool:
        """Whether the engine wants to know how each person usually looks."""
        return self.fakes_per_frame > 0 and self.engine is not None and self.engine.uses_reference

    @property
    def photos(self) -> Sequence[Photo]:
        """Every photo of the source."""
        return self.source.photos if self.source is not None else ()


@dataclass(frozen=True)
class Plan:
    """Keys of the rows that belong to some frames, in the frames' order.

    Attributes:
        frame_keys: ``(N,)`` S16, working frames.
        faces_keys: ``(N,)`` S16, landmarks of the native frames.
        swap_keys: ``(N, fakes_per_frame)`` S16.
        allowed: distinct sets of photos, as positions in ``recipe.photos``.
        allowed_of: ``(N,)`` which of these sets a frame may wear.
        groups: frames that share a reference; empty if the engine uses none.
        group_of: ``(N,)`` which of them a frame belongs to; -1 without.
        seeds: ``(N,)`` what the engine gets as seed: drawn from the recipe's seed and the frame's content, so that
            frames differ in what is drawn for them.
    """

    frame_keys: Keys
    faces_keys: Keys
    swap_keys: Keys
    allowed: tuple[tuple[int, ...], ...]
    allowed_of: NDArray[np.int64]
    groups: tuple[references.Group, ...]
    group_of: NDArray[np.int64]
    seeds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frame_keys)


def plan(frames: LabelledFrames, recipe: Recipe, store: SwapStore | None = None) -> Plan:
    """The keys of everything that a recipe makes of some frames.

    A swap's key is the digest of the frame's content, the landmarker, the engine with its merge options, the identity
    and digest of every photo that the frame's subject may wear, the subject's reference if the engine uses one, the
    working size, the seed, the slot and the version of this scheme. Reading the files' bytes is all that it costs.

    Args:
        frames: whose faces are replaced.
        recipe: how.
        store: where references may be already; those are taken, others will be made.

    Raises:
        DatasetNotFoundError: a frame's file is not there.
        ConfigError: a fingerprint is not plain JSON.
    """
    hashes = [hash_frame(frames.ref(i)) for i in range(len(frames))]
    size = list(recipe.working_size) if isinstance(recipe.working_size, tuple) else recipe.working_size
    framed = {"version": KEY_VERSION, "working_size": size}
    faced = {"version": KEY_VERSION, "landmarker": recipe.landmarker.fingerprint}
    allowed, allowed_of = _allowed(frames, recipe)
    slots = range(recipe.fakes_per_frame)
    bases = [_base(recipe, photos, size) for photos in allowed] if slots else []
    groups: tuple[references.Group, ...] = ()
    group_of = np.full(len(hashes), -1, np.int64)
    if recipe.uses_reference:
        seen = {"landmarker": recipe.landmarker.fingerprint, "working_size": size}
        groups, group_of = references.grouped(frames, hashes, seen, store)
    swap_keys = [
        digest(
            {"recipe": bases[at], "frame": content, "slot": slot}
            | ({"reference": groups[group].key} if group >= 0 else {})
        )
        for content, at, group in zip(hashes, allowed_of.tolist(), group_of.tolist(), strict=True)
        for slot in slots
    ]
    return Plan(
        frame_keys=packed(digest({**framed, "frame": content}) for content in hashes),
        faces_keys=packed(digest({**faced, "frame": content}) for content in hashes),
        swap_keys=packed(swap_keys).reshape(len(hashes), len(slots)),
        allowed=allowed,
        allowed_of=allowed_of,
        groups=groups,
        group_of=group_of,
        seeds=np.array([frame_seed(recipe.seed, content) for content in hashes], np.int64),
    )


def frame_seed(seed: int, content: str) -> int:
    """The seed of one frame: 48 bits of the digest of the run's seed and the frame's content hash."""
    return int(digest({"seed": seed, "frame": content})[:12], 16)


def _base(recipe: Recipe, photos: tuple[int, ...], size: int | list[int] | None) -> str:
    """Digest of what all frames with the same allowed photos share."""
    donors = sorted([recipe.photos[at].identity, recipe.photos[at].digest] for at in photos)
    return digest(
        {
            "version": KEY_VERSION,
            "landmarker": recipe.landmarker.fingerprint,
            "engine": recipe.engine_fingerprint,
            "donors": digest(donors),
            "working_size": size,
            "seed": recipe.seed,
        }
    )


def _allowed(frames: LabelledFrames, recipe: Recipe) -> tuple[tuple[tuple[int, ...], ...], NDArray[np.int64]]:
    """Per frame the photos of everybody but the person in it, or of them alone; frames with the same set share it."""
    own = isinstance(recipe.source, OwnFaces)
    wearers = [person_of(photo.identity, recipe.identities) for photo in recipe.photos]
    sets: dict[tuple[int, ...], int] = {}
    of_subject = {
        subject: sets.setdefault(
            tuple(at for at, who in enumerate(wearers) if (who == person_of(subject, recipe.identities)) == own),
            len(sets),
        )
        for subject in frames.subjects
    }
    return tuple(sets), np.array([of_subject[str(subject)] for subject in frames.subject], np.int64)
