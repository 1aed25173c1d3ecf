"""The command that makes what a data set lacks, for messages."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fsa_data.frames import LabelledFrames
from fsa_data.quality import GateOptions
from fsa_data.store import SwapStore
from fsa_data.types import Source, SwapEngine
from fsa_data.worker import Recipe


def command_of(
    frames: LabelledFrames | str | Path,
    source: str | Sequence[str] | Source,
    engine: str | SwapEngine,
    options: Mapping[str, Mapping[str, Any] | None],
    store: SwapStore,
    recipe: Recipe,
) -> str:
    """The command that makes what a data set needs; capitals stand for what only the caller knows."""
    size = recipe.working_size
    sources = [source] if isinstance(source, str) else list(source) if isinstance(source, Sequence) else ["SOURCE"]
    words = ["--csv", "FRAMES.csv"] if isinstance(frames, LabelledFrames) else ["--maskdar", str(frames)]
    for spec in sources:
        words += ["-s", spec]
    words += ["--engine", engine if isinstance(engine, str) else "ENGINE"]
    gate = options.get("gate")
    if gate is not None:  # all limits, so that an empty set of them is not lost
        options = {**options, "gate": asdict(GateOptions(**gate))}
    for kind, given in options.items():
        for key, value in (given or {}).items():
            words += [f"--{kind}-option", f"{key}={json.dumps(value)}"]
    if recipe.identities:
        words += ["--identity-map", "IDENTITIES.csv"]
    shown = "native" if size is None else f"{size[0]}x{size[1]}" if isinstance(size, tuple) else str(size)
    words += ["--store", str(store.path), "--working-size", shown]
    words += ["--fakes-per-frame", str(recipe.fakes_per_frame), "--seed", str(recipe.seed)]
    return shlex.join(["fsa", "materialise", *words])
