"""Training DaGAN: of two frames of one clip the one is made of the other (Hong et al., CVPR 2022, section 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as TF  # noqa: N812

from fsa_data.engines.dagan.losses import Bend, Pyramid, discriminator_losses, generator_losses
from fsa_data.engines.dagan.perceptual import FilterBank
from fsa_data.engines.dagan.preset import DaganPreset
from fsa_data.engines.reenact.pictures import FaceClips
from fsa_data.engines.reenact.sheets import heat, pictures, sheet
from fsa_data.engines.reenact.training import seeded
from fsa_data.nets import build
from fsa_data.nets.dagan_depth import DepthNet
from fsa_data.nets.dagan_discriminator import MultiScaleDiscriminator
from fsa_data.nets.dagan_layers import KeyPoints
from fsa_data.types import Image, Json

_SHOWN = 6


class Batch(NamedTuple):
    """Two frames of a clip, ``(B, 3, S, S)`` in 0..1, and how the second is bent for the equivariance."""

    source: Tensor
    driving: Tensor
    theta: Tensor
    control: Tensor


class DaganTraining:
    """See the module.

    Args:
        clips: of faces.
        preset: what is trained and how.
        depth: the face-depth network; it is not trained here, but kept with the others.
        seed: of weights and samples.
        perceptual: network of the perceptual loss: from pictures in 0..1 to maps of several levels.
        depth_identities: everybody whom the depth network has seen.
    """

    kind = "dagan"

    def __init__(
        self,
        clips: FaceClips,
        preset: DaganPreset,
        depth: DepthNet,
        seed: int = 0,
        perceptual: nn.Module | None = None,
        depth_identities: frozenset[str] = frozenset(),
    ) -> None:
        self.clips, self.preset, self.seed = clips, preset, seed
        self.identities, self.iterations = clips.identities | depth_identities, preset.iterations
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made = {name: build(module, **args) for name, (module, args) in preset.nets().items()}
        self.networks = nn.ModuleDict({**made, "depth": depth.requires_grad_(False)})
        self.layers = depth.num_layers
        self._eyes = (perceptual or FilterBank()).eval().requires_grad_(False)
        self._pyramid = Pyramid()

    @property
    def architecture(self) -> Json:
        """Sizes, and depth of the depth network's ResNet."""
        return {**self.preset.sizes, "depth_layers": self.layers}

    @property
    def about(self) -> Json:
        """The preset, and what took the part of the perceptual network."""
        values = {name: getattr(self.preset, name) for name in DaganPreset.__slots__}
        return {"preset": values, "perceptual": type(self._eyes).__name__}

    @cached_property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Adam for each network that is trained."""
        p = self.preset
        return {
            name: torch.optim.Adam(
                self.networks[name].parameters(), lr=getattr(p, f"lr_{name}"), betas=(p.beta1, p.beta2)
            )
            for name in p.nets()
        }

    def draw(self, iteration: int) -> Batch:
        """Pairs of frames at random, mirrored, in either order of time, in slightly other colours."""
        g, p = seeded(self.seed, iteration), self.preset
        sources, drivings = [], []
        for _ in range(p.batch_size):
            first, count = self.clips.spans[int(torch.randint(len(self.clips.spans), (1,), generator=g))]
            # two different frames, the order of which is the order of time or its opposite
            a = int(torch.randint(count, (1,), generator=g))
            b = (a + 1 + int(torch.randint(count - 1, (1,), generator=g))) % count
            pair = self.clips.pictures.at([first + a, first + b]).float() / 255
            pair = _jittered(pair, p.jitter, g)
            if float(torch.rand((), generator=g)) < 0.5:
                pair = pair.flip(3)
            sources.append(pair[0])
            drivings.append(pair[1])
        bend = Bend.draw(p.batch_size, g, p.sigma_affine, p.sigma_tps)
        return Batch(torch.stack(sources), torch.stack(drivings), bend.theta, bend.control)

    def detect(self, images: Tensor) -> tuple[KeyPoints, Tensor]:
        """Key points of images ``(B, 3, S, S)`` in 0..1, and their depth."""
        depth = self.networks["depth"](images)
        points: KeyPoints = self.networks["kp_detector"](torch.cat([images, depth], 1))
        return points, depth

    def step(self, batch: Batch, iteration: int) -> dict[str, Tensor]:
        """Two updates; every loss, and ``reconstruction``, the mean absolute difference."""
        self.networks["depth"].eval()
        eyes, pyramid = self._eyes.to(batch.source.device), self._pyramid.to(batch.source.device)
        judge, p = cast("MultiScaleDiscriminator", self.networks["discriminator"]), self.preset
        (source, depth), (driving, _) = self.detect(batch.source), self.detect(batch.driving)
        made = self.networks["generator"](batch.source, source, driving, depth)
        bend = Bend(batch.theta, batch.control)
        parts = generator_losses(
            p.weights,
            eyes,
            pyramid,
            judge,
            lambda images: self.detect(images)[0],
            batch.driving,
            made,
            (source, driving),
            bend,
            p.kp_hinge,
        )
        self._update(parts.total, iteration, "generator", "kp_detector")
        judged = discriminator_losses(p.weights, pyramid, judge, batch.driving, made.prediction, driving)
        self._update(judged, iteration, "discriminator")
        plain = F.l1_loss(made.prediction, batch.driving)
        told = {"reconstruction": plain, "total": parts.total, "disc_gan": judged, **parts._asdict()}
        return {name: value.detach() for name, value in told.items()}

    def _update(self, loss: Tensor, iteration: int, *names: str) -> None:
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        for name in names:
            for group in self.optimisers[name].param_groups:
                group["lr"] = getattr(self.preset, f"lr_{name}") * 0.1 ** (iteration // self.preset.lr_step)
            self.optimisers[name].step()

    @torch.no_grad()
    def sheet(self) -> Image:
        """Source, driving, prediction, moved source, occlusion, depth; then another person's source, driven alike."""
        spans, device = self.clips.spans, next(self.networks.parameters()).device
        chosen = [spans[i * len(spans) // _SHOWN] for i in range(_SHOWN)]
        source = self._shown([first for first, _ in chosen], device)
        driving = self._shown([first + count // 2 for first, count in chosen], device)
        rows = [pictures(source), pictures(driving)]
        for sources in (source, source.roll(1, 0)):
            (points, depth), (wanted, _) = self.detect(sources), self.detect(driving)
            made = self.networks["generator"](sources, points, wanted, depth)
            if sources is source:
                rows += [pictures(made.prediction), pictures(made.deformed)]
                if made.motion.occlusion is not None:
                    rows.append(heat(F.interpolate(made.motion.occlusion, size=source.shape[2:])))
                rows.append(heat(depth))
            else:
                rows += [pictures(sources), pictures(made.prediction)]
        return sheet(rows)

    def _shown(self, numbers: Sequence[int], device: torch.device) -> Tensor:
        return self.clips.pictures.at(numbers).float().to(device) / 255


_JITTERS: tuple[Callable[[Tensor, float], Tensor], ...] = (
    lambda image, by: TF.adjust_brightness(image, 1 + by),
    lambda image, by: TF.adjust_contrast(image, 1 + by),
    lambda image, by: TF.adjust_saturation(image, 1 + by),
    TF.adjust_hue,
)


def _jittered(pair: Tensor, much: float, g: torch.Generator) -> Tensor:
    """One of four changes of colour, alike for both frames; the published loop draws four and keeps the last."""
    which, by = int(torch.randint(len(_JITTERS), (1,), generator=g)), float(torch.rand((), generator=g))
    return _JITTERS[which](pair, (2 * by - 1) * much) if much else pair
