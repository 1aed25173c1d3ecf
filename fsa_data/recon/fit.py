"""Coefficients that bring the model's 68 points to where they are seen.

Used to refine what the network says, or in its place when only the model is at hand. Pose, identity and expression
are found by minimising the landmark loss and the coefficient loss of the published training (Deng et al., CVPRW 2019)
with their weights; light and albedo stay as they are, since points say nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from fsa_data.recon.losses import WEIGHTS, coefficient_loss, landmark_loss
from fsa_data.recon.morphable import (
    Camera,
    Coefficients,
    MorphableModel,
    face_shape,
    project,
    rotation_matrix,
    to_camera,
)

POSE_STEPS = 60
"""Iterations that move the head before its shape may change."""


def fit_landmarks(
    model: MorphableModel,
    landmarks: Tensor,
    start: Coefficients | None = None,
    steps: int = 100,
    prior: float = WEIGHTS["coefficient"],
    camera: Camera | None = None,
) -> Coefficients:
    """Fit the model to 68 points; deterministic, in double precision.

    Args:
        model: the morphable model.
        landmarks: ``(B, 68, 2)`` in the 224 x 224 cut, y up (see :mod:`fsa_data.recon.align`).
        start: where to begin, ``(B, ...)``; the mean face if None. Its light and albedo are returned as they are.
        steps: most iterations of L-BFGS for pose and shape together, after :data:`POSE_STEPS` for the pose alone.
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
    whole = Coefficients.split(vector.detach().double(), points.sizes)
    free = [t.clone().requires_grad_() for t in (whole.angles, whole.translation, whole.identity, whole.expression)]

    def current() -> Coefficients:
        angles, translation, identity, expression = free
        return replace(whole, angles=angles, translation=translation, identity=identity, expression=expression)

    def loss() -> Tensor:
        distance = landmark_loss(_project(points, current(), camera or Camera()), landmarks)
        return WEIGHTS["landmark"] * distance + prior * coefficient_loss(current(), albedo=0.0)

    _minimise(loss, free[:2], POSE_STEPS)
    _minimise(loss, free, steps)
    return current().vector.detach()


def _minimise(loss: Callable[[], Tensor], parameters: list[Tensor], steps: int) -> None:
    if steps < 1:
        return
    optimiser = torch.optim.LBFGS(
        parameters,
        max_iter=steps,
        history_size=20,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimiser.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return float(value)

    optimiser.step(closure)  # type: ignore[no-untyped-call]


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
