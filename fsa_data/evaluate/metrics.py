"""Numbers from the prediction table: pure functions, one definition each.

**Macro-F1** is the unweighted mean over classes of the per-class F1 of the *pooled* predictions (scikit-learn's
``average="macro"``), not the F1 of mean precision and mean recall: the two can differ by half a point and reorder
systems (Opitz & Burst 2019, arXiv 1911.03347). Pooling comes before the F1, because the mean of the F1 of folds is
biased (Forman & Scholz 2010). The same number per subject, mean and deviation, stands beside it.

**Absent classes.** F1 = 2 TP / (2 TP + FP + FN). A class that the classifier never names although frames of it exist
has F1 = 0 and counts. A class without a single true frame in the rows looked at has no F1: it is left out of the mean
(and its index is told by :func:`absent_classes`); frames wrongly given to it still lower the F1 of their true class.
This equals ``sklearn.metrics.f1_score(..., labels=<classes with true frames>, average="macro", zero_division=0)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsa_data.evaluate.predictions import Predictions

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


def confusion(label: NDArray[np.int64], prediction: NDArray[np.int64], classes: int) -> Counts:
    """Confusion matrix.

    Args:
        label: ``(N,)`` true classes, 0 .. classes - 1.
        prediction: ``(N,)`` predicted classes.
        classes: number of classes C.

    Returns:
        ``(C, C)`` int64 counts; rows are true classes, columns predicted ones.
    """
    flat = np.bincount(label * classes + prediction, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def table_confusion(table: Predictions) -> Counts:
    """Confusion matrix of all rows of a table."""
    return confusion(table.label, table.prediction, len(table.classes))


def accuracy(matrix: Counts) -> float:
    """Share of frames on the diagonal; NaN without frames."""
    total = int(matrix.sum())
    return float(np.trace(matrix)) / total if total else float("nan")


def precision_recall_f1(matrix: Counts) -> tuple[Values, Values, Values]:
    """Per-class precision, recall and F1.

    Args:
        matrix: ``(C, C)`` confusion counts, rows true.

    Returns:
        Three ``(C,)`` arrays in 0..1. Recall and F1 are NaN for a class without true frames; precision is 0 for a
        class that was never predicted.
    """
    hits = np.diag(matrix).astype(np.float64)
    support, named = matrix.sum(axis=1), matrix.sum(axis=0)
    recall = np.full(len(matrix), np.nan)
    np.divide(hits, support, out=recall, where=support > 0)
    precision = np.zeros(len(matrix))
    np.divide(hits, named, out=precision, where=named > 0)
    f1 = np.full(len(matrix), np.nan)
    np.divide(2 * hits, support + named, out=f1, where=support > 0)
    return precision, recall, f1


def macro_f1(matrix: Counts) -> float:
    """Mean of per-class F1 over the classes with true frames; NaN without frames."""
    f1 = precision_recall_f1(matrix)[2]
    return float(np.nanmean(f1)) if np.isfinite(f1).any() else float("nan")


def absent_classes(matrix: Counts) -> list[int]:
    """Classes without a true frame, left out of :func:`macro_f1`."""
    return [int(c) for c in np.flatnonzero(matrix.sum(axis=1) == 0)]


def subject_macro_f1(table: Predictions) -> dict[str, float]:
    """Macro-F1 of every subject's own frames, the mean over seeds; subjects in sorted order."""
    out = {}
    for subject in sorted(set(table.subject)):
        rows = table.where(np.asarray(table.subject == subject, dtype=bool))
        out[subject] = float(
            np.mean([macro_f1(table_confusion(rows.where(rows.seed == seed))) for seed in np.unique(rows.seed)])
        )
    return out


def mean_sd(values: Values) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1); NaN where undefined."""
    if not len(values):
        return float("nan"), float("nan")
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def largest_confusions(matrix: Counts, count: int) -> list[tuple[int, int, int]]:
    """The biggest off-diagonal cells as (true class, predicted class, frames), largest first; zeros are left out."""
    off = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-off, axis=None, kind="stable")[:count]
    cells = [(int(i // len(matrix)), int(i % len(matrix))) for i in order]
    return [(true, named, int(off[true, named])) for true, named in cells if off[true, named] > 0]
