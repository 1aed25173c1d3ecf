"""The evidence of several runs: arms with all their seeds, and which of them differ.

Everything is computed anew from the ``predictions.csv`` of the runs; their ``results.json`` tell what was trained on,
what could be swapped, and how long it took. Runs of one arm with different seeds are taken together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fsa_data.errors import RunDirectoryError, UnknownNameError
from fsa_data.evaluate import metrics, statistics
from fsa_data.evaluate.comparison import read_results
from fsa_data.evaluate.judged_report import Judged, read_judged
from fsa_data.evaluate.predictions import REAL, Predictions, concatenate, read_predictions
from fsa_data.evaluate.statistics import Calibration, Comparison, Interval
from fsa_data.types import Json

BASELINE = "real_only"
SWAPPED = "hybrid"
CONTROLS = ("real_duplicated", "real_more", "classical", "face_blur", "face_cutout", "self_swap")
"""Arms that swapped faces are compared with besides the baseline."""


@dataclass(frozen=True, slots=True, eq=False)
class ArmResult:
    """One arm, all its seeds together.

    Attributes:
        name: of the arm, with its dose.
        setup: of the runs.
        runs: their directories.
        results: content of their ``results.json``.
        table: their predictions on real frames.
        pooled: pooled macro-F1.
        people: macro-F1 of each held-out person, mean over seeds.
        calibration: of the predictions.
        judged: what the first run knows of its swaps; None if it has none, or has not looked.
    """

    name: str
    setup: str
    runs: tuple[Path, ...]
    results: tuple[Json, ...]
    table: Predictions
    pooled: Interval
    people: dict[str, float]
    calibration: Calibration
    judged: Judged | None

    def mean(self, of: str) -> float:
        """Mean over folds and seeds of a number of ``folds`` in the results."""
        return float(np.mean([fold[of] for result in self.results for fold in result["folds"]]))

    @property
    def fakes_per_real(self) -> float:
        """Swapped frames trained on for each real one; infinite without real ones."""
        real, fake = self.mean("n_train_real"), self.mean("n_train_fake")
        return fake / real if real else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a report says.

    Attributes:
        arms: the baseline first, then swapped frames, then the controls.
        baseline: name of the arm that all others are compared with.
        against_baseline: every other arm against it.
        against_controls: swapped faces against each control.
        margin: of equivalence.
    """

    arms: tuple[ArmResult, ...]
    baseline: str
    against_baseline: tuple[Comparison, ...]
    against_controls: tuple[Comparison, ...]
    margin: float


def gather(
    runs: Sequence[Path], baseline: str = BASELINE, margin: float = statistics.MARGIN, seed: int = 0
) -> Evidence:
    """Read runs and compare their arms.

    Args:
        runs: run directories, or folders of them.
        baseline: arm that the others are compared with; if it is not there, the first arm in that order.
        margin: differences of macro-F1 below it are none, for the equivalence test.
        seed: of the bootstrap.

    Raises:
        DatasetNotFoundError: a directory without results.
        RunDirectoryError: runs that cannot be compared: other data, classes, frames, or one seed of an arm twice.
        UnknownNameError: no such arm as the baseline.
    """
    found: dict[str, list[tuple[Path, dict[str, Any], Predictions]]] = {}
    for run in _expanded(runs):
        result = read_results(run)
        table = read_predictions(run / "predictions.csv").domain_rows(REAL)
        name = " ".join([str(result.get("arm", result["setup"])), *str(result["cv"]).split(":")[1:]])
        found.setdefault(name, []).append((run, result, table))
    _check_comparable(found)
    if baseline not in found:
        if baseline != BASELINE:
            raise UnknownNameError("baseline", baseline, found)
        baseline = min(found, key=_place)
    arms = {name: _arm(name, found[name], seed) for name in sorted(found, key=_place)}
    tables = {name: arm.table for name, arm in arms.items()}
    others = [(name, baseline) for name in arms if name != baseline]
    controls = [
        (name, control)
        for name in arms
        if arms[name].setup == SWAPPED
        for control in arms
        if arms[control].setup in CONTROLS
    ]
    return Evidence(
        tuple(arms.values()),
        baseline,
        tuple(statistics.compare(tables, others, margin, seed)),
        tuple(statistics.compare(tables, controls, margin, seed)),
        margin,
    )


def _place(name: str) -> tuple[int, str]:
    """Order of arms: the set-ups, then the controls, then what else there is."""
    known = (BASELINE, "fake_only", SWAPPED, *CONTROLS)
    setup = name.split(" ")[0]
    return (known.index(setup) if setup in known else len(known)), name


def _expanded(runs: Sequence[Path]) -> list[Path]:
    """Run directories; a folder without results stands for those in it."""
    out: list[Path] = []
    for run in runs:
        inner = [] if (run / "results.json").is_file() else sorted(path.parent for path in run.glob("*/results.json"))
        out += inner or [run]
    return list(dict.fromkeys(path.resolve() for path in out))


def _check_comparable(found: Mapping[str, Sequence[tuple[Path, Json, Predictions]]]) -> None:
    first: tuple[Path, Any, Any] | None = None
    for name, parts in found.items():
        seeds = [result["seed"] for _, result, _ in parts]
        if len(set(seeds)) < len(seeds):
            twice = ", ".join(str(run) for run, _, _ in parts)
            raise RunDirectoryError(
                f"The arm {name} is given twice with the same seed ({twice}): give runs of other seeds, or one of them."
            )
        for run, result, table in parts:
            what = result["data"], result["label_map_hash"]
            frames = sorted(zip(table.subject.tolist(), table.frame.tolist(), table.label.tolist(), strict=True))
            if first is None:
                first = run, what, frames
            elif first[1] != what or first[2] != frames:
                raise RunDirectoryError(
                    f"{run} and {first[0]} did not test the same frames of the same people: they cannot be compared. "
                    "Run all arms with the same data and cv.folds."
                )


def _arm(name: str, parts: Sequence[tuple[Path, dict[str, Any], Predictions]], seed: int) -> ArmResult:
    table = concatenate([table for _, _, table in parts])
    return ArmResult(
        name,
        str(parts[0][1]["setup"]),
        tuple(run for run, _, _ in parts),
        tuple(result for _, result, _ in parts),
        table,
        statistics.pooled_macro_f1(table, seed),
        metrics.subject_macro_f1(table),
        statistics.calibration(table),
        read_judged(parts[0][0]),
    )
