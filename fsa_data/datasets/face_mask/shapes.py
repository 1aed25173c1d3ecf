"""Kinds of face masks: where their edges run, how their cloth is folded, what it looks like spread out flat.

Places on the cloth are ``u`` in -1..1, from the right ear to the left one (left to right in the image), and ``v`` in
0..1 from the upper edge to the lower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.types import Floats, Json

Numbers = NDArray[np.floating[Any]]

FLAT = (224, 320)
"""Rows and columns of the cloth spread out flat; about 18 pixels per centimetre."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Edges on the canonical face (heights in cm, 0 is the middle of the face, the chin at -9.4) and form.

    Attributes:
        turn: direction of the side edges, radians about the head's axis.
        top: height of the upper edge over the nose.
        top_side: the same at the side edges.
        top_bend: exponent of the upper edge: 1 is straight, more stays high longer.
        bottom: height of the lower edge under the chin.
        bottom_side: the same at the side edges.
        bottom_bend: exponent of the lower edge.
        curl: how far the lower edge bends in under the chin, cm.
        gap: distance from the skin, cm.
        dome: how far the middle stands off further, cm.
        keel: 0 for a round dome, 1 for one with a sharp ridge from nose to chin.
    """

    turn: float
    top: float
    top_side: float
    top_bend: float
    bottom: float
    bottom_side: float
    bottom_bend: float
    curl: float
    gap: float
    dome: float
    keel: float


SHAPES = {
    "pleated": Shape(1.13, 1.55, -0.75, 1.35, -10.2, -5.9, 3.0, 1.3, 0.12, 0.25, 0.0),
    "cloth": Shape(1.16, 1.75, -1.2, 1.15, -10.3, -5.6, 2.8, 1.5, 0.10, 0.25, 0.35),
    "folded": Shape(1.12, 1.9, -1.9, 1.25, -10.3, -5.7, 2.6, 1.5, 0.12, 1.15, 0.9),
    "boat": Shape(1.12, 1.7, -1.5, 1.3, -10.3, -5.7, 2.8, 1.5, 0.12, 0.9, 0.15),
    "cup": Shape(1.02, 1.75, -2.4, 1.5, -10.2, -5.6, 2.4, 0.9, 0.10, 1.1, 0.0),
}
"""Every kind by name: surgical with pleats, sewn cloth, folded flat (FFP2, KN95), with a middle panel (KF94), dome."""


def smooth(values: Numbers, low: float, high: float) -> Floats:
    """Smoothstep: 0 up to ``low``, 1 from ``high``."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def relief(name: str, u: Floats, v: Floats, params: Json) -> Floats:
    """How far the cloth stands off beyond its gap, cm, at ``(n, m)`` places."""
    shape = SHAPES[name]
    across = np.clip(1 - np.abs(u), 0, 1)
    round_, ridge = np.square(np.sin(across * np.pi / 2)), across**1.15
    along = np.maximum(np.sin(v * np.pi), 0) ** 0.8
    if name == "boat":
        along = smooth(v, 0.0, 0.34) * (1 - smooth(v, 0.62, 1.0))
    out = shape.dome * float(params["bulge"]) * along * (round_ + shape.keel * (ridge - round_))
    if name == "pleated":
        open_ = smooth(across, 0.0, 0.35)
        for fold in params["folds"]:
            under = np.clip((v - fold) / 0.16, -1, 1)
            # the cloth above hangs over the fold: it rises slowly and steps back at once
            out += 0.16 * open_ * np.where(under < 0, np.clip(1 + under, 0, 1) ** 1.5, -0.25 * (1 - under) ** 2)
    if name == "cloth":
        out += 0.12 * np.exp(-np.abs(u) / 0.05) * along
    return np.asarray(out + wrinkles(u, v, int(params["seed"])) * _LIMP[name], np.float32)


_LIMP = {"pleated": 0.7, "cloth": 1.0, "folded": 0.35, "boat": 0.4, "cup": 0.12}


def wrinkles(u: Floats, v: Floats, seed: int) -> Floats:
    """Soft creases that run from the corners inwards, cm."""
    rng = np.random.default_rng(seed)
    out = np.zeros_like(u)
    for side in (-1, 1):
        for _ in range(5):
            corner = np.array([side * 1.0, rng.choice([0.03, 0.97])])
            aim = np.array([side * rng.uniform(-0.1, 0.5), rng.uniform(0.25, 0.75)]) - corner
            length = float(np.hypot(*aim))
            aim /= length
            along = (u - corner[0]) * aim[0] + (v - corner[1]) * aim[1]
            beside = -(u - corner[0]) * aim[1] + (v - corner[1]) * aim[0]
            wide = rng.uniform(0.03, 0.06) * (0.4 + np.clip(along / length, 0, 1.5))
            fade = smooth(along, 0.0, 0.15) * (1 - smooth(along, 0.5 * length, 1.1 * length))
            out += rng.uniform(-0.22, 0.22) * np.exp(-np.square(beside / wide)) * fade
    return np.asarray(out, np.float32)


def spread_out(params: Json) -> Floats:
    """The cloth lying flat in even light.

    Args:
        params: of one mask (see :func:`fsa_data.datasets.face_mask.draw.draw_params`).

    Returns:
        ``(*FLAT, 3)`` float32, linear light reflected, 0..1.
    """
    places = [np.asarray((np.arange(n) + 0.5) / n, np.float32) for n in FLAT]
    v = np.repeat(places[0][:, None], FLAT[1], axis=1)
    u = np.repeat(2 * places[1][None] - 1, FLAT[0], axis=0)
    seams = _SEAMS[str(params["shape"])](u, v, params)
    return np.asarray(pattern(params, u, v) * seams[..., None], np.float32)


def pattern(params: Json, u: Floats, v: Floats) -> Floats:
    """Colour of the cloth before light and seams, ``(h, w, 3)`` float32, linear."""
    from fsa_data.datasets.face_mask.light import to_linear

    first, second = (to_linear(np.array(params[key], np.float32)) for key in ("colour", "second"))
    share = np.zeros_like(u)
    x, y, size = 9.0 * u, 12.0 * v, float(params["scale_cm"])
    kind = str(params["pattern"])
    if kind == "dots":
        row = np.floor(y / size)
        cell = np.stack([(x / size + 0.5 * (row % 2)) % 1 - 0.5, (y / size) % 1 - 0.5])
        share = 1 - smooth(np.hypot(*cell), 0.22, 0.30)
    elif kind == "stripes":
        share = smooth(np.abs((x / size) % 1 - 0.5), 0.2, 0.3)
    elif kind == "checks":
        across, down = (smooth(np.abs((axis / size) % 1 - 0.5), 0.22, 0.28) for axis in (x, y))
        share = np.asarray((across + down) / 2, np.float32)
    elif kind == "print":
        rng = np.random.default_rng(int(params["seed"]))
        noise = np.asarray(cv2.GaussianBlur(rng.standard_normal(u.shape), (0, 0), 6 * size), np.float32)
        share = smooth(noise / noise.std(), 0.35, 0.7)
    return np.asarray(first + np.asarray(share, np.float32)[..., None] * (second - first), np.float32)


def _line(place: Numbers, wide: float) -> Floats:
    return np.asarray(np.exp(-np.square(place / wide)), np.float32)


def _border(u: Floats, v: Floats, inset: float) -> Floats:
    """Distance from a line that runs inside the edge at this distance (v units)."""
    inner = np.minimum(np.minimum(v, 1 - v), (1 - np.abs(u)) * 0.75)
    return np.asarray(inner - inset, np.float32)


def _pleated(u: Floats, v: Floats, params: Json) -> Floats:
    light: Numbers = np.ones_like(u)
    open_ = 1 - 0.55 * smooth(np.abs(u), 0.75, 0.98)
    for fold in params["folds"]:
        below = v - fold
        light -= 0.34 * _line(below, 0.007) * open_
        light -= 0.20 * np.where(below > 0, np.exp(-np.clip(below, 0, 1) / 0.028), 0) * open_
        light += 0.05 * _line(below + 0.018, 0.012)
    for edge in (0.012, 0.068, 0.985, 0.955):
        light -= 0.09 * _line(v - edge, 0.0035)
    light += 0.04 * ((v < 0.068) | (v > 0.955)).astype(np.float32)
    dashes = 0.5 + 0.5 * np.sign(np.sin(v * 260))
    return np.asarray(light - 0.10 * _line(np.abs(u) - 0.955, 0.008) * dashes, np.float32)


def _cloth(u: Floats, v: Floats, params: Json) -> Floats:
    dash = 0.5 + 0.5 * np.sign(np.sin(u * 150)) * np.sign(np.sin(v * 190))
    light = 1 - 0.28 * _line(u, 0.006) - 0.10 * _line(u, 0.03)
    light += 0.05 * _line(np.abs(u) - 0.035, 0.02)
    light -= 0.16 * _line(_border(u, v, 0.035), 0.0045) * dash
    weave = np.random.default_rng(int(params["seed"]) + 1).standard_normal(u.shape).astype(np.float32)
    return np.asarray(light + 0.025 * weave, np.float32)


def _folded(u: Floats, v: Floats, params: Json) -> Floats:
    light = 1 - 0.22 * _line(np.abs(u) - 0.012, 0.006) + 0.08 * _line(u, 0.008)
    for inset in (0.022, 0.05):
        light -= 0.11 * _line(_border(u, v, inset), 0.004)
    clip = (np.abs(v - 0.075 - 0.05 * np.abs(u)) < 0.016) & (np.abs(u) < 0.24)
    return np.asarray(light - 0.07 * cv2.GaussianBlur(clip.astype(np.float32), (0, 0), 1.0), np.float32)


def _boat(u: Floats, v: Floats, params: Json) -> Floats:
    light: Numbers = np.ones_like(u)
    for seam in (0.34 + 0.06 * np.square(u), 0.66 - 0.05 * np.square(u)):
        light -= 0.22 * _line(v - seam, 0.006) + 0.08 * _line(v - seam - 0.015, 0.02)
        light += 0.05 * _line(v - seam + 0.016, 0.008)
    return np.asarray(light - 0.10 * _line(_border(u, v, 0.025), 0.004), np.float32)


def _cup(u: Floats, v: Floats, params: Json) -> Floats:
    light = 1 - 0.14 * _line(_border(u, v, 0.06), 0.008) - 0.06 * _line(_border(u, v, 0.03), 0.02)
    dimples = np.sin(u * 110 * 0.75) * np.sin(v * 110)
    light += 0.015 * dimples * (_border(u, v, 0.08) > 0)
    return np.asarray(light - 0.07 * _line(v - 0.62 + 0.03 * np.square(u), 0.006), np.float32)


_SEAMS = {"pleated": _pleated, "cloth": _cloth, "folded": _folded, "boat": _boat, "cup": _cup}
