"""Drawing a donor's texture on a target's mesh, inside the face rectangle and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data import mesh
from fsa_data.engines.texture import Texture, skin_of, vertex_colours
from fsa_data.faces import face_size_px
from fsa_data.merge import (
    InFront,
    MergeOptions,
    blend,
    detail_gains,
    edge_width_px2,
    eight_bit,
    find_in_front,
    lab_to_rgb,
    lab_to_steps,
    match_sharpness,
    moved_detail,
    soft_mask,
)
from fsa_data.merge.shading import middle
from fsa_data.merge.surface import surface
from fsa_data.types import Box, Face, FaceReference, Floats, Image, Mask

PEOPLE_DIFFER = 0.65
"""Features that stand out this much less than the donor's are put down to the person, not to the picture."""

UNLIKE_LAB = (6.0, 16.0)
"""Distance of skin tones at which lips begin to take the target's colour, and at which they do so fully."""

SOFTEST = 0.02
"""Strongest blur (standard deviation, share of the face size) that a blurred picture calls for."""

BESIDE = 0.015
"""Width of the soft edge beside whatever lies in front, share of the face size."""

_ANY_ORDER = {"reassoc", "contract", "arcp", "nsz"}
"""Compiled loops may add up in any order, and divide by a constant by multiplying."""

_RIM_PX = 2
"""Pixels around the mesh that the rectangle holds, so that the soft edge ends inside."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The target's side of a swap.

    Attributes:
        box: rectangle of the frame that is drawn.
        image: ``(box.h, box.w, 3)`` uint8 RGB, the frame's pixels there.
        points_px: ``(468, 3)`` float32, the target's mesh in pixels of the frame.
        size_px: size of the face.
        facing: ``(468,)`` float32, how much each vertex looks at the camera.
        lab: ``(468, 3)`` float32, colour of each vertex.
        base: ``(468, 3)`` float32, slow colour of the skin around each vertex.
        hair: ``(468,)`` float32 in 0..1, where hair hangs over the forehead.
        tone: ``(3,)`` float32, median Lab of the skin.
        fragments: which triangle shows at each pixel of the rectangle.
        front: what lies in front of the face; None if that is not looked for.
    """

    box: Box
    image: Image
    points_px: Floats
    size_px: float
    facing: Floats
    lab: Floats
    base: Floats
    hair: Floats
    tone: Floats
    fragments: mesh.Fragments
    front: InFront | None

    @property
    def showing(self) -> float:
        """0..1, share of the face's pixels that nothing lies in front of."""
        if self.front is None:
            return 1.0
        return float(_share_showing(self.fragments.triangle, self.front.mask))


def read_canvas(frame: Image, target: Face, reference: FaceReference | None = None, occluders: bool = False) -> Canvas:
    """What must be known of the target, read from its rectangle of the frame.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        target: the face to replace, at least partly inside.
        reference: how the person's face usually looks, if that is known.
        occluders: whether to look for what lies in front of the face.
    """
    points = np.ascontiguousarray(target.points_px[: mesh.VERTICES], np.float32)
    face = Box.around(points)
    grown = Box(face.x - _RIM_PX, face.y - _RIM_PX, face.w + 2 * _RIM_PX, face.h + 2 * _RIM_PX)
    box = grown.clipped(*frame.shape[:2])
    image = np.ascontiguousarray(frame[box.slices])
    local = points - np.array([box.x, box.y, 0], np.float32)
    size = face_size_px(points)
    turned = mesh.facing(points, surface().triangles)
    lab = vertex_colours(image, local, size)
    fragments = mesh.rasterise(points, surface().triangles, box, cull="back")
    front = find_in_front(image, local, reference, fragments) if occluders else None
    weight = _ramp(turned, 0.1, 0.4)
    weight[_outside(local, box.w, box.h)] = 0
    if front is not None:
        weight[front.vertices] = 0
    tone, base, hanging = skin_of(lab, weight)
    return Canvas(box, image, points, size, turned, lab, base, hanging, tone, fragments, front)


def draw(canvas: Canvas, texture: Texture, merge: MergeOptions) -> Image:
    """The finished rectangle.

    Args:
        canvas: the target.
        texture: the donor.
        merge: how it is put back.

    Returns:
        ``(box.h, box.w, 3)`` uint8 RGB.
    """
    drawn, alpha = draw_face(canvas, texture, merge)
    for share in shares_showing(canvas):
        alpha *= share
    return blend(canvas.image, drawn, alpha)


def draw_face(canvas: Canvas, texture: Texture, merge: MergeOptions) -> tuple[Image, Floats]:
    """The new face, whatever lies in front of the old one.

    Args:
        canvas: the target.
        texture: the donor.
        merge: its colours and its edge.

    Returns:
        ``(box.h, box.w, 3)`` uint8 RGB, the frame where the mesh is not, and ``(box.h, box.w)`` float32 in 0..1, how
        much of it may be seen.
    """
    face = surface()
    fragments = canvas.fragments
    picture, sx, sy = texture.level(canvas.size_px)
    base, goal = _bases(canvas, texture, merge)
    shown = texture.shown * (1 - canvas.hair) * _ramp(canvas.facing, 0.05, 0.35)
    vertices = np.empty((mesh.VERTICES, 14), np.float32)
    vertices[:, 0], vertices[:, 1] = texture.points_px[:, 0] * np.float32(sx), texture.points_px[:, 1] * np.float32(sy)
    vertices[:, 2:4] = vertices[face.mirror, :2]
    vertices[:, 4], vertices[:, 5] = texture.own, shown
    vertices[:, 6:9], vertices[:, 9:12] = base, goal
    vertices[:, 12], vertices[:, 13] = _green(goal), _green(canvas.base)
    gains = detail_gains(texture.tone, canvas.tone, merge.contrast * merge.colour)
    gains *= np.float32(1 + merge.contrast * (_haze(canvas, texture) - 1))
    drawn, alpha = canvas.image.copy(), np.zeros(canvas.image.shape[:2], np.float32)
    slow = np.zeros((2, *alpha.shape), np.float32)
    _paint(picture, fragments.triangle, fragments.bary, face.triangles, vertices, gains, drawn, alpha, slow)

    covered, _ = _covered(canvas)
    alpha *= soft_mask(covered, merge.erode * canvas.size_px, merge.feather * canvas.size_px)
    if merge.sharpness:
        region = covered.astype(np.float32)
        goal_width = edge_width_px2(canvas.image, slow[1], region)
        drawn = match_sharpness(drawn, slow[0], region, goal_width, limit_px=SOFTEST * canvas.size_px)
    return drawn, alpha


def shares_showing(canvas: Canvas) -> list[Floats]:
    """Factors of a new face's mask, each ``(box.h, box.w)`` float32 in 0..1: what is not kept, what is not covered."""
    _, inner = _covered(canvas)
    # between the lids and between the lips the target stays, for it carries the label
    shares = [np.asarray(1 - cv2.GaussianBlur(inner, (0, 0), max(0.4, 0.008 * canvas.size_px)), np.float32)]
    if canvas.front is not None and canvas.front.mask.any():
        shares.append(soft_mask(255 - canvas.front.mask, 0, BESIDE * canvas.size_px))
    return shares


def _covered(canvas: Canvas) -> tuple[Mask, Floats]:
    """``(box.h, box.w)``: 1 where the mesh is, and 1 where it is between the lids or between the lips."""
    shape = canvas.fragments.triangle.shape
    covered, inner = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    _parts(canvas.fragments.triangle, surface().inner, covered, inner)
    return covered, inner


def _green(lab: Floats) -> Floats:
    """Green of each vertex as 8 bit, ``(468,)``."""
    return lab_to_rgb(lab[None])[0, :, 1].astype(np.float32)


def _ramp(values: Floats, low: float, high: float) -> Floats:
    """0 up to ``low``, 1 from ``high``, linear between."""
    # not clip, which costs as much as all the rest
    risen = (values - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.minimum(np.maximum(risen, np.float32(0)), np.float32(1)), np.float32)


def _outside(local: Floats, width: int, height: int) -> NDArray[np.bool_]:
    """Which points lie beside the rectangle."""
    x, y = local[:, 0], local[:, 1]
    return np.asarray((x < 0) | (x >= width) | (y < 0) | (y >= height))


def _bases(canvas: Canvas, texture: Texture, merge: MergeOptions) -> tuple[Floats, Floats]:
    """Slow colours of the donor and of the new face at each vertex, both ``(468, 3)``.

    Lips count as detail of the skin when both skins are alike, so that a donor's lipstick or pale lips go along. On a
    skin of another tone such lips look dead; there the lips take the target's lip colour.
    """
    light = canvas.base - canvas.tone
    own_light = texture.base - texture.tone
    tone = texture.tone + merge.colour * (canvas.tone - texture.tone)
    goal = np.asarray(tone + own_light + merge.shading * (light - own_light), np.float32)
    low, high = UNLIKE_LAB
    apart = math.dist(canvas.tone.tolist(), texture.tone.tolist())
    unlike = np.float32(merge.colour * min(max((apart - low) / (high - low), 0.0), 1.0))
    if unlike == 0:
        return texture.base, goal
    base = texture.base.copy()
    _add_detail(texture.lab, texture.base, surface().lips, unlike, base)
    _add_detail(canvas.lab, canvas.base, surface().lips, unlike, goal)
    return base, goal


def _haze(canvas: Canvas, texture: Texture) -> float:
    """How much less than the donor's the target's features stand out, 0.5..1, beyond what people differ in.

    A picture that is hazy, badly lit or blurred has weak brows, lashes, lips and nostrils, whoever it shows.
    """
    weight = (surface().skin == 0) * np.maximum(canvas.facing, np.float32(0)) * texture.shown
    if canvas.front is not None:
        weight[canvas.front.vertices] = 0
    targets, own = (
        math.sqrt(_depth(each.lab, each.base, weight)) / max(float(each.tone[0]), 1.0) for each in (canvas, texture)
    )
    return min(max(targets / max(PEOPLE_DIFFER * own, 1e-6), 0.5), 1.0)


@numba.njit(cache=True, nogil=True)
def _depth(lab, base, weight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Sum of the squares of how much darker each vertex is than the skin around it."""
    total = 0.0
    for n in range(lab.shape[0]):
        darker = min(lab[n, 0] - base[n, 0], np.float32(0))
        total += weight[n] * darker * darker
    return total


@numba.njit(cache=True, nogil=True)
def _add_detail(lab, base, chosen, share, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add to the chosen vertices a share of how they usually differ from the skin."""
    at = np.flatnonzero(chosen)
    for c in range(3):
        usual = share * middle(lab[at, c] - base[at, c])
        for n in at:
            out[n, c] += usual


@numba.njit(cache=True, nogil=True)
def _share_showing(triangle, mask):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    covered = showing = 0
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            if triangle[row, column] >= 0:
                covered += 1
                showing += mask[row, column] == 0
    return showing / max(covered, 1)


@numba.njit(cache=True, nogil=True)
def _parts(triangle, inner, covered, kept):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Where the mesh is, and where those of its triangles are that lie between the lids or between the lips."""
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            index = triangle[row, column]
            covered[row, column] = index >= 0
            kept[row, column] = index >= 0 and inner[index]


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def _mixed(vertices, i, j, k, u, v, w, n):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Column n of three vertices, weighted."""
    return u * vertices[i, n] + v * vertices[j, n] + w * vertices[k, n]


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def _sampled(picture, x, y, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Share of the picture's colour at a position, bilinear; positions outside take the nearest edge."""
    right, bottom = np.uint32(picture.shape[1] - 1), np.uint32(picture.shape[0] - 1)
    x = min(max(x - np.float32(0.5), np.float32(0)), np.float32(right))
    y = min(max(y - np.float32(0.5), np.float32(0)), np.float32(bottom))
    # unsigned, so that no index is checked for counting from the end
    x0, y0 = np.uint32(x), np.uint32(y)
    x1, y1 = min(x0 + np.uint32(1), right), min(y0 + np.uint32(1), bottom)
    fx, fy = x - np.float32(x0), y - np.float32(y0)
    share *= np.float32(0.01)  # the picture counts in hundredths
    nw, ne, sw, se = share * (1 - fx) * (1 - fy), share * fx * (1 - fy), share * (1 - fx) * fy, share * fx * fy
    a, b, c, d = picture[y0, x0], picture[y0, x1], picture[y1, x0], picture[y1, x1]
    return (
        nw * a[0] + ne * b[0] + sw * c[0] + se * d[0],
        nw * a[1] + ne * b[1] + sw * c[1] + se * d[1],
        nw * a[2] + ne * b[2] + sw * c[2] + se * d[2],
    )


@numba.njit(cache=True, nogil=True, fastmath=_ANY_ORDER)
def _paint(picture, triangle, bary, triangles, vertices, gains, drawn, alpha, slow):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Colour every covered pixel: the donor's detail, from its own and the mirrored side, on the target's slow colour.

    The columns of ``vertices``: x and y in the donor's picture, the same of the mirrored vertex, share of its own side,
    how well it is shown, slow colour of the donor (3), of the new face (3), and two greens as 8 bit: of the new face,
    of the target. ``drawn``, ``alpha`` (how well shown) and ``slow`` (the greens) are written where the mesh is.
    """
    height, width = triangle.shape
    lab, steps = np.zeros((3, width), np.float32), np.empty((3, width), np.float32)
    for row in range(height):
        for column in range(width):
            index = triangle[row, column]
            if index < 0:
                continue
            t = np.uint32(index)
            i, j, k = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
            u, v, w = bary[row, column, 0], bary[row, column, 1], bary[row, column, 2]
            lightness, a, b = np.float32(0), np.float32(0), np.float32(0)
            own = _mixed(vertices, i, j, k, u, v, w, 4)
            for side in range(2):
                share = own if side == 0 else 1 - own
                if share < np.float32(0.01):
                    continue
                x = _mixed(vertices, i, j, k, u, v, w, 2 * side)
                y = _mixed(vertices, i, j, k, u, v, w, 2 * side + 1)
                found = _sampled(picture, x, y, share)
                lightness, a, b = lightness + found[0], a + found[1], b + found[2]
            detail = (
                lightness - _mixed(vertices, i, j, k, u, v, w, 6),
                a - _mixed(vertices, i, j, k, u, v, w, 7),
                b - _mixed(vertices, i, j, k, u, v, w, 8),
            )
            goal = (
                _mixed(vertices, i, j, k, u, v, w, 9),
                _mixed(vertices, i, j, k, u, v, w, 10),
                _mixed(vertices, i, j, k, u, v, w, 11),
            )
            lab[0, column], lab[1, column], lab[2, column] = moved_detail(detail, goal, gains)
            alpha[row, column] = _mixed(vertices, i, j, k, u, v, w, 5)
            slow[0, row, column] = _mixed(vertices, i, j, k, u, v, w, 12)
            slow[1, row, column] = _mixed(vertices, i, j, k, u, v, w, 13)
        lab_to_steps(lab, steps)
        for column in range(width):
            if triangle[row, column] >= 0:
                for n in range(3):
                    drawn[row, column, n] = eight_bit(steps[n, column])
