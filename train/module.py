"""The classifier as a Lightning module."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional

from fsa_data.errors import ConfigError
from train.augment import Params, apply_params, mirror_tensor
from train.sampling import stream_seed
from train.start import build_classifier, depthwise, input_statistics, stages


class Classifier(LightningModule):
    """EfficientNet with AdamW on one cycle; nothing in it looks at a test frame.

    Hyper-parameters are plain numbers, strings and lists, so that checkpoints load with ``weights_only=True``.

    Args:
        model: ``efficientnet_b1`` or ``efficientnet_lite1``.
        init: where it starts, see :func:`train.start.build_classifier`; ``""`` builds it without any weights, to load
            a checkpoint into.
        mirror_index: label of the mirror image of each class, -1 where there is none; its length is the number of
            classes.
        total_steps: optimiser steps of the whole training.
        lr: peak learning rate of the body.
        head_lr_factor: the head learns this many times as fast.
        weight_decay: of the convolutions and the head's matrix; norms and biases have none.
        warmup: share of the steps in which the rate rises.
        label_smoothing: 0..1.
        frozen_stages: stages from the input on whose weights stay.
        frozen_filters: whether the depthwise filters stay everywhere. Norms keep adapting their statistics in any case.
        seed: of the head's start and of whatever is random inside the network.
    """

    mean: Tensor
    std: Tensor
    mirror: Tensor

    def __init__(
        self,
        model: str,
        init: str,
        mirror_index: list[int],
        total_steps: int,
        lr: float,
        head_lr_factor: float,
        weight_decay: float,
        warmup: float,
        label_smoothing: float,
        frozen_stages: int,
        frozen_filters: bool,
        seed: list[int],
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        torch.manual_seed(stream_seed(*seed))
        net = build_classifier(model, init or "random", len(mirror_index))
        # Depthwise convolutions are about twice as fast with the channels last, on CPU and GPU alike.
        self.net = net.to(memory_format=torch.channels_last)
        for part in stages(self.net)[:frozen_stages] + (depthwise(self.net) if frozen_filters else []):
            part.requires_grad_(False)
        mean, std = input_statistics(self.net, init)
        # Not part of the state: they follow from the model and the data.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("mirror", mirror_tensor(mirror_index), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """``(B, 3, S, S)`` uint8 RGB to ``(B, C)`` logits."""
        return self._logits(self._normalised(frames))

    def training_step(self, batch: tuple[Tensor, Tensor, Params], batch_idx: int) -> Tensor:
        """Cross entropy of an augmented batch."""
        frames, labels, params = batch
        images, labels = apply_params(self._normalised(frames), labels, params, self.mirror)
        loss = functional.cross_entropy(self._logits(images), labels, label_smoothing=self.hparams["label_smoothing"])
        self.log("loss", loss, on_step=False, on_epoch=True, batch_size=len(labels), sync_dist=True)
        return loss

    def on_train_epoch_start(self) -> None:
        """Whatever a network draws depends on the epoch alone, so that a resumed run draws the same."""
        torch.manual_seed(stream_seed(*self.hparams["seed"], self.current_epoch, self.global_rank))

    def on_train_epoch_end(self) -> None:
        """Stop a training that has run away.

        Raises:
            ConfigError: the loss is no number any more.
        """
        loss = self.trainer.callback_metrics.get("loss")
        if loss is not None and not torch.isfinite(loss):
            raise ConfigError(f"The loss became {float(loss)} in epoch {self.current_epoch}. Lower fit.lr.")

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW in four groups (body and head, with and without decay) on one cosine cycle per optimiser step."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.net.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((name.startswith("classifier."), parameter.ndim > 1), []).append(parameter)
        lr, factor, decay = (self.hparams[name] for name in ("lr", "head_lr_factor", "weight_decay"))
        peaks = [lr * factor if head else lr for head, _ in groups]
        optimiser = torch.optim.AdamW(
            [
                {"params": parameters, "lr": peak, "weight_decay": decay if matrix else 0.0}
                for ((_, matrix), parameters), peak in zip(groups.items(), peaks, strict=True)
            ],
            fused=self.device.type in ("cpu", "cuda"),
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, peaks, total_steps=self.hparams["total_steps"], pct_start=self.hparams["warmup"]
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @torch.inference_mode()
    def probabilities(self, frames: Tensor, batch_size: int = 64) -> NDArray[np.float32]:
        """Class probabilities of unaugmented frames.

        Args:
            frames: ``(N, 3, S, S)`` uint8 RGB on the CPU.
            batch_size: frames at a time.

        Returns:
            ``(N, C)`` float32.
        """
        self.eval()
        parts = [self(part.to(self.device)).float().softmax(dim=1).cpu() for part in torch.split(frames, batch_size)]
        return torch.cat(parts).numpy()

    def _normalised(self, frames: Tensor) -> Tensor:
        return (frames.float() - self.mean) / self.std

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images.contiguous(memory_format=torch.channels_last))
        return logits
