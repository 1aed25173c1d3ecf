"""Things in the cabin: phone, cup, bottle, lipstick, steering wheel, seat."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from fsa_data.simdrive.atlas import Tile
from fsa_data.simdrive.parts import Part
from fsa_data.simdrive.shapes import Piece, Surface, Vectors, basis, ellipsoid, loop, normalised, sweep, tube

WHEEL_CENTRE = np.array([0.0, -30.5, 20.0])
WHEEL_RADIUS_CM = 18.0
_WHEEL_LEAN_DEG = 24.0


def wheel_point(angle_deg: float) -> Vectors:
    """A point of the rim, ``(3,)`` cm; 0 is its top, positive towards the right of the image."""
    angle, lean = np.radians(angle_deg), np.radians(_WHEEL_LEAN_DEG)
    up = np.array([0.0, np.cos(lean), np.sin(lean)])
    point: Vectors = WHEEL_CENTRE + WHEEL_RADIUS_CM * (np.sin(angle) * np.array([1.0, 0, 0]) + np.cos(angle) * up)
    return point


def wheel_axis() -> Vectors:
    """``(3,)`` direction of the steering column, towards the driver's side of the wheel."""
    lean = np.radians(_WHEEL_LEAN_DEG)
    return np.array([0.0, np.sin(lean), -np.cos(lean)])


@lru_cache(maxsize=1)
def wheel() -> list[Piece]:
    """Rim, hub and spokes."""
    rim = np.stack([wheel_point(a) for a in np.arange(0, 360, 7.5)])
    tint = (0.15, 0.15, 0.16)
    hub = ellipsoid(WHEEL_CENTRE + np.array([0, -0.5, 0]), (7.0, 6.0, 3.0), None, 8, 16, 0.7)
    pieces = [
        loop(rim, 1.65, wheel_axis(), 10).piece(Part.WHEEL, Tile.WHITE, tint, 0.3),
        hub.piece(Part.WHEEL, Tile.WHITE, tint, 0.25),
    ]
    for angle in (-90.0, 90.0, 180.0):
        spoke = tube(np.stack([WHEEL_CENTRE, wheel_point(angle)]), 2.0, 8, flat=0.5)
        pieces.append(spoke.piece(Part.WHEEL, Tile.WHITE, tint, 0.3))
    return pieces


def phone(centre: ArrayLike, along: ArrayLike, screen: ArrayLike, tint: ArrayLike) -> list[Piece]:
    """A phone of 7 x 14.5 x 0.9 cm.

    Args:
        centre: ``(3,)`` cm.
        along: ``(3,)`` direction of its long side.
        screen: ``(3,)`` direction in which the screen looks.
        tint: ``(3,)`` colour of the case, 0..1.
    """
    axes = basis(along, screen)
    middle = np.asarray(centre, np.float64)
    case = ellipsoid(middle, (3.6, 7.3, 0.55), axes, 12, 24, 0.28).piece(Part.PHONE, Tile.WHITE, tint, 0.5)
    glass = ellipsoid(middle + axes[2] * 0.3, (3.25, 6.8, 0.34), axes, 10, 20, 0.25)
    lens = ellipsoid(middle - axes[2] * 0.45 + axes[1] * 5.2 + axes[0] * 1.7, (1.3, 1.3, 0.3), axes, 8, 14, 0.5)
    dark = (0.08, 0.08, 0.1)
    return [case, glass.piece(Part.PHONE, Tile.SCREEN, (1, 1, 1), 0.5), lens.piece(Part.PHONE, Tile.WHITE, dark, 0.8)]


def bottle(mouthpiece: ArrayLike, axis: ArrayLike, tint: ArrayLike, scale: float = 1.0) -> list[Piece]:
    """A drinking bottle of 19 cm.

    Args:
        mouthpiece: ``(3,)`` cm, its open end.
        axis: ``(3,)`` from the opening to the bottom.
        tint: ``(3,)`` colour, 0..1.
        scale: relative size.
    """
    along = normalised(axis)
    start = np.asarray(mouthpiece, np.float64)
    place = np.array([0.0, 0.6, 1.8, 2.4, 3.6, 5.2, 6.0, 9.5, 10.5, 18.0, 18.8, 19.0, 19.0]) * scale
    radius = np.array([1.25, 1.35, 1.35, 1.2, 1.5, 2.7, 3.05, 3.1, 3.05, 3.1, 2.8, 2.2, 0.05]) * scale
    colours = np.repeat(np.asarray(tint, np.float64)[None], len(place), 0)
    colours[:3] = (0.86, 0.88, 0.9)
    surface = _turned(start, along, place, radius)
    label = _turned(start, along, np.linspace(7.5, 14.5, 4) * scale, np.full(4, 3.2) * scale)
    return [
        surface.piece(Part.BOTTLE, Tile.WHITE, colours.repeat(20, 0), 0.7),
        label.piece(Part.BOTTLE, Tile.LABEL, (1, 1, 1), 0.3),
    ]


def cup(rim: ArrayLike, axis: ArrayLike, tint: ArrayLike, scale: float = 1.0) -> list[Piece]:
    """A paper cup of 11 cm with its lid.

    Args:
        rim: ``(3,)`` cm, middle of the lid's edge that touches the lips.
        axis: ``(3,)`` from the lid to the bottom.
        tint: ``(3,)`` colour, 0..1.
        scale: relative size.
    """
    along = normalised(axis)
    lift = basis(along, np.array([0.0, 1.0, 0.2]))[2]
    start = np.asarray(rim, np.float64) - lift * 2.6 * scale
    place = np.array([-0.5, -0.5, 0.0, 0.3, 1.0, 1.1, 6.0, 11.0, 11.0]) * scale
    radius = np.array([0.05, 3.2, 3.9, 4.1, 4.1, 3.8, 3.3, 2.8, 0.05]) * scale
    colours = np.repeat(np.asarray(tint, np.float64)[None], len(place), 0)
    colours[:5] = (0.92, 0.91, 0.9)
    sleeve = _turned(start, along, np.array([3.2, 5.5, 7.8]) * scale, np.array([3.65, 3.42, 3.2]) * scale)
    return [
        _turned(start, along, place, radius).piece(Part.CUP, Tile.WHITE, colours.repeat(20, 0), 0.2),
        sleeve.piece(Part.CUP, Tile.CUP, (1, 1, 1), 0.05),
    ]


def lipstick(tip: ArrayLike, axis: ArrayLike) -> list[Piece]:
    """A lipstick; ``tip`` ``(3,)`` cm touches the lips, ``axis`` ``(3,)`` points from it to the other end."""
    along = normalised(axis)
    start = np.asarray(tip, np.float64)
    colour = tube(np.stack([start + along * 0.5, start + along * 2.2]), 0.55, 8)
    case = tube(np.stack([start + along * 2.4, start + along * 7.0]), 0.9, 10)
    return [
        colour.piece(Part.LIPSTICK, Tile.WHITE, (0.7, 0.12, 0.2), 0.4),
        case.piece(Part.LIPSTICK, Tile.WHITE, (0.13, 0.12, 0.14), 0.7),
    ]


def seat(tint: ArrayLike) -> list[Piece]:
    """Backrest and headrest behind the driver; ``tint`` ``(3,)`` 0..1."""
    red, green, blue = np.asarray(tint, np.float64)
    return _seat((float(red), float(green), float(blue)))


@lru_cache(maxsize=16)
def _seat(tint: tuple[float, float, float]) -> list[Piece]:
    back = ellipsoid((0.0, -36.0, -21.0), (23.0, 30.0, 6.5), None, 16, 28, 0.55)
    rest = ellipsoid((0.0, 2.5, -24.5), (12.5, 8.5, 4.5), None, 12, 24, 0.6)
    pieces = [s.piece(Part.BACKGROUND, Tile.SEAT, tint, 0.08) for s in (back, rest)]
    for x in (-4.5, 4.5):
        rod = tube(np.array([[x, -10.0, -24.0], [x, -2.0, -24.5]]), 0.6, 8)
        pieces.append(rod.piece(Part.BACKGROUND, Tile.WHITE, (0.45, 0.45, 0.47), 0.8))
    return pieces


def _turned(start: Vectors, along: Vectors, place: Vectors, radius: Vectors) -> Surface:
    """A body of revolution: rings of ``radius`` at distance ``place`` from ``start``."""
    helper = np.array([0.0, 1.0, 0.0]) if abs(along[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    across, _, other = basis(along, helper)
    centres = start + place[:, None] * along
    return sweep(centres, radius[:, None] * across, radius[:, None] * other, columns=20)
