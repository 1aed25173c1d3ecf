"""Drawing a mask into a frame: a pure function of the frame, the face in it, and what was drawn about the mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.datasets.face_mask.camera import dark_lines, grain, not_skin, read_camera
from fsa_data.datasets.face_mask.cloth import LOOP_RING, LOOPS, Cloth, normals, put_on
from fsa_data.datasets.face_mask.head import Head, read_head, wrap
from fsa_data.datasets.face_mask.light import SHOULDER, Light, read_light, relative_light, to_linear, to_srgb
from fsa_data.datasets.face_mask.shapes import spread_out
from fsa_data.engines.drawing import Canvas, read_canvas
from fsa_data.merge.surface import surface
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
    touched: NDArray[np.bool_]


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
    skin = wrap(head, np.column_stack([np.clip(ratio / light.on(facing), 0.6, 1.6), canvas.base]))
    cloth = put_on(head, skin, params)
    local = skin.at(cloth.turn[None], cloth.points_cm[None, :, 1])[0, :, 2:]
    points = head.to_px(cloth.points_cm)
    margin = 0.04 * canvas.size_px + 2
    low, high = points[:, :2].min(axis=0) - margin, points[:, :2].max(axis=0) + margin
    box = Box.around(np.stack([low, high])).clipped(*frame.shape[:2])
    if not box.area:
        return None
    shade = _shade(cloth, head, light, local[:, 0])
    seen = _seen(frame, canvas, cloth, points, local[:, 1:])
    white = np.asarray(light.colour * float(params["exposure"]), np.float32)
    drawn = _render(canvas, head, cloth, points, np.column_stack([seen, shade, local[:, 1]]), white, box, params)
    return _composed(frame, canvas, box, drawn, params)


def _shade(cloth: Cloth, head: Head, light: Light, local: Floats) -> Floats:
    """Light on each vertex of the cloth, ``(N,)`` float32."""
    turned = np.asarray(cloth.normals @ head.rotation.T, np.float32)
    above = 1 + _OVERHEAD * turned[:, 1] - _FORM * (1 - turned[:, 2])
    hollow = 1 - 0.45 * cloth.depth
    return np.asarray(light.on(turned) * local * above * hollow, np.float32)


def _seen(frame: Image, canvas: Canvas, cloth: Cloth, points: Floats, base: Floats) -> Floats:
    """How much of each vertex shows, ``(N,)`` float32: loops vanish for good where they run under hair."""
    seen = np.ones(len(points), np.float32)
    loops = points[cloth.loop > 0].reshape(LOOPS, -1, LOOP_RING, 3)[:, :, :-1].mean(axis=2)
    place = np.ascontiguousarray(loops[..., :2], np.float32)
    blurred = np.asarray(cv2.GaussianBlur(canvas.image, (0, 0), max(0.8, 0.008 * canvas.size_px)), np.uint8)
    colours = mesh.sample(blurred, place - np.array([canvas.box.x, canvas.box.y], np.float32))
    skin = base[cloth.loop > 0].reshape(LOOPS, -1, LOOP_RING, 3)[:, :, 0]
    hidden = cv2.blur(not_skin(colours, np.ascontiguousarray(skin)), (3, 1), borderType=cv2.BORDER_REPLICATE)
    seen[cloth.loop > 0] = np.repeat(1 - np.maximum.accumulate(hidden, axis=1), LOOP_RING, axis=1).ravel()
    return seen


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What was drawn into a rectangle.

    Attributes:
        colour: ``(h, w, 3)`` linear light, times coverage.
        alpha: ``(h, w)`` coverage.
        below: ``(h, w, 3)`` place u, v and slow lightness of the skin below, times coverage.
    """

    colour: Floats
    alpha: Floats
    below: Floats


def _render(
    canvas: Canvas, head: Head, cloth: Cloth, points: Floats, lit: Floats, white: Floats, box: Box, params: Json
) -> _Drawn:
    """Draw finely and average."""
    fine = 4 if canvas.size_px < 120 else 3 if canvas.size_px < 260 else 2
    face = canvas.points_px.copy()
    face[:, 2] += _BEHIND_CM * head.px_per_cm
    everything = np.concatenate([face, points]) * np.float32(fine)
    inner = surface().triangles
    triangles = np.concatenate([inner, cloth.triangles + len(face)]).astype(np.int32)
    fine_box = Box(fine * box.x, fine * box.y, fine * box.w, fine * box.h)
    fragments = mesh.rasterise(everything, triangles, fine_box, cull="back")
    columns = np.column_stack([cloth.uv, cloth.loop, lit])
    columns = np.concatenate([np.zeros((len(face), columns.shape[1])), columns]).astype(np.float32)
    values = mesh.interpolate(fragments, triangles, columns)
    drawn = _Drawn(
        np.zeros((box.h, box.w, 3), np.float32),
        np.zeros((box.h, box.w), np.float32),
        np.zeros((box.h, box.w, 3), np.float32),
    )
    string = to_linear(np.array(params["loops"], np.float32))
    shown = np.asarray(fragments.triangle >= len(inner))
    _gather(shown, values, spread_out(params), string, white, fine, drawn.colour, drawn.alpha, drawn.below)
    return drawn


@numba.njit(cache=True, nogil=True)
def _gather(shown, values, flat, string, white, fine, colour, alpha, below):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Colour each fine pixel and average them; ``values`` are u, v, loop, seen, light, lightness of the skin."""
    rows, columns = flat.shape[:2]
    share = np.float32(1 / (fine * fine))
    for row in range(shown.shape[0]):
        for column in range(shown.shape[1]):
            if not shown[row, column]:
                continue
            u, v, loop, seen, light = values[row, column, :5]
            part = share * seen
            x = min(max((u + 1) / 2 * columns - np.float32(0.5), np.float32(0)), np.float32(columns - 1.001))
            y = min(max(v * rows - np.float32(0.5), np.float32(0)), np.float32(rows - 1.001))
            x0, y0 = int(x), int(y)
            fx, fy = x - x0, y - y0
            i, j = row // fine, column // fine
            for k in range(3):
                upper = flat[y0, x0, k] * (1 - fx) + flat[y0, x0 + 1, k] * fx
                lower = flat[y0 + 1, x0, k] * (1 - fx) + flat[y0 + 1, x0 + 1, k] * fx
                own = string[k] if loop > 0.5 else upper * (1 - fy) + lower * fy
                lit = own * light * white[k]
                if lit > SHOULDER:  # compressed before averaging, else edges of bright cloth turn jagged
                    lit = SHOULDER + (1 - SHOULDER) * (1 - np.exp(-(lit - SHOULDER) / (1 - SHOULDER)))
                colour[i, j, k] += np.float32(lit) * part
            below[i, j, 0] += u * part
            below[i, j, 1] += v * part
            below[i, j, 2] += values[row, column, 5] * part
            alpha[i, j] += part


def _composed(frame: Image, canvas: Canvas, box: Box, drawn: _Drawn, params: Json) -> Worn:
    """The mask over the frame, as blurred and grainy as the face, behind hair and spectacles."""
    own = np.ascontiguousarray(frame[box.slices])
    camera = read_camera(canvas)
    face = mesh.rasterise(canvas.points_px, surface().triangles, box, cull="back").triangle >= 0
    shown = 1 - _in_front(own, face, drawn, canvas.size_px)
    colour = np.asarray(drawn.colour * shown[..., None], np.float32)
    alpha = np.asarray(drawn.alpha * shown, np.float32)
    if camera.blur_px > 0.2:
        colour, alpha = _blurred(colour, camera.blur_px), _blurred(alpha, camera.blur_px)
        alpha = np.asarray(np.where(alpha < 1 / 512, 0, alpha), np.float32)
    shadow = _contact(canvas.size_px, face, alpha)
    cloth = to_srgb(np.asarray(colour / np.maximum(alpha, 1e-6)[..., None], np.float32))
    cloth = cloth + grain(alpha.shape, 0.7 * camera.grain, int(params["seed"]))[..., None]
    under = own * (1 - shadow[..., None])
    mixed = under + alpha[..., None] * (cloth - under)
    touched = (alpha > 0) | (shadow > 0)
    patch = np.where(touched[..., None], np.clip(mixed + 0.5, 0, 255), own).astype(np.uint8)
    return Worn(box, patch, alpha, touched)


def _blurred(values: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)


def _in_front(own: Image, face: NDArray[np.bool_], drawn: _Drawn, size_px: float) -> Floats:
    """Rims of glasses, and hair, that come down over the upper edge, ``(h, w)`` float32 in 0..1.

    Dark things that lie for the most part below the edge (nostrils, folds of the skin, a beard) are covered.
    """
    u, v, base = np.moveaxis(drawn.below[..., :3] / np.maximum(drawn.alpha, 1e-6)[..., None], -1, 0)
    covered = drawn.alpha > 0.5
    if not covered.any():
        return np.zeros_like(drawn.alpha)
    # beside the mask its skin is the nearest known
    dark = dark_lines(own, np.where(covered, base, np.median(base[covered])), size_px)
    band = ~covered | ((v < 0.28) & (np.abs(u) < 0.8))
    parts, labels = cv2.connectedComponents(((dark > 0.3) & band & face).astype(np.uint8), connectivity=8)
    outside, inside = (np.bincount(labels[where], minlength=parts) for where in (~covered, covered))
    from_above = outside > inside
    from_above[0] = False
    return np.asarray(dark * from_above[labels] * covered, np.float32)


def _contact(size_px: float, face: NDArray[np.bool_], alpha: Floats) -> Floats:
    """Soft shadow on the face just beside the mask, ``(h, w)`` float32 in 0..1."""
    sigma = max(0.8, 0.018 * size_px)
    blurred = cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    near = np.clip((blurred - 0.04) / 0.96, 0, 1)
    inside = cv2.GaussianBlur(face.astype(np.float32), (0, 0), 0.7)
    return np.asarray(_SHADOW * near * inside * face * (1 - alpha), np.float32)
