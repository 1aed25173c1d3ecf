"""Calm over time: landmarks that do not tremble, colours that do not flicker.

Both use a local polynomial fit with Gaussian weights in time (a Savitzky-Golay filter that knows the true timestamps):
no delay, and steady motion passes as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.faces import face_size_px
from fsa_data.merge import lab_to_rgb, rgb_to_lab
from fsa_data.types import Face, Floats, Image, Mask

LANDMARK_SIGMA_S = 0.08
"""Width of the fit for landmarks: at 25 frames per second the trembling of a still face falls to a tenth."""

TREMBLE = 0.012
"""Landmarks that the fit would move by more than about this share of the face size are in motion, not trembling: blinks
and words stay as they are."""

COLOUR_SIGMA_S = 0.12
"""Width of the fit for colours."""

REACH = 2.5
"""Where the Gaussian ends, in standard deviations."""

MOST_FRAMES = 8
"""Frames before and after that a colour fit sees at most: so many full frames wait in memory."""

_QUIET_LAB = 0.05
"""A shift of colour smaller than this is left out: nobody sees it, and rounding would cost more."""

_SOFT = 0.05
"""Width of the rim over which a shift of colour sets in, as a share of the changed region's size."""


def fit_at(
    times_s: NDArray[np.float64], values: NDArray[np.float64], at_s: float, sigma_s: float, order: int
) -> NDArray[np.float64]:
    """Value of a local polynomial at one time.

    Args:
        times_s: ``(T,)`` rising.
        values: ``(T, ...)``.
        at_s: where.
        sigma_s: standard deviation of the Gaussian weights.
        order: of the polynomial; lower where too few samples are near.

    Returns:
        The shape of one value.
    """
    near = slice(*np.searchsorted(times_s, [at_s - REACH * sigma_s - 1e-9, at_s + REACH * sigma_s + 1e-9]))
    away = (times_s[near] - at_s) / sigma_s
    powers = np.vander(away, min(order, len(away) - 1) + 1, increasing=True)
    weighted = powers * np.exp(-0.5 * away * away)[:, None]
    share = np.linalg.lstsq(powers.T @ weighted, weighted.T, rcond=None)[0][0]
    return np.asarray(np.tensordot(share, values[near], axes=1))


def smooth_faces(faces: Sequence[Face], times_s: Sequence[float]) -> list[Face]:
    """The faces of one track without their trembling.

    Each point goes towards a local parabola by ``exp(-(r / TREMBLE)^2)``, r being how far away it is in face sizes; so
    what moves fast stays. Head pose follows the parabola; expressions and confidence are left alone.

    Args:
        faces: in order of time.
        times_s: when each was seen, rising.
    """
    if len(faces) < 3:
        return list(faces)
    times = np.asarray(times_s, np.float64)
    points = np.stack([face.points_px for face in faces]).astype(np.float64)
    angles = np.array([[face.yaw_deg, face.pitch_deg] for face in faces])
    out = []
    for i, face in enumerate(faces):
        towards = fit_at(times, points, times[i], LANDMARK_SIGMA_S, 2) - points[i]
        moved = np.linalg.norm(towards[:, :2], axis=1, keepdims=True) / max(face_size_px(face.points_px), 1e-6)
        calm = points[i] + np.exp(-np.square(moved / TREMBLE)) * towards
        yaw, pitch = fit_at(times, angles, times[i], LANDMARK_SIGMA_S, 2).tolist()
        out.append(replace(face, points_px=calm.astype(np.float32), yaw_deg=yaw, pitch_deg=pitch))
    return out


def changed(original: Image, patch: Image) -> NDArray[np.bool_]:
    """``(h, w)``: which pixels a patch changes."""
    return np.asarray((original != patch).any(axis=2))


def region(change: NDArray[np.bool_]) -> Mask:
    """The changed pixels as a region: small gaps, where old and new happen to be equal, are filled.

    Returns:
        ``(h, w)`` uint8, 255 inside; covers every changed pixel.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return np.asarray(cv2.morphologyEx(change.astype(np.uint8) * 255, cv2.MORPH_CLOSE, kernel), np.uint8)


def mean_offset(original: Image, patch: Image) -> Floats:
    """How a patch differs in colour from what it covers.

    Args:
        original: ``(h, w, 3)`` uint8 RGB.
        patch: the same shape.

    Returns:
        ``(3,)`` float32 Lab, mean over the changed pixels; 0 if there is none.
    """
    change = changed(original, patch)
    if not change.any():
        return np.zeros(3, np.float32)
    return np.asarray((rgb_to_lab(patch) - rgb_to_lab(original))[change].mean(axis=0), np.float32)


def shift_colour(original: Image, patch: Image, shift_lab: Floats) -> Image:
    """Shift a patch's colour; pixels that it does not change stay unchanged.

    The shift sets in softly from the rim of the changed region.

    Args:
        original: ``(h, w, 3)`` uint8 RGB, what the patch covers.
        patch: the same shape.
        shift_lab: ``(3,)`` Lab.

    Returns:
        ``(h, w, 3)`` uint8 RGB.
    """
    change = changed(original, patch)
    if float(np.abs(shift_lab).max()) < _QUIET_LAB or not change.any():
        return patch
    inside = np.pad(region(change), 1)
    inward = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
    weight = np.clip(inward / max(1.0, _SOFT * float(np.sqrt(change.sum()))), 0, 1)[..., None]
    shifted = lab_to_rgb(np.asarray(rgb_to_lab(patch) + weight * shift_lab, np.float32))
    return np.asarray(np.where(change[..., None], shifted, patch), np.uint8)


class ColourSmoother:
    """Mean colour offsets of one track, and what each should be for the eye to see no flicker."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._offsets: list[Floats] = []

    def add(self, time_s: float, offset_lab: Floats) -> None:
        """The offset of the next frame."""
        self._times.append(time_s)
        self._offsets.append(offset_lab)

    def shift(self, time_s: float) -> Floats:
        """What to add to the frame of this time, ``(3,)`` Lab. Times must rise; what is out of reach is forgotten."""
        at = int(np.searchsorted(self._times, time_s))
        first = max(0, at - MOST_FRAMES)
        while first < at and self._times[first] < time_s - REACH * COLOUR_SIGMA_S:
            first += 1
        del self._times[:first], self._offsets[:first]
        times, offsets = np.array(self._times), np.array(self._offsets, np.float64)
        calm = fit_at(times, offsets, time_s, COLOUR_SIGMA_S, 1)
        return np.asarray(calm - offsets[at - first], np.float32)
