"""Several runs side by side as one plain table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsa_data.errors import DatasetNotFoundError, RunDirectoryError
from fsa_data.evaluate.results import plain_name
from fsa_data.types import Json

HEADER = (
    "setup", "folds", "train real", "train fake", "test", "accuracy", "macro-F1", "per subject", "on fakes", "s/fold",
)  # fmt: skip

_NEEDED = {"classes", "cv", "data", "folds", "label_map_hash", "setup", "test"}


def comparison_table(runs: Sequence[Path]) -> str:
    """One line per run: what it trained on and how well it knows real frames of held-out subjects.

    Args:
        runs: run directories.

    Returns:
        Aligned text; a note follows if the runs did not test the same subjects or classes.

    Raises:
        DatasetNotFoundError: a directory without ``results.json``.
        RunDirectoryError: one that is damaged.
    """
    results = [read_results(run) for run in runs]
    lines = [HEADER, *(_line(result) for result in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    text = ["  ".join(_align(v, w, c) for c, (v, w) in enumerate(zip(line, widths, strict=True))) for line in lines]
    text.insert(1, "  ".join("-" * width for width in widths))
    classes = {len(result["classes"]) for result in results}
    chance = ", ".join(f"{1 / n:.2f}" for n in sorted(classes))
    text.append(f"macro-F1 on real frames of subjects that were not trained on (chance about {chance}).")
    if len({_tested(result) for result in results}) > 1:
        text.append("These runs did not test the same subjects and classes: their lines cannot be compared.")
    if all(plain_name(result["data"]) == "simdrive" for result in results):
        text.append("simdrive is drawn, not filmed: this shows that the pipeline works, and nothing about people.")
    return "\n".join(line.rstrip() for line in text)


def read_results(run: Path) -> dict[str, Any]:
    """Content of a run's ``results.json``.

    Raises:
        DatasetNotFoundError: there is none.
        RunDirectoryError: it is damaged.
    """
    file = run / "results.json"
    if not file.is_file():
        raise DatasetNotFoundError(f"No results.json in {run}. Give run directories that train/run.py has finished.")
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunDirectoryError(f"{file} is damaged ({error}). Run train/run.py there again.") from error
    lacks = sorted(_NEEDED - set(result)) if isinstance(result, dict) else sorted(_NEEDED)
    if lacks:
        raise RunDirectoryError(f"{file} is no result of train/run.py: it lacks {', '.join(lacks)}.")
    return dict(result)


def _line(result: Json) -> tuple[str, ...]:
    real, fake, folds = result["test"]["real"], result["test"]["fake"], result["folds"]
    mean, sd = real["macro_f1_subject_mean"], real["macro_f1_subject_sd"]
    n = max(len(folds), 1)
    return (
        " ".join([str(result.get("arm", result["setup"])), *str(result["cv"]).split(":")[1:]]),
        str(len(folds)),
        str(round(sum(fold["n_train_real"] for fold in folds) / n)),
        str(round(sum(fold["n_train_fake"] for fold in folds) / n)),
        str(real["n"]),
        _score(real["accuracy"]),
        _score(real["macro_f1"]),
        _score(mean) + (f" ± {sd:.2f}" if sd is not None else ""),
        _score(fake["macro_f1"]) if fake else "-",
        f"{result['timing']['fit_s'] / n:.0f}",
    )


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _align(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column == 0 else text.rjust(width)


def _tested(result: Json) -> str:
    subjects = sorted(subject for fold in result["folds"] for subject in fold["test_subjects"])
    return json.dumps([result["data"], result["label_map_hash"], subjects])
