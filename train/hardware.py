"""A quiet Lightning trainer on the device that was asked for."""

from __future__ import annotations

import logging
import signal
import threading
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers import Logger as LightningLogger

from fsa_data.errors import ConfigError, UnknownNameError
from train.config import Hardware, Logger

_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}


class KeepCheckpoint(Callback):
    """Writes the checkpoint an interrupted fold goes on from, at ends of epochs, not more often than asked.

    Args:
        path: the file; replaced in one step.
        every_s: seconds between two checkpoints.
    """

    def __init__(self, path: Path, every_s: float) -> None:
        self._path, self._every_s, self._last = path, every_s, time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write it if it is due and training goes on."""
        due = time.monotonic() - self._last >= self._every_s and trainer.current_epoch + 1 < (trainer.max_epochs or 0)
        # All processes of a distributed training must agree, and their clocks do not.
        if trainer.strategy.broadcast(due):
            temporary = self._path.with_name(f".{self._path.name}.tmp")
            trainer.save_checkpoint(temporary)
            if trainer.is_global_zero:
                temporary.replace(self._path)
            self._last = time.monotonic()


class Progress(Callback):
    """Tells after each epoch that it is over.

    Args:
        tell: called with the number of epochs done and the mean loss.
    """

    def __init__(self, tell: Callable[[int, float], None]) -> None:
        self._tell = tell

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Pass it on."""
        self._tell(trainer.current_epoch + 1, float(trainer.callback_metrics.get("loss", float("nan"))))


def check_hardware(hardware: Hardware) -> str:
    """The accelerator that will be used: ``cuda``, ``mps``, ``cpu`` or what was asked for.

    Raises:
        ConfigError: a GPU was asked for and there is none, or devices, strategy or precision that cannot be had.
    """
    accelerator = _accelerator(hardware)
    try:
        Trainer(**_devices(hardware, accelerator), logger=False, enable_checkpointing=False, enable_progress_bar=False)
    # Lightning's own exception derives from Exception, and its parsers raise what they happen to meet
    except Exception as error:
        raise ConfigError(
            f"trainer.devices={hardware.devices} trainer.strategy={hardware.strategy} "
            f"trainer.precision={hardware.precision} cannot be had on {accelerator}: {str(error).splitlines()[0]} "
            "Use trainer=auto, or see configs/trainer/."
        ) from error
    return accelerator


def _accelerator(hardware: Hardware) -> str:
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    there = "cuda" if cuda else "mps" if mps else "cpu"
    if hardware.accelerator == "auto":
        return there
    wanted = {"gpu": "gpu", "cuda": "cuda", "mps": "mps", "cpu": "cpu"}
    if hardware.accelerator not in wanted:
        raise UnknownNameError("trainer.accelerator", hardware.accelerator, ["auto", *wanted])
    missing = {"gpu": not (cuda or mps), "cuda": not cuda, "mps": not mps, "cpu": False}[hardware.accelerator]
    if missing:
        raise ConfigError(
            f"trainer.accelerator={hardware.accelerator}, but PyTorch {torch.__version__} sees none "
            f"here (only {there}). "
            "Use trainer=auto or trainer=cpu, or install a driver and a build of PyTorch that fit."
        )
    return there if hardware.accelerator == "gpu" else hardware.accelerator


def check_logger(logger: Logger) -> None:
    """Refuse a logger that is unknown or not installed.

    Raises:
        UnknownNameError: unknown.
        ConfigError: its package is missing.
    """
    if logger.name not in ("csv", *_PACKAGES):
        raise UnknownNameError("logger", logger.name, ["csv", *_PACKAGES])
    package = _PACKAGES.get(logger.name)
    if package and find_spec(package) is None:
        raise ConfigError(f"logger={logger.name} needs the package {package}: pip install 'fsa-data[{logger.name}]'.")


def make_trainer(
    hardware: Hardware, accelerator: str, epochs: int, logger: Logger, folder: Path, callbacks: list[Callback]
) -> Trainer:
    """A trainer that prints nothing and validates nothing.

    Args:
        hardware: as configured.
        accelerator: of :func:`check_hardware`.
        epochs: to train.
        logger: where the loss goes.
        folder: of the fold.
        callbacks: ours.
    """
    if accelerator == "cuda":
        torch.set_float32_matmul_precision("high")
    return Trainer(
        **_devices(hardware, accelerator),
        max_epochs=epochs,
        logger=_logger(logger, folder),
        log_every_n_steps=1,  # losses are logged per epoch; a larger number is warned about in short epochs
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        reload_dataloaders_every_n_epochs=1,  # each epoch has its own rows
        use_distributed_sampler=False,  # the batches divide themselves
        sync_batchnorm=hardware.strategy.startswith("ddp") and accelerator == "cuda",
        benchmark=accelerator == "cuda",
    )


def _devices(hardware: Hardware, accelerator: str) -> dict[str, Any]:
    """The trainer's arguments that say what it runs on."""
    precision: Any = hardware.precision
    if precision == "auto":
        precision = "bf16-mixed" if accelerator == "cuda" and torch.cuda.is_bf16_supported() else "32-true"
    return {
        "accelerator": accelerator,
        "devices": hardware.devices,
        "strategy": hardware.strategy,
        "precision": precision,
    }


def be_quiet() -> None:
    """Silence what a user of this command can do nothing about: adverts and advice to its author."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric", "lightning_fabric", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in (
        ".*does not have many workers.*",  # batches are cut from memory, workers would only copy them
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",  # Lightning on recent torch
        ".*exists and is not empty.*",  # CSVLogger on a resumed fold
        ".*GPU available but not used.*",  # trainer=cpu says so
        ".*has no `__len__`.*",
    ):
        warnings.filterwarnings("ignore", message=message)


def survive_profiling_timers() -> None:
    """Keep a timer of the landmark library from ending the process.

    MediaPipe's threads may run profiling timers (SIGPROF) whose handler it has set itself. After each training
    Lightning puts back the handlers that *Python* knew before, for this signal the default one: the next tick would
    end the process without a word. A handler that Python knows is put back as it is.
    """
    if hasattr(signal, "SIGPROF") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPROF, signal.SIG_IGN)


def _logger(logger: Logger, folder: Path) -> LightningLogger:
    if logger.name == "tensorboard":
        return TensorBoardLogger(folder, name="", version="tensorboard")
    if logger.name == "wandb":
        return WandbLogger(name=f"{folder.parent.name}/{folder.name}", project=logger.project, save_dir=folder)
    return CSVLogger(folder, name="", version="")
