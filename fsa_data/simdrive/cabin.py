"""The car around one driver: light, clothes, seat, windows and what passes behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.simdrive.atlas import Tile, put
from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.simdrive.shapes import Vectors, normalised
from fsa_data.simdrive.texture import smoothed_noise, to_bytes
from fsa_data.types import Image

FRAME_WIDTH, FRAME_HEIGHT = 384, 288
SUPERSAMPLE = 1.5
_WIDTH, _HEIGHT = 288, 216  # the cabin behind the driver is out of focus: three quarters of a frame are enough
_SCENE_WIDTH = 768


@dataclass(frozen=True, slots=True)
class Light:
    """How a scene is lit.

    Attributes:
        key: ``(3,)`` unit vector towards the main light.
        key_colour: ``(3,)`` its strength per channel.
        fill: ``(3,)`` unit vector towards the weaker light.
        fill_colour: ``(3,)`` its strength per channel.
        sky: ``(3,)`` ambient light from above.
        ground: ``(3,)`` ambient light from below.
    """

    key: Vectors
    key_colour: Vectors
    fill: Vectors
    fill_colour: Vectors
    sky: Vectors
    ground: Vectors


@dataclass(frozen=True, slots=True)
class Cabin:
    """What does not change during one subject's drive.

    Attributes:
        light: of the scene.
        exposure: of the camera, about 1.
        short_sleeves: whether the forearms are bare.
        collar_cm: thickness of the collar.
        seat_tint: ``(3,)`` 0..1.
        prop_tints: ``(3, 3)`` 0..1, phone, bottle, cup.
        mask_tint: ``(3,)`` 0..1.
        inside: ``(216, 288, 3)`` float32, painted interior.
        window: ``(216, 288, 1)`` float32 in 0..1, where the outside shows.
        outside: ``(216, 768, 3)`` float32, scenery to shift past the windows.
        tiles: pictures for the atlas.
    """

    light: Light
    exposure: float
    short_sleeves: bool
    collar_cm: float
    seat_tint: Vectors
    prop_tints: Vectors
    mask_tint: Vectors
    inside: NDArray[np.float32]
    window: NDArray[np.float32]
    outside: NDArray[np.float32]
    tiles: dict[Tile, Image]


@lru_cache(maxsize=16)
def cabin(seed: int, index: int) -> Cabin:
    """The cabin of subject ``index`` of a seed, kept per subject."""
    rng = generator(Stream.CABIN, seed, index)
    warm = np.array([1.0, 1.0, 1.0]) + rng.uniform(-0.05, 0.05) * np.array([1.0, 0.1, -1.1])
    # light comes through the windscreen from one side, as often left as right over the subjects
    side = 1.0 if (index + seed) % 2 else -1.0
    key = normalised([side * rng.uniform(0.35, 1.0), rng.uniform(0.45, 0.9), rng.uniform(0.6, 1.0)])
    fill = normalised([-side * rng.uniform(0.6, 1.0), 0.1, 0.7])
    ambient = rng.uniform(0.44, 0.58)
    strength = rng.uniform(0.5, 0.68)
    light = Light(
        key,
        strength * warm * np.array([1.03, 1.0, 0.96]),
        fill,
        rng.uniform(0.1, 0.22) * warm * np.array([0.96, 1.0, 1.06]),
        ambient * warm * np.array([0.98, 1.0, 1.04]),
        0.62 * ambient * warm * np.array([1.05, 1.0, 0.94]),
    )
    trim = _muted(rng, 0.07, rng.uniform(0.16, 0.55))
    inside, window = _interior(trim, rng)
    outside = _scenery(rng)
    return Cabin(
        light=light,
        exposure=float(rng.uniform(0.92, 1.08)),
        short_sleeves=bool(rng.random() < 0.35),
        collar_cm=float(rng.choice([0.7, 0.95, 1.5])),
        seat_tint=_muted(rng, 0.1, rng.uniform(0.2, 0.55)),
        prop_tints=np.stack([_muted(rng, 0.18, v) for v in (rng.uniform(0.1, 0.3), 0.6, 0.7)]),
        mask_tint=np.array(
            [(0.62, 0.80, 0.93), (0.95, 0.95, 0.94), (0.13, 0.13, 0.15), (0.93, 0.78, 0.82)][
                rng.choice(4, p=[0.5, 0.25, 0.15, 0.1])
            ]
        ),
        inside=inside,
        window=window,
        outside=outside,
        tiles={
            Tile.CLOTH: _cloth(rng),
            Tile.SEAT: _fabric(rng),
            Tile.LABEL: _label(rng),
            Tile.CUP: _label(rng),
            Tile.SCREEN: _screen(),
        },
    )


def _muted(rng: np.random.Generator, saturation: float, value: float) -> Vectors:
    """A colour of this brightness, 0..1, that strays from grey by ``saturation``."""
    hue = rng.uniform(0, 2 * np.pi)
    shift = saturation * np.cos(hue - np.array([0.0, 2.0944, 4.1888]))
    colour: Vectors = np.clip(value * (1 + shift), 0.04, 0.95)
    return colour


def _cloth(rng: np.random.Generator) -> Image:
    base = 255 * _muted(rng, 0.24, rng.uniform(0.14, 0.72))
    other = 255 * _muted(rng, 0.24, rng.uniform(0.2, 0.8))
    v, u = np.mgrid[0:128, 0:128] / 128.0
    kind = int(rng.integers(5))
    stripe = (np.sin(2 * np.pi * v * 26) > 0.35).astype(np.float64)
    across = (np.sin(2 * np.pi * u * 14) > 0.3).astype(np.float64)
    pattern = {0: 0 * v, 1: stripe, 2: 0.5 * stripe + 0.5 * across, 3: (v > 0.52) * 1.0, 4: 0 * v}[kind]
    picture = base + (0.55 if kind != 3 else 1.0) * pattern[..., None] * (other - base)
    folds = 1 + 0.05 * smoothed_noise(rng, (128, 128), 8) + 0.02 * smoothed_noise(rng, (128, 128), 1.2)
    return to_bytes(picture * folds[..., None])


def _fabric(rng: np.random.Generator) -> Image:
    light = 222 + 9 * smoothed_noise(rng, (128, 128), 1.0) + 8 * smoothed_noise(rng, (128, 128), 12)
    for at in (40, 88):
        light[:, at - 1 : at + 1] *= 0.72
    return to_bytes(np.repeat(light[..., None], 3, 2))


def _label(rng: np.random.Generator) -> Image:
    ground, ink = 255 * _muted(rng, 0.3, 0.62), 255 * _muted(rng, 0.4, 0.3)
    picture = np.ones((64, 64, 1)) * ground
    picture[22:42] = ink
    picture[29:35, 16:48] = 235
    return to_bytes(picture)


def _screen() -> Image:
    picture = np.full((64, 64, 3), 36, np.uint8)
    picture[8:56, 12:52] = (120, 150, 190)
    picture[14:20, 16:48] = 235
    picture[26:32, 16:40] = 235
    return picture


def _scenery(rng: np.random.Generator) -> NDArray[np.float32]:
    """Sky, a far row of trees or houses, and road, blurred as a near focus blurs it."""
    height, width = _HEIGHT, _SCENE_WIDTH
    row = np.linspace(0, 1, height)[:, None, None]
    sky = np.array([198, 214, 232]) * rng.uniform(0.85, 1.1) * (1 - 0.1 * row) + 0 * row
    picture = np.repeat(sky, width, axis=1)
    horizon = rng.uniform(0.40, 0.48)
    line = horizon - 0.05 - 0.05 * np.abs(smoothed_noise(rng, (32, width), 11)[16])
    far = np.array([(96, 112, 80), (128, 122, 114), (108, 104, 100)][rng.integers(3)]) * rng.uniform(0.8, 1.2)
    near = np.array([122, 122, 120]) * rng.uniform(0.8, 1.1)
    rows = row[..., 0]
    picture = np.where(
        (rows > line)[..., None], far * (1 + 0.12 * smoothed_noise(rng, (height, width), 4.5)[..., None]), picture
    )
    picture = np.where((rows > horizon + 0.06)[..., None], near, picture)
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2), np.float32)


Outline = list[tuple[float, float]]
"""Corners of an area of the frame, x and y as shares of its width and height."""

_ROOF: Outline = [(0, 0), (1, 0), (1, 0.10), (0.80, 0.14), (0.28, 0.16), (0, 0.11)]
_BENCH: Outline = [(0.20, 0.47), (0.80, 0.46), (0.86, 0.62), (0.14, 0.64)]
_BENCH_RESTS: tuple[Outline, ...] = (
    [(0.24, 0.38), (0.36, 0.38), (0.37, 0.48), (0.23, 0.48)],
    [(0.64, 0.38), (0.76, 0.38), (0.77, 0.48), (0.63, 0.48)],
)
_NEIGHBOUR: Outline = [(-0.02, 0.55), (0.16, 0.53), (0.21, 0.64), (0.24, 1.0), (-0.02, 1.0)]
_NEIGHBOUR_REST: Outline = [(0.015, 0.40), (0.12, 0.395), (0.135, 0.52), (0.01, 0.53)]
_PILLAR: Outline = [(0.745, 0.13), (0.80, 0.14), (0.825, 0.6), (0.86, 1.0), (0.80, 1.0), (0.765, 0.6)]
_DOOR: Outline = [(0.86, 0.60), (1.0, 0.60), (1.0, 1.0), (0.90, 1.0)]


def _panes(rng: np.random.Generator) -> tuple[Outline, ...]:
    """Side window behind the passenger, rear window, driver's window; no two cars have quite the same."""
    a, b, c, d, e, f = (float(v) for v in rng.uniform(-0.012, 0.012, 6))
    return (
        [(0.0, 0.13), (0.13, 0.17 + a), (0.17, 0.44 + b), (0.0, 0.50)],
        [(0.28, 0.21 + c), (0.70, 0.20 + c), (0.735, 0.41 + d), (0.25, 0.42 + d)],
        [(0.80, 0.17 + e), (1.0, 0.11), (1.0, 0.56), (0.815, 0.47 + f)],
    )


def _interior(trim: Vectors, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The inside of the car behind the driver, seen from the dashboard, and where its windows are."""
    row = np.linspace(0, 1, _HEIGHT, dtype=np.float32)[:, None, None]
    shade = 255 * trim.astype(np.float32)
    picture = np.repeat(shade * (0.75 - 0.35 * row), _WIDTH, axis=1)
    _fill(picture, _ROOF, 255 * np.clip(trim * 0.4 + 0.42, 0, 0.9), 1.5)
    window = np.zeros((_HEIGHT, _WIDTH, 1), np.float32)
    for pane in _panes(rng):
        corners = np.array(pane)
        frame = corners + (corners - corners.mean(axis=0)) * [0.09, 0.12]
        _fill(picture, [(float(x), float(y)) for x, y in frame], shade * 0.45, 1.0)
        _fill(window, pane, np.ones(1), 1.0)
    _fill(picture, _BENCH, shade * 0.55, 2.0)
    _fill(picture, _NEIGHBOUR, shade * 0.7, 2.0)
    for rest, dark in (*((rest, 0.5) for rest in _BENCH_RESTS), (_NEIGHBOUR_REST, 0.62)):
        _fill(picture, rest, shade * dark, 2.0)
        _fill(window, rest, np.zeros(1), 2.0)
    _fill(picture, _PILLAR, shade * 0.6 + 14, 1.5)
    _fill(picture, _DOOR, shade * 0.75, 2.0)
    picture *= 1 + 0.012 * smoothed_noise(rng, (_HEIGHT, _WIDTH), 7)[..., None]
    return picture, window


def _fill(picture: NDArray[np.float32], outline: Outline, colour: NDArray[np.floating], blur: float) -> None:
    """Fill an outline with a soft edge, in place; ``blur`` in pixels of the picture."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(outline) * [width, height]).astype(np.int32)], 255, cv2.LINE_AA)
    amount = cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32)[..., None] / 255
    picture += amount * (colour.astype(np.float32) - picture)


def backdrop(car: Cabin, shift_px: int) -> NDArray[np.float32]:
    """``(432, 576, 3)`` float32: the interior with the scenery, shifted by some of its pixels, in its windows."""
    start = shift_px % (_SCENE_WIDTH - _WIDTH)
    view = car.outside[:, start : start + _WIDTH]
    both = car.inside + car.window * (view - car.inside)
    size = (int(FRAME_WIDTH * SUPERSAMPLE), int(FRAME_HEIGHT * SUPERSAMPLE))
    return np.asarray(cv2.resize(both, size, interpolation=cv2.INTER_LINEAR), np.float32)


def paint_tiles(atlas: Image, car: Cabin) -> None:
    """Write the cabin's tiles into an atlas, in place."""
    for tile, picture in car.tiles.items():
        put(atlas, tile, picture)
