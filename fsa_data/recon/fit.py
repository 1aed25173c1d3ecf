"""Coefficients that bring the model's 68 points to where they are seen.

Used to refine what the network says, or in its place when only the model is at hand. Pose, identity and expression
are found by minimising the landmark loss and the coefficient loss of the published training (Deng et al., CVPRW 2019)
with their weights; light and albedo stay as they are, since points say nothing of them. Both losses are sums of
squares, so this is a non-linear least-squares problem of 150 numbers, which a trust region solves in a few steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsa_data.recon.losses import EXPRESSION_WEIGHT, LANDMARK_WEIGHTS, WEIGHTS
from fsa_data.recon.morphable import (
    Camera,
    Coefficients,
    MorphableModel,
    face_shape,
    project,
    rotation_matrix,
    to_camera,
)


def fit_landmarks(
    model: MorphableModel,
    landmarks: Tensor,
    start: Coefficients | None = None,
    steps: int = 20,
    prior: float = WEIGHTS["coefficient"],
    camera: Camera | None = None,
) -> Coefficients:
    """Fit the model to 68 points; deterministic, in double precision.

    Args:
        model: the morphable model.
        landmarks: ``(B, 68, 2)`` in the 224 x 224 cut, y up (see :mod:`fsa_data.recon.align`).
        start: where to begin, ``(B, ...)``; the mean face if None. Its light and albedo are returned as they are.
        steps: most steps; about ten are needed.
        prior: weight of the coefficient loss; 0 lets the shape go wherever the points pull it.
        camera: the camera; that of the published network if None.

    Returns:
        Float32 coefficients without gradient.

    Raises:
        ValueError: the landmarks are not ``(B, 68, 2)`` finite numbers, or ``start`` is another batch.
    """
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 2) or not bool(torch.isfinite(landmarks).all()):
        raise ValueError(f"Landmarks must be (B, 68, 2) finite numbers, got {tuple(landmarks.shape)}.")
    start = start or Coefficients.zeros(model, len(landmarks))
    if len(start.identity) != len(landmarks):
        raise ValueError(f"There are {len(landmarks)} faces, but {len(start.identity)} to start from.")
    points = _key_points(model)
    fitted = [
        _fit_one(points, landmarks[at : at + 1].detach().double(), start.vector[at : at + 1], steps, prior, camera)
        for at in range(len(landmarks))
    ]
    return Coefficients.split(torch.cat(fitted).to(start.vector), model.sizes)


def landmarks_of(model: MorphableModel, coefficients: Coefficients, camera: Camera | None = None) -> Tensor:
    """The 68 points ``(B, 68, 2)`` of faces, y up, without computing the rest of them."""
    return _project(_key_points(model), coefficients, camera or Camera()).to(coefficients.identity)


def _fit_one(
    points: MorphableModel, landmarks: Tensor, vector: Tensor, steps: int, prior: float, camera: Camera | None
) -> Tensor:
    start = Coefficients.split(vector.detach().double(), points.sizes)
    weights = (WEIGHTS["landmark"] / 68 * LANDMARK_WEIGHTS.to(landmarks)).sqrt()[:, None]
    spread = torch.full((sum(points.sizes[:2]),), prior, dtype=landmarks.dtype, device=landmarks.device)
    spread[points.sizes[0] :] *= EXPRESSION_WEIGHT

    def face(free: Tensor) -> Coefficients:
        """Of ``(6 + I + E,)`` numbers: angles, translation, identity, expression."""
        angles, translation, identity, expression = torch.split(free[None], [3, 3, *points.sizes[:2]], dim=1)
        return replace(start, angles=angles, translation=translation, identity=identity, expression=expression)

    def residuals(free: Tensor) -> Tensor:
        away = weights * (_project(points, face(free), camera or Camera()) - landmarks)[0]
        return torch.cat([away.flatten(), spread.sqrt() * free[6:]])

    begin = torch.cat([start.angles, start.translation, start.identity, start.expression], dim=1)
    return face(_least_squares(residuals, begin[0], steps)).vector


def _least_squares(residuals: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Tensor:
    """Where the sum of squared residuals is least, near the start."""
    from scipy.optimize import least_squares

    jacobian = torch.func.jacrev(residuals)

    def tensor(x: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(x).to(start)

    def at(x: NDArray[np.float64]) -> NDArray[Any]:
        return np.asarray(residuals(tensor(x)).cpu())

    def slope(x: NDArray[np.float64]) -> NDArray[Any]:
        return np.asarray(jacobian(tensor(x)).cpu())

    if steps < 1:
        return start
    return tensor(least_squares(at, start.cpu().numpy(), slope, max_nfev=steps, xtol=1e-9, ftol=1e-9, gtol=1e-9).x)


def _key_points(model: MorphableModel) -> MorphableModel:
    """The same model with nothing but its 68 key points as vertices, in double precision."""

    def at(base: Tensor) -> Tensor:
        return base.reshape(len(model.mean_shape), 3, -1)[model.keypoints].flatten(0, 1).double()

    return replace(
        model,
        mean_shape=model.mean_shape[model.keypoints].double(),
        identity_base=at(model.identity_base),
        expression_base=at(model.expression_base),
        keypoints=torch.arange(68, device=model.keypoints.device),
    )


def _project(points: MorphableModel, coefficients: Coefficients, camera: Camera) -> Tensor:
    shape = face_shape(points, coefficients.identity.double(), coefficients.expression.double())
    world = shape @ rotation_matrix(coefficients.angles.double()) + coefficients.translation.double()[:, None]
    return project(to_camera(world, camera), camera)
