"""Skin, hair, cloth and the rest, painted into the atlas; everything is drawn from the person's and cabin's numbers."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.mesh import (
    FACE_OVAL,
    LEFT_EYE,
    LEFT_EYEBROW,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
    RIGHT_EYEBROW,
    face_mesh,
    interpolate,
    rasterise,
)
from fsa_data.mesh.curves import smoothstep
from fsa_data.mesh.expression import rest_face
from fsa_data.simdrive.atlas import ATLAS_HEIGHT, ATLAS_WIDTH, Tile, put, to_atlas
from fsa_data.simdrive.identity import Identity, identity
from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.simdrive.shapes import Vectors
from fsa_data.types import Box, Image

FACE_SIZE = 256
_DRAW = 4
_FOLDS = ((33, 247, 30, 29, 27, 28, 56, 190), (263, 467, 260, 259, 257, 258, 286, 414))
_WINGS = ((198, 49, 129, 64, 98), (420, 279, 358, 294, 327))
_NOSTRILS = ((79, 166, 60, 20, 238), (309, 392, 290, 250, 458))
_SMILE_FOLDS = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))


def face_px(indices: tuple[int, ...]) -> Vectors:
    """``(K, 2)`` positions of face vertices in the face tile, pixels."""
    return to_atlas(Tile.FACE, face_mesh().uv[list(indices)].astype(np.float64))


@lru_cache(maxsize=1)
def _regions() -> dict[str, NDArray[np.float32]]:
    """Smooth maps over the face tile, ``(256, 256)`` float32 in 0..1, spread from the vertices."""
    rest, mesh = rest_face(), face_mesh()
    x, y = np.abs(rest[:, 0]), rest[:, 1]
    jaw = smoothstep(-y, 3.4, 5.6) * (1 - np.exp(-((x / 1.7) ** 2)) * np.exp(-(((y + 5.9) / 0.5) ** 2)) * 0.4)
    sides = 0.85 * smoothstep(x, 5.1, 7.4) * smoothstep(-y, -1.0, 1.5)
    moustache = smoothstep(2.9 - x, 0, 0.9) * np.exp(-(((y + 2.85) / 0.55) ** 2))
    fields = {
        "beard": np.clip(np.maximum(np.maximum(jaw, sides), moustache), 0, 1),
        "cheek": np.exp(-((x - 4.3) ** 2 + (y + 0.6) ** 2) / (2 * 1.7**2)),
        "nose": np.exp(-(x**2 / (2 * 1.1**2) + (y + 1.0) ** 2 / (2 * 1.3**2))),
        "socket": np.exp(-((x - 2.9) ** 2 / (2 * 1.7**2) + (y - 2.8) ** 2 / (2 * 0.95**2))),
        "under_eye": np.exp(-((x - 3.0) ** 2 / (2 * 1.2**2) + (y - 1.6) ** 2 / (2 * 0.45**2))),
        "upper_lid": np.exp(-((x - 3.2) ** 2 / (2 * 1.3**2) + (y - 3.6) ** 2 / (2 * 0.5**2))),
        "under_lip": np.exp(-(x**2 / (2 * 1.3**2) + (y + 6.0) ** 2 / (2 * 0.4**2))),
        "inner": 1.0 - np.isin(np.arange(468), FACE_OVAL),
    }
    points = np.column_stack([to_atlas(Tile.FACE, mesh.uv.astype(np.float64)), np.zeros(468)]).astype(np.float32)
    drawn = rasterise(points, mesh.triangles, Box(0, 0, FACE_SIZE, FACE_SIZE))
    spread = interpolate(drawn, mesh.triangles, np.stack(list(fields.values()), axis=1).astype(np.float32))
    blur = {"beard": 4.5}
    return {name: _blurred(spread[..., k], blur.get(name, 2.0)) for k, name in enumerate(fields)}


def _blurred(field: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)


class Brush:
    """Draws lines and areas at four times the size of the face tile, and gives them back as smooth masks."""

    def __init__(self) -> None:
        self._canvas = np.zeros((FACE_SIZE * _DRAW, FACE_SIZE * _DRAW), np.uint8)

    def line(self, points: Vectors, width: float, closed: bool = False) -> Brush:
        """A polyline through ``(K, 2)`` tile pixels, ``width`` tile pixels wide."""
        fixed = np.round(points * _DRAW * 16).astype(np.int32)
        thickness = max(1, round(width * _DRAW))
        cv2.polylines(self._canvas, [fixed], closed, 255, thickness, cv2.LINE_AA, shift=4)
        return self

    def area(self, points: Vectors) -> Brush:
        """A filled polygon of ``(K, 2)`` tile pixels."""
        cv2.fillPoly(self._canvas, [np.round(points * _DRAW * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        return self

    def mask(self, blur: float = 0.0) -> NDArray[np.float32]:
        """``(256, 256, 1)`` float32 in 0..1, blurred by ``blur`` tile pixels."""
        shrunk = cv2.resize(self._canvas, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA)
        small = (shrunk / 255).astype(np.float32)
        return np.asarray((_blurred(small, blur) if blur > 0 else small)[..., None], np.float32)


def smoothed_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    """Noise of unit variance, ``shape`` (rows, columns) float32, smooth over ``sigma`` pixels."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), sigma)
    return np.asarray(noise / max(float(noise.std()), 1e-6), np.float32)


def to_bytes(picture: NDArray[np.floating]) -> Image:
    """Round to uint8."""
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _mix(picture: NDArray[np.float32], colour: Vectors, amount: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(picture + amount * (colour.astype(np.float32) - picture), np.float32)


def face_texture(person: Identity) -> Image:
    """The face tile of a person, eyes left blank; ``(256, 256, 3)`` uint8 RGB."""
    rng = generator(Stream.SKIN, person.seed, person.index, 1)
    region = {name: field[..., None] for name, field in _regions().items()}
    tone = person.tone.astype(np.float32)
    skin = np.ones((FACE_SIZE, FACE_SIZE, 1), np.float32) * tone
    skin = skin * (1 + 0.025 * region["inner"] * smoothed_noise(rng, (FACE_SIZE, FACE_SIZE), 18)[..., None])
    red = np.array([1.03, 0.88, 0.87], np.float32)
    flush = (0.75 * region["cheek"] + 0.65 * region["nose"]) * rng.uniform(0.4, 1.0)
    skin = skin * (1 + flush * (red - 1))
    skin = skin * (1 - region["socket"] * np.array([0.10, 0.14, 0.13], np.float32))
    skin = skin * (1 - region["under_eye"] * (0.03 + 0.08 * person.age) * np.array([0.8, 1.0, 0.8], np.float32))
    skin = skin * (1 - 0.12 * region["under_lip"])
    skin = _makeup(skin, person, region["upper_lid"], rng)
    skin = _lines(skin, person)
    skin = _beard(skin, person, _regions()["beard"], rng)
    skin = _lips(skin, person)
    skin = _brows(skin, person, rng)
    skin = skin + 0.016 * tone * rng.normal(size=(FACE_SIZE, FACE_SIZE, 1)).astype(np.float32)
    return to_bytes(skin)


def _makeup(
    skin: NDArray[np.float32], person: Identity, lid: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    if person.makeup:
        shade = person.tone * np.array([(0.62, 0.5, 0.55), (0.55, 0.5, 0.62), (0.7, 0.52, 0.42)][rng.integers(3)])
        skin = _mix(skin, shade, 0.55 * person.makeup * lid)
    if person.freckles:
        spots = smoothed_noise(rng, (FACE_SIZE, FACE_SIZE), 0.8) > 2.35
        near = _regions()["cheek"] + _regions()["nose"]
        skin = _mix(
            skin,
            person.tone * np.array([0.72, 0.6, 0.5]),
            person.freckles * _blurred(spots.astype(np.float32), 0.7)[..., None] * near[..., None],
        )
    return skin


def _lines(skin: NDArray[np.float32], person: Identity) -> NDArray[np.float32]:
    """Folds of the skin: lids, nose wings, nostrils, nose to mouth, forehead."""
    dark = person.tone * np.array([0.46, 0.36, 0.34])
    lids, wings, nostrils, smile, forehead = Brush(), Brush(), Brush(), Brush(), Brush()
    for ring, wing, hole, fold in zip(_FOLDS, _WINGS, _NOSTRILS, _SMILE_FOLDS, strict=True):
        lids.line(face_px(ring), 1.2)
        wings.line(face_px(wing)[1:], 1.8)
        nostrils.area(face_px(hole)[:4])
        smile.line(face_px(fold), 2.2)
    for level in (0.21, 0.245):
        u = np.linspace(0.36, 0.64, 12)
        forehead.line(to_atlas(Tile.FACE, np.stack([u, level + 0.05 * (u - 0.5) ** 2], 1)), 1.4)
    skin = _mix(skin, dark, 0.42 * lids.mask(0.8))
    skin = _mix(skin, dark, 0.28 * wings.mask(1.3))
    skin = _mix(skin, dark * 0.45, 0.7 * nostrils.mask(0.8))
    skin = _mix(skin, dark, (0.12 + 0.25 * person.age) * smile.mask(2.2))
    return _mix(skin, dark, 0.22 * person.age * forehead.mask(1.3))


def _beard(
    skin: NDArray[np.float32], person: Identity, where: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    if person.beard <= 0:
        return skin
    coarse, fine = (smoothed_noise(rng, (FACE_SIZE, FACE_SIZE), sigma)[..., None] for sigma in (2.5, 0.9))
    edge = np.asarray(smoothstep(where[..., None] + 0.05 * coarse, 0.18, 0.8), np.float32)
    colour = person.hair_colour * 0.85 + person.tone * 0.1
    amount = np.clip(person.beard**0.8 * edge * (0.88 + 0.12 * fine), 0, 0.96)
    return _mix(skin, colour, amount.astype(np.float32))


def _lips(skin: NDArray[np.float32], person: Identity) -> NDArray[np.float32]:
    outer, inner = face_px(LIPS_OUTER), face_px(LIPS_INNER)
    colour = person.lips
    skin = _mix(skin, colour, 0.85 * Brush().area(outer).mask(0.9))
    upper = np.concatenate([outer[10:], outer[:1], inner[:1], inner[:9:-1]])
    skin = _mix(skin, colour * 0.82, 0.5 * Brush().area(upper).mask(0.8))
    lower = (outer[3:8] + inner[3:8]) / 2
    skin = _mix(skin, np.minimum(colour * 1.2 + 12, 255), 0.35 * Brush().line(lower, 1.6).mask(1.2))
    return _mix(skin, colour * 0.38, 0.8 * Brush().line(inner, 1.0, closed=True).mask(0.6))


def _brows(skin: NDArray[np.float32], person: Identity, rng: np.random.Generator) -> NDArray[np.float32]:
    colour = person.hair_colour * 0.7 if person.hair_colour.mean() > 60 else person.hair_colour
    height = 0.62 - 0.22 * person.feminine
    solid, strokes = Brush(), Brush()
    for ring in (RIGHT_EYEBROW, LEFT_EYEBROW):
        points = face_px(ring)
        top, bottom = points[:5], points[5:][::-1]
        low = bottom + (top - bottom) * 0.12
        high = bottom + (top - bottom) * (0.12 + height)
        solid.area(np.concatenate([high, low[::-1]]))
        for _ in range(90):
            at = rng.uniform(0, 3.999)
            k, part = int(at), at - int(at)
            base = low[k] + (low[k + 1] - low[k]) * part
            tip = high[k] + (high[k + 1] - high[k]) * part
            outward = (low[0] - low[4]) / np.linalg.norm(low[0] - low[4])
            root = base + (tip - base) * rng.uniform(-0.05, 0.7)
            strokes.line(np.stack([root, root + (tip - base) * 0.45 + outward * rng.uniform(1.5, 4.0)]), 0.55)
    skin = _mix(skin, colour, 0.62 * person.brows * solid.mask(1.3))
    return _mix(skin, colour * 0.8, 0.85 * person.brows * strokes.mask(0.3))


def hair_tile(person: Identity) -> Image:
    """``(128, 128, 3)`` uint8: strands that run along v."""
    rng = generator(Stream.HAIR, person.seed, person.index, 1)
    if person.hair in ("curly", "buzz"):
        strands = smoothed_noise(rng, (128, 128), 1.3 if person.hair == "buzz" else 2.4)
        strength = 14 if person.hair == "buzz" else 30
    else:
        fine = cv2.GaussianBlur(rng.normal(size=(128, 128)).astype(np.float32), (0, 0), sigmaX=0.8, sigmaY=14)
        broad = cv2.GaussianBlur(rng.normal(size=(128, 128)).astype(np.float32), (0, 0), sigmaX=3.0, sigmaY=30)
        strands, strength = fine / fine.std() + 0.8 * broad / broad.std(), 20
    return to_bytes(np.repeat((176 + strength * strands)[..., None], 3, axis=2))


def skin_tile(person: Identity) -> Image:
    """``(128, 128, 3)`` uint8: plain skin."""
    rng = generator(Stream.SKIN, person.seed, person.index, 2)
    light = 1 + 0.014 * rng.normal(size=(128, 128)).astype(np.float32)
    return to_bytes(person.tone * light[..., None])


def paint_eyes(tile: Image, person: Identity, gaze_x: float, gaze_y: float, blink: float) -> None:
    """Paint both eyes into a face tile.

    Args:
        tile: ``(256, 256, 3)`` uint8 RGB, changed in place.
        person: for the colour of the iris and the lashes.
        gaze_x: -1 image left .. 1 image right.
        gaze_y: -1 up .. 1 down.
        blink: 0 open .. 1 shut; shut lids hide the white.
    """
    for ring in (RIGHT_EYE, LEFT_EYE):
        points = face_px(ring)
        low = np.floor(points.min(0) - 5).astype(int)
        high = np.ceil(points.max(0) + 5).astype(int)
        patch = tile[low[1] : high[1], low[0] : high[0]]
        patch[:] = _eye(patch, points - low, person, np.array([gaze_x, gaze_y]), blink)


def _eye(patch: Image, ring: Vectors, person: Identity, gaze: Vectors, blink: float) -> Image:
    """One eye over a patch of skin; ``ring`` ``(16, 2)`` pixels of the patch, outer corner first, lower lid first."""
    height, width = patch.shape[:2]
    big = cv2.resize(patch, (width * _DRAW, height * _DRAW), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    x = ((np.arange(width * _DRAW)[None] + 0.5) / _DRAW).astype(np.float32)
    y = ((np.arange(height * _DRAW)[:, None] + 0.5) / _DRAW).astype(np.float32)
    mask = np.zeros(big.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(ring * _DRAW * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    open_ = mask.astype(np.float32)[..., None] * np.float32((1 - 0.9 * float(smoothstep(blink, 0.75, 1.0))) / 255)
    big += open_ * (_eyeball(x, y, ring, person, gaze, blink) - big)
    _lashes(big, ring, person)
    return to_bytes(np.asarray(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA), np.float32))


def _eyeball(
    x: NDArray[np.float32], y: NDArray[np.float32], ring: Vectors, person: Identity, gaze: Vectors, blink: float
) -> NDArray[np.float32]:
    """White, iris, pupil and glint at columns ``x`` ``(1, w)`` and rows ``y`` ``(h, 1)``; ``(h, w, 3)`` float32."""
    middle = (ring[0] + ring[8]) / 2
    half = abs(float(ring[8, 0] - ring[0, 0])) / 2
    top, tall = float(ring[:, 1].min()), float(np.ptp(ring[:, 1])) / 2
    white = np.array([236, 228, 222], np.float32) * np.float32(1 - 0.06 * person.dark)
    rim = np.clip(np.abs(x - np.float32(middle[0])) / np.float32(half), 0, 1) ** 3
    ball = white * (1 - np.float32(0.32) * rim + 0 * y)[..., None]
    inner = _spot(x, y, ring[8], 0.14 * half, 0.5 * tall)
    ball += inner * (np.array([196, 128, 120], np.float32) - ball) * np.float32(0.8)
    at = middle + np.array([0.34 * half * gaze[0], 0.05 * tall + 0.62 * tall * gaze[1]])
    # a texture pixel is 14 % taller than wide on the face
    away = ((x - np.float32(at[0])) ** 2 + ((y - np.float32(at[1])) / np.float32(1.14)) ** 2) ** np.float32(0.5)
    distance = away / np.float32(0.47 * half)
    shade = np.interp(distance, (0.0, 0.34, 0.46, 0.8, 0.92, 1.0), (0.03, 0.03, 0.85, 1.25, 0.7, 0.5)).astype(
        np.float32
    )
    edge = np.interp(distance, (0.9, 1.08), (1.0, 0.0)).astype(np.float32)[..., None]
    ball += edge * (person.iris.astype(np.float32) * shade[..., None] + 6 - ball)
    glint = _spot(x, y, at - np.array([0.16, 0.2]) * half, 0.085 * half, 0.095 * half)
    ball += np.float32(210 * (1 - 0.5 * blink)) * glint
    lid_shadow = np.clip(1 - (y - np.float32(top)) / np.float32(1.1 * tall), 0, 1)[..., None]
    return np.asarray(ball * (1 - np.float32(0.5) * lid_shadow), np.float32)


def _spot(x: NDArray[np.float32], y: NDArray[np.float32], at: Vectors, wide: float, high: float) -> NDArray[np.float32]:
    """``(h, w, 1)`` a Gaussian spot."""
    column = np.exp(-(((x - np.float32(at[0])) / np.float32(wide)) ** 2))
    row = np.exp(-(((y - np.float32(at[1])) / np.float32(high)) ** 2))
    return np.asarray(row * column, np.float32)[..., None]


def _lashes(big: NDArray[np.float32], ring: Vectors, person: Identity) -> None:
    """Dark upper lash line, fainter lower one, in place."""
    upper = np.concatenate([ring[:1], ring[:8:-1], ring[8:9]])
    away = (ring[0] - ring[8]) / np.linalg.norm(ring[0] - ring[8])
    wing = ring[0] + away * (1.2 + 1.6 * person.feminine) - np.array([0, 0.7 * person.feminine])
    lines = (
        (np.concatenate([wing[None], upper]), 1.5 + 0.7 * person.feminine, 0.85),
        (ring[:9], 0.8, 0.35 + 0.15 * person.feminine),
    )
    for points, width, strength in lines:
        drawn = np.zeros(big.shape[:2], np.uint8)
        fixed = [np.round(points * _DRAW * 16).astype(np.int32)]
        cv2.polylines(drawn, fixed, False, 255, round(width * _DRAW), cv2.LINE_AA, shift=4)
        soft = cv2.GaussianBlur(drawn, (0, 0), 0.35 * _DRAW).astype(np.float32)[..., None]
        big += soft * np.float32(strength / 255) * (np.array([26, 18, 16], np.float32) - big)


@lru_cache(maxsize=16)
def person_atlas(seed: int, index: int) -> Image:
    """``(448, 512, 3)`` uint8 RGB with a person's tiles painted in; kept per person, copy before changing."""
    person = identity(seed, index)
    atlas = np.full((ATLAS_HEIGHT, ATLAS_WIDTH, 3), 255, np.uint8)
    put(atlas, Tile.FACE, face_texture(person))
    put(atlas, Tile.HAIR, hair_tile(person))
    put(atlas, Tile.SKIN, skin_tile(person))
    put(atlas, Tile.MOUTH, _teeth())
    put(atlas, Tile.MASK, _pleats())
    atlas.flags.writeable = False
    return atlas


def _teeth() -> Image:
    gap = np.abs(np.linspace(-4, 4, 32) % 1 - 0.5)
    light = 240 - 70 * np.exp(-((gap / 0.07) ** 2))
    return to_bytes(np.repeat(np.repeat(light[None, :, None], 32, 0), 3, 2))


def _pleats() -> Image:
    v = np.linspace(0, 1, 128)
    light = 232 + 12 * np.cos(v * 2 * np.pi * 10) * 0.4
    for fold in (0.3, 0.5, 0.7):
        light -= 55 * np.exp(-(((v - fold) / 0.018) ** 2)) - 14 * np.exp(-(((v - fold - 0.05) / 0.02) ** 2))
    light[(v < 0.05) | (v > 0.96)] = 250
    return to_bytes(np.repeat(np.repeat(light[:, None, None], 128, 1), 3, 2))
