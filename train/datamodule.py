"""The data of one fold, guarded and in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fsa_data.datasets import FrameView
from fsa_data.datasets.lineage import check_fold
from train.augment import Params, Strength, draw_params, randaugmented
from train.pixels import PixelPool
from train.sampling import epoch_rows, steps_per_epoch, stream_seed

Batch = tuple[Tensor, Tensor, Params]
"""``(B, 3, S, S)`` uint8 frames, ``(B,)`` int64 labels, and the augmentation that was drawn for them."""


class EpochBatches(Dataset[Batch]):
    """The batches of one epoch; batch i is the same whenever and by whomever it is asked for.

    Args:
        pool: the frames.
        places: ``(n,)`` where the training rows lie in it.
        labels: ``(n,)``.
        rows: ``(steps, batch)`` which rows each step takes.
        strength: of the augmentation.
        seed: of the augmentation of this epoch.
        rank: this process among those that share a batch.
        world: how many share it.
    """

    def __init__(
        self,
        pool: PixelPool,
        places: NDArray[np.int64],
        labels: NDArray[np.int64],
        rows: NDArray[np.int64],
        strength: Strength,
        seed: tuple[int, ...],
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._pool, self._places, self._labels, self._rows = pool, places, labels, rows
        self._strength, self._seed, self._share = strength, seed, slice(rank, None, world)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, step: int) -> Batch:
        if not 0 <= step < len(self):
            raise IndexError(f"Step {step} of {len(self)}.")
        generator = torch.Generator().manual_seed(stream_seed(*self._seed, step))
        params = draw_params(self._strength, self._rows.shape[1], generator)
        rows = self._rows[step][self._share]
        labels, frames = torch.from_numpy(self._labels[rows]), self._pool.batch(self._places[rows])
        if self._strength.randaugment:
            frames = randaugmented(frames, stream_seed(*self._seed, step, self._share.start or 0))
        return frames, labels, {k: v[self._share] for k, v in params.items()}


class FoldData(LightningDataModule):
    """Training batches of one fold.

    Args:
        train: training rows, from ``ds.split``.
        test_subjects: who is held out; checked against the lineage of every training row.
        pool: the frames of the run.
        real_rows: real frames of the subjects that are not tested; decides the number of steps for every setup.
        batch_size: rows per step, over all processes.
        strength: of the augmentation.
        seed: of order and augmentation.

    Raises:
        LineageError: a training row carries a test subject.
    """

    def __init__(
        self,
        train: FrameView,
        test_subjects: Sequence[str],
        pool: PixelPool,
        *,
        real_rows: int,
        batch_size: int,
        strength: Strength,
        seed: tuple[int, ...],
    ) -> None:
        super().__init__()
        self._train, self._test_subjects, self._pool = train, tuple(test_subjects), pool
        self._batch_size, self._strength, self._seed = batch_size, strength, seed
        self.steps_per_epoch = steps_per_epoch(real_rows, batch_size)
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        """Look at the lineage once more and read the frames."""
        check_fold(self._train, self._test_subjects)
        self._places, self._labels = self._pool.places(self._train), np.asarray(self._train.targets, np.int64)

    def train_dataloader(self) -> DataLoader[Batch]:
        """The batches of the current epoch (the trainer asks again for each)."""
        trainer = self.trainer
        epoch = trainer.current_epoch if trainer else 0
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return DataLoader(self.epoch(epoch, rank, world), batch_size=None)

    def epoch(self, epoch: int, rank: int = 0, world: int = 1) -> EpochBatches:
        """The batches of one epoch, or the share that one of several processes takes of each."""
        size = self.steps_per_epoch * self._batch_size
        rows = epoch_rows(len(self._labels), epoch, size, self._seed).reshape(-1, self._batch_size)
        seed = (*self._seed, epoch)
        return EpochBatches(self._pool, self._places, self._labels, rows, self._strength, seed, rank, world)
