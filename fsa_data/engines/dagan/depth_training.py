"""Training the face-depth network from clips alone (Hong et al., CVPR 2022, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fsa_data.engines.dagan.depth_losses import camera_matrix, depth_loss, depth_of, seen_from
from fsa_data.engines.dagan.preset import DepthPreset
from fsa_data.engines.reenact.pictures import FaceClips
from fsa_data.engines.reenact.sheets import heat, pictures, sheet
from fsa_data.engines.reenact.training import seeded
from fsa_data.errors import WrongWeightsError
from fsa_data.nets.dagan_depth import DepthNet, PoseDecoder, ResnetEncoder
from fsa_data.types import Image, Json

_CALIBRATED_PX = 256
_SHOWN = 6


class Batch(NamedTuple):
    """A frame and its neighbours, ``(B, 3, S, S)`` in 0..1."""

    before: Tensor
    frame: Tensor
    after: Tensor


class DepthTraining:
    """See the module.

    Args:
        clips: of faces, each of at least ``2 * stride + 1`` frames.
        preset: what is trained and how.
        seed: of weights and samples.
        encoder: weights that the depth's ResNet begins with (torchvision's of ImageNet).

    Raises:
        WrongWeightsError: they are not those of such a ResNet.
    """

    kind = "depth"

    def __init__(
        self, clips: FaceClips, preset: DepthPreset, seed: int = 0, encoder: Mapping[str, Tensor] | None = None
    ) -> None:
        self.clips, self.preset, self.seed = clips, preset, seed
        self.identities, self.iterations = clips.identities, preset.iterations
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.depth = DepthNet(preset.num_layers)
            self.pose_encoder = ResnetEncoder(18, num_input_images=2)
            self.pose = PoseDecoder(self.pose_encoder.num_ch_enc)
        if encoder is not None:
            try:
                self.depth.encoder.encoder.load_state_dict(encoder)
            except RuntimeError as error:
                raise WrongWeightsError(
                    f"The encoder to begin with is no ResNet-{preset.num_layers} of torchvision: {error}"
                ) from error
        self.networks = nn.ModuleDict({"depth": self.depth, "pose_encoder": self.pose_encoder, "pose": self.pose})

    @property
    def architecture(self) -> Json:
        """Depth of the ResNet."""
        return {"num_layers": self.preset.num_layers}

    @property
    def about(self) -> Json:
        """The preset."""
        return {"preset": {name: getattr(self.preset, name) for name in DepthPreset.__slots__}}

    @cached_property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """One Adam for all."""
        parameters = [each for name, each in self.networks.named_parameters() if ".fc." not in name]
        return {"all": torch.optim.Adam(parameters, lr=self.preset.lr)}

    def draw(self, iteration: int) -> Batch:
        """Frames at random, each with the one before and the one after."""
        g, p = seeded(self.seed, iteration), self.preset
        rows = []
        for _ in range(p.batch_size):
            first, count = self.clips.spans[int(torch.randint(len(self.clips.spans), (1,), generator=g))]
            at = first + p.stride + int(torch.randint(count - 2 * p.stride, (1,), generator=g))
            rows.append((at - p.stride, at, at + p.stride))
        return Batch(*(self.clips.pictures.at([row[i] for row in rows]).float() / 255 for i in range(3)))

    def _motion(self, batch: Batch) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Cameras of both neighbours, and the camera itself; pairs are given in the order of time."""
        matrices, cameras = [], []
        for pair, backwards in (((batch.before, batch.frame), True), ((batch.frame, batch.after), False)):
            said = self.pose([self.pose_encoder(torch.cat(pair, 1))])
            matrices.append(camera_matrix(said.axisangle[:, 0, 0], said.translation[:, 0, 0], backwards))
            cameras.append(said.intrinsics)
        scale = torch.ones(3, 3, device=batch.frame.device)
        scale[:2] = batch.frame.shape[-1] / _CALIBRATED_PX
        return (matrices[0], matrices[1]), (cameras[0] + cameras[1]) / 2 * scale

    def step(self, batch: Batch, iteration: int) -> dict[str, Tensor]:
        """One update."""
        (optimiser,) = self.optimisers.values()
        for group in optimiser.param_groups:
            group["lr"] = self.preset.lr * 0.1 ** (iteration // self.preset.lr_step)
        optimiser.zero_grad(set_to_none=True)
        disparities = self.depth.decoder(self.depth.encoder(batch.frame))
        matrices, camera = self._motion(batch)
        neighbours = batch.before, batch.after
        noise = seeded(self.seed, iteration, 1)
        loss = depth_loss(disparities, batch.frame, neighbours, matrices, camera, generator=noise)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimiser.step()
        return {"reconstruction": loss.detach(), "disparity_mean": disparities[0].detach().mean()}

    @torch.no_grad()
    def sheet(self) -> Image:
        """Frames, their disparities (bright is near), the frame after as it is and as it is seen from the frame."""
        batch = self._shown()
        disparity = self.depth(batch.frame)
        matrices, camera = self._motion(batch)
        view = seen_from(depth_of(disparity), batch.after, matrices[1], camera)
        return sheet([pictures(batch.frame), heat(disparity), pictures(batch.after), pictures(view.image)])

    def _shown(self) -> Batch:
        stride, spans = self.preset.stride, self.clips.spans
        chosen = [spans[i * len(spans) // _SHOWN] for i in range(_SHOWN)]
        rows = [max(first + stride, first + count // 2 - stride) for first, count in chosen]
        device = next(self.networks.parameters()).device
        at = self.clips.pictures.at
        return Batch(*(at([row + d for row in rows]).float().to(device) / 255 for d in (-stride, 0, stride)))
