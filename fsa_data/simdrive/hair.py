"""Hair: a shell that hugs the head and dives under the skin at the hairline, plus what hangs below it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fsa_data.mesh.curves import smoothstep
from fsa_data.simdrive.atlas import Tile
from fsa_data.simdrive.face_shape import neutral_face
from fsa_data.simdrive.head import skull_rings
from fsa_data.simdrive.identity import Identity, identity
from fsa_data.simdrive.parts import Part
from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.simdrive.shapes import Piece, Vectors, ellipsoid, grid, normalised

CENTRE = np.array([0.0, 3.0, -3.6])
_ROWS, _COLUMNS = 16, 72

# Where the hair ends, as the angle from straight up, at these angles from straight ahead (both in radians).
_AROUND = (0.0, 0.55, 0.9, 1.1, 1.32, 1.5, 1.75, 2.3, np.pi)
_HAIRLINE = {
    "buzz": (0.93, 0.9, 1.1, 1.3, 1.7, 1.72, 1.72, 1.95, 2.15),
    "short": (0.94, 0.91, 1.12, 1.32, 1.78, 1.78, 1.76, 2.0, 2.25),
    "swept": (0.96, 0.92, 1.1, 1.32, 1.78, 1.8, 1.8, 2.05, 2.3),
    "curly": (0.98, 0.98, 1.15, 1.36, 1.8, 1.86, 1.9, 2.15, 2.35),
    "bob": (1.02, 1.04, 1.12, 1.32, 1.5, 1.55, 1.58, 1.6, 1.6),
    "long": (0.96, 0.96, 1.08, 1.3, 1.5, 1.55, 1.58, 1.6, 1.6),
    "bun": (0.96, 0.94, 1.1, 1.3, 1.66, 1.66, 1.7, 2.0, 2.2),
}


def hair_pieces(person: Identity) -> list[Piece]:
    """The hair of a person, in the head's frame; nothing for a bald one. Kept per person."""
    return _cached(person.seed, person.index)


@lru_cache(maxsize=32)
def _cached(seed: int, index: int) -> list[Piece]:
    person = identity(seed, index)
    if person.hair == "bald":
        return []
    rng = generator(Stream.HAIR, seed, index)
    around = np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)
    limit = _hairline(person, around, rng)
    share: Vectors = np.linspace(0.0, 1.0, _ROWS)[:, None]
    polar: Vectors = 0.03 + (limit - 0.03) * share
    direction = _direction(polar, around)
    thick = _thickness(person, polar, around, rng) * (1 - share**7)
    # the last ring lies under the skin, so that the hairline is where the shell meets the head
    thick -= 0.45 * share**7
    radius = head_radius(person, direction) + thick
    shell = grid(CENTRE + radius[..., None] * direction, closed=True).turned_over()
    tint = _tint(person, np.broadcast_to(share, polar.shape).reshape(-1), rng)
    gloss = 0.03 if person.hair in ("curly", "buzz") else 0.15
    pieces = [shell.piece(Part.HEAD, Tile.HAIR, tint, gloss)]
    if person.hair in ("long", "bob"):
        pieces.append(_curtain(person, rng))
    if person.hair == "bun":
        knot = ellipsoid((0.0, 11.0, -11.0), (3.4, 3.0, 3.2))
        pieces.append(knot.piece(Part.HEAD, Tile.HAIR, _tint(person, knot.uv[:, 1], rng), 0.16))
    return pieces


def head_radius(person: Identity, direction: Vectors) -> Vectors:
    """Distance from the middle of the head to its skin, ``(...,)`` cm for ``(..., 3)`` unit directions."""
    face = neutral_face(person)
    skin = np.concatenate([face, skull_rings(face, face)[1:].reshape(-1, 3)]) - CENTRE
    distance = np.linalg.norm(skin, axis=1)
    weight = np.exp(90.0 * (direction @ normalised(skin).T - 1))
    radius: Vectors = (weight @ distance) / weight.sum(-1)
    return radius


def _direction(polar: Vectors, around: Vectors) -> Vectors:
    flat = np.sin(polar)
    return np.stack([flat * np.sin(around), np.cos(polar) * np.ones_like(around), flat * np.cos(around)], -1)


def _hairline(person: Identity, around: Vectors, rng: np.random.Generator) -> Vectors:
    """``(columns,)`` angle from straight up at which the hair ends."""
    folded = np.abs((around + np.pi) % (2 * np.pi) - np.pi)
    limit = np.interp(folded, _AROUND, _HAIRLINE[person.hair])
    front = np.exp(-((folded / 0.75) ** 2))
    fringe = {"bob": 0.26, "long": 0.05, "short": 0.06, "curly": 0.08}.get(person.hair, 0.0)
    limit += front * (fringe * rng.uniform(0.3, 1.0) - 0.1 * person.age * (1 - person.feminine))
    phase = rng.uniform(0, 2 * np.pi, 3)
    limit += front * sum(0.012 * np.sin(k * 5 * around + p) for k, p in zip((1, 2, 3), phase, strict=True))
    smooth: Vectors = (np.roll(limit, 1) + 2 * limit + np.roll(limit, -1)) / 4
    return smooth + rng.normal(0, 0.012, len(around))  # single locks reach further


def _thickness(person: Identity, polar: Vectors, around: Vectors, rng: np.random.Generator) -> Vectors:
    """``(rows, columns)`` cm of hair above the skin."""
    base = {"buzz": 0.22, "bun": 0.5, "curly": 2.2, "swept": 1.0}.get(person.hair, 0.9)
    volume = base * (0.75 + 0.4 * person.volume_cm)
    folded = np.abs((around + np.pi) % (2 * np.pi) - np.pi)
    thin = 0.1 if person.hair in ("long", "bob") else 0.35
    thick = volume * (1 - thin * smoothstep(polar, 1.2, 1.9)) * np.ones_like(around)
    if person.hair == "swept":
        thick = thick + 1.5 * np.exp(-((folded / 0.8) ** 2)) * np.exp(-(((polar - 0.65) / 0.35) ** 2))
    if person.hair in ("short", "swept", "long", "bob"):
        part = np.sin(polar) * np.sin(around) - 0.35 * np.sign(person.parting)
        thick = thick - 0.35 * volume * np.exp(-((part / 0.09) ** 2)) * smoothstep(np.cos(around), -0.2, 0.4)
    lumps = {"buzz": 0.0, "curly": 0.32, "bun": 0.03}.get(person.hair, 0.09)
    for _ in range(7 if person.hair == "curly" else 4):
        k = rng.integers(3, 9 if person.hair == "curly" else 6, 2)
        phase = rng.uniform(0, 2 * np.pi, 2)
        wave = np.sin(k[0] * around + phase[0]) * np.sin(k[1] * 1.6 * polar + phase[1])
        thick = thick + lumps * volume * wave * smoothstep(polar, 0.1, 0.6)
    return np.maximum(thick, 0.12)


def _tint(person: Identity, share: Vectors, rng: np.random.Generator) -> Vectors:
    """Hair colour over the length, darker at the hairline where the hair is short and shaded."""
    colour = person.hair_colour / 255
    if person.hair == "buzz":
        colour = 0.62 * colour + 0.38 * person.tone / 255
    if person.hair == "buzz":  # cropped hair fades into the skin
        fade = smoothstep(share, 0.7, 0.95)[:, None]
        colour = colour + fade * 0.8 * (person.tone / 255 / 1.45 - colour)
    light = 1.0 - 0.18 * smoothstep(share, 0.75, 1.0) + 0.08 * rng.normal(size=len(share)) * 0.5
    tint: Vectors = np.atleast_2d(colour) * light[:, None] * 1.45
    return tint


def _curtain(person: Identity, rng: np.random.Generator) -> Piece:
    """Hair that hangs from the sides and the back, in front of where the ears would be."""
    columns = 45
    edge = 1.16
    around = np.linspace(edge, 2 * np.pi - edge, columns)
    phase = rng.uniform(0, 2 * np.pi, 3)
    folded = np.abs(around - np.pi) / (np.pi - edge)
    volume = 0.95 * (0.75 + 0.4 * person.volume_cm)
    # along the head first, then straight down from where it is widest, closing in on the neck
    polar = np.linspace(1.05, 1.95, 12)[:, None] + 0 * around
    direction = _direction(polar, around)
    grow = 0.7 + 0.44 * smoothstep(polar, 1.05, 1.35)
    on_head = (head_radius(person, direction) + volume * grow)[..., None] * direction
    end = {"bob": -7.0, "long": -16.5}[person.hair] + rng.uniform(-1.0, 1.5)
    ends = end - CENTRE[1] + 0.5 * np.sin(5 * around + phase[2]) + rng.normal(0, 0.25, columns)
    low = on_head[-1, :, 1]
    y = np.concatenate([on_head[..., 1], low + (ends - low) * np.linspace(0.1, 1, 10)[:, None]])
    wide = np.concatenate([np.linalg.norm(on_head[..., [0, 2]], axis=-1), np.zeros((10, columns))])
    for row in range(1, len(wide)):
        wide[row] = np.maximum(wide[row], wide[row - 1] - 0.11 * np.maximum(y[row - 1] - y[row], 0))
    share = smoothstep(-y, 0, 12)
    wide *= 1 + (0.03 * np.sin(9 * around + phase[1]) + 0.02 * np.sin(17 * around + phase[2])) * share
    # the front edges turn in towards the cheeks
    wide *= 1 - 0.2 * smoothstep(folded, 0.86, 1.0)
    points = np.stack(
        [wide * np.sin(around), y, wide * np.cos(around) + 1.5 * share * smoothstep(folded, 0.3, 1.0)], -1
    )
    sheet = grid(CENTRE + points, closed=False).turned_over()
    shade = 0.6 * np.repeat(np.linspace(0, 1, len(y)), columns)
    return sheet.piece(Part.HEAD, Tile.HAIR, _tint(person, shade, rng), 0.15, sheet=True)
