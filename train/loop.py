"""The cross-validation: data, folds, predictions, results, report."""

from __future__ import annotations

import math
import platform
import sys
import time
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from tqdm import tqdm

from fsa_data.datasets import Audit, DeepfakeAugmentedMaskDAR, FrameView, TestView
from fsa_data.errors import ConfigError
from fsa_data.evaluate import (
    FAKE,
    REAL,
    Background,
    Fold,
    FoldFacts,
    Predictions,
    RunFacts,
    choose,
    concatenate,
    conditioned,
    fold_predictions,
    group_kfold,
    loso,
    summarise,
    write_json,
    write_predictions,
    write_report,
)
from fsa_data.frames import LabelledFrames
from fsa_data.worker import person_of
from train.arms import ARMS, arm_rows, facts_of, in_arm, real_frames
from train.augment import Strength
from train.conditions import maskdar_frames, needed_frames, of_condition, or_any, simdrive_frames
from train.config import Config, CrossValidation, Data
from train.datamodule import FoldData
from train.fakes import Fakes
from train.gallery import draw_pairs
from train.hardware import (
    KeepCheckpoint,
    Progress,
    be_quiet,
    check_hardware,
    check_logger,
    make_trainer,
    survive_profiling_timers,
)
from train.judge import judge
from train.module import Classifier
from train.pixels import PixelPool
from train.rundir import CHECKPOINT, WEIGHTS, checkpoint_of, finish, finished, fold_directory, opened, rows_digest
from train.sampling import steps_per_epoch

_FAILURES = ("failed", "missing")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left.

    Attributes:
        results: content of ``results.json``.
        failures: swaps that were wanted and could not be made, and frames that could not be read, by reason; empty
            when all went well.
    """

    results: dict[str, Any]
    failures: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Run:
    """What all folds share."""

    config: Config
    directory: Path
    accelerator: str
    fakes: Fakes
    frames: LabelledFrames
    pool: PixelPool


@dataclass(frozen=True, slots=True)
class _FoldRows:
    """The rows of one fold, how many real frames decide its steps, and its epochs."""

    fold: Fold
    train: FrameView
    test: TestView
    fake: FrameView | None
    audit: Audit
    real_rows: int
    epochs: int


def cross_validate(config: Config, directory: Path, *, secondary: bool = False) -> Outcome:
    """Train and test every fold that is not finished, then write results and report.

    Args:
        config: what to do.
        directory: the run directory.
        secondary: this process only helps another one to train (``trainer=ddp``) and writes nothing.

    Returns:
        The results.

    Raises:
        FsaError: something that the user can put right.
    """
    start = time.monotonic()
    be_quiet()
    survive_profiling_timers()
    accelerator = check_hardware(config.trainer)
    check_logger(config.logger)
    if config.trainer.threads > 0:
        torch.set_num_threads(config.trainer.threads)
    frames = needed_frames(load_frames(config.data), config.data)
    tested = of_condition(frames, config.data.test_condition)
    folds = make_folds(config.cv, frames.subject[tested].tolist())
    if secondary:
        warnings.simplefilter("ignore")  # the other process tells them
        return _train_all(config, directory, accelerator, frames, folds, start)
    with opened(directory, config):
        # A start that cannot be had is told now, not after an hour of swapping.
        if config.model.init == "imagenet":
            tqdm.write("Looking for ImageNet weights in timm's cache, then at huggingface.co.", file=sys.stderr)
        _classifier(config, frames.labels.mirror_index, steps=2, seed=[config.seed])
        return _train_all(config, directory, accelerator, frames, folds, start)


def load_frames(data: Data) -> LabelledFrames:
    """The labelled frames of a data set."""
    if data.masked_root is not None and data.name != "maskdar":
        raise ConfigError(f"data.masked_root belongs to data=maskdar, not to data={data.name}. Leave it out.")
    if data.name == "maskdar":
        return maskdar_frames(_needed("data.root", data.root), data)
    if data.name == "state_farm":
        return LabelledFrames.from_state_farm(_needed("data.root", data.root))
    if data.name == "csv":
        return LabelledFrames.from_csv(_needed("data.csv", data.csv), data.root)
    return simdrive_frames(data)


def make_folds(cv: CrossValidation, subjects: Sequence[str]) -> list[Fold]:
    """The folds that were asked for."""
    every = loso(subjects) if cv.name == "loso" else group_kfold(subjects, cv.k)
    return choose(every, cv.folds)


def _needed(key: str, value: str | None) -> str:
    if not value:
        raise ConfigError(f"{key} is not set: say where the data lie, {key}=PATH.")
    return value


def _train_all(
    config: Config, directory: Path, accelerator: str, frames: LabelledFrames, folds: list[Fold], start: float
) -> Outcome:
    used = in_arm(config)
    fakes = Fakes(used, frames, folds)
    engines = len({id(fakes.of(fold)) for fold in folds})
    capacity = len(frames) * (1 + used.fakes_per_frame * engines)
    pool = PixelPool(config.fit.image_size, config.fit.crop, capacity, directory)
    run = _Run(config, directory, accelerator, fakes, frames, pool)
    rows = [_fold_rows(run, fold) for fold in folds]
    done = []
    with tqdm(total=sum(fold.epochs for fold in rows), unit="epoch", disable=None) as bar:
        for fold in rows:
            done.append(_one_fold(run, fold, bar))
    timing = {
        "total_s": round(time.monotonic() - start, 3),
        "swaps": {
            "made": fakes.made,
            "reused": fakes.reused,
            "seconds": round(fakes.seconds, 3),
            "bytes": fakes.patch_bytes(),
        },
        "device": accelerator,
        "threads": torch.get_num_threads(),
    }
    results = _write(run, rows, done, timing)
    failures = {key: n for key, n in results["coverage"]["by_reason"].items() if key in _FAILURES}
    return Outcome(results, failures or ({"failed": fakes.failed} if fakes.failed else {}))


def _fold_rows(run: _Run, fold: Fold) -> _FoldRows:
    data = run.config.data
    dataset = run.fakes.of(fold)
    train, test, audit = dataset.split(fold.test_subjects, or_any(data.train_condition), or_any(data.test_condition))
    arm = ARMS[run.config.setup.name]
    train = arm_rows(train, run.config, real_frames(run.frames, run.config, arm.more))
    fakes = int(train.is_fake.sum())
    audit = replace(audit, n_train_real=len(train) - fakes, n_train_fake=fakes)
    fake = None if arm.rows == "real_only" else test.fake
    real_rows = _real_rows(dataset, audit, data.train_condition, real_frames(run.frames, run.config))
    fit = run.config.fit
    # More epochs on small data; the same number in every setup.
    epochs = max(fit.epochs, math.ceil(fit.min_steps / steps_per_epoch(real_rows, fit.batch_size)))
    return _FoldRows(fold, train, test, fake if fake is not None and len(fake) else None, audit, real_rows, epochs)


def _one_fold(run: _Run, rows: _FoldRows, bar: tqdm[Any]) -> tuple[FoldFacts, Predictions]:
    """Train and test a fold, unless that has been done."""
    folder = fold_directory(run.directory, rows.fold.name)
    views = [rows.train, rows.test] + ([rows.fake] if rows.fake is not None else [])
    digest = rows_digest(*views)
    there = finished(folder, digest)
    if there is not None:
        bar.update(rows.epochs)
        tqdm.write(f"fold {rows.fold.name}: finished before", file=sys.stderr)
        return there
    bar.set_description(f"fold {rows.fold.name}")
    facts, model, is_writer = _fit(run, rows, folder, bar)
    table = _predict(run, rows, model)
    if is_writer:
        finish(folder, facts, table, digest)
        right = float(np.mean((table.label == table.prediction)[table.domain == REAL]))
        tqdm.write(f"fold {rows.fold.name}: accuracy {right:.2f}, {facts.fit_s:.0f} s", file=sys.stderr)
    return facts, table


def _fit(run: _Run, rows: _FoldRows, folder: Path, bar: tqdm[Any]) -> tuple[FoldFacts, Classifier, bool]:
    fit, hardware = run.config.fit, run.config.trainer
    start = time.monotonic()
    # By name: a fold is trained alike whichever others are asked for, and in every setup.
    seed = [run.config.seed, zlib.crc32(rows.fold.name.encode())]
    data = FoldData(
        rows.train,
        rows.fold.test_subjects,
        run.pool,
        real_rows=rows.real_rows,
        batch_size=fit.batch_size,
        strength=Strength(
            fit.shift, fit.scale, fit.light, fit.colour, fit.mirror, ARMS[run.config.setup.name].randaugment
        ),
        seed=tuple(seed),
    )
    steps = data.steps_per_epoch * rows.epochs
    model = _classifier(run.config, run.frames.labels.mirror_index, steps, seed)
    checkpoint = checkpoint_of(folder)

    def tell(epochs: int, loss: float) -> None:
        bar.set_postfix(loss=f"{loss:.2f}", refresh=False)
        bar.update()

    callbacks = [Progress(tell), KeepCheckpoint(folder / CHECKPOINT, hardware.checkpoint_s)]
    trainer = make_trainer(hardware, run.accelerator, rows.epochs, run.config.logger, folder, callbacks)
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint)
    trainer.save_checkpoint(folder / WEIGHTS, weights_only=True)
    audit = rows.audit
    facts = FoldFacts(
        fold=rows.fold.name,
        test_subjects=rows.fold.test_subjects,
        n_train_real=audit.n_train_real,
        n_train_fake=audit.n_train_fake,
        steps=trainer.global_step,
        fit_s=time.monotonic() - start,
        lineage=audit.as_dict(),
    )
    return facts, model, trainer.is_global_zero


def _real_rows(dataset: DeepfakeAugmentedMaskDAR, audit: Audit, condition: str, allowed: NDArray[np.bool_]) -> int:
    """Real frames of people who are not tested, in the condition trained on, whatever the arm trains on."""
    subjects = dataset.frames.subject[of_condition(dataset.frames, condition) & allowed]
    people = [person_of(subject, dataset.identities) for subject in subjects.tolist()]
    return sum(person not in audit.persons for person in people)


def _classifier(config: Config, mirror_index: Sequence[int], steps: int, seed: list[int]) -> Classifier:
    fit = config.fit
    return Classifier(
        model=config.model.name,
        init=config.model.init,
        mirror_index=list(mirror_index),
        total_steps=steps,
        lr=fit.lr,
        head_lr_factor=fit.head_lr_factor,
        weight_decay=fit.weight_decay,
        warmup=fit.warmup,
        label_smoothing=fit.label_smoothing,
        frozen_stages=fit.frozen_stages,
        frozen_filters=fit.frozen_filters,
        seed=seed,
    )


def _predict(run: _Run, rows: _FoldRows, model: Classifier) -> Predictions:
    tables = []
    for domain, view in ((REAL, rows.test), (FAKE, rows.fake)):
        if view is not None:
            tables.append(
                fold_predictions(
                    view.classes,
                    model.probabilities(run.pool.batch(run.pool.places(view))),
                    view.targets,
                    seed=run.config.seed,
                    fold=rows.fold.name,
                    domain=domain,
                    subject=view.groups.tolist(),
                    frame=view.frame_ids.tolist(),
                    source_identity=view.source_identity.tolist(),
                )
            )
    return concatenate(tables)


def _write(
    run: _Run, rows: list[_FoldRows], done: list[tuple[FoldFacts, Predictions]], timing: dict[str, Any]
) -> dict[str, Any]:
    config, directory = run.config, run.directory
    used = in_arm(config)
    table = concatenate([predictions for _, predictions in done])
    facts = RunFacts(
        setup=config.setup.name,
        data=conditioned(config.data.name, "test", or_any(config.data.test_condition)),
        source=used.source,
        engine=used.engine,
        model=config.model.name,
        cv=conditioned(config.cv.name, "train", or_any(config.data.train_condition)),
        seed=config.seed,
        label_map_hash=run.frames.labels.hash,
    )
    results = summarise(facts, [fold for fold, _ in done], table, run.fakes.coverage(), timing)
    provenance = _provenance(run.accelerator)
    alike = [asdict(pair) for pair in run.fakes.lookalikes]
    # without the time: a run that is repeated has the results that it had
    origin = {name: value for name, value in provenance.items() if name != "written"}
    results |= facts_of(config) | {"lookalikes": alike, "provenance": origin}
    write_predictions(directory / "predictions.csv", table)
    write_json(directory / "results.json", results)
    if used.setup.name != "real_only":
        judge(run.fakes.of(rows[0].fold), config, directory)
    pairs = [(fold.test, fold.fake) for fold in rows if fold.fake is not None]
    background = Background(
        config=OmegaConf.to_yaml(OmegaConf.structured(config)),
        audits={fold.fold: fold.lineage for fold, _ in done},
        provenance=provenance,
        gallery=draw_pairs(pairs, config.gallery, config.seed),
    )
    write_report(directory, results, table, background)
    return results


def _provenance(accelerator: str) -> dict[str, str]:
    packages = ("fsa-data", "torch", "timm", "pytorch-lightning", "numpy", "opencv-python", "mediapipe")
    device = torch.cuda.get_device_name() if accelerator == "cuda" else f"{accelerator}, {platform.machine()}"
    return {
        "command": " ".join(["python", *sys.argv]),
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": device,
        "Python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
