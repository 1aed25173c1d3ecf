"""Trainings on disk: each snapshot is a folder that is there as a whole or not at all.

``DIR/step-00001000/`` holds ``weights.safetensors`` (all that an engine needs), ``optimiser.safetensors`` and
``state.json`` (architecture, preset, counters, random states, identities, history). The folder is written under another
name, flushed and renamed; the one before it is kept.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fsa_data.engines.autoencoder.preset import Preset
from fsa_data.errors import DatasetNotFoundError, OutputError, RunDirectoryError, WrongWeightsError, of_system
from fsa_data.types import Json
from fsa_data.weights import file_sha256

FORMAT = 1
WEIGHTS, MOMENTS, STATE = "weights.safetensors", "optimiser.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{8})")
_KEPT = 2


@dataclass(frozen=True, slots=True)
class State:
    """What is not a tensor of a network.

    Attributes:
        preset: what is trained and how.
        iteration: steps done.
        identities: everybody the weights have ever seen.
        source: whom the weights put on.
        random: states of the generators by name.
        orders: where the shuffled orders stand, by side.
        history: loss of the source's and of the target's side, of each step.
        rollbacks: how often training went back to a snapshot.
    """

    preset: Preset
    iteration: int = 0
    identities: frozenset[str] = frozenset()
    source: str = ""
    random: dict[str, Tensor] = field(default_factory=dict)
    orders: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[float, float]] = field(default_factory=list)
    rollbacks: int = 0


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


def write_snapshot(folder: Path, state: State, weights: dict[str, Tensor], moments: dict[str, Tensor]) -> Path:
    """A new snapshot in a training's folder, and the end of those that are two older.

    Returns:
        Its path.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    final = folder / f"step-{state.iteration:08d}"
    rough = folder / f".{final.name}-{os.getpid()}"
    try:
        rough.mkdir(parents=True)
        for name, tensors in ((WEIGHTS, weights), (MOMENTS, moments)):
            save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, rough / name)
        (rough / STATE).write_text(json.dumps(_json(state)), encoding="utf-8")
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


def find_snapshot(folder: str | Path) -> Path:
    """The latest snapshot of a training, or the very snapshot.

    Raises:
        DatasetNotFoundError: there is none.
    """
    folder = Path(folder).expanduser()
    if (folder / STATE).is_file():
        return folder
    if not (found := snapshots(folder)):
        what = "exists, but holds no snapshot (step-*)" if folder.is_dir() else "does not exist"
        raise DatasetNotFoundError(f"No trained autoencoder in {folder}: it {what}. Train one there first.")
    return found[-1][1]


def read_state(snapshot: Path) -> State:
    """State of a snapshot.

    Raises:
        WrongWeightsError: the file is of a newer format or damaged.
    """
    path = snapshot / STATE
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        if given["format"] != FORMAT:
            raise WrongWeightsError(f"{path} is of format {given['format']}, this version reads {FORMAT}. Update.")
        known = {each.name for each in fields(Preset)}
        return State(
            preset=Preset(**{key: value for key, value in given["preset"].items() if key in known}),
            iteration=given["iteration"],
            identities=frozenset(given["identities"]),
            source=given["source"],
            random={key: _tensor(value) for key, value in given["random"].items()},
            orders=given["orders"],
            history=[(a, b) for a, b in given["history"]],
            rollbacks=given["rollbacks"],
        )
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise WrongWeightsError(
            f"{path} is damaged or no state of a training: {error!r}. Use another snapshot."
        ) from error


def read_tensors(snapshot: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """Tensors of a snapshot, on the CPU.

    Raises:
        WrongWeightsError: no such file, or damaged.
    """
    try:
        return dict(load_file(snapshot / name))
    except (OSError, SafetensorError) as error:
        raise WrongWeightsError(f"{snapshot / name} cannot be read: {error}. Use another snapshot.") from error


def check_architecture(snapshot: Path, found: Preset, wanted: Preset) -> None:
    """Whether a training can go on from a snapshot.

    Raises:
        WrongWeightsError: it is of another architecture; the message names both.
    """
    if found.architecture != wanted.architecture:
        raise WrongWeightsError(
            f"{snapshot} holds {described(found.architecture)}, but {described(wanted.architecture)} is wanted. Choose "
            "another folder, or the sizes of the snapshot."
        )


def described(architecture: Json) -> str:
    """One line, e.g. ``saehd liae-ud 128 px (ae 256, e 64, d 64, mask 22) full_face``."""
    a = architecture
    sizes = f"ae {a['ae_dims']}, e {a['e_dims']}, d {a['d_dims']}, mask {a['d_mask_dims']}"
    return f"{a['network']} {a['archi']} {a['resolution']} px ({sizes}) {a['face_type']}"


def weights_digest(snapshot: Path) -> str:
    """SHA-256 of the weights, hex digits."""
    return file_sha256(snapshot / WEIGHTS)


def _json(state: State) -> Json:
    return {
        "format": FORMAT,
        "architecture": dict(state.preset.architecture),
        "preset": dict(state.preset.json),
        "iteration": state.iteration,
        "identities": sorted(state.identities),
        "source": state.source,
        "random": {key: base64.b64encode(value.numpy().tobytes()).decode() for key, value in state.random.items()},
        "orders": state.orders,
        "history": state.history,
        "rollbacks": state.rollbacks,
    }


def _tensor(text: str) -> Tensor:
    return torch.tensor(list(base64.b64decode(text)), dtype=torch.uint8)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
