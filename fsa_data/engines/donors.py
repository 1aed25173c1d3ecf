"""Which face goes on: chosen from the parameters alone, so that the same question always gets the same answer."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data.types import Face, Floats, Json, SourceFace

Tone = Literal["near", "any"]

TONE_LAB = 5.0
"""An identity whose skin is this far away (CIE76, Lab units) is sqrt(e) times less likely to come first, one twice as
far e squared times: small differences hardly matter, large ones look wrong."""

FRINGE = 6.0
"""An identity whose forehead is covered is exp of this less likely to come first: its brows cannot be seen."""

SPECTACLES = 2.0
"""An identity that wears spectacles is exp of this less likely to come first: its rims come along, without temples."""

ENOUGH = 0.6
"""With this much of the forehead free of hair, the rest is filled well enough not to matter for the choice."""

EXPRESSION_DEG = 30.0
"""Degrees of head pose that one unit of difference in an expression counts as much as."""

_EXPRESSIONS = [3, 9, 10, 25, 44, 45]
"""Blendshapes that change a face's texture most: raised brows, blinks, open jaw, smiles."""

LOOKED_AT = 3
"""So many photos of an identity, the most frontal ones, tell its tone, forehead and spectacles."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the choice needs to know of a donor's picture.

    Attributes:
        tone: ``(3,)`` float32 Lab of the skin.
        bare: 0..1, how much of the forehead is free of hair.
        glasses: whether it wears spectacles.
    """

    tone: Floats
    bare: float
    glasses: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """One person among the donors.

    Attributes:
        name: the identity.
        photos: its faces.
        poses: ``(N, 2 + 6)`` float32: :func:`pose_of` each photo.
    """

    name: str
    photos: tuple[SourceFace, ...]
    poses: Floats


@dataclass(frozen=True, slots=True)
class Panel:
    """The donors, prepared for choosing.

    Attributes:
        identities: by name.
        codes: ``(N,)`` uint64, a hash of each name.
        tones: ``(N, 3)`` float32, mean skin tone of each identity's photos.
        covered: ``(N,)`` float32 in 0..1, how much too little of the forehead is free of hair, mean of its photos.
        glasses: ``(N,)`` float32 in 0..1, share of its photos with spectacles.
    """

    identities: tuple[Identity, ...]
    codes: NDArray[np.uint64]
    tones: Floats
    covered: Floats
    glasses: Floats


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


def make_panel(donors: Sequence[SourceFace], looks_of: Callable[[SourceFace], Looks]) -> Panel:
    """Donors by identity, prepared for choosing.

    Args:
        donors: all faces that may be put on, in any order.
        looks_of: looks of one.
    """
    photos: dict[str, list[SourceFace]] = {}
    for donor in sorted(donors, key=lambda d: (d.identity, d.digest)):
        photos.setdefault(donor.identity, []).append(donor)
    looks = [[looks_of(donor) for donor in _most_frontal(own)] for own in photos.values()]
    return Panel(
        identities=tuple(
            Identity(name, tuple(own), np.stack([pose_of(donor.face) for donor in own])) for name, own in photos.items()
        ),
        codes=np.array([_code(name) for name in photos], np.uint64),
        tones=np.array([np.stack([each.tone for each in own]).mean(axis=0) for own in looks], np.float32),
        covered=np.array([max(0.0, 1 - np.mean([each.bare for each in own]) / ENOUGH) for own in looks], np.float32),
        glasses=np.array([np.mean([each.glasses for each in own]) for own in looks], np.float32),
    )


class PanelCache:
    """Panels of the sequences of donors seen last; belongs to one engine, is left behind when that is pickled."""

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[int, ...], tuple[tuple[SourceFace, ...], Panel]] = OrderedDict()

    def __call__(self, donors: Sequence[SourceFace], looks_of: Callable[[SourceFace], Looks]) -> Panel:
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


def choose_donor(target: Face, panel: Panel, params: Json, target_tone: Floats, tone: Tone = "near") -> Choice | None:
    """One donor for one slot.

    The identities are put in an order that the parameters fix: each draws a Gumbel number from seed and name, plus
    the logarithm of its weight (the Gumbel-max trick: the order is that of drawing without replacement with these
    weights). Slot k takes the k-th, so slots differ as long as there are identities. Adding an identity leaves the
    order of the others alone. Within the identity the photo nearest in pose (and expression) is taken.

    Args:
        target: the face to replace.
        panel: the donors, from :func:`make_panel`.
        params: ``seed`` and ``slot``. Equal seeds prefer equal identities: give different frames different seeds.
        target_tone: ``(3,)`` float32 Lab of the target's skin.
        tone: ``"near"`` prefers near skin tones, ``"any"`` does not look at them.

    Returns:
        The choice; None if there is no donor.
    """
    count = len(panel.identities)
    if not count:
        return None
    seed, slot = int(params["seed"]), int(params["slot"])
    away = panel.tones - target_tone
    apart = np.sqrt((away * away).sum(axis=1))
    likely = (
        -FRINGE * panel.covered
        - SPECTACLES * panel.glasses
        - (0.5 * np.square(apart / np.float32(TONE_LAB)) if tone == "near" else 0)
    )
    order = np.argsort(-(likely + gumbel(seed, panel.codes)), kind="stable")
    at = int(order[slot % count])
    chosen, pose = panel.identities[at], pose_of(target)
    nearest = np.argsort(np.square(chosen.poses - pose).sum(axis=1), kind="stable")
    photo = int(nearest[(slot // count) % len(nearest)])
    turned = chosen.poses[photo, :2] - pose[:2]
    return Choice(chosen.photos[photo], math.hypot(*turned.tolist()), float(apart[at]))


def _most_frontal(photos: Sequence[SourceFace]) -> list[SourceFace]:
    return sorted(photos, key=lambda photo: math.hypot(photo.face.yaw_deg, photo.face.pitch_deg))[:LOOKED_AT]


def pose_of(face: Face) -> Floats:
    """Where a face looks and what it does: the nearer two are, the better one serves as the other's donor.

    Returns:
        ``(8,)`` float32: yaw and pitch in degrees (roll is only a rotation of the picture), then raised brows, blinks,
        open jaw and smiles, :data:`EXPRESSION_DEG` per unit.
    """
    shapes = (EXPRESSION_DEG * face.blendshapes[_EXPRESSIONS]).tolist()
    return np.array([face.yaw_deg, face.pitch_deg, *shapes], np.float32)


def _code(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")


def gumbel(seed: int, codes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Standard Gumbel numbers that only depend on the arguments.

    Seed and code are mixed by the finaliser of SplitMix64 (Steele et al., 2014, "Fast splittable pseudorandom number
    generators", fig. 17).

    Args:
        seed: any integer; its lowest 64 bits count.
        codes: ``(N,)`` uint64.

    Returns:
        ``(N,)`` float64.
    """
    out = np.empty(len(codes))
    _gumbel(np.uint64(seed & (2**64 - 1)), codes, out)
    return out


@numba.njit(cache=True, nogil=True)
def _gumbel(seed, codes, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for n in range(len(codes)):
        mixed = _mix(codes[n] ^ _mix(seed))
        out[n] = -np.log(-np.log((np.float64(mixed >> np.uint64(11)) + 0.5) / 2**53))


@numba.njit(cache=True, nogil=True)
def _mix(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    mixed = value + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
