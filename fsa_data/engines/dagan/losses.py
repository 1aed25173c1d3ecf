"""What DaGAN is trained for (Hong et al., CVPR 2022, section 3.4; Siarohin et al., NeurIPS 2019, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.nets.dagan import Generated
from fsa_data.nets.dagan_discriminator import Judged, MultiScaleDiscriminator
from fsa_data.nets.dagan_layers import AntiAlias, KeyPoints, coordinate_grid, inverted

SCALES = (1.0, 0.5, 0.25, 0.125)
"""Sizes at which pictures are compared."""

APART = 0.2
"""Key points nearer to each other than this are too near."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts; the values are the published ones."""

    perceptual: float = 10.0
    generator_gan: float = 1.0
    discriminator_gan: float = 1.0
    feature_matching: float = 10.0
    equivariance_value: float = 10.0
    equivariance_jacobian: float = 10.0
    kp_distance: float = 10.0


class GeneratorLoss(NamedTuple):
    """Weighted parts, scalars; the sum is trained for."""

    perceptual: Tensor
    gen_gan: Tensor
    feature_matching: Tensor
    equivariance_value: Tensor
    equivariance_jacobian: Tensor
    kp_distance: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return torch.stack(list(self)).sum()


class Pyramid(nn.Module):
    """An image at several sizes.

    Args:
        scales: sizes, in sizes of the image.
        channels: of the image.
    """

    def __init__(self, scales: Sequence[float] = SCALES, channels: int = 3) -> None:
        super().__init__()
        self.scales = tuple(scales)
        self.downs = nn.ModuleList(AntiAlias(channels, scale) for scale in self.scales)

    def forward(self, image: Tensor, scales: Sequence[float] | None = None) -> dict[float, Tensor]:
        """``(B, C, H, W)`` to images by scale: all, or some of them."""
        pairs = zip(self.scales, self.downs, strict=True)
        return {scale: down(image) for scale, down in pairs if scales is None or scale in scales}


class Bend:
    """A smooth random map of the plane, whose key points must move along (eq. 9 to 11 of Siarohin et al.).

    Args:
        theta: ``(B, 2, 3)``, the affine part.
        control: ``(B, 1, N * N)``, how much each knot of an N x N net pulls; x and y alike.
    """

    def __init__(self, theta: Tensor, control: Tensor) -> None:
        self.theta, self.control = theta, control
        side = round(control.shape[-1] ** 0.5)
        self.knots = coordinate_grid(side, side, theta).view(1, 1, -1, 2)

    @classmethod
    def draw(
        cls, count: int, generator: torch.Generator, sigma_affine: float = 0.05, sigma_tps: float = 0.005, side: int = 5
    ) -> Bend:
        """A random one for each of ``count`` images, on the CPU."""
        theta = torch.eye(2, 3) + sigma_affine * torch.randn(count, 2, 3, generator=generator)
        return cls(theta, sigma_tps * torch.randn(count, 1, side * side, generator=generator))

    def to(self, device: torch.device) -> Bend:
        """The same on another device."""
        return Bend(self.theta.to(device), self.control.to(device))

    def points(self, points: Tensor) -> Tensor:
        """``(B, N, 2)`` in -1..1 moved."""
        flat = points @ self.theta[:, :, :2].transpose(1, 2) + self.theta[:, None, :, 2]
        far = (points[:, :, None] - self.knots).abs().sum(-1)
        pull = far.square() * torch.log(far + 1e-6)
        return flat + (pull * self.control).sum(-1, keepdim=True)

    def image(self, images: Tensor) -> Tensor:
        """``(B, C, H, W)`` fetched from where each pixel is moved to; mirrored outside."""
        height, width = images.shape[2:]
        grid = coordinate_grid(height, width, images).view(1, -1, 2).expand(len(images), -1, -1)
        places = self.points(grid).view(len(images), height, width, 2)
        return F.grid_sample(images, places, padding_mode="reflection", align_corners=False)

    def jacobian(self, points: Tensor) -> Tensor:
        """``(B, N, 2, 2)``, derivatives of :meth:`points` at ``(B, N, 2)``, themselves differentiable."""
        with torch.enable_grad():
            at = points if points.requires_grad else points.detach().requires_grad_()
            moved = self.points(at)
            rows = [torch.autograd.grad(moved[..., i].sum(), at, create_graph=True)[0] for i in (0, 1)]
        return torch.stack(rows, dim=-2)


def generator_losses(
    weights: Weights,
    features: Callable[[Tensor], Sequence[Tensor]],
    pyramid: Pyramid,
    discriminator: MultiScaleDiscriminator,
    detect: Callable[[Tensor], KeyPoints],
    driving: Tensor,
    made: Generated,
    points: tuple[KeyPoints, KeyPoints],
    bend: Bend,
    hinge: bool = False,
) -> GeneratorLoss:
    """Every loss of the generator and of the key points.

    Args:
        weights: of each part.
        features: the perceptual network: an image in 0..1 to maps of several levels.
        pyramid: of :data:`SCALES`.
        discriminator: judges the picture.
        detect: from images in 0..1 to their key points.
        driving: ``(B, 3, H, W)`` in 0..1, what should have come out.
        made: what came out.
        points: of the source and of the driving image.
        bend: of the equivariance losses.
        hinge: the key points' distance with a gradient, see :func:`kp_distance`.
    """
    real, fake = pyramid(driving), pyramid(made.prediction)
    source, wanted = points
    said_fake, said_real = discriminator(fake, wanted.detach()), discriminator(real, wanted.detach())
    value, jacobian = equivariance(wanted, detect(bend.image(driving)), bend)
    near = kp_distance(source.value, hinge) + kp_distance(wanted.value, hinge)
    return GeneratorLoss(
        weights.perceptual * perceptual(features, fake, real),
        weights.generator_gan * _sum((1 - said.prediction_map).square().mean() for said in said_fake.values()),
        weights.feature_matching * feature_matching(said_real, said_fake),
        weights.equivariance_value * value,
        weights.equivariance_jacobian * jacobian,
        weights.kp_distance * near,
    )


def discriminator_losses(
    weights: Weights,
    pyramid: Pyramid,
    discriminator: MultiScaleDiscriminator,
    driving: Tensor,
    prediction: Tensor,
    wanted: KeyPoints,
) -> Tensor:
    """Real patches to 1, made ones to 0 (least squares; Mao et al., ICCV 2017); a scalar."""
    scales, kp = discriminator.scales, wanted.detach()
    said_real = discriminator(pyramid(driving, scales), kp)
    said_fake = discriminator(pyramid(prediction.detach(), scales), kp)
    parts = (
        ((1 - said_real[scale].prediction_map).square() + said_fake[scale].prediction_map.square()).mean()
        for scale in scales
    )
    return weights.discriminator_gan * _sum(parts)


def perceptual(
    features: Callable[[Tensor], Sequence[Tensor]], fake: Mapping[float, Tensor], real: Mapping[float, Tensor]
) -> Tensor:
    """Distance of a network's features (Johnson et al., ECCV 2016), over sizes and levels."""
    parts = []
    for scale, image in fake.items():
        with torch.no_grad():
            goal = features(real[scale])
        parts += [F.l1_loss(got, wanted) for got, wanted in zip(features(image), goal, strict=True)]
    return _sum(parts)


def feature_matching(real: Mapping[float, Judged], fake: Mapping[float, Judged]) -> Tensor:
    """Distance of the discriminator's features, over scales and blocks."""
    return _sum(
        F.l1_loss(got, wanted)
        for scale, said in fake.items()
        for got, wanted in zip(said.features, real[scale].features, strict=True)
    )


def equivariance(wanted: KeyPoints, bent: KeyPoints, bend: Bend) -> tuple[Tensor, Tensor]:
    """How far the key points of a bent image lie from where the image's own are bent to; and of jacobians.

    Args:
        wanted: of the image.
        bent: of the bent image.
        bend: how it was bent.
    """
    value = (wanted.value - bend.points(bent.value)).abs().mean()
    if wanted.jacobian is None or bent.jacobian is None:
        return value, value.new_zeros(())
    turned = inverted(wanted.jacobian) @ bend.jacobian(bent.value) @ bent.jacobian
    return value, (torch.eye(2, device=value.device) - turned).abs().mean()


def kp_distance(points: Tensor, hinge: bool = False) -> Tensor:
    """Whether key points lie too near to each other.

    The published term counts pairs that are nearer than :data:`APART`. A count has no gradient, so that it never
    trained anything; the hinge grows as they come nearer, from 0 to the same 2 for two points on one spot.

    Args:
        points: ``(B, K, 2)``.
        hinge: the form with a gradient instead of the count.
    """
    away = points[:, :, None] - points[:, None]
    far = (away.square().sum(-1) + 1e-8).sqrt() + APART * torch.eye(points.shape[1], device=points.device)
    if hinge:
        return (2 * F.relu(APART - far) / APART).mean()
    return (1 - torch.sign(far - APART)).mean()


def _sum(parts: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum()
