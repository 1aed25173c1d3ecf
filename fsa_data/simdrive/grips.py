"""What hands do and hold, written once for the right hand and mirrored for the left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fsa_data.simdrive import props
from fsa_data.simdrive.body import Grip
from fsa_data.simdrive.shapes import Piece, Vectors, normalised


@dataclass(frozen=True, slots=True)
class HeadPlace:
    """Where the head is: world = ``turn`` ``(3, 3)`` @ point + ``offset`` ``(3,)``."""

    turn: Vectors
    offset: Vectors


@dataclass(frozen=True, slots=True)
class Hand:
    """Which hand, where the head is, and the clip's free draws.

    Attributes:
        side: -1 the driver's right (image left), 1 the left.
        head: for what is done at the head.
        reach_cm: half the width of the face.
        shift: ``(3,)`` cm off the usual place.
        choice: ``(4,)`` in 0..1.
        tints: ``(3, 3)`` of phone, bottle and cup.
    """

    side: float
    head: HeadPlace
    reach_cm: float
    shift: Vectors
    choice: Vectors
    tints: Vectors

    def world(self, x: float, y: float, z: float) -> Vectors:
        """A vector of the world given for the right hand."""
        return np.array([-self.side * x, y, z])

    def point(self, x: float, y: float, z: float) -> Vectors:
        """A point of the head's frame given for the right hand, in the world."""
        placed: Vectors = self.head.turn @ self.world(x, y, z) + self.head.offset
        return placed

    def toward(self, x: float, y: float, z: float) -> Vectors:
        """A direction of the head's frame given for the right hand, in the world."""
        turned: Vectors = self.head.turn @ self.world(x, y, z)
        return turned


Held = tuple[Grip, list[Piece]]


def wheel(hand: Hand) -> Held:
    """On the rim, at ten or two o'clock."""
    angle = hand.side * (34.0 + 16.0 * hand.choice[0]) + 0.8 * hand.shift[0]
    palm = props.wheel_point(float(angle)) + hand.world(-0.4, 1.3, -1.2)
    along, normal = hand.world(0.35, 0.7, 0.6), hand.world(0.2, -0.5, 0.85)
    return Grip(palm, along, normal, 0.85, 0.15, 0.5, hand.world(-0.9, -0.9, -0.3)), []


def rest(hand: Hand) -> Held:
    """In the lap, out of sight."""
    palm = hand.world(-13.0, -40.0, 14.0) + hand.shift
    return Grip(palm, hand.world(0.3, -0.3, 1.0), hand.world(0, -1, 0), 0.3, 0.2, 0.4, hand.world(-0.6, -1, -0.1)), []


def text(hand: Hand) -> Held:
    """Holding a phone low in front of the chest."""
    palm = hand.world(-11.5, -17.0, 17.0) + hand.shift
    along, normal = hand.world(0.22, 0.93, 0.22), hand.world(0.15, 0.25, -0.95)
    item = props.phone(palm + normalised(normal) * 2.3 + normalised(along) * 4.2, along, normal, hand.tints[0])
    return Grip(palm, along, normal, 0.45, 0.25, 0.7, hand.world(-0.7, -1.0, -0.15)), item


def phone(hand: Hand) -> Held:
    """A phone at the ear."""
    out = hand.reach_cm
    small = 0.35 * hand.shift
    middle = hand.point(-(out + 1.0), -2.0, 0.6) + small
    along = hand.toward(-0.16, 0.86, -0.5)
    inward = hand.toward(0.95, 0.1, -0.25)
    item = props.phone(middle, along, inward, hand.tints[0])
    palm = middle - normalised(inward) * 2.3 - normalised(along) * 2.2 + hand.toward(0, 0, -0.6)
    return Grip(palm, along + hand.toward(0.05, 0.1, 0.1), inward, 0.42, 0.2, 0.75, hand.world(-0.85, -0.55, 0.3)), item


def radio(hand: Hand) -> Held:
    """Reaching for the middle console."""
    palm = hand.world(-21.0, -17.0, 25.0) + hand.shift
    along, normal = hand.world(-0.35, 0.12, 0.9), hand.world(0.25, -0.95, 0.1)
    return Grip(palm, along, normal, 0.22, 0.5, 0.2, hand.world(-0.8, -1.0, 0.1)), []


def behind(hand: Hand) -> Held:
    """An arm laid around the passenger's seat."""
    palm = hand.world(-29.0, -9.0, -13.0) + hand.shift
    along, normal = hand.world(-0.85, 0.4, -0.3), hand.world(0.1, -0.6, -0.7)
    return Grip(palm, along, normal, 0.25, 0.4, 0.2, hand.world(-0.2, -1.0, 0.5)), []


def drink(hand: Hand) -> Held:
    """A bottle or a cup at the mouth."""
    axis = normalised(hand.toward(-0.28, -0.42 + 0.45 * hand.choice[1], 1.0) + 0.06 * hand.shift)
    lips = hand.point(0.0, -4.6, 6.6)
    up = hand.world(0.2, 0.9, 0.1)
    beside = normalised(np.cross(axis, up)) * -hand.side
    over = normalised(up - axis * float(up @ axis))
    if hand.choice[2] < 0.6:
        item = props.bottle(lips, axis, hand.tints[1], 0.9)
        palm = lips + 10.5 * axis + 3.9 * beside - 2.6 * over
    else:
        item = props.cup(lips, axis, hand.tints[2], 0.95)
        palm = lips + 5.6 * axis + 4.4 * beside - 3.8 * over
    palm = palm + 0.09 * hand.shift
    return Grip(palm, over - 0.14 * beside, -beside, 0.55, 0.2, 0.6, hand.world(-0.7, -1.0, 0.0)), item


def hair(hand: Hand) -> Held:
    """Fingers in the hair."""
    palm = hand.point(-6.9, 9.6, 1.6) + 0.6 * hand.shift
    along, normal = hand.toward(0.86, 0.5, -0.12), hand.toward(0.5, -0.85, -0.2)
    return Grip(palm, along, normal, 0.3, 0.8, 0.2, hand.world(-1.0, -0.25, 0.3)), []


def lipstick(hand: Hand) -> Held:
    """Putting on lipstick."""
    tip = hand.point(-1.3, -4.4, 5.9) + 0.25 * hand.shift
    axis = hand.toward(-0.62, -0.42, 0.66)
    item = props.lipstick(tip, axis)
    palm = tip + normalised(axis) * 8.4 + hand.toward(-1.4, -2.4, 0.2)
    along, normal = hand.toward(0.35, 0.9, 0.1), hand.toward(0.5, -0.1, -0.85)
    return Grip(palm, along, normal, 0.85, 0.2, 0.9, hand.world(-0.8, -1.0, 0.1)), item


def cover(hand: Hand) -> Held:
    """A hand before the mouth."""
    palm = hand.point(-2.0, -8.0, 9.8) + 0.5 * hand.shift
    along, normal = hand.toward(0.88, 0.46, -0.12), hand.toward(0.0, 0.12, -1.0)
    return Grip(palm, along, normal, 0.14, 0.3, 0.2, hand.world(-0.8, -1.0, 0.1)), []


GRIPS: dict[str, Callable[[Hand], Held]] = {
    "wheel": wheel,
    "rest": rest,
    "text": text,
    "phone": phone,
    "radio": radio,
    "behind": behind,
    "drink": drink,
    "hair": hair,
    "lipstick": lipstick,
    "cover": cover,
}
"""Every hand an action may name."""
