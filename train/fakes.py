"""The data set of each fold, its swaps made: one for all folds, or with ``per_fold`` one of each fold's engine."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fsa_data.datasets import DeepfakeAugmentedMaskDAR
from fsa_data.datasets.deepfake import OWN
from fsa_data.engines import load_engine
from fsa_data.errors import ConfigError, failure_lines
from fsa_data.evaluate import Fold
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.paths import cache_dir
from fsa_data.quality.identity import load_embedder
from fsa_data.sources import load_source
from fsa_data.types import SwapEngine
from fsa_data.worker import Lookalike, find_lookalikes, fold_engine, load_identity_map, with_lookalikes
from train.config import Config

PER_FOLD = "per_fold"
"""Option of trained engines: true, or the number of iterations."""


class Fakes:
    """Makes swaps before the first fold is trained.

    Args:
        config: of the run.
        frames: of all subjects.
        folds: that will be trained.

    Attributes:
        made, reused: swaps.
        seconds: it took to make them.
        failed: frames that failed.
        lookalikes: people of the source who look like people of the data.
        identities: which names are the same person, look-alikes included.
    """

    def __init__(self, config: Config, frames: LabelledFrames, folds: list[Fold]) -> None:
        self.made, self.reused, self.failed, self.seconds = 0, 0, 0, 0.0
        self.lookalikes = _lookalikes(config, frames)
        self.identities = with_lookalikes(self.lookalikes, load_identity_map(config.identity_map))
        options = dict(config.engine_options)
        per_fold = _iterations(options.pop(PER_FOLD, False))
        if per_fold is False or config.setup.name == "real_only":
            dataset = self._made(config, frames, config.engine, options)
            self._of = {fold.name: dataset for fold in folds}
            return
        base = load_engine(config.engine, options, config.merge or None)
        source, landmarker = load_source(config.source, config.source_options), load_landmarker()
        self._of = {}
        for fold in folds:
            tqdm.write(f"fold {fold.name}: an engine that has not seen who is tested", file=sys.stderr)
            steps = None if per_fold is True else per_fold
            engine = fold_engine(
                base, frames, fold.test_subjects, source, landmarker, steps, self.identities, config.seed, progress=True
            )
            self._of[fold.name] = self._made(config, frames, engine, {})

    def of(self, fold: Fold) -> DeepfakeAugmentedMaskDAR:
        """The data set to split for a fold."""
        return self._of[fold.name]

    def coverage(self) -> dict[str, Any]:
        """What became of the swaps, of all engines together."""
        return _summed([dataset.coverage() for dataset in self._distinct()])

    def patch_bytes(self) -> int:
        """Bytes of all swaps in the store, of all engines together."""
        return sum(dataset.patch_bytes() for dataset in self._distinct())

    def _distinct(self) -> list[DeepfakeAugmentedMaskDAR]:
        return list({id(dataset): dataset for dataset in self._of.values()}.values())

    def _made(
        self, config: Config, frames: LabelledFrames, engine: str | SwapEngine, options: dict[str, Any]
    ) -> DeepfakeAugmentedMaskDAR:
        make = config.on_miss == "materialise"
        size = config.working_size
        dataset = DeepfakeAugmentedMaskDAR(
            frames,
            setup=config.setup.name,  # type: ignore[arg-type]  # checked by the data set
            source=config.source,
            source_options=config.source_options,
            engine=engine,
            engine_options=options,
            gate=config.gate,
            merge=(config.merge or None) if isinstance(engine, str) else None,
            store=Path(config.store) if config.store else cache_dir() / "swaps",
            fakes_per_frame=config.fakes_per_frame,
            working_size=(int(size[0]), int(size[1])) if isinstance(size, list) else size,
            seed=config.seed,
            on_miss="skip" if make else config.on_miss,  # type: ignore[arg-type]  # checked by the data set
            unswappable=config.unswappable,  # type: ignore[arg-type]  # checked by the data set
            identity_map=self.identities,
        )
        if make:
            who = config.executor
            report = dataset.materialise(True, who.workers, who.name)  # type: ignore[arg-type]  # checked by it
            for line in failure_lines(report.failures):
                tqdm.write(line, file=sys.stderr)
            self.made += report.made
            self.reused += report.reused
            self.seconds += report.seconds
            self.failed += len(report.failures)
        return dataset


def _lookalikes(config: Config, frames: LabelledFrames) -> list[Lookalike]:
    """People of the source who look like people of the data; told on standard error."""
    if config.embedder is None or config.setup.name == "real_only" or config.source == OWN:
        return []
    source = load_source(config.source, config.source_options)
    found = find_lookalikes(frames, source, load_landmarker(), load_embedder(config.embedder))
    for pair in found:
        tqdm.write(
            f"{pair.identity} of the source looks like {pair.subject} of the data (distance {pair.distance:.2f}): the "
            "guard takes them for one person.",
            file=sys.stderr,
        )
    return found


def _iterations(given: object) -> int | bool:
    if isinstance(given, bool) or (isinstance(given, int) and given > 0):
        return given
    raise ConfigError(f"engine_options.{PER_FOLD} is true, false or a number of iterations, got {given!r}.")


def _summed(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts of the same form, added up at every level."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = _summed([total.get(key, {}), value])
            else:
                total[key] = total.get(key, 0) + value
    return total
