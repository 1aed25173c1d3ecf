"""Drawing a mask into a frame: what is drawn by lot, and the pure function that applies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numba
import numpy as np

from fsa_data import mesh
from fsa_data.datasets.face_mask.cloth import Cloth, normals, put_on
from fsa_data.datasets.face_mask.head import Head, read_head, wrap
from fsa_data.datasets.face_mask.light import SHOULDER, Light, read_light, relative_light, to_linear, to_srgb
from fsa_data.datasets.face_mask.shapes import spread_out
from fsa_data.engines.drawing import Canvas, read_canvas
from fsa_data.engines.surface import surface
from fsa_data.types import Box, Face, Floats, Image, Json

_OVERHEAD = 0.22  # light from above that every scene has and a face's slow colours do not show
_FORM = 0.22  # cloth darkens where it turns away, more than the skin's smoothed colours show
_BEHIND_CM = 0.25  # the face is drawn this much deeper, so that cloth lying on it is not hidden by it
_SHADOW = 0.45  # darkest contact shadow, as a share of the light


@dataclass(frozen=True, slots=True)
class Worn:
    """A mask on a face, as a rectangle of new pixels.

    Attributes:
        box: where it lies in the frame.
        patch: ``(box.h, box.w, 3)`` uint8 RGB, complete pixels.
        alpha: ``(box.h, box.w)`` float32 in 0..1, the mask and its loops; where it is 0 only a contact shadow may lie.
        touched: ``(box.h, box.w)`` bool, mask, loops and shadow; everything else is the frame's own pixels.
    """

    box: Box
    patch: Image
    alpha: Floats
    touched: Any


def wear(frame: Image, face: Face, params: Json) -> Worn | None:
    """Put a mask on a face.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        face: in pixels of the frame, at least partly inside.
        params: of the mask.

    Returns:
        The new pixels; None when no part of the mask lies in the frame.
    """
    canvas = read_canvas(frame, face)
    head = read_head(canvas.points_px)
    ratio = relative_light(canvas.base, canvas.tone)
    turned = np.asarray(head.face_cm @ head.rotation.T, np.float32)
    facing = normals(turned, surface().triangles)
    weight = np.asarray(surface().skin * np.clip(facing[:, 2], 0, 1), np.float32)
    light = read_light(frame, canvas.tone, ratio, weight, facing)
    local = np.clip(ratio / light.on(facing), 0.6, 1.6)
    skin = wrap(head, local[:, None])
    cloth = put_on(head, skin, params)
    shade = _shade(cloth, head, light, skin.at(cloth.turn[None], cloth.points_cm[None, :, 1])[0, :, 2])
    points = head.to_px(cloth.points_cm)
    margin = 0.04 * canvas.size_px + 2
    low, high = points[:, :2].min(axis=0) - margin, points[:, :2].max(axis=0) + margin
    box = Box.around(np.stack([low, high])).clipped(*frame.shape[:2])
    if not box.area:
        return None
    colour, alpha = _render(canvas, head, cloth, points, shade, light, box, params)
    return _composed(frame, canvas, box, colour, alpha, params)


def _shade(cloth: Cloth, head: Head, light: Light, local: Floats) -> Floats:
    """Light on each vertex of the cloth, ``(N,)`` float32."""
    turned = np.asarray(cloth.normals @ head.rotation.T, np.float32)
    above = 1 + _OVERHEAD * turned[:, 1] - _FORM * (1 - turned[:, 2])
    hollow = 1 - 0.45 * cloth.depth
    return np.asarray(light.on(turned) * local * above * hollow, np.float32)


def _render(
    canvas: Canvas, head: Head, cloth: Cloth, points: Floats, shade: Floats, light: Light, box: Box, params: Json
) -> tuple[Floats, Floats]:
    """Linear colour times coverage ``(h, w, 3)``, and coverage ``(h, w)``."""
    fine = 4 if canvas.size_px < 120 else 3 if canvas.size_px < 260 else 2
    face = canvas.points_px.copy()
    face[:, 2] += _BEHIND_CM * head.px_per_cm
    everything = np.concatenate([face, points]) * np.float32(fine)
    inner = surface().triangles
    triangles = np.concatenate([inner, cloth.triangles + len(face)]).astype(np.int32)
    fragments = mesh.rasterise(
        everything, triangles, Box(fine * box.x, fine * box.y, fine * box.w, fine * box.h), cull="back"
    )
    columns = np.column_stack([cloth.uv, shade, cloth.loop])
    values = mesh.interpolate(
        fragments, triangles, np.concatenate([np.zeros((len(face), 4), np.float32), columns]).astype(np.float32)
    )
    colour = np.zeros((box.h, box.w, 3), np.float32)
    alpha = np.zeros((box.h, box.w), np.float32)
    string = to_linear(np.array(params["loops"], np.float32))
    white = np.asarray(light.colour * float(params["exposure"]), np.float32)
    _gather(fragments.triangle, len(inner), values, spread_out(params), string, white, fine, colour, alpha)
    return colour, alpha


@numba.njit(cache=True, nogil=True)
def _gather(triangle, first, values, flat, string, white, fine, colour, alpha):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Colour each fine pixel of the mask and average them; ``values`` are u, v, light, loop."""
    rows, columns = flat.shape[:2]
    share = np.float32(1 / (fine * fine))
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            if triangle[row, column] < first:
                continue
            u, v, light, loop = values[row, column]
            x = min(max((u + 1) / 2 * columns - np.float32(0.5), np.float32(0)), np.float32(columns - 1.001))
            y = min(max(v * rows - np.float32(0.5), np.float32(0)), np.float32(rows - 1.001))
            x0, y0 = int(x), int(y)
            fx, fy = x - x0, y - y0
            to = (row // fine, column // fine)
            for k in range(3):
                upper = flat[y0, x0, k] * (1 - fx) + flat[y0, x0 + 1, k] * fx
                lower = flat[y0 + 1, x0, k] * (1 - fx) + flat[y0 + 1, x0 + 1, k] * fx
                shown = string[k] if loop > 0.5 else upper * (1 - fy) + lower * fy
                lit = shown * light * white[k]
                if lit > SHOULDER:  # compressed before averaging, else edges of bright cloth turn jagged
                    lit = SHOULDER + (1 - SHOULDER) * (1 - np.exp(-(lit - SHOULDER) / (1 - SHOULDER)))
                colour[to[0], to[1], k] += np.float32(lit) * share
            alpha[to[0], to[1]] += share


def _composed(frame: Image, canvas: Canvas, box: Box, colour: Floats, alpha: Floats, params: Json) -> Worn:
    own = np.ascontiguousarray(frame[box.slices])
    shadow = _contact(canvas, box, alpha)
    solid = np.maximum(alpha, 1e-6)[..., None]
    drawn = to_srgb(np.asarray(colour / solid, np.float32))
    under = own * (1 - shadow[..., None])
    mixed = under + alpha[..., None] * (drawn - under)
    touched = (alpha > 0) | (shadow > 0)
    patch = np.where(touched[..., None], np.clip(mixed + 0.5, 0, 255), own).astype(np.uint8)
    return Worn(box, patch, alpha, touched)


def _contact(canvas: Canvas, box: Box, alpha: Floats) -> Floats:
    """Soft shadow on the face just beside the mask, ``(h, w)`` float32 in 0..1."""
    sigma = max(0.8, 0.018 * canvas.size_px)
    near = cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    near = np.clip((near - 0.04) / 0.96, 0, 1)
    face = mesh.rasterise(canvas.points_px, surface().triangles, box, cull="back").triangle >= 0
    inside = cv2.GaussianBlur(face.astype(np.float32), (0, 0), 0.7)
    return np.asarray(_SHADOW * near * inside * face * (1 - alpha), np.float32)


COLOURS = {
    "light_blue": (150, 190, 214),
    "white": (236, 237, 236),
    "pale_green": (172, 207, 184),
    "black": (34, 34, 37),
    "grey": (128, 131, 136),
    "pink": (228, 172, 184),
    "navy": (44, 54, 84),
}
"""Colours of cloth by name, sRGB."""

PATTERNS = ("plain", "dots", "stripes", "checks", "print")

_USUAL = {"pleated": (5, 2, 1, 2, 0.5, 0.7, 0.3)}
_USUAL |= {"cloth": (1, 2, 1, 3, 2, 1.5, 2)}
_USUAL |= dict.fromkeys(("folded", "boat"), (0.5, 5, 0.3, 2.5, 1, 0.7, 0.3))
_USUAL |= {"cup": (0.3, 6, 0.3, 0.7, 0.5, 0.3, 0.2)}


def draw_params(seed: int, shapes: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    """Draw one mask.

    Args:
        seed: of the draw.
        shapes: kinds to choose from.
        colours: colours to choose from, keys of :data:`COLOURS` or ``patterned``.

    Returns:
        Plain JSON values: everything that decides how the mask looks.
    """
    rng = np.random.default_rng(seed)
    shape = str(rng.choice(list(shapes)))
    chance = np.array([dict(zip(COLOURS, _USUAL[shape], strict=True)).get(name, 2.0) for name in colours])
    name = str(rng.choice(list(colours), p=chance / chance.sum()))
    kind = "plain"
    if name == "patterned":
        kind, name = str(rng.choice(PATTERNS[1:])), str(rng.choice(list(COLOURS)))
    colour = _near(rng, COLOURS[name])
    others = [other for other in COLOURS if other != name]
    dark = sum(colour) < 3 * 80
    loops = (_near(rng, COLOURS["white"]), colour)[int(dark or (shape == "cloth" and rng.random() < 0.7))]
    return {
        "shape": shape,
        "colour": colour,
        "pattern": kind,
        "second": _near(rng, COLOURS[str(rng.choice(others))]),
        "scale": round(float(rng.uniform(0.7, 1.8)), 3),
        "loops": loops,
        "lift": round(float(rng.uniform(-0.55, 0.25)), 3),
        "tilt": round(float(rng.normal(0, 0.12)), 3),
        "bulge": round(float(rng.uniform(0.75, 1.2)), 3),
        "folds": [round(float(f + rng.uniform(-0.015, 0.015)), 3) for f in (0.30, 0.47, 0.64)],
        "exposure": round(float(rng.uniform(0.85, 1.1)), 3),
        "seed": int(rng.integers(1 << 31)),
    }


def _near(rng: np.random.Generator, colour: tuple[int, int, int]) -> list[int]:
    """The colour of another maker: a little lighter or darker, a little off."""
    shift = rng.normal(0, 6) + rng.normal(0, 2, 3)
    return [int(c) for c in np.clip(np.array(colour) + shift, 12, 245).round()]
