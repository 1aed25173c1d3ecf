"""Drawing a donor's texture on a target's mesh, inside the face rectangle and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np

from fsa_data import mesh
from fsa_data.engines.texture import Texture, skin_of, vertex_colours
from fsa_data.faces import face_size_px
from fsa_data.merge import (
    InFront,
    MergeOptions,
    blend,
    detail_gains,
    edge_width_px2,
    find_in_front,
    lab_to_rgb,
    match_sharpness,
    moved_detail,
    pixel_to_rgb,
    soft_mask,
)
from fsa_data.merge.surface import surface
from fsa_data.types import Box, Face, FaceReference, Floats, Image, Ints

PEOPLE_DIFFER = 0.65
"""Features that stand out this much less than the donor's are put down to the person, not to the picture."""

UNLIKE_LAB = (6.0, 16.0)
"""Distance of skin tones at which lips begin to take the target's colour, and at which they do so fully."""

SOFTEST = 0.02
"""Strongest blur (standard deviation, share of the face size) that a blurred picture calls for."""

BESIDE = 0.015
"""Width of the soft edge beside whatever lies in front, share of the face size."""

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
        covered = self.fragments.triangle >= 0
        return float((self.front.mask[covered] == 0).mean()) if covered.any() else 0.0


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
    local = points[:, :2] - np.array([box.x, box.y], np.float32)
    inside = ((local >= 0) & (local < np.array([box.w, box.h]))).all(axis=1)
    size = face_size_px(points)
    turned = mesh.facing(points, surface().triangles)
    lab = vertex_colours(image, local, size)
    shift = np.array([box.x, box.y, 0], np.float32)
    fragments = mesh.rasterise(points, surface().triangles, box, cull="back")
    front = find_in_front(image, points - shift, reference, fragments) if occluders else None
    if front is not None:
        inside &= ~front.vertices
    tone, base, hanging = skin_of(lab, np.asarray(_ramp(turned, 0.1, 0.4) * inside, np.float32))
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
    here = texture.points_px[:, :2] * np.array([sx, sy], np.float32)
    columns = [here, here[face.mirror], texture.own[:, None], shown[:, None], base, goal]
    columns += [_green(goal), _green(canvas.base)]
    gains = detail_gains(texture.tone, canvas.tone, merge.contrast * merge.colour)
    gains *= np.float32(1 + merge.contrast * (_haze(canvas, texture) - 1))
    drawn, alpha = canvas.image.copy(), np.zeros(canvas.image.shape[:2], np.float32)
    slow = np.zeros((2, *alpha.shape), np.float32)
    vertices = np.concatenate(columns, axis=1, dtype=np.float32)
    _paint(picture, fragments.triangle, fragments.bary, face.triangles, vertices, gains, drawn, alpha, slow)

    covered = (fragments.triangle >= 0).astype(np.uint8)
    alpha *= soft_mask(covered, merge.erode * canvas.size_px, merge.feather * canvas.size_px)
    if merge.sharpness:
        region = covered.astype(np.float32)
        goal_width = edge_width_px2(canvas.image, slow[1], region)
        drawn = match_sharpness(drawn, slow[0], region, goal_width, limit_px=SOFTEST * canvas.size_px)
    return drawn, alpha


def shares_showing(canvas: Canvas) -> list[Floats]:
    """Factors of a new face's mask, each ``(box.h, box.w)`` float32 in 0..1: what is not kept, what is not covered."""
    shares = [np.asarray(1 - _kept(canvas.fragments.triangle, canvas.size_px), np.float32)]
    if canvas.front is not None and canvas.front.mask.any():
        shares.append(soft_mask(255 - canvas.front.mask, 0, BESIDE * canvas.size_px))
    return shares


def _green(lab: Floats) -> Floats:
    """Green of each vertex as 8 bit, ``(468, 1)``."""
    return lab_to_rgb(lab[None])[0, :, 1:2].astype(np.float32)


def _ramp(values: Floats | np.floating, low: float, high: float) -> Floats:
    """0 up to ``low``, 1 from ``high``, linear between."""
    return np.asarray(np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1), np.float32)


def _kept(triangle: Ints, size_px: float) -> Floats:
    """``(h, w)`` in 0..1: between the lids and between the lips the target stays, for it carries the label."""
    inner = np.append(surface().inner, False)[triangle]  # -1, nothing drawn, reads the last
    return np.asarray(cv2.GaussianBlur(inner.astype(np.float32), (0, 0), max(0.4, 0.008 * size_px)), np.float32)


def _bases(canvas: Canvas, texture: Texture, merge: MergeOptions) -> tuple[Floats, Floats]:
    """Slow colours of the donor and of the new face at each vertex, both ``(468, 3)``.

    Lips count as detail of the skin when both skins are alike, so that a donor's lipstick or pale lips go along. On a
    skin of another tone such lips look dead; there the lips take the target's lip colour.
    """
    light = canvas.base - canvas.tone
    own_light = texture.base - texture.tone
    tone = texture.tone + merge.colour * (canvas.tone - texture.tone)
    goal = np.asarray(tone + own_light + merge.shading * (light - own_light), np.float32)
    unlike = merge.colour * _ramp(np.linalg.norm(canvas.tone - texture.tone), *UNLIKE_LAB)
    if not unlike.any():
        return texture.base, goal
    lips = surface().lips
    base = texture.base.copy()
    base[lips] += unlike * _middle(texture.lab[lips] - texture.base[lips])
    goal[lips] += unlike * _middle(canvas.lab[lips] - canvas.base[lips])
    return base, goal


def _middle(values: Floats) -> Floats:
    """Upper median of each column; by sorting, which is faster than a median of so few."""
    return np.asarray(np.sort(values.T, axis=1)[:, len(values) // 2], np.float32)


def _haze(canvas: Canvas, texture: Texture) -> float:
    """How much less than the donor's the target's features stand out, 0.5..1, beyond what people differ in.

    A picture that is hazy, badly lit or blurred has weak brows, lashes, lips and nostrils, whoever it shows.
    """
    weight = (surface().skin == 0) * np.clip(canvas.facing, 0, 1) * texture.shown
    if canvas.front is not None:
        weight = weight * ~canvas.front.vertices
    stands_out = []
    for lab, base, tone in ((canvas.lab, canvas.base, canvas.tone), (texture.lab, texture.base, texture.tone)):
        depth = np.minimum(lab[:, 0] - base[:, 0], 0) / max(float(tone[0]), 1.0)
        stands_out.append(float(np.sqrt((weight * depth * depth).sum())))
    return float(np.clip(stands_out[0] / max(PEOPLE_DIFFER * stands_out[1], 1e-6), 0.5, 1))


@numba.njit(cache=True, nogil=True)
def _corners(x, y, width, height):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The four pixels around a position and how far it is into them; positions outside take the nearest edge."""
    x = min(max(x - np.float32(0.5), np.float32(0)), np.float32(width - 1))
    y = min(max(y - np.float32(0.5), np.float32(0)), np.float32(height - 1))
    x0, y0 = int(x), int(y)
    return x0, min(x0 + 1, width - 1), y0, min(y0 + 1, height - 1), x - np.float32(x0), y - np.float32(y0)


@numba.njit(cache=True, nogil=True)
def _mixed(vertices, i, j, k, u, v, w, n):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Column n of three vertices, weighted."""
    return u * vertices[i, n] + v * vertices[j, n] + w * vertices[k, n]


@numba.njit(cache=True, nogil=True)
def _paint(picture, triangle, bary, triangles, vertices, gains, drawn, alpha, slow):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Colour every covered pixel: the donor's detail, from its own and the mirrored side, on the target's slow colour.

    The columns of ``vertices``: x and y in the donor's picture, the same of the mirrored vertex, share of its own side,
    how well it is shown, slow colour of the donor (3), of the new face (3), and two greens as 8 bit: of the new face,
    of the target. ``drawn``, ``alpha`` (how well shown) and ``slow`` (the greens) are written where the mesh is.
    """
    height, width = picture.shape[:2]
    for row in range(alpha.shape[0]):
        for column in range(alpha.shape[1]):
            index = triangle[row, column]
            if index < 0:
                continue
            i, j, k = triangles[index, 0], triangles[index, 1], triangles[index, 2]
            u, v, w = bary[row, column, 0], bary[row, column, 1], bary[row, column, 2]
            lightness, a, b = np.float32(0), np.float32(0), np.float32(0)
            own = _mixed(vertices, i, j, k, u, v, w, 4)
            for side in range(2):
                share = own if side == 0 else 1 - own
                if share < 0.01:
                    continue
                x = _mixed(vertices, i, j, k, u, v, w, 2 * side)
                y = _mixed(vertices, i, j, k, u, v, w, 2 * side + 1)
                x0, x1, y0, y1, fx, fy = _corners(x, y, width, height)
                share *= np.float32(0.01)  # the picture counts in hundredths
                nw, ne = share * (1 - fx) * (1 - fy), share * fx * (1 - fy)
                sw, se = share * (1 - fx) * fy, share * fx * fy
                lightness += nw * picture[y0, x0, 0] + ne * picture[y0, x1, 0]
                lightness += sw * picture[y1, x0, 0] + se * picture[y1, x1, 0]
                a += nw * picture[y0, x0, 1] + ne * picture[y0, x1, 1]
                a += sw * picture[y1, x0, 1] + se * picture[y1, x1, 1]
                b += nw * picture[y0, x0, 2] + ne * picture[y0, x1, 2]
                b += sw * picture[y1, x0, 2] + se * picture[y1, x1, 2]
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
            colour = moved_detail(detail, goal, gains)
            red, green, blue = pixel_to_rgb(colour[0], colour[1], colour[2])
            drawn[row, column, 0], drawn[row, column, 1], drawn[row, column, 2] = red, green, blue
            alpha[row, column] = _mixed(vertices, i, j, k, u, v, w, 5)
            slow[0, row, column] = _mixed(vertices, i, j, k, u, v, w, 12)
            slow[1, row, column] = _mixed(vertices, i, j, k, u, v, w, 13)
