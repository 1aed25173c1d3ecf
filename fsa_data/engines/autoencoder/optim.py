"""Optimisers of the autoencoder: AdaBelief without bias correction, and RMSprop; both with learning-rate dropout.

Zhuang et al., "AdaBelief Optimizer" (NeurIPS 2020); Lin et al., "Learning Rate Dropout" (arXiv:1912.00144). As in
DeepFaceLab the moments start at 0 and are not corrected for it, so that the first steps of AdaBelief are about three
and a half times the learning rate.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fsa_data.errors import UnknownNameError

EPS = 1e-6
KINDS = ("adabelief", "rmsprop")
_MOMENTS = {"adabelief": ("mean", "variance"), "rmsprop": ("square",)}


class Optimiser:
    """One step after each backward pass.

    Args:
        parameters: by name.
        kind: ``adabelief`` (decay 0.9 and 0.999) or ``rmsprop`` (decay 0.9).
        lr: learning rate.
        dropout: probability that a weight moves; 1 is no dropout. Each weight is drawn anew in each step.
        max_norm: gradients are scaled down to this norm, all together; 0 leaves them.
        generator: where dropout is drawn, on the parameters' device; needed with dropout only.

    Raises:
        UnknownNameError: no such kind.
    """

    def __init__(
        self,
        parameters: dict[str, nn.Parameter],
        kind: str = "adabelief",
        lr: float = 5e-5,
        dropout: float = 1.0,
        max_norm: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        if kind not in KINDS:
            raise UnknownNameError("optimiser", kind, KINDS)
        self.parameters, self.kind, self.lr, self.dropout, self.max_norm = parameters, kind, lr, dropout, max_norm
        self.generator = generator
        self.moments = {
            f"{name}/{moment}": torch.zeros_like(value)
            for moment in _MOMENTS[kind]
            for name, value in parameters.items()
        }

    @torch.no_grad()
    def step(self, share: float = 1.0) -> None:
        """Move every weight that has a gradient, then forget the gradients.

        Args:
            share: of the learning rate, in this step.
        """
        names = [name for name, value in self.parameters.items() if value.grad is not None]
        values: list[Tensor] = [self.parameters[name] for name in names]
        grads = [_grad(value) for value in values]
        if self.max_norm:
            clip_norm(grads, self.max_norm)
        moments = [[self.moments[f"{name}/{moment}"] for name in names] for moment in _MOMENTS[self.kind]]
        updates = _adabelief(grads, *moments) if self.kind == "adabelief" else _rmsprop(grads, *moments)
        if self.dropout < 1:
            torch._foreach_mul_(updates, [self._kept(update) for update in updates])
        torch._foreach_add_(values, updates, alpha=-self.lr * share)
        for value in values:
            value.grad = None

    def _kept(self, update: Tensor) -> Tensor:
        drawn = torch.rand(update.shape, generator=self.generator, device=update.device)
        return (drawn < self.dropout).to(update.dtype)


def _grad(value: Tensor) -> Tensor:
    if value.grad is None:
        raise ValueError("a parameter has no gradient")
    return value.grad


def clip_norm(grads: Iterable[Tensor], max_norm: float) -> None:
    """Scale gradients in place so that their norm, all together, is ``max_norm`` at most."""
    grads = list(grads)
    norms = torch._foreach_norm(grads)
    total = torch.stack(list(norms)).square().sum().sqrt()
    torch._foreach_mul_(grads, torch.clamp(max_norm / total, max=1.0))


def _adabelief(grads: list[Tensor], mean: list[Tensor], variance: list[Tensor]) -> list[Tensor]:
    """The belief is in the new mean: the variance is of what differs from it."""
    torch._foreach_lerp_(mean, grads, 0.1)
    surprise = torch._foreach_sub(grads, mean)
    torch._foreach_mul_(variance, 0.999)
    torch._foreach_addcmul_(variance, surprise, surprise, value=0.001)
    return _divided(mean, variance)


def _rmsprop(grads: list[Tensor], square: list[Tensor]) -> list[Tensor]:
    torch._foreach_mul_(square, 0.9)
    torch._foreach_addcmul_(square, grads, grads, value=0.1)
    return _divided(grads, square)


def _divided(values: list[Tensor], squares: list[Tensor]) -> list[Tensor]:
    roots = list(torch._foreach_sqrt(squares))
    torch._foreach_add_(roots, EPS)
    return list(torch._foreach_div(values, roots))
