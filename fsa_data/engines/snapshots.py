"""Trainings on disk: each snapshot is a folder that is there as a whole or not at all.

``DIR/step-00001000/`` holds ``weights.safetensors`` (all that an engine needs), ``optimiser.safetensors``,
``state.json`` and whatever else a training writes. The folder is written under another name, flushed and renamed; the
one before it is kept.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from fsa_data.errors import DatasetNotFoundError, OutputError, RunDirectoryError, WrongWeightsError, of_system
from fsa_data.weights import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, MOMENTS, STATE = "weights.safetensors", "optimiser.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{8})")
_KEPT = 2


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Meanwhile no other run may train in a folder; what a killed one left half-written is removed.

    Raises:
        OutputError: the folder cannot be written.
        RunDirectoryError: another run is training there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "training.lock", timeout=0):
            for rough in folder.glob(".step-*"):
                shutil.rmtree(rough, ignore_errors=True)
            yield
    except Timeout as error:
        raise RunDirectoryError(
            f"Another run is training in {folder}. Wait for it, or choose another folder."
        ) from error
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise OutputError(f"Cannot train in {folder}: {of_system(error)}.") from error


def write_folder(
    folder: Path, iteration: int, tensors: Mapping[str, Mapping[str, Tensor]], texts: Mapping[str, str]
) -> Path:
    """A new snapshot in a training's folder, and the end of those that are two older.

    Args:
        folder: of the training.
        iteration: steps done.
        tensors: tensors by name, by the file they go to.
        texts: content of further files.

    Returns:
        Its path.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    from safetensors.torch import save_file

    final = folder / f"step-{iteration:08d}"
    rough = folder / f".{final.name}-{os.getpid()}"
    try:
        rough.mkdir(parents=True)
        for name, some in tensors.items():
            save_file({key: value.detach().cpu().contiguous() for key, value in some.items()}, rough / name)
        for name, text in texts.items():
            (rough / name).write_text(text, encoding="utf-8")
        for file in rough.iterdir():
            _flush(file)
        _flush(rough)
        if final.exists():  # written before, perhaps by a run that went another way
            shutil.rmtree(final)
        rough.rename(final)
        _flush(folder)
        for _, old in snapshots(folder)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(rough, ignore_errors=True)
        raise OutputError(f"Cannot write a snapshot of the training to {folder}: {of_system(error)}.") from error
    return final


def snapshots(folder: Path) -> list[tuple[int, Path]]:
    """Iteration and path of every snapshot of a training, the oldest first."""
    found = [(int(m[1]), path) for path in folder.glob("step-*") if (m := _NAME.fullmatch(path.name))]
    return sorted(found)


def find_snapshot(folder: str | Path, what: str = "autoencoder") -> Path:
    """The latest snapshot of a training, or the very snapshot.

    Raises:
        DatasetNotFoundError: there is none.
    """
    folder = Path(folder).expanduser()
    if (folder / STATE).is_file():
        return folder
    if not (found := snapshots(folder)):
        why = "exists, but holds no snapshot (step-*)" if folder.is_dir() else "does not exist"
        raise DatasetNotFoundError(f"No trained {what} in {folder}: it {why}. Train one there first.")
    return found[-1][1]


def read_tensors(snapshot: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """Tensors of a snapshot, on the CPU.

    Raises:
        WrongWeightsError: no such file, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(snapshot / name))
    except (OSError, SafetensorError) as error:
        raise WrongWeightsError(f"{snapshot / name} cannot be read: {error}. Use another snapshot.") from error


def weights_digest(snapshot: Path) -> str:
    """SHA-256 of the weights, hex digits."""
    return file_sha256(snapshot / WEIGHTS)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
