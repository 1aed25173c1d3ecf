"""Optimisers against the formulas written out for one number."""

import math

import pytest
import torch
from torch import nn

from fsa_data.engines.autoencoder.optim import EPS, Optimiser, clip_norm
from fsa_data.errors import UnknownNameError

GRADS = [3.0, -1.0, 0.5, 2.0]


def _run(optimiser, parameter, grads, share=1.0):
    seen = []
    for grad in grads:
        parameter.grad = torch.full_like(parameter, grad)
        optimiser.step(share)
        seen.append(parameter.detach().clone())
    return seen


def test_adabelief_step_by_step():
    parameter = nn.Parameter(torch.tensor([1.0, 1.0]))
    seen = _run(Optimiser({"w": parameter}, lr=0.01), parameter, GRADS)
    value, mean, variance = 1.0, 0.0, 0.0
    for grad, got in zip(GRADS, seen, strict=True):
        mean = 0.9 * mean + 0.1 * grad
        variance = 0.999 * variance + 0.001 * (grad - mean) ** 2
        value -= 0.01 * mean / (math.sqrt(variance) + EPS)
        assert got.tolist() == pytest.approx([value, value], rel=1e-5)


def test_adabeliefs_first_step_is_three_and_a_half_rates():
    parameter = nn.Parameter(torch.zeros(1))
    (first,) = _run(Optimiser({"w": parameter}, lr=1.0), parameter, [100.0])
    assert first.item() == pytest.approx(-0.1 / math.sqrt(0.001 * 0.9**2), rel=1e-4)
    assert first.item() == pytest.approx(-3.5, abs=0.02)


def test_rmsprop_step_by_step():
    parameter = nn.Parameter(torch.tensor([1.0]))
    seen = _run(Optimiser({"w": parameter}, "rmsprop", lr=0.01), parameter, GRADS, share=0.5)
    value, square = 1.0, 0.0
    for grad, got in zip(GRADS, seen, strict=True):
        square = 0.9 * square + 0.1 * grad**2
        value -= 0.005 * grad / (math.sqrt(square) + EPS)
        assert got.item() == pytest.approx(value, rel=1e-5)


def test_dropout_moves_a_share_of_the_weights_and_keeps_the_moments_of_all():
    parameter = nn.Parameter(torch.zeros(20_000))
    optimiser = Optimiser({"w": parameter}, lr=1.0, dropout=0.3, generator=torch.Generator().manual_seed(0))
    first, second = _run(optimiser, parameter, [1.0, 1.0])
    assert (first != 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert set(first.unique().tolist()) == {0.0, first.min().item()}
    moved_again = (second != first) & (first != 0)
    assert moved_again.float().mean().item() == pytest.approx(0.09, abs=0.02)
    assert optimiser.moments["w/mean"].unique().numel() == 1


def test_gradients_are_clipped_together_and_small_ones_are_not():
    grads = [torch.tensor([3.0]), torch.tensor([4.0])]
    clip_norm(grads, 1.0)
    assert [g.item() for g in grads] == pytest.approx([0.6, 0.8])
    clip_norm(grads, 2.0)
    assert [g.item() for g in grads] == pytest.approx([0.6, 0.8])


def test_weights_without_gradient_stay_and_gradients_are_forgotten():
    moved, frozen = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimiser = Optimiser({"moved": moved, "frozen": frozen}, max_norm=1.0)
    moved.grad = torch.ones(1)
    optimiser.step()
    assert moved.item() != 1
    assert moved.grad is None
    assert frozen.item() == 1


def test_unknown_kind():
    with pytest.raises(UnknownNameError, match="Did you mean 'adabelief'"):
        Optimiser({}, "adabelieve")
