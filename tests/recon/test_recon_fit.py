"""Fitting to 68 points: known faces come back."""

import numpy as np
import pytest
import torch

from fsa_data.recon import losses
from fsa_data.recon.fit import fit_landmarks, landmarks_of
from fsa_data.recon.morphable import Coefficients, rotation_matrix, surface
from tests.recon import synthetic


@pytest.fixture(scope="module")
def model():
    return synthetic.face_model()


def known(model, seed, shape=1.0):
    """Two faces in moderate poses."""
    generator = torch.Generator().manual_seed(seed)
    c = Coefficients.zeros(model, 2)
    c.identity[:] = shape * torch.randn(2, 80, generator=generator)
    c.expression[:] = 0.5 * shape * torch.randn(2, 64, generator=generator)
    c.angles[:] = torch.tensor([0.3, 0.9, 0.4]) * (2 * torch.rand(2, 3, generator=generator) - 1)
    c.translation[:] = torch.tensor([0.1, 0.1, 0.5]) * torch.randn(2, 3, generator=generator)
    c.lighting[:] = 0.1 * torch.randn(2, 27, generator=generator)
    c.albedo[:] = torch.randn(2, 80, generator=generator)
    return c


def angle_between(one, two):
    """Degrees between rotations, ``(B,)``."""
    trace = (rotation_matrix(one) * rotation_matrix(two)).sum(dim=(1, 2))
    return torch.rad2deg(torch.acos(((trace - 1) / 2).clamp(-1, 1)))


def test_the_points_are_those_of_the_surface(model):
    c = known(model, 0)
    torch.testing.assert_close(landmarks_of(model, c), surface(model, c).landmarks_px, atol=1e-3, rtol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_pose_of_a_mean_face_comes_back(model, seed):
    c = known(model, seed, shape=0.0)
    found = fit_landmarks(model, landmarks_of(model, c))
    assert float(angle_between(found.angles, c.angles).max()) < 0.1
    torch.testing.assert_close(found.translation, c.translation, atol=0.01, rtol=0)
    assert float(found.identity.abs().max()) < 0.05


def test_a_known_face_comes_back(model):
    c = known(model, 2)
    landmarks = landmarks_of(model, c)
    found = fit_landmarks(model, landmarks)
    apart = (landmarks_of(model, found) - landmarks).norm(dim=-1)
    before = (landmarks_of(model, Coefficients.zeros(model, 2)) - landmarks).norm(dim=-1)
    assert float(before.mean()) > 8
    assert float(apart.mean()) < 1  # the prior asks for the rest
    assert float(angle_between(found.angles, c.angles).max()) < 6
    # the points say something of the shape, the prior the rest: nearer to it than the mean face is
    shape = torch.cat([c.identity * model.identity_base.std(), c.expression * model.expression_base.std()], dim=1)
    got = torch.cat([found.identity * model.identity_base.std(), found.expression * model.expression_base.std()], dim=1)
    assert float(torch.nn.functional.cosine_similarity(shape, got).min()) > 0.7


def test_what_is_found_is_the_least_of_the_published_losses(model):
    landmarks = landmarks_of(model, known(model, 6))[:1]
    found = fit_landmarks(model, landmarks)

    def loss(vector):
        c = Coefficients.split(vector, model.sizes)
        points = surface(model, c).landmarks_px
        return 1.6e-3 * losses.landmark_loss(points, landmarks) + 3e-4 * losses.coefficient_loss(c)

    def slope(vector):
        return torch.autograd.functional.jacobian(loss, vector)[:, :144]  # identity and expression

    mean = Coefficients.zeros(model).vector
    assert float(loss(found.vector)) < 0.1 * float(loss(mean))
    assert float(slope(found.vector).abs().max()) < 1e-5 * float(slope(mean).abs().max())


def test_without_a_prior_the_points_are_met(model):
    landmarks = landmarks_of(model, known(model, 3))
    found = fit_landmarks(model, landmarks, prior=0.0)
    assert float((landmarks_of(model, found) - landmarks).norm(dim=-1).max()) < 0.1


def test_the_start_is_kept_where_points_say_nothing(model):
    c = known(model, 4)
    found = fit_landmarks(model, landmarks_of(model, c), start=c, steps=5)
    assert torch.equal(found.albedo, c.albedo)
    assert torch.equal(found.lighting, c.lighting)
    assert not found.identity.requires_grad


def test_each_face_is_fitted_alone_and_alike(model):
    landmarks = landmarks_of(model, known(model, 5))
    both = fit_landmarks(model, landmarks, steps=20).vector
    assert torch.equal(fit_landmarks(model, landmarks, steps=20).vector, both)
    torch.testing.assert_close(fit_landmarks(model, landmarks[1:], steps=20).vector, both[1:], atol=1e-4, rtol=0)


@pytest.mark.parametrize("landmarks", [torch.zeros(68, 2), torch.zeros(1, 5, 2), torch.full((1, 68, 2), np.nan)])
def test_other_landmarks(model, landmarks):
    with pytest.raises(ValueError, match=r"\(B, 68, 2\) finite numbers, got"):
        fit_landmarks(model, landmarks)


def test_another_batch_to_start_from(model):
    with pytest.raises(ValueError, match="There are 3 faces, but 2 to start from"):
        fit_landmarks(model, torch.zeros(3, 68, 2), start=Coefficients.zeros(model, 2))
