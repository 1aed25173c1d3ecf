"""Everybody's own face as a source: a swap without a new identity shows what the engine's traces alone do."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fsa_data.frames import LabelledFrames, hash_frame, read_frame
from fsa_data.types import Photo

PHOTOS = 8
"""Frames of each person that serve as photos of them."""


@dataclass(frozen=True, slots=True)
class OwnFaces:
    """A source of which every person may wear their own face, and no other.

    Attributes:
        name: ``own``.
        photos: frames of the people themselves.
    """

    photos: tuple[Photo, ...] = field(repr=False)
    name: str = "own"


def own_faces(frames: LabelledFrames, photos: int = PHOTOS) -> OwnFaces:
    """Some frames of each person, evenly spread over what there is of them.

    Args:
        frames: of everybody.
        photos: at most so many of each.
    """
    found = []
    for subject in frames.subjects:
        mine = np.flatnonzero(frames.subject == subject)
        # by label, so that all actions and with them all directions of view take part
        mine = mine[np.argsort(frames.label[mine], kind="stable")]
        for at in np.unique(np.linspace(0, len(mine) - 1, photos).round().astype(int)).tolist():
            ref = frames.ref(int(mine[at]))
            found.append(Photo(subject, hash_frame(ref), partial(read_frame, ref), {"flow": "own", "file": str(ref)}))
    return OwnFaces(tuple(found))
