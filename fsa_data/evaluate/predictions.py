"""The one prediction table that every number of a report is computed from."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import BadTableError
from fsa_data.evaluate.files import write_atomic

REAL, FAKE = "real", "fake"
COLUMNS = ("seed", "fold", "subject", "frame", "domain", "source_identity", "label", "prediction")
"""Columns of ``predictions.csv`` before the probabilities ``p_<class>``."""

Strings = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Test frames and what the classifier made of them, one row each.

    Attributes:
        classes: class names, in the order of the labels.
        seed: ``(N,)`` int64, seed of the training run.
        fold: ``(N,)`` str, name of the fold.
        subject: ``(N,)`` str, who is in the frame.
        frame: ``(N,)`` str, id of the frame.
        domain: ``(N,)`` str, ``real`` or ``fake``.
        source_identity: ``(N,)`` str, whose face a fake wears; empty for a real frame.
        label: ``(N,)`` int64, index into ``classes``.
        prediction: ``(N,)`` int64, index into ``classes``.
        probability: ``(N, C)`` float32, rows sum to 1.
    """

    classes: tuple[str, ...]
    seed: NDArray[np.int64]
    fold: Strings
    subject: Strings
    frame: Strings
    domain: Strings
    source_identity: Strings
    label: NDArray[np.int64]
    prediction: NDArray[np.int64]
    probability: NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = {name: len(getattr(self, name)) for name in (*COLUMNS, "probability")}
        if len(set(rows.values())) != 1 or self.probability.shape[1:] != (len(self.classes),):
            raise BadTableError(
                f"Columns of unequal length: {rows}; probabilities {self.probability.shape} for "
                f"{len(self.classes)} classes."
            )

    def __len__(self) -> int:
        return len(self.label)

    def where(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Predictions:
        """The chosen rows."""
        columns = {name: getattr(self, name)[rows] for name in (*COLUMNS, "probability")}
        return Predictions(classes=self.classes, **columns)

    def domain_rows(self, domain: str) -> Predictions:
        """Rows of one domain, ``real`` or ``fake``."""
        return self.where(np.asarray(self.domain == domain, dtype=bool))


def fold_predictions(
    classes: Sequence[str],
    probability: NDArray[np.float32],
    label: NDArray[np.int64],
    *,
    seed: int,
    fold: str,
    domain: str,
    subject: Sequence[str],
    frame: Sequence[str],
    source_identity: Sequence[str],
) -> Predictions:
    """The rows of one fold and domain; the prediction is the most probable class (the first of equals).

    Args:
        classes: class names.
        probability: ``(N, C)`` float32.
        label: ``(N,)`` true class.
        seed: seed of the training run.
        fold: name of the fold.
        domain: ``real`` or ``fake``.
        subject: ``N`` subjects.
        frame: ``N`` frame ids.
        source_identity: ``N`` identities, empty strings for real frames.
    """
    n = len(label)
    return Predictions(
        classes=tuple(classes),
        seed=np.full(n, seed, np.int64),
        fold=_strings([fold] * n),
        subject=_strings(subject),
        frame=_strings(frame),
        domain=_strings([domain] * n),
        source_identity=_strings(source_identity),
        label=np.asarray(label, np.int64),
        prediction=probability.argmax(axis=1).astype(np.int64),
        probability=np.asarray(probability, np.float32),
    )


def concatenate(tables: Sequence[Predictions]) -> Predictions:
    """All rows of several tables, in order.

    Raises:
        BadTableError: no table, or tables of different classes.
    """
    if not tables or any(table.classes != tables[0].classes for table in tables):
        raise BadTableError("Prediction tables can only be joined if there is one, and all have the same classes.")
    columns = {name: np.concatenate([getattr(t, name) for t in tables]) for name in (*COLUMNS, "probability")}
    return Predictions(classes=tables[0].classes, **columns)


def write_predictions(path: Path, table: Predictions) -> None:
    """Write ``predictions.csv``: classes by name, probabilities with the digits that give the same float32 back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"p_{name}" for name in table.classes)])
    names = _strings(table.classes)
    columns = [table.seed, table.fold, table.subject, table.frame, table.domain, table.source_identity]
    columns += [names[table.label], names[table.prediction]]
    for row, probability in zip(zip(*columns, strict=True), table.probability, strict=True):
        writer.writerow([*row, *map(str, probability)])
    write_atomic(path, out.getvalue())


def read_predictions(path: Path) -> Predictions:
    """Read what :func:`write_predictions` wrote.

    Raises:
        BadTableError: a missing column, a short row, an unknown class or a value that is no number.
    """
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    fixed = len(COLUMNS)
    names = header[fixed:]
    if tuple(header[:fixed]) != COLUMNS or not names or any(not name.startswith("p_") for name in names):
        raise BadTableError(f"{path}: expected columns {', '.join(COLUMNS)}, p_<class>...; got {', '.join(header)}.")
    classes = tuple(name[2:] for name in names)
    index = {name: number for number, name in enumerate(classes)}
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header) or row[6] not in index or row[7] not in index:
            raise BadTableError(f"{path}:{line}: expected {len(header)} values with known class names, got {row}.")
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    try:
        seed = np.array([int(v) for v in columns[0]], np.int64)
        probability = np.array([row[fixed:] for row in rows], np.float32).reshape(len(rows), len(classes))
    except ValueError as error:
        raise BadTableError(f"{path}: a seed or probability is no number ({error}).") from error
    fold, subject, frame, domain, source_identity = (_strings(column) for column in columns[1:6])
    label, prediction = (np.array([index[v] for v in column], np.int64) for column in columns[6:8])
    return Predictions(classes, seed, fold, subject, frame, domain, source_identity, label, prediction, probability)


def _strings(values: Sequence[str]) -> Strings:
    """A column of Python strings (a fixed-width numpy string would drop trailing NULs and cut long ones)."""
    out = np.empty(len(values), dtype=object)
    out[:] = [str(value) for value in values]
    return out
