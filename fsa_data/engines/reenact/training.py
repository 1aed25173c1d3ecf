"""What the loop asks of a training, and the state that it leaves on disk."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fsa_data.engines.snapshots import MOMENTS, STATE, WEIGHTS, read_tensors, write_folder
from fsa_data.errors import WrongWeightsError
from fsa_data.types import Image, Json

FORMAT = 1
LOSSES = "losses.csv"
"""Every loss of every step."""


class Training(Protocol):
    """Networks that are trained together.

    Attributes:
        kind: ``stargan2``, ``depth`` or ``dagan``.
        networks: everything that is kept, by name.
        identities: everybody whose pictures are shown to them.
        iterations: steps in all.
        seed: of samples.
    """

    kind: str
    networks: nn.ModuleDict
    identities: frozenset[str]
    iterations: int
    seed: int

    @property
    def architecture(self) -> Json:
        """What two trainings must share for one to go on from the other."""
        ...

    @property
    def about(self) -> Json:
        """Everything else worth writing down: the preset, names of domains."""
        ...

    @property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """By name; always the same ones."""
        ...

    def draw(self, iteration: int) -> Any:
        """Tensors of a step, on the CPU; a function of seed and iteration alone."""
        ...

    def step(self, batch: Any, iteration: int) -> dict[str, Tensor]:
        """One step on the device of the batch; every loss by name."""
        ...

    def sheet(self) -> Image:
        """What has been learnt so far, as one picture."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """State of a snapshot.

    Attributes:
        kind: of the training.
        architecture: of its networks.
        about: as written down.
        iteration: steps done.
        identities: everybody the weights have seen.
        losses: names, and a row of each step.
    """

    kind: str
    architecture: Json
    about: Json
    iteration: int
    identities: frozenset[str]
    losses: History


@dataclass(slots=True)
class History:
    """Losses of every step.

    Attributes:
        names: of the columns.
        rows: one for each step.
    """

    names: tuple[str, ...] = ()
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, losses: Mapping[str, float]) -> None:
        """Append a step."""
        self.names = self.names or tuple(losses)
        self.rows.append(tuple(losses[name] for name in self.names))

    def mean(self, name: str, rows: slice) -> float:
        """Mean of some steps' loss."""
        at = self.names.index(name)
        some = [row[at] for row in self.rows[rows]]
        return sum(some) / max(1, len(some))

    @property
    def text(self) -> str:
        """As CSV."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("step", *self.names))
        writer.writerows((at, *(f"{value:.7g}" for value in row)) for at, row in enumerate(self.rows, 1))
        return out.getvalue()

    @classmethod
    def of(cls, text: str) -> History:
        """From CSV."""
        header, *rows = csv.reader(io.StringIO(text))
        return cls(tuple(header[1:]), [tuple(map(float, row[1:])) for row in rows])


def save(folder: Path, training: Training, iteration: int, identities: frozenset[str], losses: History) -> Path:
    """A snapshot of a training.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    state = {
        "format": FORMAT,
        "kind": training.kind,
        "architecture": dict(training.architecture),
        "about": dict(training.about),
        "iteration": iteration,
        "identities": sorted(identities),
    }
    tensors = {WEIGHTS: training.networks.state_dict(), MOMENTS: _moments(training)}
    return write_folder(folder, iteration, tensors, {STATE: json.dumps(state, indent=1), LOSSES: losses.text})


def read(snapshot: Path) -> Stored:
    """State of a snapshot.

    Raises:
        WrongWeightsError: the file is of a newer format, of another kind of training, or damaged.
    """
    path = snapshot / STATE
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        if given["format"] != FORMAT or "kind" not in given:
            raise WrongWeightsError(f"{path} is no state of a re-enactment network that this version reads.")
        history = History.of((snapshot / LOSSES).read_text(encoding="utf-8"))
        return Stored(
            given["kind"],
            given["architecture"],
            given["about"],
            given["iteration"],
            frozenset(given["identities"]),
            history,
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, WrongWeightsError):
            raise
        raise WrongWeightsError(
            f"{path} is damaged or no state of a training: {error!r}. Use another snapshot."
        ) from error


def take_over(snapshot: Path, training: Training, resume: bool) -> Stored:
    """Weights of a snapshot, and moments too if a training is gone on with.

    Raises:
        WrongWeightsError: it is of other networks; the message names what differs.
    """
    stored = read(snapshot)
    check_architecture(snapshot, stored, training)
    training.networks.load_state_dict(read_tensors(snapshot))
    if resume:
        _set_moments(training, read_tensors(snapshot, MOMENTS))
    return stored


def check_architecture(snapshot: Path, stored: Stored, training: Training) -> None:
    """Whether a training can go on from a snapshot.

    Raises:
        WrongWeightsError: it cannot.
    """
    if stored.kind != training.kind:
        raise WrongWeightsError(f"{snapshot} holds networks of {stored.kind}, not of {training.kind}.")
    told = differences(stored.architecture, training.architecture)
    if told:
        raise WrongWeightsError(
            f"{snapshot} holds other networks than are wanted: {'; '.join(told)}. Choose another folder, or the sizes "
            "of the snapshot."
        )


def differences(there: Json, wanted: Json) -> list[str]:
    """``num_kp is 10 there, 15 is wanted`` for each entry that differs."""
    return [
        f"{name} is {there.get(name)!r} there, {wanted.get(name)!r} is wanted"
        for name in sorted({*there, *wanted})
        if there.get(name) != wanted.get(name)
    ]


def _parameters(optimiser: torch.optim.Optimizer) -> Sequence[Tensor]:
    return [each for group in optimiser.param_groups for each in group["params"]]


def _moments(training: Training) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, optimiser in training.optimisers.items():
        for at, parameter in enumerate(_parameters(optimiser)):
            for key, value in optimiser.state.get(parameter, {}).items():
                found[f"{name}.{at}.{key}"] = value
    return found


def _set_moments(training: Training, tensors: Mapping[str, Tensor]) -> None:
    for name, optimiser in training.optimisers.items():
        for at, parameter in enumerate(_parameters(optimiser)):
            start = f"{name}.{at}."
            own = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
            if own:
                optimiser.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device) for key, value in own.items()
                }


def seeded(seed: int, iteration: int, what: int = 0) -> torch.Generator:
    """A generator of a step, on the CPU; different steps and purposes have different numbers."""
    return torch.Generator().manual_seed((seed * 1_000_003 + iteration) * 7 + what)
