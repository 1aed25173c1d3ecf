"""The face of one person at rest: the canonical mesh, reshaped by the person's numbers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fsa_data.mesh import LEFT_EYE, LIPS_INNER, LIPS_OUTER, RIGHT_EYE
from fsa_data.mesh.curves import smoothstep
from fsa_data.mesh.expression import LOWER_MIDDLE, LOWER_NEXT, UPPER_MIDDLE, UPPER_NEXT, rest_face
from fsa_data.simdrive.identity import Identity, identity
from fsa_data.simdrive.shapes import Vectors


def _bell(points: Vectors, centre: tuple[float, float, float], sigma: float) -> Vectors:
    """Gaussian weight around a point and its mirror image."""
    right = ((points - np.array(centre)) ** 2).sum(1)
    left = ((points - np.array([-centre[0], *centre[1:]])) ** 2).sum(1)
    weight: Vectors = np.exp(-np.minimum(right, left) / (2 * sigma * sigma))
    return weight


@lru_cache(maxsize=32)
def _cached(seed: int, index: int) -> Vectors:
    points = reshape(identity(seed, index))
    points.flags.writeable = False
    return points


def neutral_face(person: Identity) -> Vectors:
    """``(468, 3)`` float64 cm, read-only: the person's face at rest, kept per person."""
    return _cached(person.seed, person.index)


def reshape(person: Identity) -> Vectors:
    """Apply every shape number of a person to the canonical face; ``(468, 3)`` float64 cm."""
    shape, rest = person.shape, rest_face()
    points = rest.copy()
    side = np.sign(rest[:, 0])
    _frame(points, rest, shape)
    _eyes(points, rest, shape)
    _nose(points, rest, shape)
    _mouth(points, rest, shape)
    points[:, 2] += shape["brow_ridge_cm"] * _bell(rest, (2.9, 4.4, 4.6), 1.1)
    points[:, 0] += side * 0.7 * shape["cheekbone_cm"] * _bell(rest, (5.6, 0.4, 2.2), 2.0)
    points[:, 2] += 0.5 * shape["cheekbone_cm"] * _bell(rest, (4.6, 0.2, 3.2), 1.8)
    chin = _bell(rest, (0.0, -8.2, 4.8), 1.7)
    points[:, 2] += 0.8 * shape["chin_cm"] * chin
    points[:, 1] -= 0.6 * shape["chin_cm"] * chin
    for x, y, z, sigma, height in person.bumps:
        weight = _bell(rest, (float(x), float(y), float(z)), float(sigma))
        outward = np.stack([0.6 * side * min(1.0, float(x) / 2), np.zeros_like(side), np.ones_like(side)], axis=1)
        points += height * weight[:, None] * outward
    return points


def _frame(points: Vectors, rest: Vectors, shape: dict[str, float]) -> None:
    lower, upper = smoothstep(-rest[:, 1], 0, 7), smoothstep(rest[:, 1], 2, 8)
    points[:, 0] *= 1 + shape["face_width"] + shape["jaw_width"] * lower + shape["forehead"] * upper
    points[:, 1] *= 1 + shape["lower_face"] * lower + 0.5 * shape["forehead"] * upper


def _eyes(points: Vectors, rest: Vectors, shape: dict[str, float]) -> None:
    for ring, sign in ((RIGHT_EYE, -1.0), (LEFT_EYE, 1.0)):
        centre = points[list(ring)].mean(axis=0)
        away = rest - rest[list(ring)].mean(axis=0)
        weight = np.exp(-((away[:, 0] / 2.0) ** 2 + (away[:, 1] / 1.3) ** 2) / 2)
        weight *= smoothstep(1.6 - np.abs(away[:, 1]), -1.5, 0.6)
        points[:, :2] += shape["eye_size"] * weight[:, None] * (points - centre)[:, :2]
        points[:, 0] += sign * 0.5 * shape["eye_spacing_cm"] * weight
        points[:, 1] += (shape["eye_height_cm"] + sign * shape["eye_tilt_cm"] * away[:, 0] / 1.3) * weight
    brow = _bell(rest, (3.3, 4.8, 4.5), 1.3)
    points[:, 1] += shape["brow_height_cm"] * brow


def _nose(points: Vectors, rest: Vectors, shape: dict[str, float]) -> None:
    wings = np.exp(-(((rest[:, 1] + 1.2) / 1.1) ** 2)) * smoothstep(2.6 - np.abs(rest[:, 0]), 0, 1.4)
    points[:, 0] *= 1 + shape["nose_width"] * wings
    ridge = (
        np.exp(-((rest[:, 0] / 1.7) ** 2)) * smoothstep(3.5 - rest[:, 1], 0, 4.2) * smoothstep(rest[:, 1], -2.7, -1.2)
    )
    points[:, 2] += shape["nose_depth_cm"] * ridge
    tip = np.exp(-((rest[:, 0] / 1.8) ** 2)) * np.exp(-(((rest[:, 1] + 1.2) / 1.2) ** 2))
    points[:, 1] -= 0.7 * shape["nose_length"] * tip


def _mouth(points: Vectors, rest: Vectors, shape: dict[str, float]) -> None:
    near = _bell(rest, (1.2, -4.3, 4.8), 1.5)
    points[:, 0] *= 1 + shape["mouth_width"] * near
    points[:, 1] += shape["mouth_height_cm"] * near * smoothstep(2.4 - np.abs(rest[:, 1] + 4.3), 0, 1.2)
    seam = points[list(LIPS_INNER), 1].mean()
    outer = [*LIPS_OUTER, *UPPER_MIDDLE, *LOWER_MIDDLE, *UPPER_NEXT, *LOWER_NEXT]
    corner = smoothstep(2.6 - np.abs(rest[outer, 0]), 0, 1.6)
    points[outer, 1] += shape["lip_fullness"] * corner * (points[outer, 1] - seam) * 0.8
    points[outer, 2] += 0.35 * shape["lip_fullness"] * corner
