"""References: how each person usually looks, made once from some of their frames and kept in the store.

The key of a reference is made of what it is made of: the content of its frames, the landmarker, the working size. So
the plan knows it before anything is decoded. A person of whom the store has a reference already keeps that one as
long as at least one of its frames is among theirs: frames that are added later change no key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsa_data.frames import LabelledFrames
from fsa_data.merge import REFERENCE_FRAMES, REFERENCE_VERSION, make_reference
from fsa_data.store import StoreWriter, SwapStore, digest
from fsa_data.types import Face, FaceReference, Image, Json

_PERSON = ("subject", "view", "condition")
"""Frames that agree in these columns share a reference: another camera or a face mask makes another look."""


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that share a reference.

    Attributes:
        key: of the reference.
        subject: the person.
        frames: positions of the frames that it is made of, when it has to be made.
        notes: what is kept with it.
    """

    key: str
    subject: str
    frames: tuple[int, ...]
    notes: Json


def grouped(
    frames: LabelledFrames, hashes: Sequence[str], facts: Json, store: SwapStore | None
) -> tuple[tuple[Group, ...], NDArray[np.int64]]:
    """The references that some frames need.

    Args:
        frames: all frames.
        hashes: content hash of each.
        facts: what else decides a reference: landmarker and working size.
        store: where references may be already.

    Returns:
        The groups, and ``(N,)`` int64: the group of each frame.
    """
    names = np.array(["\0".join(row) for row in zip(*(getattr(frames, name) for name in _PERSON), strict=True)])
    distinct, group_of = np.unique(names, return_inverse=True)
    facts = {"version": REFERENCE_VERSION, **facts}
    groups = [_group(frames, hashes, np.flatnonzero(group_of == at), facts, store) for at in range(len(distinct))]
    return tuple(groups), group_of.astype(np.int64)


def _group(
    frames: LabelledFrames, hashes: Sequence[str], members: NDArray[np.int64], facts: Json, store: SwapStore | None
) -> Group:
    subject = str(frames.subject[members[0]])
    # another hash of the hash: which frames are taken has nothing to do with what else is drawn from it
    order = sorted(members.tolist(), key=lambda i: hashlib.blake2b(hashes[i].encode(), digest_size=8).digest())
    chosen: dict[str, int] = {}
    for i in order:
        if len(chosen) < REFERENCE_FRAMES:
            chosen.setdefault(hashes[i], i)
    notes = {**facts, "frames": sorted(chosen)}
    key = digest({"reference": notes})
    kept = store.references_of(subject) if store is not None else {}
    if key not in kept:
        own = {hashes[i] for i in members.tolist()}
        shared = {
            other: len(own.intersection(said["frames"]))
            for other, said in kept.items()
            if said["usable"] and all(said.get(name) == value for name, value in facts.items())
        }
        best = max(shared, key=lambda other: (shared[other], other), default=None)
        if best is not None and shared[best]:
            key = best
    return Group(key, subject, tuple(chosen.values()), notes)


def make(group: Group, pairs: Sequence[tuple[Image, Face]], writer: StoreWriter) -> None:
    """Make a reference from working frames and the faces in them, and keep it (or that there is none)."""
    reference = make_reference(pairs)
    writer.put_reference(group.key, reference, group.subject, {**group.notes, "usable": reference is not None})


def load(groups: Sequence[Group], store: SwapStore) -> tuple[FaceReference | None, ...]:
    """The references of some groups; None where too little is known of a person, or none is kept."""
    kept = store.locate("references", [group.key for group in groups])["shard"] >= 0
    return tuple(store.get_reference(group.key) if at else None for group, at in zip(groups, kept, strict=True))
