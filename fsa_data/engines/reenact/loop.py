"""The training loop, by Lightning: unattended, resumable to the very step.

The samples of a step depend on seed and step alone, so that weights and moments are all that a training needs to go on:
stopped and started again, its weights on the CPU are bit for bit those of a run that never stopped.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm

from fsa_data.engines.autoencoder.preview import write_preview
from fsa_data.engines.autoencoder.train import pick_device
from fsa_data.engines.reenact.training import History, Training, save, take_over
from fsa_data.engines.snapshots import find_snapshot, locked, snapshots
from fsa_data.errors import DivergedError


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How a training is run; nothing here changes what comes out.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        snapshot_every: iterations between snapshots; there is always one at the end.
        sheet_every: iterations between pictures in ``sheets/``; 0 is one at the end.
        progress: whether a progress line is shown.
        tensorboard: whether losses go to TensorBoard, too, if it is installed.
    """

    device: str = "auto"
    snapshot_every: int = 1000
    sheet_every: int = 1000
    progress: bool = False
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class LoopReport:
    """What a run did.

    Attributes:
        snapshot: path of the last snapshot.
        iteration: steps done in all.
        losses: of every step.
        seconds: of this run.
    """

    snapshot: Path
    iteration: int
    losses: History
    seconds: float


class _Steps(IterableDataset[Any]):
    """The samples of some steps."""

    def __init__(self, training: Training, first: int, end: int) -> None:
        self.training, self.first, self.end = training, first, end

    def __iter__(self) -> Iterator[Any]:
        return (self.training.draw(iteration) for iteration in range(self.first, self.end))


class ReenactModule(LightningModule):
    """A training as Lightning wants it; optimisation is the training's own business.

    Args:
        training: what is trained.
        folder: where snapshots and sheets go.
        options: how often.
        first: steps done before.
        losses: of these.
        identities: that the weights have seen before.
        line: of progress.
    """

    def __init__(
        self,
        training: Training,
        folder: Path,
        options: LoopOptions,
        first: int,
        losses: History,
        identities: frozenset[str],
        line: tqdm[Any],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.networks = training.networks
        self._training, self._folder, self._options = training, folder, options
        self.iteration, self.losses, self._identities, self._line = first, losses, identities, line
        self.saved: Path | None = None

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Those of the training."""
        return list(self._training.optimisers.values())

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One step, and what is due after it."""
        del batch_idx
        losses = {name: float(value) for name, value in self._training.step(batch, self.iteration).items()}
        if strange := [name for name, value in losses.items() if not math.isfinite(value)]:
            last = self.saved or "the folder, which has no snapshot yet"
            raise DivergedError(
                f"The loss {strange[0]} is no number at step {self.iteration + 1}. {last} is as it was. Train on with "
                "a lower learning rate."
            )
        self.iteration += 1
        self.losses.add(losses)
        for logger in self.loggers:
            logger.log_metrics(losses, step=self.iteration)
        self._line.update()
        if self.iteration % self._options.snapshot_every == 0:
            self.save()
        if self._options.sheet_every and self.iteration % self._options.sheet_every == 0:
            self.sheet()

    def save(self) -> Path:
        """Write a snapshot."""
        self.saved = save(self._folder, self._training, self.iteration, self._identities, self.losses)
        return self.saved

    def sheet(self) -> None:
        """Write a picture of what has been learnt."""
        self.networks.eval()
        picture = self._training.sheet()
        self.networks.train()
        write_preview(self._folder / "sheets" / f"{self.iteration:08d}.png", picture)


def train(
    training: Training,
    folder: str | Path,
    init_from: str | Path | None = None,
    until: int | None = None,
    options: LoopOptions | None = None,
) -> LoopReport:
    """Train until ``training.iterations`` steps are done in all.

    Args:
        training: what is trained.
        folder: where snapshots and sheets go. With snapshots in it the training goes on from the latest.
        init_from: a training or snapshot whose weights are begun with, if ``folder`` holds none.
        until: stop here already.
        options: how it is run.

    Returns:
        What was done.

    Raises:
        ConfigError: no CUDA where it is asked for.
        WrongWeightsError: the snapshot is of other networks, or damaged.
        DivergedError: a loss is no number.
        OutputError: the folder cannot be written.
        RunDirectoryError: another run is training there.
    """
    options, folder, started = options or LoopOptions(), Path(folder).expanduser(), time.perf_counter()
    device = pick_device(options.device)
    with locked(folder):
        first, losses, identities = _begin(training, folder, init_from)
        end = max(first, min(training.iterations, until or training.iterations))
        with tqdm(total=end, initial=first, disable=not options.progress, unit="it") as line:
            module = ReenactModule(training, folder, options, first, losses, identities, line)
            if first < end or not snapshots(folder):
                _fit(module, training, first, end, device, folder if options.tensorboard else None)
                module.sheet()
                module.save()
    return LoopReport(find_snapshot(folder), module.iteration, module.losses, time.perf_counter() - started)


def _begin(training: Training, folder: Path, init_from: str | Path | None) -> tuple[int, History, frozenset[str]]:
    if snapshots(folder):
        stored = take_over(find_snapshot(folder), training, resume=True)
        return stored.iteration, stored.losses, training.identities | stored.identities
    if init_from is not None:
        stored = take_over(find_snapshot(init_from, f"{training.kind} network"), training, resume=False)
        return 0, History(), training.identities | stored.identities
    return 0, History(), training.identities


def _fit(
    module: ReenactModule, training: Training, first: int, end: int, device: torch.device, board: Path | None
) -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for message in (".*does not have many workers.*", ".*GPU available but not used.*", ".*LeafSpec.*"):
            warnings.filterwarnings("ignore", message=message)
        trainer = Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            max_epochs=1,
            logger=TensorBoardLogger(board, name="", version="tensorboard") if board else False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
        )
        steps: DataLoader[Any] = DataLoader(_Steps(training, first, end), batch_size=None)
        module.networks.train()
        handler = signal.getsignal(signal.SIGINT)
        profiling = hasattr(signal, "SIGPROF") and threading.current_thread() is threading.main_thread()
        if profiling:  # the landmark library's timers; Lightning would put back a handler that ends the process
            signal.signal(signal.SIGPROF, signal.SIG_IGN)
        try:
            trainer.fit(module, steps)
        except SIGTERMException:
            raise
        except SystemExit as error:  # what Lightning makes of Ctrl-C, and it leaves the signal ignored
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from error
