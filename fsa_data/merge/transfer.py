"""Colour transfers: give one picture the colours of another. Plain functions, no state, the same result every time.

Linear ones need the first two moments of both pictures only, so moments may also come from elsewhere (smoothed over the
frames of a clip): Reinhard et al., "Color transfer between images" (2001); the two linear maps of Pitie and Kokaram,
"The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer" (2007). The others move whole
distributions (:mod:`fsa_data.merge.transport`).

Pixels are float32 RGB in 0..1 inside; masks say which pixels count, all pixels are changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import UnknownNameError
from fsa_data.merge.transport import histogram_match, iterative_transfer, sliced_transport
from fsa_data.types import Floats, Image, Mask

Doubles = NDArray[np.float64]

FEWEST = 16
"""With fewer pixels on either side there is nothing to learn: the picture stays as it is."""

INSIDE = 0.5
"""From this share of a mask on a pixel counts."""

ROUNDING = 1 / (12 * 255**2)
"""Variance of rounding to 8 bits: no direction of colour counts as narrower, so that noise is not blown up."""

_LAB_SPREAD = 0.1
"""Smallest standard deviation of a Lab channel that is divided by, for the same reason."""

_LEVEL = 100 / 255 * 100
"""Lightness that ``mix`` gives both pictures while it moves their chroma: L 100 of 8-bit Lab."""

_MIX_STEPS, _MIX_BATCH = 10, 5
"""Steps and directions per step of the transport inside ``mix``."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and covariance of colours.

    Attributes:
        mean: ``(3,)`` float64.
        covariance: ``(3, 3)`` float64, over n.
    """

    mean: Doubles
    covariance: Doubles

    @classmethod
    def of(cls, pixels: Floats) -> Moments:
        """Moments of ``(n, c)`` colours, n at least 1."""
        mean = np.asarray(pixels.mean(axis=0, dtype=np.float64))
        centred = pixels - mean.astype(np.float32)
        return cls(mean, (centred.T @ centred).astype(np.float64) / len(pixels))


@dataclass(frozen=True, slots=True)
class Linear:
    """A transfer that is an affine map of colours.

    Attributes:
        lab: whether it works in CIE Lab rather than RGB.
        gain: from the moments of the picture and of the reference to a ``(3, 3)`` matrix; colours are rows:
            ``out = (colour - mean) @ gain.T + reference mean``.
    """

    lab: bool
    gain: Callable[[Moments, Moments], Doubles]


def reinhard_gain(own: Moments, goal: Moments) -> Doubles:
    """Ratio of the standard deviations of each channel (Reinhard et al., 2001, equation 11)."""
    spread = [np.sqrt(np.maximum(np.diag(each.covariance), _LAB_SPREAD**2)) for each in (own, goal)]
    return np.diag(spread[1] / spread[0])


def principal_gain(own: Moments, goal: Moments) -> Doubles:
    """Whiten by the symmetric root of one covariance, colour by that of the other (Pitie and Kokaram, 2007, 3.2)."""
    ridge = ROUNDING * np.eye(len(own.mean))
    return _power(goal.covariance + ridge, 0.5) @ _power(own.covariance + ridge, -0.5)


def monge_kantorovich_gain(own: Moments, goal: Moments) -> Doubles:
    """The linear map that moves colours least (Pitie and Kokaram, 2007, equation 10)."""
    root, inverse = _power(own.covariance, 0.5, ROUNDING), _power(own.covariance, -0.5, ROUNDING)
    return inverse @ _power(root @ goal.covariance @ root, 0.5) @ inverse


LINEAR: dict[str, Linear] = {
    "rct": Linear(True, reinhard_gain),
    "lct": Linear(False, principal_gain),
    "mkl": Linear(False, monge_kantorovich_gain),
}
"""Transfers that need moments only."""


def linear(name: str, image: Floats, own: Moments, goal: Moments, clip: bool = True) -> Floats:
    """Apply a linear transfer with moments from anywhere.

    Args:
        name: a key of :data:`LINEAR`.
        image: ``(..., 3)`` float32 RGB in 0..1.
        own: of the picture, in Lab or RGB as the transfer works (:func:`in_space`).
        goal: of the reference, likewise.
        clip: whether colours that do not exist are clipped; otherwise the space's colours are returned as they are.

    Returns:
        ``(..., 3)`` float32: RGB in 0..1, or unclipped colours of the transfer's space.
    """
    way = LINEAR[name]
    moved = in_space(name, image) - own.mean.astype(np.float32)
    out = np.asarray(moved @ way.gain(own, goal).T.astype(np.float32) + goal.mean.astype(np.float32), np.float32)
    if not clip:
        return out
    return to_rgb(out) if way.lab else np.asarray(np.clip(out, 0, 1), np.float32)


def in_space(name: str, image: Floats) -> Floats:
    """Colours in the space that a linear transfer works in.

    Args:
        name: a key of :data:`LINEAR`.
        image: ``(..., 3)`` float32 RGB in 0..1.
    """
    return to_lab(image) if LINEAR[name].lab else image


def moments(name: str, image: Floats, mask: Floats | None = None) -> Moments | None:
    """Moments of a picture for a linear transfer.

    Args:
        name: a key of :data:`LINEAR`.
        image: ``(h, w, 3)`` float32 RGB in 0..1.
        mask: ``(h, w)`` float32 in 0..1, which pixels count.

    Returns:
        None if fewer than :data:`FEWEST` pixels count.
    """
    pixels = _counted(image, mask)
    if len(pixels) < FEWEST:
        return None
    return Moments.of(in_space(name, pixels))


def to_lab(image: Floats) -> Floats:
    """CIE Lab (L 0..100, a and b about -127..127) of ``(..., 3)`` float32 RGB in 0..1."""
    flat = np.ascontiguousarray(image, np.float32).reshape(1, -1, 3)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float32).reshape(image.shape)


def to_rgb(lab: Floats) -> Floats:
    """RGB in 0..1 of ``(..., 3)`` float32 CIE Lab; colours that do not exist are clipped."""
    low, high = np.array([0, -127, -127], np.float32), np.array([100, 127, 127], np.float32)
    flat = np.clip(lab, low, high).reshape(1, -1, 3)
    return np.asarray(np.clip(cv2.cvtColor(flat, cv2.COLOR_LAB2RGB), 0, 1), np.float32).reshape(lab.shape)


def _power(matrix: Doubles, exponent: float, least: float = 0.0) -> Doubles:
    """Power of a symmetric matrix; eigenvalues below ``least`` count as that."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, max(least, 1e-12)) ** exponent) @ vectors.T)


def _counted(image: Floats, mask: Floats | None) -> Floats:
    return image.reshape(-1, 3) if mask is None else image[mask >= INSIDE]


Transfer = Callable[[Floats, Floats, Floats], Floats]
"""From a picture ``(h, w, 3)``, its colours that count ``(n, 3)`` and the reference's ``(m, 3)`` to a picture."""


def _linear(name: str) -> Transfer:
    def run(image: Floats, own: Floats, goal: Floats) -> Floats:
        return linear(name, image, Moments.of(in_space(name, own)), Moments.of(in_space(name, goal)))

    return run


def _mix(image: Floats, own: Floats, goal: Floats) -> Floats:
    """Lightness by ``lct``, chroma by sliced transport of the colours at one lightness."""
    labs = [to_lab(each) for each in (image, own, goal)]
    light = [np.asarray(each[..., :1] / 100, np.float32) for each in labs]
    before, after = Moments.of(light[1].reshape(-1, 1)), Moments.of(light[2].reshape(-1, 1))
    gain = np.float32(principal_gain(before, after)[0, 0])
    lightness = (light[0] - np.float32(before.mean[0])) * gain + np.float32(after.mean[0])
    for lab in labs:
        lab[..., 0] = _LEVEL
    flat = [to_rgb(each) for each in labs]
    out = to_lab(sliced_transport(flat[0], flat[1], flat[2], _MIX_STEPS, _MIX_BATCH))
    out[..., 0] = 100 * lightness[..., 0]
    return to_rgb(out)


TRANSFERS: dict[str, Transfer] = {
    **{name: _linear(name) for name in LINEAR},
    "idt": iterative_transfer,
    "sot": sliced_transport,
    "mix": _mix,
    "hist": histogram_match,
}
"""Every transfer by name: Reinhard in Lab, linear by principal axes, linear Monge-Kantorovich, iterative distribution
transfer, sliced optimal transport, lightness and chroma apart, histograms of the channels."""


def transfer(
    name: str,
    image: Image | Floats,
    reference: Image | Floats,
    mask: Mask | Floats | None = None,
    reference_mask: Mask | Floats | None = None,
) -> Image | Floats:
    """A picture in the colours of another.

    Args:
        name: a key of :data:`TRANSFERS`.
        image: ``(h, w, 3)`` RGB, uint8 or float32 in 0..1.
        reference: the same kind, any size.
        mask: ``(h, w)`` uint8 or float32 in 0..1: pixels of at least a half count. All pixels are changed.
        reference_mask: the same of the reference.

    Returns:
        The kind and shape of ``image``; an unchanged copy if fewer than :data:`FEWEST` pixels count on either side.

    Raises:
        UnknownNameError: no such transfer.
    """
    if name not in TRANSFERS:
        raise UnknownNameError("colour transfer", name, TRANSFERS)
    picture = as_float(image)
    own = _counted(picture, None if mask is None else as_float(mask))
    goal = _counted(as_float(reference), None if reference_mask is None else as_float(reference_mask))
    if min(len(own), len(goal)) < FEWEST:
        return image.copy()
    out = TRANSFERS[name](picture, own, goal)
    return as_eight_bit(out) if image.dtype == np.uint8 else out


def as_float(values: NDArray[np.uint8] | Floats) -> Floats:
    """0..255 as 0..1; floats as they are."""
    if values.dtype == np.uint8:
        return np.asarray(values * np.float32(1 / 255), np.float32)
    return np.asarray(values, np.float32)


def as_eight_bit(values: Floats) -> NDArray[np.uint8]:
    """0..1 as 0..255, rounded and clipped."""
    return np.asarray(np.clip(values * np.float32(255) + np.float32(0.5), 0, 255), np.uint8)
