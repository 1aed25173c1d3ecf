"""Which face goes on: chosen from the parameters alone, so that the same question always gets the same answer."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from fsa_data.types import Face, Floats, Json, SourceFace

Tone = Literal["near", "any"]

TONE_LAB = 8.0
"""An identity whose skin is this much further away (CIE76, Lab units) is e times less likely to come first."""

FRINGE = 6.0
"""An identity whose forehead is covered is exp of this less likely to come first: its brows cannot be seen."""

EXPRESSION_DEG = 30.0
"""Degrees of head pose that one unit of difference in an expression counts as much as."""

_EXPRESSIONS = (9, 10, 25, 44, 45)
"""Blendshapes that change a face's texture most: blinks, open jaw, smiles."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the choice needs to know of a donor's picture.

    Attributes:
        tone: ``(3,)`` float32 Lab of the skin.
        bare: 0..1, how much of the forehead is free of hair.
    """

    tone: Floats
    bare: float


@dataclass(frozen=True, slots=True)
class Identity:
    """One person among the donors.

    Attributes:
        name: the identity.
        photos: its faces.
        poses: ``(N, 2 + 5)`` float32: yaw and pitch in degrees, then expressions scaled to degrees, per photo.
        looks: mean looks of its photos.
    """

    name: str
    photos: tuple[SourceFace, ...]
    poses: Floats
    looks: Looks


@dataclass(frozen=True, slots=True)
class Choice:
    """The donor chosen.

    Attributes:
        donor: the face to put on.
        pose_distance_deg: how far its head pose is from the target's, in yaw and pitch.
        tone_distance: Lab distance between the skin tones of target and donor identity.
    """

    donor: SourceFace
    pose_distance_deg: float
    tone_distance: float


def make_panel(donors: Sequence[SourceFace], looks_of: Callable[[SourceFace], Looks]) -> tuple[Identity, ...]:
    """Donors by identity, prepared for choosing.

    Args:
        donors: all faces that may be put on, in any order.
        looks_of: looks of one.
    """
    photos: dict[str, list[SourceFace]] = {}
    for donor in sorted(donors, key=lambda d: (d.identity, d.digest)):
        photos.setdefault(donor.identity, []).append(donor)
    panel = []
    for name, own in photos.items():
        looks = [looks_of(donor) for donor in own]
        tone = np.stack([each.tone for each in looks]).mean(axis=0)
        poses = np.stack([_pose(donor.face) for donor in own])
        panel.append(Identity(name, tuple(own), poses, Looks(tone, float(np.mean([each.bare for each in looks])))))
    return tuple(panel)


class PanelCache:
    """Panels of the sequences of donors seen last; belongs to one engine, is left behind when that is pickled."""

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[int, ...], tuple[tuple[SourceFace, ...], tuple[Identity, ...]]] = OrderedDict()

    def __call__(self, donors: Sequence[SourceFace], looks_of: Callable[[SourceFace], Looks]) -> tuple[Identity, ...]:
        """The panel of these very objects, made if need be."""
        key = tuple(map(id, donors))
        if key not in self._kept:
            # keeping the donors keeps their ids from being given to others
            self._kept[key] = tuple(donors), make_panel(donors, looks_of)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return self._kept[key][1]

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._capacity,)


def choose_donor(
    target: Face, panel: Sequence[Identity], params: Json, target_tone: Floats, tone: Tone = "near"
) -> Choice | None:
    """One donor for one slot.

    The identities are put in an order that the parameters fix: each draws a Gumbel number from a hash of seed and
    name, plus the logarithm of its weight (the Gumbel-max trick: the order is that of drawing without replacement
    with these weights). Slot k takes the k-th, so slots differ as long as there are identities. Adding an identity
    leaves the order of the others alone. Within the identity the photo nearest in pose (and expression) is taken.

    Args:
        target: the face to replace.
        panel: the donors, from :func:`make_panel`.
        params: ``seed`` and ``slot``. Equal seeds prefer equal identities: give different frames different seeds.
        target_tone: ``(3,)`` float32 Lab of the target's skin.
        tone: ``"near"`` prefers near skin tones, ``"any"`` does not look at them.

    Returns:
        The choice; None if there is no donor.
    """
    if not panel:
        return None
    seed, slot = int(params["seed"]), int(params["slot"])
    apart = [float(np.linalg.norm(identity.looks.tone - target_tone)) for identity in panel]

    def rank(at: int) -> tuple[float, str]:
        unlikely = FRINGE * (1 - panel[at].looks.bare) + (apart[at] / TONE_LAB if tone == "near" else 0)
        return unlikely - gumbel(seed, panel[at].name), panel[at].name

    order = sorted(range(len(panel)), key=rank)
    chosen = panel[order[slot % len(order)]]
    unlike = np.linalg.norm(chosen.poses - _pose(target), axis=1)
    nearest = np.argsort(unlike, kind="stable")
    photo = int(nearest[(slot // len(order)) % len(nearest)])
    pose = float(np.linalg.norm(chosen.poses[photo, :2] - _pose(target)[:2]))
    return Choice(chosen.photos[photo], pose, apart[order[slot % len(order)]])


def _pose(face: Face) -> Floats:
    """Yaw, pitch (roll is only a rotation of the picture), then expressions in degrees."""
    shapes = EXPRESSION_DEG * face.blendshapes[list(_EXPRESSIONS)]
    return np.concatenate([[face.yaw_deg, face.pitch_deg], shapes]).astype(np.float32)


@lru_cache(maxsize=65536)
def gumbel(seed: int, name: str) -> float:
    """A standard Gumbel number that only depends on the arguments.

    >>> gumbel(0, "a") == gumbel(0, "a")
    True
    """
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    uniform = ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2**53
    return -math.log(-math.log(uniform))
