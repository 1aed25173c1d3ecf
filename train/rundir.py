"""The run directory: one configuration, one run at a time, finished folds kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fsa_data.datasets import FrameView
from fsa_data.errors import BadTableError, FsaError, RunDirectoryError
from fsa_data.evaluate import FoldFacts, Predictions, read_predictions, write_atomic, write_json, write_predictions
from train.config import Config, flat

CHECKPOINT = "last.ckpt"
"""Of an unfinished fold: everything that is needed to go on."""
WEIGHTS = "model.ckpt"
"""Of a finished fold: the weights after the last step, and the hyper-parameters."""
_DONE = "done.json"
_CONFIG = "config.yaml"
# They say where and how, not what: another machine may finish a run, with another cache, logger or device.
_FREE = ("trainer.", "logger.", "executor.", "store", "on_miss", "gallery", "judge")


@contextmanager
def opened(directory: Path, config: Config) -> Iterator[None]:
    """Hold a run directory, with ``config.yaml`` written in it.

    Input that turns out to be wrong before any fold was begun leaves nothing in a new directory, so that the command
    can be mended and given again.

    Args:
        directory: made if it is not there.
        config: of this run; must agree with the one that is there.

    Raises:
        RunDirectoryError: another run is writing there, or a run of another configuration is there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    new = not any(directory.iterdir())
    lock = FileLock(directory / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunDirectoryError(
            f"Another run is writing {directory}. Wait for it, or choose another hydra.run.dir=DIR."
        ) from error
    try:
        _settle_config(directory, config)
        yield
    except (FsaError, OSError):
        if new and {path.name for path in directory.iterdir()} <= {".lock", _CONFIG}:
            for name in (_CONFIG, ".lock"):
                (directory / name).unlink(missing_ok=True)
        raise
    finally:
        lock.release()


def fold_directory(directory: Path, fold: str) -> Path:
    """Where a fold keeps its files; made if it is not there."""
    path = directory / f"fold-{fold}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def rows_digest(*views: FrameView) -> str:
    """Hex digest of what a fold trains and tests on: frames, labels and worn faces, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for view in views:
        columns = (view.frame_ids.tolist(), view.targets.tolist(), view.source_identity.tolist())
        digest.update(json.dumps(columns, ensure_ascii=False).encode())
    return digest.hexdigest()


def finish(folder: Path, facts: FoldFacts, table: Predictions, digest: str) -> None:
    """Write predictions and audit of a fold, then the marker that makes it finished."""
    write_predictions(folder / "predictions.csv", table)
    write_json(folder / "lineage.json", facts.lineage)
    told = {key: value for key, value in asdict(facts).items() if key != "lineage"}
    write_json(folder / _DONE, told | {"rows": digest})
    (folder / CHECKPOINT).unlink(missing_ok=True)


def finished(folder: Path, digest: str) -> tuple[FoldFacts, Predictions] | None:
    """What :func:`finish` wrote, or None if the fold is not finished.

    Raises:
        RunDirectoryError: the fold was finished on other rows, or its files are damaged.
    """
    if not (folder / _DONE).is_file():
        return None
    try:
        told = json.loads((folder / _DONE).read_text(encoding="utf-8"))
        lineage = json.loads((folder / "lineage.json").read_text(encoding="utf-8"))
        rows, subjects = told.pop("rows"), tuple(told.pop("test_subjects"))
        facts = FoldFacts(**told, test_subjects=subjects, lineage=lineage)
        table = read_predictions(folder / "predictions.csv")
    except (OSError, ValueError, KeyError, TypeError, BadTableError) as error:
        raise RunDirectoryError(f"{folder} is damaged ({error}). Remove it; the fold will be trained again.") from error
    if rows != digest:
        raise RunDirectoryError(
            f"{folder} was finished with other frames, labels or swaps than the data now have. "
            "Remove it to train this fold again, or choose another hydra.run.dir=DIR."
        )
    return facts, table


def checkpoint_of(folder: Path) -> Path | None:
    """The checkpoint an unfinished fold goes on from, if there is one.

    Raises:
        RunDirectoryError: it cannot be read as plain tensors and numbers.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    # torch.load raises pickle, zip, runtime and end-of-file errors
    except Exception as error:
        raise RunDirectoryError(f"{path} is damaged ({error}). Remove it; the fold will start anew.") from error
    return path


def _settle_config(directory: Path, config: Config) -> None:
    path = directory / _CONFIG
    new = flat(OmegaConf.structured(config))
    if path.is_file():
        try:
            old = flat(OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(path)))
        except (OmegaConfBaseException, OSError, ValueError) as error:
            raise RunDirectoryError(f"{path} is no configuration of this version: {error}") from error
        changed = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k) and not k.startswith(_FREE))
        if changed:
            shown = "; ".join(f"{key}: there {old.get(key)!r}, now {new.get(key)!r}" for key in changed[:8])
            raise RunDirectoryError(
                f"{directory} holds a run of another configuration ({shown}). Choose another hydra.run.dir=DIR."
            )
    write_atomic(path, OmegaConf.to_yaml(OmegaConf.structured(config)))
