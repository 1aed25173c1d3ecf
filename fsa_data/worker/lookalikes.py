"""Look-alikes: people of a source who may be people of the data under another name.

The guard goes by names. Where somebody is called otherwise in the source than in the data, only their face can tell;
what is found here becomes part of the identity map, so that the guard keeps them apart like anybody else.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from fsa_data.frames import LabelledFrames
from fsa_data.quality.identity import Embedder, Embedding, lookalikes
from fsa_data.sources import find_faces
from fsa_data.types import Landmarker, Photo, Source
from fsa_data.worker.identities import IdentityMap, person_of
from fsa_data.worker.working import working_frame

LOOKS = 6
"""Pictures of each person that are looked at."""


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Two names that seem to be one person.

    Attributes:
        identity: in the source.
        subject: in the data.
        distance: between their embeddings.
    """

    identity: str
    subject: str
    distance: float


def find_lookalikes(
    frames: LabelledFrames, source: Source, landmarker: Landmarker, embedder: Embedder
) -> list[Lookalike]:
    """Every pair of a source's identity and a subject whose faces are nearer than :attr:`Embedder.same`.

    Args:
        frames: of all subjects; some of each are looked at.
        source: whose people are compared.
        landmarker: finds the faces.
        embedder: tells them apart.

    Raises:
        SourceError: no photo of the source shows a face.
    """
    some = [photo for photos in _by_identity(source).values() for photo in photos[:LOOKS]]
    worn: dict[str, list[Embedding]] = defaultdict(list)
    for face in find_faces(some, landmarker):
        worn[face.identity].append(embedder(face.image, face.face))
    subjects: dict[str, list[Embedding]] = {}
    for subject in frames.subjects:
        mine = np.flatnonzero(frames.subject == subject)
        looks: list[Embedding] = []
        # more are tried than needed: not every frame shows a face
        for at in np.unique(np.linspace(0, len(mine) - 1, 3 * LOOKS).round().astype(int)).tolist():
            if len(looks) < LOOKS:
                image = working_frame(frames.read(int(mine[at])), None)
                if faces := landmarker(image):
                    looks.append(embedder(image, faces[0]))
        subjects[subject] = looks
    return [Lookalike(*pair) for pair in lookalikes(worn, subjects, embedder.same)]


def with_lookalikes(found: list[Lookalike], identities: IdentityMap) -> dict[str, str]:
    """An identity map in which each of them is the person of the subject that they resemble most."""
    out = dict(identities)
    for pair in found:  # the nearest first
        if person_of(pair.identity, out) == pair.identity:
            out[pair.identity] = person_of(pair.subject, out)
    return {name: person for name, person in out.items() if name != person}


def _by_identity(source: Source) -> dict[str, list[Photo]]:
    found: dict[str, list[Photo]] = defaultdict(list)
    for photo in source.photos:
        found[photo.identity].append(photo)
    return found
