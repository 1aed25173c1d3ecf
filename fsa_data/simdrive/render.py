"""From surfaces to pixels: camera, light, contact shadows, lens and sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from fsa_data.mesh import Fragments, rasterise
from fsa_data.simdrive.cabin import Light
from fsa_data.simdrive.parts import Part
from fsa_data.simdrive.shapes import Piece, Vectors, joined, rotation
from fsa_data.types import Box, Floats, Image, Ints, Mask


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera that looks down the negative z axis.

    Attributes:
        place_cm: ``(3,)``.
        tilt_deg: positive looks down.
        focal_px: focal length in pixels of the picture.
        centre_px: ``(2,)`` principal point.
        width: of the picture in pixels.
        height: of the picture in pixels.
    """

    place_cm: Vectors
    tilt_deg: float
    focal_px: float
    centre_px: Vectors
    width: int
    height: int

    @property
    def turn(self) -> Vectors:
        """``(3, 3)`` rotation from the world to the camera's axes (x right, y up, z towards the viewer)."""
        return rotation(0, self.tilt_deg, 0)

    def project(self, points: NDArray[np.floating]) -> Floats:
        """``(N, 3)`` world cm to ``(N, 3)`` float32: x and y in pixels, depth in cm."""
        seen = (points - self.place_cm) @ self.turn.T
        depth = np.maximum(-seen[:, 2], 4.0)
        x = self.centre_px[0] + self.focal_px * seen[:, 0] / depth
        y = self.centre_px[1] - self.focal_px * seen[:, 1] / depth
        return np.stack([x, y, depth], axis=1).astype(np.float32)


def draw(
    pieces: Sequence[Piece], camera: Camera, light: Light, atlas: Image, ground: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Mask]:
    """Draw a scene.

    Args:
        pieces: every surface.
        camera: where it is seen from.
        light: how it is lit.
        atlas: ``(h, w, 3)`` uint8 RGB texture.
        ground: ``(H, W, 3)`` float32, what shows where there is no surface; not changed.

    Returns:
        ``(H, W, 3)`` float32 RGB, 0..255 and above, and the part map ``(H, W)`` uint8.
    """
    scene = joined(pieces)
    points = camera.project(scene.points)
    shown = scene.sheets | _towards_camera(points, scene.triangles)
    triangles, parts = scene.triangles[shown], scene.parts[shown]
    fragments = rasterise(points, triangles, Box(0, 0, camera.width, camera.height))
    picture = np.array(ground, np.float32)
    view = camera.turn.T @ np.array([0.0, 0.0, 1.0])
    lamps = np.stack(
        [light.key, light.key_colour, light.fill, light.fill_colour, light.sky, light.ground, view]
    ).astype(np.float32)
    shade_light = _contact(fragments)
    _shade(fragments.triangle, fragments.bary, triangles, scene.attributes, atlas, lamps, shade_light, picture)
    covered = fragments.triangle >= 0
    part_map = np.where(covered, parts[np.maximum(fragments.triangle, 0)], np.uint8(Part.BACKGROUND)).astype(np.uint8)
    return picture, part_map


def _towards_camera(points: Floats, triangles: Ints) -> NDArray[np.bool_]:
    """``(M,)`` whether each triangle turns its front to the camera (counter-clockwise with y up)."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    front: NDArray[np.bool_] = area < 0
    return front


def _contact(fragments: Fragments) -> NDArray[np.float32]:
    """``(H, W)`` light left where something close stands in front: soft shadows where surfaces meet."""
    height, width = fragments.depth.shape
    depth = cv2.resize(np.minimum(fragments.depth, 125.0), (width // 2, height // 2), interpolation=cv2.INTER_NEAREST)
    total = np.zeros_like(depth)
    for size, reach in ((9, 2.2), (25, 6.0)):
        # shadows fall downwards: light comes from above, so look up for what is in the way
        near = cv2.blur(depth, (size, size), anchor=(size // 2, size - 1 - size // 4))
        behind = depth - near
        total += np.clip(behind / reach, 0, 1) * np.exp(-((np.maximum(behind, 0) / (4 * reach)) ** 2))
    light = 1 - 0.3 * np.clip(total, 0, 1.3)
    smooth = cv2.GaussianBlur(light, (0, 0), 1.5)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


@numba.njit(cache=True, nogil=True)
def _shade(triangle, bary, triangles, attributes, atlas, lamps, contact, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Texture times light plus highlight at each covered pixel (Lambert, hemisphere ambient, Blinn-Phong)."""
    height, width = triangle.shape
    rows, columns = atlas.shape[0], atlas.shape[1]
    half = np.empty(3, np.float32)
    length = np.float32(0)
    for k in range(3):
        half[k] = lamps[0, k] + lamps[6, k]
        length += half[k] * half[k]
    for k in range(3):
        half[k] /= np.sqrt(length)
    value = np.empty(9, np.float32)
    for row in range(height):
        for column in range(width):
            index = triangle[row, column]
            if index < 0:
                continue
            a, b, c = triangles[index, 0], triangles[index, 1], triangles[index, 2]
            wa, wb, wc = bary[row, column, 0], bary[row, column, 1], bary[row, column, 2]
            for k in range(9):
                value[k] = wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]
            nx, ny, nz = value[0], value[1], value[2]
            norm = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-6)
            nx, ny, nz = nx / norm, ny / norm, nz / norm
            key = nx * lamps[0, 0] + ny * lamps[0, 1] + nz * lamps[0, 2]
            # wrapped: light bleeds a little past the edge of shadow, as on skin and cloth
            key = max(np.float32(0), (key + np.float32(0.25)) / np.float32(1.25))
            fill = max(np.float32(0), nx * lamps[2, 0] + ny * lamps[2, 1] + nz * lamps[2, 2])
            up = np.float32(0.5) + np.float32(0.5) * ny
            shine = max(np.float32(0), nx * half[0] + ny * half[1] + nz * half[2])
            square = shine * shine
            fourth = square * square
            shine = value[8] * fourth * fourth * fourth * fourth * square  # to the power of 18
            x = min(max(value[3] - np.float32(0.5), np.float32(0)), np.float32(columns - 1.001))
            y = min(max(value[4] - np.float32(0.5), np.float32(0)), np.float32(rows - 1.001))
            x0, y0 = int(x), int(y)
            fx, fy = x - np.float32(x0), y - np.float32(y0)
            dim = contact[row, column]
            for k in range(3):
                upper = atlas[y0, x0, k] * (1 - fx) + atlas[y0, x0 + 1, k] * fx
                lower = atlas[y0 + 1, x0, k] * (1 - fx) + atlas[y0 + 1, x0 + 1, k] * fx
                texel = (upper * (1 - fy) + lower * fy) * value[5 + k]
                ambient = lamps[5, k] + up * (lamps[4, k] - lamps[5, k])
                lit = (
                    ambient * dim
                    + key * lamps[1, k] * (np.float32(0.4) + np.float32(0.6) * dim)
                    + fill * lamps[3, k] * dim
                )
                out[row, column, k] = texel * lit + np.float32(95) * shine * lamps[1, k] * dim


def develop(
    picture: NDArray[np.float32],
    part_map: Mask,
    size: tuple[int, int],
    exposure: float,
    rng: np.random.Generator,
    noise_sd: float = 2.4,
) -> tuple[Image, Mask]:
    """Lens and sensor: shrink to the final size, expose, blur a little, add noise.

    Args:
        picture: ``(H, W, 3)`` float32 as drawn.
        part_map: ``(H, W)`` uint8.
        size: width and height of the result.
        exposure: factor.
        rng: for the noise.
        noise_sd: of the sensor, in grey levels.

    Returns:
        ``(h, w, 3)`` uint8 RGB and ``(h, w)`` uint8.
    """
    width, height = size
    shrunk = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    small = np.asarray(cv2.GaussianBlur(shrunk, (0, 0), 0.45) * exposure, np.float32)
    # the shoulder keeps highlights from clipping hard
    bright = small > 200
    small[bright] = 200 + 55 * (1 - np.exp((200 - small[bright]) / 70))
    if noise_sd > 0:
        grain = rng.standard_normal((height, width, 1), dtype=np.float32)
        coarse = rng.standard_normal((height // 3 + 1, width // 3 + 1, 3), dtype=np.float32)
        colour = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        small += np.float32(noise_sd) * (np.float32(0.7) * colour + np.float32(0.8) * grain)
    column = ((np.arange(width) + 0.5) * picture.shape[1] / width).astype(np.int64)
    row = ((np.arange(height) + 0.5) * picture.shape[0] / height).astype(np.int64)
    return np.clip(np.round(small), 0, 255).astype(np.uint8), np.ascontiguousarray(part_map[row[:, None], column])
