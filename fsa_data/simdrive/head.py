"""The head: face and skull as one skin without a seam, ears, mouth, glasses, surgical mask.

Everything is built in the head's own frame (the canonical face's: origin between the ears, z out of the face) and
placed by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fsa_data.mesh import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE, face_mesh
from fsa_data.mesh.curves import smoothstep
from fsa_data.simdrive.atlas import Tile, to_atlas
from fsa_data.simdrive.face_shape import neutral_face
from fsa_data.simdrive.identity import Identity, identity
from fsa_data.simdrive.parts import Part
from fsa_data.simdrive.shapes import (
    Piece,
    Surface,
    Vectors,
    ellipsoid,
    grid,
    grid_triangles,
    loop,
    tube,
    vertex_normals,
)
from fsa_data.types import Ints

SKULL_CENTRE = np.array([0.0, 2.6, -3.6])
_RINGS = 16
_OVAL = np.array(FACE_OVAL)


@dataclass(frozen=True, slots=True)
class Topology:
    """Face triangles without the mouth's, and the same plus the skull, which shares the ring around the face."""

    face: Ints
    skull: Ints
    whole: Ints


@lru_cache(maxsize=1)
def topology() -> Topology:
    """Triangles of the head; vertices are the 468 of the face, then the skull's rings behind the first."""
    face = face_mesh().triangles
    mouth = np.isin(face, LIPS_INNER).all(axis=1)
    skull = grid_triangles(_RINGS, len(_OVAL), True)
    shared = np.concatenate([_OVAL, np.arange((_RINGS - 1) * len(_OVAL)) + 468]).astype(np.int32)
    return Topology(face[~mouth], skull, np.concatenate([face[~mouth], shared[skull]]))


def half_width(face: Vectors) -> float:
    """Half the width of the face in cm."""
    return float(np.abs(face[:, 0]).max())


def skull_rings(face: Vectors, rest: Vectors) -> Vectors:
    """``(rings, 36, 3)``: from the edge of the face (ring 0) over an ellipsoid to the back of the head.

    Args:
        face: ``(468, 3)`` the face as it is now.
        rest: ``(468, 3)`` the same person's face at rest, which fixes the ellipsoid.
    """
    edge, still = face[_OVAL], rest[_OVAL]
    away = still - SKULL_CENTRE
    top = float(away[0, 1])
    radii = np.array([half_width(rest) + 0.05, 1.0, 10.2])
    start = np.arccos(np.clip(away[:, 2] / radii[2], -0.95, 0.95))
    up = top / max(float(np.sin(start[0])), 0.3)
    height = np.where(away[:, 1] > 0, up, 8.0)
    turn = np.arctan2(away[:, 0] / radii[0], away[:, 1] / height)
    share = np.linspace(0, 1, _RINGS)[:, None] ** 0.9
    polar = start + (np.pi - start) * share
    on = np.stack(
        [radii[0] * np.sin(polar) * np.sin(turn), height * np.sin(polar) * np.cos(turn), radii[2] * np.cos(polar)], -1
    )
    points = SKULL_CENTRE + on
    rings: Vectors = points + (edge - points[0]) * ((1 - share) ** 3)[..., None]
    return rings


@lru_cache(maxsize=1)
def _skull_uv() -> Vectors:
    turn = np.arange(36) / 36
    u = np.tile(1 - np.abs(2 * turn - 1), _RINGS)
    v = np.repeat(np.linspace(0, 1, _RINGS), 36)
    return to_atlas(Tile.SKIN, np.stack([u, v], axis=1))


@lru_cache(maxsize=32)
def _creases(seed: int, index: int) -> Vectors:
    """``(468,)`` brightness of each vertex: folds that look into themselves get less light."""
    points = neutral_face(identity(seed, index))
    triangles = topology().face
    normals = vertex_normals(points, triangles)
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    edge = points[pairs[:, 1]] - points[pairs[:, 0]]
    rise = (edge * normals[pairs[:, 0]]).sum(1) / np.maximum(np.linalg.norm(edge, axis=1), 1e-6)
    count = np.maximum(np.bincount(pairs[:, 0], minlength=468), 1)
    concave = np.bincount(pairs[:, 0], rise, 468) / count
    smooth = 0.5 * concave + 0.5 * np.bincount(pairs[:, 0], concave[pairs[:, 1]], 468) / count
    light: Vectors = 1 - np.clip(0.75 * smooth, -0.03, 0.3)
    light[_OVAL] = 1.0  # where the skull goes on
    return light


def skin_pieces(person: Identity, face: Vectors) -> list[Piece]:
    """Face and skull.

    Args:
        person: whose head it is.
        face: ``(468, 3)`` the face as it is now.
    """
    rest = neutral_face(person)
    rings = skull_rings(face, rest)
    shape = topology()
    normals = vertex_normals(np.concatenate([face, rings[1:].reshape(-1, 3)]), shape.whole)
    light = _creases(person.seed, person.index)[:, None] * np.ones(3)
    uv = to_atlas(Tile.FACE, face_mesh().uv.astype(np.float64))
    back = np.concatenate([normals[_OVAL], normals[468:]])
    return [
        Piece(face, shape.face, uv, light, 0.22, Part.FACE, normals=normals[:468]),
        Piece(
            rings.reshape(-1, 3), shape.skull, _skull_uv(), _skull_tint(person, rings), 0.22, Part.HEAD, normals=back
        ),
    ]


def _skull_tint(person: Identity, rings: Vectors) -> Vectors:
    """White; darker where a beard goes on under the jaw, and where cropped hair shadows the scalp."""
    shade = person.hair_colour / person.tone
    y, z = rings[..., 1], rings[..., 2]
    beard = 0.75 * person.beard * smoothstep(-y, 2.5, 6.0) * smoothstep(z, -6.0, -2.5)
    crop = 0.16 * float(person.hair == "bald") * smoothstep(y - 0.25 * z, 3.0, 7.0) * smoothstep(z, 5.0, 1.0)
    crop += 0.6 * float(person.hair == "buzz") * smoothstep(y - 0.25 * z, 4.0, 6.0)
    amount = np.clip(beard + crop, 0, 1)[..., None]
    tint: Vectors = (1 + amount * (shade - 1)).reshape(-1, 3)
    return tint


def ears(person: Identity) -> list[Piece]:
    """Both ears; none where the hair covers them."""
    if person.hair in ("long", "bob"):
        return []
    wide = half_width(neutral_face(person))
    radius = np.array([0.03, 0.3, 0.55, 0.72, 0.84, 0.96, 1.0, 0.82])[:, None]
    angle = (np.arange(24) * (2 * np.pi / 24))[None, :]
    # narrower at the lobe; the front edge grows out of the head, the back one stands off it
    lobe = 1 - 0.3 * smoothstep(-np.sin(angle), 0.2, 1.0)
    along = radius * np.cos(angle) * 1.5 * lobe
    up = radius * np.sin(angle) * 2.6
    back = smoothstep(-along, -1.2, 1.4)
    profile = np.array([-0.55, -0.45, -0.05, 0.0, 0.26, 0.30, 0.1, -0.7])[:, None]
    out = profile * (0.3 + 0.7 * back) + 0.95 * back - 0.25
    shade = np.array([0.6, 0.68, 0.88, 0.86, 1.0, 1.0, 0.95, 0.7])
    tint = np.repeat(shade, 24)[:, None] * np.array([1.05, 0.95, 0.93])
    pieces = []
    for side in (-1.0, 1.0):
        points = np.stack([side * (wide - 0.1 + out), 0.9 + up, -3.7 + along + 0.18 * up], axis=-1)
        surface = grid(points, closed=True)
        pieces.append((surface if side > 0 else surface.turned_over()).piece(Part.HEAD, Tile.SKIN, tint, 0.1))
    return pieces


def mouth(face: Vectors, rest: Vectors, jaw_turn: Vectors) -> list[Piece]:
    """The inside of the mouth: walls and, where it stands open, both rows of teeth and the tongue.

    Args:
        face: ``(468, 3)`` the face as it is now.
        rest: the same face at rest.
        jaw_turn: ``(3, 3)`` rotation of the jaw about its axis.
    """
    ring = face[list(LIPS_INNER)]
    centre = ring.mean(axis=0)
    deep = np.array([0.0, 0.0, -1.0])
    layers = np.stack(
        [ring + 0.03 * deep, centre + 1.04 * (ring - centre) + 1.0 * deep, 0 * ring + centre + 2.2 * deep]
    )
    dark = np.repeat(np.array([[0.50, 0.22, 0.21], [0.20, 0.07, 0.07], [0.06, 0.02, 0.02]]), 20, axis=0)
    pieces = [grid(layers, closed=True).piece(Part.FACE, Tile.WHITE, dark, 0.0, sheet=True)]
    if face[13, 1] - face[14, 1] < 0.3:
        return pieces
    lip = rest[[13, 14]].mean(axis=0)
    hinge = np.array([0.0, 0.5, -3.0])
    x = np.linspace(-1.9, 1.9, 11)
    z = lip[2] - 0.95 - 0.16 * x**2
    for y0, y1, turned in ((0.4, -0.38, False), (-0.45, -1.2, True)):
        rows = np.stack([np.stack([x, np.full_like(x, lip[1] + y), z - 0.1 * turned], -1) for y in (y0, y1)])
        if turned:
            rows = (rows - hinge) @ jaw_turn.T + hinge
        tint = np.array([0.86, 0.83, 0.77]) * (0.85 if turned else 1.0)
        pieces.append(grid(rows, closed=False).turned_over().piece(Part.FACE, Tile.MOUTH, tint, 0.25, sheet=True))
    tongue = ellipsoid(lip + np.array([0, -1.25, -2.3]), (1.45, 0.45, 1.7), rows=6, columns=10)
    moved = Surface((tongue.points - hinge) @ jaw_turn.T + hinge, tongue.triangles, tongue.uv)
    pieces.append(moved.piece(Part.FACE, Tile.WHITE, (0.58, 0.27, 0.27), 0.2))
    return pieces


def glasses(person: Identity) -> list[Piece]:
    """Two rims, a bridge and temples that reach the ears; none for a person without glasses."""
    if not person.glasses:
        return []
    face = neutral_face(person)
    wide, colour = half_width(face), person.glasses_tint / 255
    right, left = (face[list(ring)].mean(axis=0) for ring in (RIGHT_EYE, LEFT_EYE))
    front = float(max(face[6, 2], face[[52, 282], 2].max() - 0.3)) + 0.25
    angle = np.arange(24) * (2 * np.pi / 24)
    pieces, inner, outer = [], [], []
    square = 0.55 + 0.4 * ((person.index * 37) % 10) / 10
    for eye, side in ((right, -1.0), (left, 1.0)):
        half = min(2.45, abs(float(eye[0])) - 0.75)
        u = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** square * half
        v = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** square * 1.75
        z = front - 0.07 * (u * side + half) ** 1.4
        path = np.stack([eye[0] + side * 0.1 + u, eye[1] - 0.2 + v, z], axis=1)
        pieces.append(loop(path, 0.15, (0, 0, 1), 6).piece(Part.GLASSES, Tile.WHITE, colour, 0.5))
        inner.append(path[12 if side > 0 else 0] + np.array([0, 0.45, 0]))
        outer.append(path[0 if side > 0 else 12] + np.array([0, 0.45, 0]))
    middle = (inner[0] + inner[1]) / 2 + np.array([0, 0.3, 0.25])
    lines = [np.stack([inner[0], middle, inner[1]])]
    for corner, side in zip(outer, (-1.0, 1.0), strict=True):
        hinge = corner + np.array([side * 0.25, 0, -0.4])
        lines.append(
            np.stack(
                [corner, hinge, np.array([side * (wide + 0.55), 2.3, -3.0]), np.array([side * (wide + 0.4), 1.4, -5.0])]
            )
        )
    pieces += [tube(line, 0.15, sides=6).piece(Part.GLASSES, Tile.WHITE, colour, 0.5) for line in lines]
    return pieces


def surgical_mask(person: Identity, face: Vectors, colour: Vectors) -> list[Piece]:
    """A pleated mask from the bridge of the nose to under the chin, with loops around the ears.

    Args:
        person: who wears it.
        face: ``(468, 3)`` the face as it is now.
        colour: ``(3,)`` tint, 0..1.
    """
    turn = np.linspace(-1.22, 1.22, 23)
    share = np.linspace(0, 1, 11)
    edge = (np.abs(turn) / 1.22) ** 1.6
    chin = float(face[152, 1])
    top = 1.45 + (-0.5 - 1.45) * edge
    bottom = chin - 0.35 + (-5.6 - chin) * edge
    y = top + (bottom - top) * share[:, None]
    radius = _stretched(_horizontal_radius(face, turn, y), y)
    radius = np.maximum(radius, _stretched(radius.T, np.repeat(-turn[:, None], len(share), 1)).T - 0.45)
    radius += 0.32 + 0.12 * np.sin(share * 6 * np.pi)[:, None] * (1 - edge) * smoothstep(share, 0.15, 0.3)[:, None]
    radius[-1] -= 1.2 * (1 - edge)
    points = np.stack([radius * np.sin(turn), y, -3.0 + radius * np.cos(turn)], axis=-1)
    pieces = [grid(points, closed=False).turned_over().piece(Part.MASK, Tile.MASK, colour, 0.02, sheet=True)]
    wide = half_width(neutral_face(person))
    for column, side in ((0, -1.0), (-1, 1.0)):
        behind = np.array([side * (wide + 0.7), 0.9, -5.0])
        for row, level in ((0, 2.6), (-1, -1.2)):
            line = np.stack([points[row, column], np.array([side * (wide + 0.55), level, -3.6]), behind])
            pieces.append(tube(line, 0.12, sides=5).piece(Part.MASK, Tile.WHITE, (0.93, 0.93, 0.92), 0.0))
    return pieces


def _horizontal_radius(face: Vectors, turn: Vectors, y: Vectors) -> Vectors:
    """Distance of the face's furthest point from a vertical axis through z = -3, near each direction and height."""
    flat = face[:, [0, 2]] - np.array([0.0, -3.0])
    around, radius = np.arctan2(flat[:, 0], flat[:, 1]), np.linalg.norm(flat, axis=1)
    distance = ((turn[None, :, None] - around) * 7.0) ** 2 + (y[..., None] - face[:, 1]) ** 2
    furthest: Vectors = (radius - 0.45 * distance).max(-1)
    return furthest


def _stretched(radius: Vectors, y: Vectors) -> Vectors:
    """Cloth under tension spans hollows: the upper concave envelope of each column."""
    out = radius.copy()
    rows = len(radius)
    for first in range(rows - 2):
        for last in range(first + 2, rows):
            share = (y[first + 1 : last] - y[first]) / np.minimum(y[last] - y[first], -1e-6)
            span = radius[first] + share * (radius[last] - radius[first])
            out[first + 1 : last] = np.maximum(out[first + 1 : last], span)
    return out
