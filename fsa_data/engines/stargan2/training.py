"""Training StarGAN v2: the discriminator twice, then the generator twice, with drawn and with shown styles.

As published (Choi et al., CVPR 2020, appendix B), but the averaged networks start from the same weights as the trained
ones; in the published code they start from others, which only matters for the first thousand steps.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from fsa_data.engines.reenact.pictures import DomainFaces
from fsa_data.engines.reenact.sheets import pictures, sheet
from fsa_data.engines.reenact.training import seeded
from fsa_data.engines.stargan2.losses import (
    Networks,
    Wanted,
    Weights,
    discriminator_loss,
    generator_loss,
    he_initialised,
)
from fsa_data.engines.stargan2.preset import StarganPreset
from fsa_data.nets import build
from fsa_data.nets.wing import FAN
from fsa_data.types import Image, Json

CLASSES = {
    "generator": "Generator",
    "mapping_network": "MappingNetwork",
    "style_encoder": "StyleEncoder",
    "discriminator": "Discriminator",
}
"""Published class of each network, by its name in published checkpoints."""

AVERAGED = ("generator", "mapping_network", "style_encoder")
"""Networks of which a moving average is kept: that is what is used."""

_SHOWN = 4


class Batch(NamedTuple):
    """Pictures ``(B, 3, S, S)`` in -1..1, domains ``(B,)`` and random numbers ``(B, latent_dim)`` of a step."""

    images: Tensor
    domain: Tensor
    references: Tensor
    others: Tensor
    wanted: Tensor
    z: Tensor
    z_other: Tensor


class StarganTraining:
    """See the module.

    Args:
        faces: of the domains.
        preset: what is trained and how.
        seed: of weights and samples.
        fan: the landmark network, if there is a high-pass path.
    """

    kind = "stargan2"

    def __init__(self, faces: DomainFaces, preset: StarganPreset, seed: int = 0, fan: FAN | None = None) -> None:
        self.faces, self.preset, self.seed = faces, preset, seed
        self.identities, self.iterations = faces.identities, preset.iterations
        count = len(faces.domains)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made = {name: build(f"StarGANv2.{CLASSES[name]}", **args) for name, args in preset.nets(count).items()}
            for network in made.values():
                he_initialised(network)
        averaged = {f"{name}_ema": copy.deepcopy(made[name]).requires_grad_(False) for name in AVERAGED}
        self.networks = nn.ModuleDict({**made, **averaged})
        self.fan = fan
        if fan is not None:
            self.networks["fan"] = fan.requires_grad_(False)

    @property
    def architecture(self) -> Json:
        """Sizes, and the number of domains."""
        return {**self.preset.sizes, "num_domains": len(self.faces.domains)}

    @property
    def about(self) -> Json:
        """Preset and names of the domains."""
        values = {name: getattr(self.preset, name) for name in StarganPreset.__slots__}
        return {"preset": values, "domains": list(self.faces.domains)}

    @cached_property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Adam for each network."""
        p = self.preset
        return {
            name: torch.optim.Adam(
                self.networks[name].parameters(),
                lr=p.f_lr if name == "mapping_network" else p.lr,
                betas=(p.beta1, p.beta2),
                weight_decay=p.weight_decay,
            )
            for name in CLASSES
        }

    def draw(self, iteration: int) -> Batch:
        """Pictures of domains that are equally likely, two references of another draw each, random numbers."""
        g, p = seeded(self.seed, iteration), self.preset
        (images,), domain = self._some(g, 1)
        (references, others), wanted = self._some(g, 2)
        z, z_other = torch.randn(2, p.batch_size, p.latent_dim, generator=g)
        return Batch(images, domain, references, others, wanted, z, z_other)

    def _some(self, g: torch.Generator, sets: int) -> tuple[list[Tensor], Tensor]:
        members = self.faces.members
        domain = torch.randint(len(members), (self.preset.batch_size,), generator=g)
        made = []
        for _ in range(sets):
            rows = [members[y][int(torch.randint(len(members[y]), (1,), generator=g))] for y in domain.tolist()]
            images = self.faces.pictures.at(rows).float() / 127.5 - 1
            made.append(_augmented(images, self.preset.crop_share, g))
        return made, domain

    def live(self) -> Networks:
        """The networks that are trained."""
        return _networks(self.networks, "", self.fan)

    def averaged(self) -> Networks:
        """The networks that are used."""
        return _networks(self.networks, "_ema", self.fan)

    def step(self, batch: Batch, iteration: int) -> dict[str, Tensor]:
        """Four updates and the average; every loss, and ``reconstruction``, the cycle's with shown styles."""
        networks, p = self.live(), self.preset
        if self.fan is not None:
            self.fan.eval()
        ds = p.lambda_ds * max(0.0, 1 - iteration / p.ds_iter)
        weights = Weights(p.lambda_reg, p.lambda_sty, ds, p.lambda_cyc)
        drawn = Wanted(batch.wanted, z=(batch.z, batch.z_other))
        shown = Wanted(batch.wanted, reference=(batch.references, batch.others))
        found: dict[str, Tensor] = {}
        masks = networks.masks(batch.images)
        for name, wanted in (("latent", drawn), ("reference", shown)):
            judged = discriminator_loss(networks, weights, batch.images, batch.domain, wanted, masks)
            self._update(judged.total, "discriminator")
            found |= {f"d_{name}_{part}": value for part, value in judged._asdict().items()}
        for name, wanted, moved in (("latent", drawn, AVERAGED), ("reference", shown, ("generator",))):
            made = generator_loss(networks, weights, batch.images, batch.domain, wanted, masks)
            self._update(made.total, *moved)
            found |= {f"g_{name}_{part}": value for part, value in made._asdict().items()}
        self._average()
        told = {"reconstruction": found["g_reference_cyc"], **found}
        return {name: value.detach() for name, value in told.items()}

    def _update(self, loss: Tensor, *names: str) -> None:
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        for name in names:
            self.optimisers[name].step()

    @torch.no_grad()
    def _average(self) -> None:
        for name in AVERAGED:
            pairs = zip(self.networks[f"{name}_ema"].parameters(), self.networks[name].parameters(), strict=True)
            for kept, new in pairs:
                kept.lerp_(new, 1 - self.preset.ema)

    @torch.no_grad()
    def sheet(self) -> Image:
        """Sources above; a row for each of some references (at the left), then one for each domain's drawn style."""
        networks, g = self.averaged(), seeded(self.seed, 0, 1)
        device = next(networks.generator.parameters()).device
        spread = [own[i * len(own) // _SHOWN] for i in range(_SHOWN) for own in self.faces.members][:_SHOWN]
        sources = self._shown(spread).to(device)
        masks = networks.masks(sources)
        rows = [[_blank(sources), *pictures(sources / 2 + 0.5)]]
        for domain, own in enumerate(self.faces.members):
            label = torch.full((_SHOWN,), domain, device=device)
            for at in (len(own) // 3, 2 * len(own) // 3):
                reference = self._shown([own[at]]).to(device)
                style = networks.style_encoder(reference, label[:1]).expand(_SHOWN, -1)
                made = networks.generator(sources, style, masks)
                rows.append([*pictures(reference / 2 + 0.5), *pictures(made / 2 + 0.5)])
            z = torch.randn(1, self.preset.latent_dim, generator=g).to(device).expand(_SHOWN, -1)
            made = networks.generator(sources, networks.mapping_network(z, label), masks)
            rows.append([_blank(sources), *pictures(made / 2 + 0.5)])
        return sheet(rows)

    def _shown(self, numbers: list[int]) -> Tensor:
        return self.faces.pictures.at(numbers).float() / 127.5 - 1


def _blank(like: Tensor) -> Image:
    return pictures(torch.full_like(like[:1], 0.5))[0]


def _networks(parts: nn.ModuleDict, ending: str, fan: FAN | None) -> Networks:
    generator, mapping, encoder = (cast("Any", parts[f"{name}{ending}"]) for name in AVERAGED)
    return Networks(generator, mapping, encoder, cast("Any", parts["discriminator"]), fan)


def _augmented(images: Tensor, share: float, g: torch.Generator) -> Tensor:
    """Mirrored at random, and ``share`` of them cropped: 0.8 to 1 of the area, sides 0.9 to 1.1 of each other."""
    size = images.shape[-1]
    out = []
    for image in images:
        flip, crop, area, ratio, x, y = torch.rand(6, generator=g).tolist()
        if crop < share:
            scale, shape = (0.8 + 0.2 * area) ** 0.5, (0.9 * (1.1 / 0.9) ** ratio) ** 0.5
            width, height = min(size, round(size * scale * shape)), min(size, round(size * scale / shape))
            left, top = int(x * (size - width + 1)), int(y * (size - height + 1))
            part = image[None, :, top : top + height, left : left + width]
            whole = F.interpolate(part, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
            image = whole[0]
        out.append(image.flip(2) if flip < 0.5 else image)
    return torch.stack(out)
