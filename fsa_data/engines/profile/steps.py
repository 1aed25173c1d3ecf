"""One whole training step of StarGAN v2 and of DaGAN at their published sizes, counted, not computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from fsa_data.engines.dagan.losses import Bend, Pyramid, Weights, discriminator_losses, generator_losses
from fsa_data.engines.dagan.perceptual import Vgg19
from fsa_data.engines.profile.measure import count_macs
from fsa_data.engines.stargan2 import losses as stargan
from fsa_data.nets import build


@dataclass(frozen=True, slots=True)
class StepCost:
    """Operations of one training step, per sample.

    Attributes:
        forward: of every pass forward.
        both: forward and backward.
    """

    forward: int
    both: int


def stargan_step(w_hpf: float = 1.0) -> StepCost:
    """Two steps of the discriminator and two of the generator, without the penalty R1."""
    meta = torch.device("meta")
    with meta:
        names = ("Generator", "MappingNetwork", "StyleEncoder", "Discriminator")
        nets = [build(f"StarGANv2.{name}", **({"w_hpf": w_hpf} if name == "Generator" else {})) for name in names]
        fan = build("StarGANv2.wing.FAN").eval().requires_grad_(False) if w_hpf > 0 else None
    generator, mapping, encoder, judge = (cast("Any", net) for net in nets)
    networks = stargan.Networks(generator, mapping, encoder, judge, cast("Any", fan))
    images = torch.rand(1, 3, 256, 256, device=meta)
    domain, z = torch.zeros(1, dtype=torch.long, device=meta), torch.rand(1, 16, device=meta)
    wanted = stargan.Wanted(domain, z=(z, z)), stargan.Wanted(domain, reference=(images, images))
    weights = stargan.Weights(reg=0.0)

    def step(backward: bool) -> None:
        masks = networks.masks(images)
        for loss in (stargan.discriminator_loss, stargan.generator_loss):
            for each in wanted:
                total = loss(networks, weights, images, domain, each, masks).total
                if backward:
                    total.backward()  # type: ignore[no-untyped-call]  # torch

    return _counted(step, nn.ModuleList(nets))


def dagan_step(generator: str = "DepthAwareGenerator") -> StepCost:
    """The generator's step with its key points, then the discriminator's; 15 key points, depth by ResNet-50."""
    meta = torch.device("meta")
    with meta:
        depth = build("DaGAN.DepthNet", num_layers=50).eval().requires_grad_(False)
        eyes, pyramid = Vgg19().eval().requires_grad_(False), Pyramid()
        nets = [build(f"DaGAN.{name}") for name in (generator, "KPDetector", "MultiScaleDiscriminator")]
        bend = Bend(torch.eye(2, 3)[None], torch.zeros(1, 1, 25))
    mover, detector, judge = nets
    image, weights = torch.rand(1, 3, 256, 256, device=meta), Weights()

    def detect(images: torch.Tensor):  # type: ignore[no-untyped-def]  # noqa: ANN202
        seen = depth(images)
        return detector(torch.cat([images, seen], 1)), seen

    def step(backward: bool) -> None:
        (source, seen), (driving, _) = detect(image), detect(image)
        made = mover(image, source, driving, seen)
        points = source, driving
        parts = generator_losses(weights, eyes, pyramid, judge, lambda x: detect(x)[0], image, made, points, bend)  # type: ignore[arg-type]
        total = torch.stack([each.reshape(()) for each in parts]).sum()
        judged = discriminator_losses(weights, pyramid, judge, image, made.prediction, driving)  # type: ignore[arg-type]
        if backward:
            total.backward()  # type: ignore[no-untyped-call]  # torch
            judged.backward()  # type: ignore[no-untyped-call]  # torch

    return _counted(step, nn.ModuleList(nets))


def _counted(step, networks: nn.Module) -> StepCost:  # type: ignore[no-untyped-def]  # noqa: ANN001
    both = count_macs(lambda: step(True))
    networks.requires_grad_(False)
    with torch.no_grad():
        forward = count_macs(lambda: step(False))
    return StepCost(forward, both)
