"""What a training of the autoencoder leaves behind: :mod:`fsa_data.engines.snapshots`, with the state of its own.

``state.json`` holds architecture, preset, counters, random states, identities and history.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fsa_data.engines.autoencoder.preset import Preset
from fsa_data.engines.snapshots import MOMENTS, STATE, WEIGHTS, write_folder
from fsa_data.errors import WrongWeightsError
from fsa_data.types import Json

FORMAT = 1


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


def write_snapshot(folder: Path, state: State, weights: dict[str, Tensor], moments: dict[str, Tensor]) -> Path:
    """A new snapshot in a training's folder, and the end of those that are two older.

    Returns:
        Its path.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    return write_folder(
        folder, state.iteration, {WEIGHTS: weights, MOMENTS: moments}, {STATE: json.dumps(_json(state))}
    )


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
