"""Order in a set of faces: by pose, blur or likeness, and which are as good as equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import UnknownNameError
from fsa_data.faces.face_set import FaceRecord
from fsa_data.faces.masks import oval_mask
from fsa_data.faces.points68 import points68
from fsa_data.types import Box, Floats, Image

LOOK_PX = 24
"""Side of the small grey picture that stands for what a crop looks like."""

SHARP_PX = 256
"""Size at which sharpness is measured."""


def sharpness_of(crop: Image, points_px: Floats) -> float:
    """How sharp a face is, whatever its contrast: mean square of the Laplacian over the variance, within the face.

    Args:
        crop: ``(S, S, 3)`` uint8 RGB.
        points_px: ``(478, >=2)`` in its pixels.

    Returns:
        At least 0; the larger, the sharper. Enlarged and blurred faces have little; noise adds to it.
    """
    size = SHARP_PX
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_AREA if crop.shape[0] > size else cv2.INTER_LINEAR
    grey = np.asarray(cv2.resize(grey, (size, size), interpolation=how), np.float32)
    inside = oval_mask(points_px * np.float32(size / crop.shape[0]), Box(0, 0, size, size)) > 127
    if not inside.any():
        return 0.0
    detail = np.asarray(cv2.Laplacian(grey, cv2.CV_32F))[inside]
    return float(np.square(detail).mean() / (grey[inside].var() + 1.0))


def sort_faces(records: Sequence[FaceRecord], by: str) -> list[FaceRecord]:
    """Faces in another order; equal ones keep theirs.

    Args:
        records: from :func:`fsa_data.faces.face_set.read_face_set`.
        by: a key of :data:`ORDERS`.

    Raises:
        UnknownNameError: no such order.
    """
    if by not in ORDERS:
        raise UnknownNameError("order", by, ORDERS)
    return [records[at] for at in ORDERS[by](records)]


def _by(value: Callable[[FaceRecord], float]) -> Callable[[Sequence[FaceRecord]], list[int]]:
    return lambda records: sorted(range(len(records)), key=lambda at: value(records[at]))


def _by_similarity(records: Sequence[FaceRecord]) -> list[int]:
    return _chain(shapes_of(records))


def _by_histogram(records: Sequence[FaceRecord]) -> list[int]:
    """Square roots of histograms: their distance is Hellinger's."""
    return _chain(np.stack([np.sqrt(_histogram(record.load())) for record in records]) if records else np.zeros((0, 1)))


ORDERS: dict[str, Callable[[Sequence[FaceRecord]], list[int]]] = {
    "yaw": _by(lambda record: record.face.yaw_deg),
    "pitch": _by(lambda record: record.face.pitch_deg),
    "blur": _by(lambda record: -record.sharpness),
    "similarity": _by_similarity,
    "histogram": _by_histogram,
    "name": _by(lambda record: 0.0),
}
"""``yaw``: from left to right. ``pitch``: from up to down. ``blur``: the sharpest first. ``similarity``: each next to
the one whose landmarks lie most alike in the crop, pose and expression that is. ``histogram``: likewise by colours, so
light, make-up and strangers stand together."""


def near_duplicates(
    records: Sequence[FaceRecord], points: float = 0.01, look: float = 0.25
) -> list[tuple[FaceRecord, FaceRecord]]:
    """Faces that add nothing: a sharper one has the same pose, expression and look.

    Args:
        records: their pictures are loaded.
        points: largest distance of any of the 68 points up to which two faces do the same, in sides of the crop; lids
            that close move theirs by about twice the default.
        look: distance of two small grey pictures up to which they look the same, 0 for equal ones and about 1.4 for
            unrelated ones (each is freed of brightness and contrast and has the length 1).

    Returns:
        Pairs: one that can go, and the one that stays for it. No two that stay are that near to each other.
    """
    order = ORDERS["blur"](records)
    shapes = np.stack([points68(one.points_px) / one.size for one in records]) if records else np.zeros((0, 68, 2))
    looks = np.stack([look_of(record.load()) for record in records]) if records else np.zeros((0, 1))
    kept: list[int] = []
    gone: list[tuple[FaceRecord, FaceRecord]] = []
    for at in order:
        apart = np.linalg.norm(shapes[kept] - shapes[at], axis=2).max(axis=1)
        alike = np.flatnonzero((apart <= points) & (np.linalg.norm(looks[kept] - looks[at], axis=1) <= look))
        if len(alike):
            gone.append((records[at], records[kept[int(alike[0])]]))
        else:
            kept.append(at)
    return gone


def shapes_of(records: Sequence[FaceRecord]) -> Floats:
    """``(N, 2 * 468)``: landmarks in sides of the crop, without irises."""
    if not records:
        return np.zeros((0, 2), np.float32)
    return np.stack([record.points_px[:468, :2].ravel() / record.size for record in records])


def look_of(crop: Image) -> Floats:
    """``(24 * 24,)``: a small grey picture, mean 0 and length 1."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = np.asarray(cv2.resize(grey, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA), np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


def _histogram(crop: Image) -> Floats:
    """8 x 8 x 8 colours of the middle of a crop, shares."""
    edge = crop.shape[0] // 6
    middle = np.ascontiguousarray(crop[edge : crop.shape[0] - edge, edge : crop.shape[1] - edge])
    counts = cv2.calcHist([middle], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
    return np.asarray(counts.ravel() / counts.sum(), np.float32)


def _chain(features: NDArray[np.floating]) -> list[int]:
    """From the first to the nearest that is left, and so on."""
    features = np.asarray(features, np.float32)
    length = np.square(features).sum(axis=1)
    left = np.ones(len(features), bool)
    order: list[int] = []
    at = 0
    while left.any():
        order.append(at)
        left[at] = False
        apart = length - 2 * (features @ features[at])  # squared distances but for what they have in common
        apart[~left] = np.inf
        at = int(apart.argmin())
    return order
