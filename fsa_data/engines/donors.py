"""Which face goes on: chosen from the parameters alone, so that the same question always gets the same answer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fsa_data.types import Face, Floats, Json, SourceFace

Tone = Literal["near", "any"]

TONE_LAB = 8.0
"""An identity whose skin is this much further away (CIE76, Lab units) is e times less likely to come first."""

FRINGE = 6.0
"""An identity whose forehead is covered is exp of this less likely to come first: its brows cannot be seen."""

EXPRESSION_DEG = 30.0
"""Degrees of head pose that one unit of difference in expression counts as much as."""

_EXPRESSIONS = (9, 10, 25, 44, 45)
"""Blendshapes that change a face's texture most: blinks, open jaw, smiles."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The donor chosen.

    Attributes:
        donor: the face to put on.
        pose_distance_deg: how far its head pose is from the target's.
        tone_distance: Lab distance between the skin tones of target and donor identity.
    """

    donor: SourceFace
    pose_distance_deg: float
    tone_distance: float


def choose_donor(
    target: Face,
    donors: Sequence[SourceFace],
    params: Json,
    looks_of: Callable[[SourceFace], tuple[Floats, float]],
    target_tone: Floats,
    tone: Tone = "near",
) -> Choice | None:
    """One donor for one slot.

    The identities are put in an order that the parameters fix: each draws a Gumbel number from a hash of seed and
    name, plus the logarithm of its weight (the Gumbel-max trick: the order is that of drawing without replacement
    with these weights). Slot k takes the k-th, so slots differ as long as there are identities. Adding an identity
    leaves the order of the others alone. Within the identity the photo nearest in pose (and expression) is taken.

    Args:
        target: the face to replace.
        donors: all faces that may be put on.
        params: ``seed`` and ``slot``. Equal seeds prefer equal identities: give different frames different seeds.
        looks_of: skin tone of a donor, ``(3,)`` float32 Lab, and how much of the forehead is free of hair, 0..1.
        target_tone: ``(3,)`` float32 Lab of the target's skin.
        tone: ``"near"`` prefers near skin tones, ``"any"`` does not look at them.

    Returns:
        The choice; None if there is no donor.
    """
    photos: dict[str, list[SourceFace]] = {}
    for donor in donors:
        photos.setdefault(donor.identity, []).append(donor)
    if not photos:
        return None
    seed, slot = int(params["seed"]), int(params["slot"])
    looks = {identity: _average([looks_of(donor) for donor in own]) for identity, own in photos.items()}
    apart = {identity: float(np.linalg.norm(own[0] - target_tone)) for identity, own in looks.items()}

    def rank(identity: str) -> tuple[float, str]:
        unlikely = FRINGE * (1 - looks[identity][1]) + (apart[identity] / TONE_LAB if tone == "near" else 0)
        return unlikely - gumbel(seed, identity), identity

    order = sorted(photos, key=rank)
    identity = order[slot % len(order)]
    nearest = sorted(photos[identity], key=lambda d: (_unlikeness(target, d.face), d.digest))
    donor = nearest[(slot // len(order)) % len(nearest)]
    return Choice(donor, pose_distance_deg(target, donor.face), apart[identity])


def _average(looks: Sequence[tuple[Floats, float]]) -> tuple[Floats, float]:
    """Of several photos of one identity."""
    return np.mean([tone for tone, _ in looks], axis=0), float(np.mean([bare for _, bare in looks]))


def gumbel(seed: int, name: str) -> float:
    """A standard Gumbel number that only depends on the arguments.

    >>> gumbel(0, "a") == gumbel(0, "a")
    True
    """
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    uniform = ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2**53
    return -math.log(-math.log(uniform))


def pose_distance_deg(one: Face, other: Face) -> float:
    """Distance in yaw and pitch; roll is only a rotation of the picture."""
    return math.hypot(one.yaw_deg - other.yaw_deg, one.pitch_deg - other.pitch_deg)


def _unlikeness(target: Face, donor: Face) -> float:
    at = list(_EXPRESSIONS)
    expression = float(np.abs(target.blendshapes[at] - donor.blendshapes[at]).mean())
    return pose_distance_deg(target, donor) + EXPRESSION_DEG * expression
