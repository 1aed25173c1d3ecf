"""Torso, neck, arms and hands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fsa_data.mesh.curves import smoothstep
from fsa_data.simdrive.atlas import Tile
from fsa_data.simdrive.identity import Identity
from fsa_data.simdrive.parts import Part
from fsa_data.simdrive.shapes import (
    Piece,
    Vectors,
    basis,
    ellipsoid,
    grid,
    loop,
    normalised,
    rotation,
    sweep,
    tube,
    tubes,
)

UPPER_ARM_CM, FOREARM_CM = 27.0, 25.0
_HIP = np.array([0.0, -44.0, -6.0])

# Outline of the torso: height, half width, half depth, in cm.
_TORSO = np.array(
    [
        (-11.7, 6.6, 5.9),
        (-12.2, 7.1, 6.1),
        (-13.1, 8.8, 6.3),
        (-14.3, 12.0, 6.8),
        (-16.0, 15.0, 7.4),
        (-18.4, 17.2, 8.2),
        (-22.5, 18.2, 9.2),
        (-28.0, 17.6, 10.2),
        (-36.0, 16.8, 10.6),
        (-46.0, 16.8, 11.0),
        (-60.0, 17.5, 11.5),
    ]
)


@dataclass(frozen=True, slots=True)
class Grip:
    """Where a hand is and how it is held, in world coordinates.

    Attributes:
        palm: ``(3,)`` cm, middle of the palm.
        along: ``(3,)`` direction from the wrist to the fingers.
        normal: ``(3,)`` direction in which the palm looks.
        curl: 0 stretched .. 1 fist.
        spread: 0 fingers together .. 1 apart.
        thumb: 0 along the fingers .. 1 across.
        elbow: ``(3,)`` direction in which the elbow points.
    """

    palm: Vectors
    along: Vectors
    normal: Vectors
    curl: float
    spread: float
    thumb: float
    elbow: Vectors


@dataclass(frozen=True, slots=True)
class Stance:
    """Where the trunk is: ``lean`` ``(3,)`` cm shift of the shoulders and ``yaw_deg`` turn of the trunk."""

    lean: Vectors
    yaw_deg: float

    def place(self, points: Vectors) -> Vectors:
        """Points of the trunk at rest, ``(N, 3)`` cm, where they are in this stance."""
        turned = (points - _HIP) @ rotation(self.yaw_deg, 0, 0).T + _HIP
        placed: Vectors = turned + self.lean * smoothstep(points[:, 1:2], -46, -14)
        return placed


def build(person: Identity) -> float:
    """Width of the trunk relative to the average."""
    return 0.92 if person.feminine else 1.04


def torso(person: Identity, stance: Stance, collar: float) -> list[Piece]:
    """Trunk in its clothes, and the collar.

    Args:
        person: whose it is.
        stance: where it is.
        collar: thickness of the collar in cm.
    """
    wide = build(person)
    y, half, deep = _TORSO.T
    z = np.full_like(y, -5.5) + 0.5 * smoothstep(-y, 12, 24)
    centres = np.stack([0 * y, y, z], axis=1)
    bust = 1.0 + 0.12 * person.feminine * np.exp(-(((y + 28) / 6) ** 2))
    first = np.stack([half * wide, 0 * y, 0 * y], axis=1)
    # the neckline is lower in front
    second = np.stack([0 * y, -1.1 * smoothstep(y, -14.3, -11.7), deep * bust], axis=1)
    body = sweep(centres, first, second, columns=32, square=0.85)
    placed = replace(body, points=stance.place(body.points))
    band = loop(placed.points[:32], collar, (0.0, 1.0, 0.3))
    return [
        placed.piece(Part.BODY, Tile.CLOTH),
        band.piece(Part.BODY, Tile.CLOTH, (0.86, 0.86, 0.86)),
    ]


def belt(person: Identity, stance: Stance) -> Piece:
    """The seat belt: from the driver's left shoulder across the chest."""
    share = np.linspace(0, 1, 14)
    x = (10.5 - 20 * share) * build(person)
    y = -13.5 - 36 * share
    front = np.interp(-y, -_TORSO[:, 0], _TORSO[:, 2])
    half = np.interp(-y, -_TORSO[:, 0], _TORSO[:, 1]) * build(person)
    z = -5.2 + front * np.maximum(1 - (np.abs(x) / half) ** 2.35, 0.02) ** 0.425 + 0.45
    across = np.array([1.9, 1.4, 0.0])
    middle = np.stack([x, y, z], axis=1)
    strip = np.stack([middle - across, middle + np.array([0, 0, 0.25]), middle + across], axis=1)
    flat = grid(strip, closed=False).turned_over()
    return replace(flat, points=stance.place(flat.points)).piece(Part.BODY, Tile.SEAT, (0.32, 0.32, 0.34), sheet=True)


def neck(person: Identity, stance: Stance, head_base: Vectors) -> Piece:
    """The neck, from inside the collar to inside the skull.

    Args:
        person: whose it is.
        stance: of the trunk.
        head_base: ``(3,)`` cm, where the neck meets the skull.
    """
    low = stance.place(np.array([[0.0, -16.0, -6.2], [0.0, -11.5, -5.6]]))
    path = np.stack([low[0], low[1], 0.5 * low[1] + 0.5 * head_base, head_base])
    width = 4.7 if person.feminine else 5.5
    surface = tube(path, np.array([1.2, 1.06, 0.98, 0.98]) * width, sides=20, caps=False)
    shade = np.array([1.0, 0.95, 0.84, 0.74]).repeat(20)
    return surface.piece(Part.BODY, Tile.SKIN, shade[:, None] * np.ones(3), 0.08)


def arm(person: Identity, stance: Stance, side: float, grip: Grip, short_sleeves: bool) -> list[Piece]:
    """Upper arm, forearm and hand.

    Args:
        person: whose it is.
        stance: of the trunk.
        side: -1 the driver's right (image left), 1 the left.
        grip: where the hand is.
        short_sleeves: whether the forearm is bare.
    """
    wide = build(person)
    shoulder = stance.place(np.array([[side * 14.6 * wide, -20.2, -5.0]]))[0]
    wrist = grip.palm - normalised(grip.along) * 4.6
    elbow, wrist_at = _elbow(shoulder, wrist, grip.elbow)
    slip = wrist_at - wrist
    thick = 0.94 if person.feminine else 1.08
    upper = np.linspace(0, 1, 6)[:, None] * (elbow - shoulder) + shoulder
    fore = np.linspace(0, 1, 6)[:, None] * (wrist_at - elbow) + elbow
    pieces = []
    if short_sleeves:
        bare = tube(
            np.concatenate([upper[2:], fore[1:]]), thick * np.array([4.1, 4.0, 3.9, 3.8, 3.9, 3.8, 3.4, 2.9, 2.6]), 12
        )
        sleeve = tube(upper[:4], thick * np.array([5.4, 5.3, 5.2, 5.1]), 14)
        pieces += [bare.piece(Part.ARM, Tile.SKIN, 0.98 * np.ones(3), 0.08), sleeve.piece(Part.ARM, Tile.CLOTH)]
    else:
        path = np.concatenate([upper, fore[1:]])
        radii = thick * np.array([5.5, 5.2, 5.0, 4.8, 4.7, 4.6, 4.6, 4.4, 4.1, 3.8, 3.5])
        pieces.append(tube(path, radii, 14).piece(Part.ARM, Tile.CLOTH))
    stub = np.stack([fore[4], wrist_at, wrist_at + normalised(grip.along) * 2.5])
    pieces.append(
        tube(stub, thick * np.array([2.7, 2.5, 2.7]), 10, flat=0.85).piece(Part.ARM, Tile.SKIN, (1, 1, 1), 0.08)
    )
    return pieces + hand(side, grip, slip, 0.82 if person.feminine else 0.92)


def _elbow(shoulder: Vectors, wrist: Vectors, pole: Vectors) -> tuple[Vectors, Vectors]:
    """Where the elbow is (two-bone inverse kinematics), and the wrist, pulled in if it is out of reach."""
    reach = UPPER_ARM_CM + FOREARM_CM - 0.5
    line = wrist - shoulder
    distance = float(np.linalg.norm(line))
    if distance > reach:
        wrist, line, distance = shoulder + line * (reach / distance), line * (reach / distance), reach
    distance = max(distance, 8.0)
    axis = line / max(float(np.linalg.norm(line)), 1e-6)
    along = (UPPER_ARM_CM**2 - FOREARM_CM**2 + distance**2) / (2 * distance)
    height = np.sqrt(max(UPPER_ARM_CM**2 - along**2, 0.0))
    away = pole - axis * float(pole @ axis)
    return shoulder + along * axis + height * normalised(away), wrist


def hand(side: float, grip: Grip, slip: Vectors, size: float) -> list[Piece]:
    """Palm, four fingers of two joints, thumb.

    Args:
        side: -1 the driver's right, 1 the left.
        grip: how it is held.
        slip: ``(3,)`` cm to add, where the arm was too short to reach.
        size: relative to the average.
    """
    across, along, normal = basis(grip.along, grip.normal)
    # seen from the back with the fingers up, a right hand has its thumb on the left
    thumbward = -across * side
    palm = grip.palm + slip
    pieces = [
        ellipsoid(palm, np.array([4.0, 4.7, 1.55]) * size, np.stack([across, along, normal]), 9, 14, 0.75).piece(
            Part.ARM, Tile.SKIN, (1, 1, 1), 0.1
        )
    ]
    paths = [_digit(palm, along, normal, thumbward, grip, size, number) for number in range(4)]
    root = palm + (-along * 1.6 + thumbward * 3.0) * size + normal * 0.5
    across_it = grip.thumb
    out = normalised(
        along * (0.75 - 0.35 * across_it) + thumbward * (0.8 - 0.6 * across_it) + normal * (0.3 + 0.8 * across_it)
    )
    tip = normalised(out + along * 0.5 - thumbward * 0.3 * grip.curl + normal * 0.3 * grip.curl)
    paths.append(
        np.stack([root, root + out * 1.8 * size, root + out * 3.4 * size, root + (out * 3.4 + tip * 2.9) * size])
    )
    radii = np.array([[1.08, 1.02, 0.94, 0.82]] * 4 + [[1.35, 1.25, 1.12, 0.9]]) * size
    fingers = tubes(np.stack(paths), radii, sides=8)
    rows = len(fingers.points) // 40
    shade = np.tile(np.interp(np.linspace(0, 1, rows), [0, 0.25, 1], [0.86, 1.0, 1.03]).repeat(8), 5)
    pieces.append(fingers.piece(Part.ARM, Tile.SKIN, shade[:, None] * np.array([1.0, 0.97, 0.96]), 0.1))
    return pieces


# Place across the palm (towards the thumb) and length of little, ring, middle and index finger; phalanges in cm and
# how much each bends.
_FINGERS = ((-2.85, 0.8), (-0.95, 0.95), (0.95, 1.0), (2.85, 0.92))
_PHALANGES = ((3.9, 0.55), (2.7, 1.35), (2.1, 1.9))


def _digit(
    palm: Vectors, along: Vectors, normal: Vectors, thumbward: Vectors, grip: Grip, size: float, number: int
) -> Vectors:
    """``(4, 3)`` joints of one finger, 0 the little one."""
    place, length = _FINGERS[number]
    path = [palm + (along * 3.6 + thumbward * place) * size]
    aside = thumbward * (0.16 * grip.spread * (number - 1.5))
    bent = grip.curl * (1.0 + 0.06 * (1.5 - number))
    for joint, (part, turn) in enumerate(_PHALANGES):
        angle = min(bent * turn * 1.35, 2.9) + 0.06 * joint
        step = np.cos(angle) * along + np.sin(angle) * normal + aside
        path.append(path[-1] + normalised(step) * part * length * size)
    return np.stack(path)


def shoulders(person: Identity, stance: Stance) -> list[Piece]:
    """Two upper arms that hang, for a portrait that ends above the elbows."""
    pieces = []
    for side in (-1.0, 1.0):
        line = np.array([[side * 14.0 * build(person), -21.5, -5.0], [side * 17.5 * build(person), -44.0, -4.0]])
        pieces.append(tube(stance.place(line), np.array([5.3, 4.8]), 14).piece(Part.ARM, Tile.CLOTH))
    return pieces
