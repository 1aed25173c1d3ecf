"""Photos cut and scaled as Deep3DFaceRecon wants them, and the ways back.

Five points decide the cut: both eyes, the tip of the nose, both corners of the mouth. POS (pose from orthography and
scaling: DeMenthon and Davis, 1995) fits a mean face in 3-D to them; the photo is scaled until the fit has a fixed size
and cut around the origin of the mean face.

Points here are those of the original: the first pixel's centre is at 0 and y points *up* from the lowest row.
:func:`flipped` changes between them and the house's points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from fsa_data.types import Floats, Image

CROP_PX = 224
"""Side of the cut."""

SCALE = 102.0
"""Pixels per unit of the mean face in the cut."""

WHOLE_PX = 4_000_000
"""Scaled photos of up to so many pixels are scaled whole."""

ARCFACE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""Where ArcFace (Deng et al., 2019) wants the five points in its 112 x 112 image, y down."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How a cut lies in its photo.

    Attributes:
        width: of the photo, pixels.
        height: of the photo, pixels.
        scale: pixels of the cut per pixel of the photo.
        x: where the origin of the mean face lies in the photo.
        y: likewise, upwards.
        side: of the cut, pixels.
    """

    width: int
    height: int
    scale: float
    x: float
    y: float
    side: int = CROP_PX

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the scaled photo."""
        return int(self.width * self.scale), int(self.height * self.scale)

    @property
    def corner(self) -> tuple[int, int]:
        """Column and row of the scaled photo at which the cut begins; may lie outside."""
        width, height = self.size
        left = width / 2 - self.side / 2 + (self.x - self.width / 2) * self.scale
        top = height / 2 - self.side / 2 + (self.height / 2 - self.y) * self.scale
        return int(left), int(top)

    def to_cut(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points ``(N, 2)`` of the photo, in the cut."""
        middle, origin, edge = self._offsets()
        return (points - origin + middle) * self.scale - edge

    def to_photo(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points ``(N, 2)`` of the cut, in the photo: the inverse of :meth:`to_cut`."""
        middle, origin, edge = self._offsets()
        return (points + edge) / self.scale + origin - middle

    def _offsets(self) -> tuple[NDArray[np.float64], ...]:
        """Middle of the photo, origin of the mean face, and lower left corner of the cut in the scaled photo."""
        middle = np.array([self.width, self.height]) / 2
        return middle, np.array([self.x, self.y]), np.array(self.size) / 2 - self.side / 2


def flipped(points_px: NDArray[np.floating], height: int) -> NDArray[np.float64]:
    """The house's points (pixel centres at .5, y down) as the original's (centres at 0, y up).

    Args:
        points_px: ``(N, 2)``.
        height: of the image.
    """
    points = np.asarray(points_px, np.float64) - 0.5
    return np.stack([points[:, 0], height - 1 - points[:, 1]], axis=1)


def unflipped(points: NDArray[np.floating], height: int) -> Floats:
    """Inverse of :func:`flipped`, ``(N, 2)`` float32."""
    down = np.stack([points[:, 0], height - 1 - points[:, 1]], axis=1)
    return np.asarray(down + 0.5, np.float32)


def five_points(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Five of 68 points, in 2-D or 3-D.

    Args:
        points: ``(68, D)`` of the iBUG scheme.

    Returns:
        ``(5, D)``: eye on the left of the image, the other (each between its corners), tip of the nose, corner of the
        mouth on the left, the other.

    Raises:
        ValueError: there are not 68 points.
    """
    if points.ndim != 2 or len(points) != 68:
        raise ValueError(f"Expected (68, 2) or (68, 3) points, got {points.shape}.")
    p = np.asarray(points, np.float64)
    return np.stack([(p[36] + p[39]) / 2, (p[42] + p[45]) / 2, p[30], p[48], p[54]])


def fit_pos(points: NDArray[np.floating], mean_points: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Scaled orthographic projection of a mean face onto image points, by least squares.

    Args:
        points: ``(N, 2)``.
        mean_points: ``(N, 3)``.

    Returns:
        Where the origin of the mean face lies, ``(2,)``, and the scale: the mean length of the two rows.

    Raises:
        ValueError: the points lie on one spot, or are not finite.
    """
    p, mean = np.asarray(points, np.float64), np.asarray(mean_points, np.float64)
    if not np.isfinite(p).all():
        raise ValueError("The points of the face are not finite.")
    rows = np.linalg.lstsq(np.concatenate([mean, np.ones((len(mean), 1))], axis=1), p, rcond=None)[0].T
    scale = float(np.linalg.norm(rows[:, :3], axis=1).mean())
    if scale < 1e-6:
        raise ValueError("The points of the face lie on one spot.")
    return rows[:, 3], scale


def place(
    points: NDArray[np.floating], mean_points: NDArray[np.floating], width: int, height: int, scale: float = SCALE
) -> Cut:
    """Where a photo is to be cut.

    Args:
        points: ``(5, 2)``, see :func:`five_points`; y up.
        mean_points: ``(5, 3)`` of the mean face.
        width: of the photo.
        height: of the photo.
        scale: pixels of the cut per unit of the mean face.

    Raises:
        ValueError: see :func:`fit_pos`.
    """
    origin, size = fit_pos(points, mean_points)
    return Cut(width, height, scale / size, float(origin[0]), float(origin[1]))


def cut_out(image: Image, cut: Cut) -> Image:
    """The cut itself, resampled with Pillow's bicubic filter; black outside the photo.

    As in the original the whole photo is scaled first. Where that would be huge (a small face in a large photo), only
    the part that is needed is scaled; Pillow places parts in single precision, so a few values may differ by 1 or 2.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        cut: from :func:`place` for an image of this size.

    Returns:
        ``(side, side, 3)`` uint8 RGB.
    """
    (width, height), (left, top) = cut.size, cut.corner
    x0, x1 = max(left, 0), min(left + cut.side, width)
    y0, y1 = max(top, 0), min(top + cut.side, height)
    out = np.zeros((cut.side, cut.side, 3), np.uint8)
    if x0 >= x1 or y0 >= y1:
        return out
    photo, bicubic = PIL.Image.fromarray(image), PIL.Image.Resampling.BICUBIC
    if width * height <= WHOLE_PX:
        part = photo.resize((width, height), bicubic).crop((x0, y0, x1, y1))
    else:
        wide, high = cut.width / width, cut.height / height
        # rounding may put the far edge a hair outside, which Pillow refuses
        box = (x0 * wide, y0 * high, min(x1 * wide, cut.width), min(y1 * high, cut.height))
        part = photo.resize((x1 - x0, y1 - y0), bicubic, box=box)
    out[y0 - top : y1 - top, x0 - left : x1 - left] = np.asarray(part)
    return out


def arcface_transform(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """The similarity that takes five points to ArcFace's places (Umeyama, 1991).

    Args:
        points: ``(5, 2)``, y *down* as in the image that is to be warped.

    Returns:
        ``(2, 3)`` matrix for column vectors ``(x, y, 1)``.
    """
    p = np.asarray(points, np.float64)
    middle, goal = p.mean(axis=0), ARCFACE_POINTS.mean(axis=0)
    u, d, vt = np.linalg.svd((ARCFACE_POINTS - goal).T @ (p - middle))
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    spread = np.square(p - middle).sum()
    if spread == 0:
        raise ValueError("The points of the face lie on one spot.")
    linear = (d * sign).sum() / spread * (u * sign) @ vt
    return np.concatenate([linear, (goal - linear @ middle)[:, None]], axis=1)
