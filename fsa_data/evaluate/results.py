"""``results.json``: everything in it is computed from the prediction table, the coverage, the audits and the clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fsa_data.evaluate import metrics
from fsa_data.evaluate.predictions import FAKE, REAL, Predictions
from fsa_data.types import Json


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run was asked to do.

    Attributes:
        setup: ``real_only``, ``fake_only`` or ``hybrid``.
        data: name of the data set, e.g. ``simdrive``, and the condition tested on, as :func:`conditioned` writes it.
        source: source string, or a list of them.
        engine: engine string.
        model: name of the classifier.
        cv: ``loso`` or ``group_kfold``, and likewise the condition trained on.
        seed: seed of training.
        label_map_hash: digest of class names, their order and mirror pairs.
    """

    setup: str
    data: str
    source: str | list[str]
    engine: str
    model: str
    cv: str
    seed: int
    label_map_hash: str


@dataclass(frozen=True, slots=True)
class FoldFacts:
    """What one fold trained on and how long that took.

    Attributes:
        fold: its name.
        test_subjects: who was held out.
        n_train_real: real frames among the training rows.
        n_train_fake: swapped frames among the training rows.
        steps: optimiser steps.
        fit_s: seconds of training.
        lineage: the audit of the split; its ``excluded`` and ``violations`` are counted.
    """

    fold: str
    test_subjects: tuple[str, ...]
    n_train_real: int
    n_train_fake: int
    steps: int
    fit_s: float
    lineage: Json


def conditioned(name: str, doing: str, condition: str | None) -> str:
    """A name with the condition that frames were restricted to; as it is without a restriction.

    The condition tested on goes with the data, because runs on other test frames cannot be compared; the one trained
    on goes with the cross-validation.

    >>> conditioned("maskdar", "test", "masked")
    'maskdar:test=masked'
    """
    return name if condition is None else f"{name}:{doing}={condition}"


def plain_name(text: str) -> str:
    """The name without its condition."""
    return text.partition(":")[0]


def summarise(
    run: RunFacts, folds: Sequence[FoldFacts], table: Predictions, coverage: Json, timing: Json
) -> dict[str, Any]:
    """The content of ``results.json``.

    Args:
        run: what was asked for.
        folds: one entry per finished fold.
        table: predictions of all finished folds.
        coverage: ``swapped, skipped, by_reason, by_class, by_subject`` of the data set.
        timing: seconds of whatever was timed; steps and seconds of the folds are added.

    Returns:
        A JSON object; numbers that do not exist (an absent class, a deviation of one subject) are null.
    """
    asked = asdict(run)
    label_map_hash = asked.pop("label_map_hash")
    fake = table.domain_rows(FAKE)
    return {
        **asked,
        "classes": list(table.classes),
        "label_map_hash": label_map_hash,
        "folds": [_fold(fold, table) for fold in folds],
        "test": {REAL: domain_summary(table.domain_rows(REAL)), FAKE: domain_summary(fake) if len(fake) else None},
        "coverage": {key: coverage[key] for key in ("swapped", "skipped", "by_reason", "by_class", "by_subject")},
        "lineage": {key: sum(count(fold.lineage, key) for fold in folds) for key in ("excluded", "violations")},
        "timing": {
            **timing,
            "fit_s": round(sum(fold.fit_s for fold in folds), 3),
            "folds": {fold.fold: {"fit_s": round(fold.fit_s, 3), "steps": fold.steps} for fold in folds},
        },
    }


def domain_summary(table: Predictions) -> dict[str, Any]:
    """Headline numbers, per-class scores and confusion counts of the rows of one domain."""
    matrix = metrics.table_confusion(table)
    precision, recall, f1 = metrics.precision_recall_f1(matrix)
    mean, sd = metrics.mean_sd(np.array(list(metrics.subject_macro_f1(table).values())))
    return {
        "n": len(table),
        "accuracy": number(metrics.accuracy(matrix)),
        "macro_f1": number(metrics.macro_f1(matrix)),
        "macro_f1_subject_mean": number(mean),
        "macro_f1_subject_sd": number(sd),
        "per_class": [
            {
                "class": name,
                "n": int(matrix[c].sum()),
                "precision": number(precision[c]),
                "recall": number(recall[c]),
                "f1": number(f1[c]),
            }
            for c, name in enumerate(table.classes)
        ],
        "confusion": matrix.tolist(),
    }


def number(value: float) -> float | None:
    """A float for JSON: None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None


def count(audit: Json, key: str) -> int:
    """A count in an audit, given as a number or as the list of what is counted."""
    value = audit.get(key, 0)
    return int(value) if isinstance(value, int) else len(value)


def _fold(fold: FoldFacts, table: Predictions) -> dict[str, Any]:
    rows = table.where(np.asarray(table.fold == fold.fold, dtype=bool))
    real, fake = rows.domain_rows(REAL), rows.domain_rows(FAKE)
    return {
        "fold": fold.fold,
        "test_subjects": list(fold.test_subjects),
        "n_train_real": fold.n_train_real,
        "n_train_fake": fold.n_train_fake,
        "n_test": len(real),
        "macro_f1_real": number(metrics.macro_f1(metrics.table_confusion(real))),
        "macro_f1_fake": number(metrics.macro_f1(metrics.table_confusion(fake))) if len(fake) else None,
    }
