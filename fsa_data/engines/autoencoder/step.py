"""One step of training: predict, judge, move the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy

import torch
from torch import Tensor, nn

from fsa_data.engines.autoencoder import losses
from fsa_data.engines.autoencoder.optim import Optimiser
from fsa_data.engines.autoencoder.preset import Preset
from fsa_data.engines.autoencoder.samples import Batch
from fsa_data.nets.patch_discriminator import CodeDiscriminator, PatchDiscriminator
from fsa_data.nets.saehd import SAEHD, Prediction
from fsa_data.nets.saehd_layers import glorot

_FROZEN_WITHOUT_WARP = "inter_ab."


class Step:
    """Networks and optimisers of one training.

    Args:
        preset: what is trained and how.
        device: where.
        seed: of the fresh weights and of learning-rate dropout.

    Attributes:
        networks: ``net``, and the discriminators that the preset asks for.
        optimisers: one for each network.
        dropped: generator of learning-rate dropout, on the device.
    """

    def __init__(self, preset: Preset, device: torch.device, seed: int) -> None:
        self.preset, self.device = preset, device
        self.dropped = torch.Generator(device).manual_seed(seed)
        with torch.device("meta"):
            self.net: SAEHD = preset.build()
            self.networks: dict[str, nn.Module] = {"net": self.net}
            if preset.gan and not preset.pretrain:
                self.networks["gan"] = PatchDiscriminator(preset.gan_patch or preset.resolution // 8, preset.gan_dims)
            if preset.true_face and not preset.pretrain:
                self.networks["code"] = CodeDiscriminator(self.net.code_channels, self.net.code_side)
        fresh = torch.Generator().manual_seed(seed)
        self.optimisers: dict[str, Optimiser] = {}
        for name, network in self.networks.items():
            network.to_empty(device="cpu")
            glorot(network, fresh)
            network.to(device)
            network.to(memory_format=torch.channels_last)  # faster on either device
            self.optimisers[name] = Optimiser(
                dict(network.named_parameters()),
                preset.optimiser,
                preset.lr,
                1.0 if preset.pretrain else preset.lr_dropout,
                preset.clip_gradients,
                self.dropped,
            )

    def __call__(self, src: Batch, dst: Batch, lr_share: float = 1.0, warped: bool = True) -> Tensor:
        """One step.

        Args:
            src: samples of the person to put on.
            dst: samples of the person who wears it.
            lr_share: of the learning rate.
            warped: whether the inputs are bent; if not, the targets themselves are shown.

        Returns:
            ``(2,)`` losses of the two sides, on the device.
        """
        preset = self.preset
        with self._mixed():
            shown = (src.warped, dst.warped) if warped else (src.target, dst.target)
            code_src, code_dst, code_swap = self.net.codes(
                *(each.contiguous(memory_format=torch.channels_last) for each in shown)
            )
            pred_src, pred_dst = (
                self._decoded(self.net.decode_src(code_src)),
                self._decoded(self.net.decode_dst(code_dst)),
            )
        loss_src, weight_src = self._likeness(src, pred_src)
        loss_dst, _ = self._likeness(dst, pred_dst)
        styled = (preset.face_style or preset.background_style) and not preset.pretrain
        if styled:
            loss_src = loss_src + self._styles(src, dst, pred_dst, code_swap)
        total = (loss_src + loss_dst).mean()
        if "code" in self.networks:
            total = total + preset.true_face * self._judged_code(code_src)
        if "gan" in self.networks:
            total = total + self._judged_face(src, pred_src, weight_src)
        total.backward()  # type: ignore[no-untyped-call]
        self._freeze(warped)
        self.optimisers["net"].step(lr_share)
        if "code" in self.networks:
            self._teach("code", code_dst.detach(), code_src.detach(), lr_share)
        if "gan" in self.networks:
            fake = pred_src.face.detach() * weight_src
            self._teach("gan", src.target * weight_src, fake, lr_share)
        return torch.stack([loss_src.detach().mean(), loss_dst.detach().mean()])

    def _mixed(self) -> AbstractContextManager[object]:
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()

    def _decoded(self, prediction: Prediction) -> Prediction:
        return Prediction(prediction.face.float(), prediction.mask.float())

    def _likeness(self, batch: Batch, prediction: Prediction) -> tuple[Tensor, Tensor]:
        """Loss per sample ``(B,)``, and the weight of each pixel ``(B, 1, R, R)``."""
        preset, target = self.preset, batch.target
        if preset.blur_outside:
            target = losses.blurred_outside(target, batch.mask)
        weight = torch.ones_like(batch.mask)
        if preset.masked:
            weight = losses.mask_weight(batch.mask, preset.clip_mask)
        wanted, got = target * weight, prediction.face * weight
        loss = losses.dissimilarity(wanted, got) + 10 * losses.squared_error(wanted, got)
        loss = loss + 10 * losses.squared_error(batch.mask, prediction.mask)
        if preset.eyes_mouth:
            loss = loss + losses.priority(target, prediction.face, batch.eyes_mouth)
        return loss, weight

    def _styles(self, src: Batch, dst: Batch, pred_dst: Prediction, code_swap: Tensor) -> Tensor:
        """The swapped face takes the target's colours; what is around it becomes the target's surroundings."""
        preset = self.preset
        with self._mixed():
            swap = self._decoded(self.net.decode_src(code_swap))
        loss = torch.zeros(len(src.target), device=self.device)
        if preset.face_style:
            with self._mixed():
                alone = self._decoded(self.net.decode_src(code_swap.detach()))  # only the decoder learns from style
            reference = (pred_dst.face * pred_dst.mask).detach()
            masked = alone.face * swap.mask.detach()
            loss = loss + losses.style(masked, reference, preset.resolution // 8, 100 * preset.face_style)
        if preset.background_style:
            power = preset.background_style / 100
            around = 1 - losses.mask_weight(dst.mask).clamp(0, 1)  # the picture is in the target's pose
            wanted, got = dst.target * around, swap.face * around
            loss = loss + losses.dissimilarity(wanted, got, 10 * power) + 10 * power * losses.squared_error(wanted, got)
        return loss

    def _judged_code(self, code: Tensor) -> Tensor:
        with self._mixed(), _untouched(self.networks["code"]):
            return losses.judged(self.networks["code"](code).float(), real=True).mean()

    def _judged_face(self, src: Batch, pred: Prediction, weight: Tensor) -> Tensor:
        with self._mixed(), _untouched(self.networks["gan"]):
            verdicts = [verdict.float() for verdict in self.networks["gan"](pred.face * weight)]
        loss = self.preset.gan * sum((losses.judged(v, real=True).mean() for v in verdicts), torch.zeros(()))
        if self.preset.masked:
            outside = 1 - weight
            apart = losses.squared_error(src.target * outside, pred.face * outside).mean()
            loss = loss + 1e-6 * losses.roughness(pred.face).mean() + 0.02 * apart
        return loss

    def _teach(self, name: str, real: Tensor, fake: Tensor, lr_share: float) -> None:
        """One step of a discriminator."""
        loss = torch.zeros((), device=self.device)
        for example, is_real in ((real, True), (fake, False)):
            with self._mixed():
                verdicts = self.networks[name](example)
            for verdict in verdicts if isinstance(verdicts, tuple) else (verdicts,):
                loss = loss + 0.5 * losses.judged(verdict.float(), is_real).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimisers[name].step(lr_share)

    def _freeze(self, warped: bool) -> None:
        """Without warp the shared bottleneck of liae keeps what it has learnt; pretraining is another matter."""
        if not warped and not self.preset.pretrain:
            for name, parameter in self.net.named_parameters():
                if name.startswith(_FROZEN_WITHOUT_WARP):
                    parameter.grad = None

    def finite(self) -> bool:
        """Whether every weight is a number."""
        norms = torch._foreach_norm([p.detach() for net in self.networks.values() for p in net.parameters()])
        return bool(torch.isfinite(torch.stack(list(norms))).all())

    def tensors(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Weights and moments by name, the very tensors."""
        weights = {f"{n}.{key}": value for n, net in self.networks.items() for key, value in net.state_dict().items()}
        moments = {f"{n}.{key}": value for n, opt in self.optimisers.items() for key, value in opt.moments.items()}
        return weights, moments

    def load(self, weights: dict[str, Tensor], moments: dict[str, Tensor]) -> None:
        """Take over what is there of the same name and shape; what is not stays as it is."""
        for mine, given in zip(self.tensors(), (weights, moments), strict=True):
            for name, value in mine.items():
                if name in given and given[name].shape == value.shape:
                    with torch.no_grad():
                        value.copy_(given[name])

    def renew_inters(self, seed: int) -> None:
        """Fresh bottlenecks, as after pretraining; moments of all weights start anew."""
        fresh = torch.Generator().manual_seed(seed)
        for inter in self.net.inters:
            drawn = deepcopy(inter).cpu()
            glorot(drawn, fresh)
            inter.load_state_dict(drawn.state_dict())
        for optimiser in self.optimisers.values():
            for moment in optimiser.moments.values():
                moment.zero_()


@contextmanager
def _untouched(network: nn.Module) -> Iterator[None]:
    """Meanwhile gradients go through a network, but none stay in it."""
    network.requires_grad_(False)
    yield
    network.requires_grad_(True)
