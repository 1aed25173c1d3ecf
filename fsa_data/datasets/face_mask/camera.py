"""The camera's share in a face: how blurred and how grainy it is, and what lies on the skin and stays in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fsa_data import mesh
from fsa_data.datasets.face_mask.shapes import smooth
from fsa_data.engines.drawing import Canvas
from fsa_data.merge import edge_width_px2, lab_to_rgb, rgb_to_lab
from fsa_data.merge.surface import surface
from fsa_data.types import Floats, Image

# Edge width of sharp portraits: mean square of a share of the face's size, and of a pixel. Measured on 21 portraits at
# three sizes; a blur of standard deviation s adds about 4.5 s^2.
_SHARP_SHARE, _SHARP_PX2, _SLACK, _PER_BLUR = 0.0135, 1.3, 1.5, 4.5
_MOST_BLUR, _MOST_GRAIN = 0.015, 5.0


@dataclass(frozen=True, slots=True)
class Camera:
    """How a face was taken.

    Attributes:
        blur_px: standard deviation of the blur beyond that of a sharp picture.
        grain: standard deviation of what changes from pixel to pixel, 8-bit values.
    """

    blur_px: float
    grain: float


def read_camera(canvas: Canvas) -> Camera:
    """Blur and grain of the face in a canvas."""
    triangles = surface().triangles
    fragments = mesh.rasterise(canvas.points_px, triangles, canvas.box, cull="back")
    green = lab_to_rgb(canvas.base[None])[0, :, 1:2].astype(np.float32)
    base = mesh.interpolate(fragments, triangles, green)[..., 0]
    region = (fragments.triangle >= 0).astype(np.float32)
    sharp = np.square(_SHARP_SHARE * canvas.size_px) + _SHARP_PX2
    excess = edge_width_px2(canvas.image, base, region) - _SLACK * sharp
    blur = min(float(np.sqrt(max(excess, 0) / _PER_BLUR)), _MOST_BLUR * canvas.size_px)
    values = canvas.image[..., 1].astype(np.float32)
    inside = cv2.erode(region, np.ones((5, 5))) > 0
    fine = np.abs(values - cv2.GaussianBlur(values, (0, 0), 1.0))[inside]
    grain = min(float(np.median(fine)) / 0.6745, _MOST_GRAIN) if fine.size else 0.0
    return Camera(blur, grain)


def grain(shape: tuple[int, int], strength: float, seed: int) -> Floats:
    """Noise like a camera's, ``shape`` float32; ``strength`` is measured as in :class:`Camera`."""
    white = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    noise = cv2.GaussianBlur(white, (0, 0), 0.5)
    fine = noise - cv2.GaussianBlur(noise, (0, 0), 1.0)
    return np.asarray(noise * np.float32(strength / max(float(fine.std()), 1e-6)), np.float32)


def not_skin(colours: Image, base: Floats) -> Floats:
    """What is no skin: hair is far darker than the skin around, fair hair of another colour.

    Args:
        colours: ``(h, w, 3)`` uint8 RGB, averaged so that noise does not matter.
        base: ``(h, w, 3)`` float32, slow Lab colour of the skin.

    Returns:
        ``(h, w)`` float32 in 0..1.
    """
    lab = rgb_to_lab(colours)
    darker = (base[..., 0] - lab[..., 0]) / np.maximum(base[..., 0], 1)
    chroma = np.linalg.norm(lab[..., 1:] - base[..., 1:], axis=-1)
    return np.maximum(smooth(darker, 0.22, 0.40), smooth(chroma, 12, 22))


def dark_lines(image: Image, base: Floats, size_px: float) -> Floats:
    """Thin things far darker than what is beside them: rims of glasses, strands of hair; no shadows, no beards.

    Args:
        image: ``(h, w, 3)`` uint8 RGB.
        base: ``(h, w)`` float32, slow lightness of the skin.
        size_px: size of the face.

    Returns:
        ``(h, w)`` float32 in 0..1.
    """
    lightness = np.ascontiguousarray(rgb_to_lab(cv2.GaussianBlur(image, (0, 0), 0.5).astype(np.uint8))[..., 0])
    side = 2 * max(1, round(0.035 * size_px)) + 1
    deeper = cv2.morphologyEx(lightness, cv2.MORPH_BLACKHAT, np.ones((side, side), np.uint8))
    return smooth(deeper / np.maximum(base, 1), 0.30, 0.48)
