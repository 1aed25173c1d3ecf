"""What StarGAN v2 is trained for (Choi et al., CVPR 2020, section 2.2, eq. 1 to 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.nets.stargan2 import Discriminator, Generator, MappingNetwork, StyleEncoder
from fsa_data.nets.wing import FAN, edge_masks

Masks = tuple[Tensor, Tensor]
"""Where edges of images are kept, see :func:`fsa_data.nets.wing.edge_masks`."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks that are trained together, and the landmark network of the high-pass path.

    Attributes:
        generator: draws.
        mapping_network: styles from random numbers.
        style_encoder: styles from images.
        discriminator: judges; only training needs it.
        fan: of the masks; None without a high-pass path.
    """

    generator: Generator
    mapping_network: MappingNetwork
    style_encoder: StyleEncoder
    discriminator: Discriminator | None = None
    fan: FAN | None = None

    @property
    def judge(self) -> Discriminator:
        """The discriminator.

        Raises:
            ValueError: there is none.
        """
        if self.discriminator is None:
            raise ValueError("These networks have no discriminator, so that they cannot be trained.")
        return self.discriminator

    def masks(self, images: Tensor) -> Masks | None:
        """Where edges of images ``(B, 3, S, S)`` are kept; None without a high-pass path."""
        return None if self.fan is None or self.generator.hpf is None else edge_masks(self.fan, images)


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts."""

    reg: float = 1.0
    """Penalty on the discriminator's gradient at real images."""
    sty: float = 1.0
    """Style found again."""
    ds: float = 1.0
    """Diversity; falls to 0 while training goes on."""
    cyc: float = 1.0
    """The image found again."""


class Wanted(NamedTuple):
    """In which style images are to be drawn: two each, drawn from random numbers or taken from references.

    Attributes:
        domain: ``(B,)``.
        z: two of ``(B, latent_dim)``, or None.
        reference: two of ``(B, 3, S, S)`` in -1..1, or None.
    """

    domain: Tensor
    z: tuple[Tensor, Tensor] | None = None
    reference: tuple[Tensor, Tensor] | None = None

    def style(self, networks: Networks, which: int = 0) -> Tensor:
        """``(B, style_dim)``."""
        if self.z is not None:
            made: Tensor = networks.mapping_network(self.z[which], self.domain)
        elif self.reference is not None:
            made = networks.style_encoder(self.reference[which], self.domain)
        else:
            raise ValueError("A style needs random numbers or a reference.")
        return made


class DiscriminatorLoss(NamedTuple):
    """``total = real + fake + reg * r1``; scalars."""

    total: Tensor
    real: Tensor
    fake: Tensor
    r1: Tensor


class GeneratorLoss(NamedTuple):
    """``total = adv + sty - ds + cyc``, each weighted; scalars."""

    total: Tensor
    adv: Tensor
    sty: Tensor
    ds: Tensor
    cyc: Tensor


def discriminator_loss(
    networks: Networks,
    weights: Weights,
    images: Tensor,
    domain: Tensor,
    wanted: Wanted,
    masks: Masks | None = None,
) -> DiscriminatorLoss:
    """Real against drawn, and R1 (Mescheder et al., ICML 2018, eq. 9).

    Args:
        networks: all of them.
        weights: ``reg`` counts.
        images: ``(B, 3, S, S)`` in -1..1.
        domain: ``(B,)``, theirs.
        wanted: what is drawn.
        masks: of the images, if they were found before.
    """
    real = images.detach().requires_grad_(weights.reg > 0)
    logits = networks.judge(real, domain)
    loss_real = _as_if(logits, 1.0)
    r1 = _r1(logits, real) if weights.reg > 0 else logits.new_zeros(())
    with torch.no_grad():
        drawn = networks.generator(images, wanted.style(networks), masks or networks.masks(images))
    loss_fake = _as_if(networks.judge(drawn, wanted.domain), 0.0)
    return DiscriminatorLoss(loss_real + loss_fake + weights.reg * r1, loss_real, loss_fake, r1)


def generator_loss(
    networks: Networks,
    weights: Weights,
    images: Tensor,
    domain: Tensor,
    wanted: Wanted,
    masks: Masks | None = None,
) -> GeneratorLoss:
    """Taken for real, style found again, diversity, image found again.

    Args:
        networks: all of them.
        weights: of each part.
        images: ``(B, 3, S, S)`` in -1..1.
        domain: ``(B,)``, theirs.
        wanted: what is drawn.
        masks: of the images, if they were found before.
    """
    style, masks = wanted.style(networks), masks or networks.masks(images)
    drawn = networks.generator(images, style, masks)
    adv = _as_if(networks.judge(drawn, wanted.domain), 1.0)
    sty = F.l1_loss(networks.style_encoder(drawn, wanted.domain), style)
    with torch.no_grad():
        other = networks.generator(images, wanted.style(networks, 1), masks)
    ds = F.l1_loss(drawn, other)
    own = networks.style_encoder(images, domain)
    back = networks.generator(drawn, own, networks.masks(drawn))
    cyc = F.l1_loss(back, images)
    total = adv + weights.sty * sty - weights.ds * ds + weights.cyc * cyc
    return GeneratorLoss(total, adv, sty, ds, cyc)


def _r1(logits: Tensor, real: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    penalty: Tensor = 0.5 * slope.square().flatten(1).sum(1).mean()
    return penalty


def _as_if(logits: Tensor, real: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))


def he_initialised(module: nn.Module) -> None:
    """Weights of convolutions and linear layers by He et al. (2015), no bias."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
