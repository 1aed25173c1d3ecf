"""How much of the training loop is spent waiting for data.

python -m benchmarks.train [--json FILE] [--steps 30]

EfficientNet-B1, batches of 32 at 128 pixels, on the CPU, with the trainer, the module and the data module of
`train/run.py`, on the procedural drivers. Waiting is the time between asking for a batch and having it, the start of a
loader at the beginning of an epoch included; the loop is everything from the first batch after warm-up to the end of
the last step. Measured twice: "pool" as `train/run.py` does it, batches cut from frames that were read once; and
"store, 1 worker", a loader worker that reads every frame of every batch from the store again, as own code does that
uses the data set directly.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch.utils.data import DataLoader

from benchmarks.machine import described, machine, verdict
from fsa_data import DeepfakeAugmentedMaskDAR, LabelledFrames
from fsa_data.datasets import FrameView
from train.augment import Strength
from train.config import Config, from_hydra
from train.datamodule import Batch, FoldData
from train.explain import register_schema
from train.hardware import be_quiet, make_trainer, survive_profiling_timers
from train.module import Classifier
from train.pixels import PixelPool, input_square

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
# The published weights are not at hand everywhere; what a network starts from changes nothing about its speed.
SETTINGS = ("setup=hybrid", "trainer=cpu", "model.init=random", "fit.batch_size=32", "fit.image_size=128")
WARM_UP = 5
WAITING_BAR = 0.03
FITTED = ("lr", "head_lr_factor", "weight_decay", "warmup", "label_smoothing", "frozen_stages", "frozen_filters")
"""What the module takes from the configuration as it stands."""


@dataclass
class Clock(Callback):
    """When each batch was asked for, was there, and was trained on; seconds."""

    asked: list[float] = field(default_factory=list)
    there: list[float] = field(default_factory=list)
    trained: list[float] = field(default_factory=list)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """A step is over."""
        self.trained.append(time.perf_counter())

    def figures(self) -> dict[str, float | int]:
        """Of all steps after warm-up."""
        asked, there = np.array(self.asked[WARM_UP:]), np.array(self.there[WARM_UP:])
        loop_s, waits = self.trained[-1] - asked[0], there - asked
        return {
            "steps": len(waits),
            "steps_per_s": round(len(waits) / loop_s, 3),
            "waiting": round(float(waits.sum()) / loop_s, 5),
            "wait_median_ms": round(1000 * float(np.median(waits)), 2),
            "wait_longest_ms": round(1000 * float(waits.max()), 2),
        }


class Timed:
    """A loader that notes how long it is waited for."""

    def __init__(self, loader: DataLoader[Batch], clock: Clock) -> None:
        self.loader, self.clock = loader, clock

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        asked = time.perf_counter()
        for batch in self.loader:
            self.clock.asked.append(asked)
            self.clock.there.append(time.perf_counter())
            yield batch
            asked = time.perf_counter()


class Unpooled:
    """In the place of the pixel pool: every frame is read from the store whenever it is needed."""

    def __init__(self, image_size: int, crop: bool) -> None:
        self.size, self.crop = image_size, crop

    def places(self, view: FrameView) -> np.ndarray:
        """Rows are numbered as the view numbers them."""
        self.view = view
        return np.arange(len(view))

    def batch(self, places: np.ndarray) -> torch.Tensor:
        """``(B, 3, S, S)`` uint8 RGB in channels-last memory order."""
        squares = [input_square(self.view.array(int(at)), self.size, self.crop) for at in places]
        return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)


class TimedFold(FoldData):
    """The data module of training, with its loader timed."""

    clock: Clock
    workers = 0

    def train_dataloader(self) -> Timed:
        """The batches of the current epoch."""
        loader = super().train_dataloader()
        return Timed(DataLoader(loader.dataset, batch_size=None, num_workers=self.workers), self.clock)


def configuration() -> Config:
    """As `train/run.py` composes it."""
    register_schema()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return from_hydra(compose("train", list(SETTINGS)))


def measure(
    config: Config, dataset: DeepfakeAugmentedMaskDAR, folder: Path, workers: int, steps: int
) -> dict[str, float | int]:
    """Train for some steps; workers=0 takes batches from the pool, otherwise they come from the store."""
    fit, subject = config.fit, dataset.frames.subjects[0]
    train, _, audit = dataset.split([subject])
    pool = Unpooled(fit.image_size, fit.crop)
    if not workers:
        pool = PixelPool(fit.image_size, fit.crop, len(train), folder)
    strength = Strength(fit.shift, fit.scale, fit.light, fit.colour, fit.mirror)
    given = {"real_rows": audit.n_train_real, "batch_size": fit.batch_size, "strength": strength, "seed": (0,)}
    data, clock = TimedFold(train, [subject], pool, **given), Clock()
    data.clock, data.workers = clock, workers
    epochs = math.ceil((WARM_UP + steps) / data.steps_per_epoch)
    model = Classifier(
        model=config.model.name,
        init=config.model.init,
        mirror_index=list(dataset.frames.labels.mirror_index),
        total_steps=epochs * data.steps_per_epoch,
        seed=[0],
        **{name: getattr(fit, name) for name in FITTED},
    )
    make_trainer(config.trainer, "cpu", epochs, config.logger, folder, [clock]).fit(model, datamodule=data)
    return clock.figures()


def main() -> None:
    """Print a table, and write JSON if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30, help="at least so many after warm-up (default: %(default)s)")
    parser.add_argument("--store", type=Path, default=Path("cache/benchmark-read/store"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts, config = machine(), configuration()
    be_quiet()
    survive_profiling_timers()
    dataset = DeepfakeAugmentedMaskDAR(
        LabelledFrames.from_simdrive(), source=config.source, store=options.store, working_size=config.working_size
    )
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, workers in (("pool", 0), ("store, 1 worker", 1)):
            found[name] = measure(config, dataset, Path(folder), workers, options.steps)
    if options.json:
        result = {"machine": facts, "settings": SETTINGS, "threads": torch.get_num_threads(), "loop": found}
        result["bars"] = {"waiting_at_most": WAITING_BAR}
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{described(facts)}, {torch.get_num_threads()} threads", end="\n\n")
    print(f"{'batches from':<18}{'steps':>6}{'steps/s':>9}{'waiting':>9}{'median':>10}{'longest':>10}")
    for name, figures in found.items():
        waits = f"{figures['wait_median_ms']:>7.1f} ms{figures['wait_longest_ms']:>7.1f} ms"
        speed = f"{figures['steps']:>6}{figures['steps_per_s']:>9.2f}{figures['waiting']:>9.2%}"
        print(f"{name:<18}{speed}{waits}  {verdict(figures['waiting'], WAITING_BAR, False)}")


if __name__ == "__main__":
    main()
