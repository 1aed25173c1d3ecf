"""What else swaps could have taught: that they are swaps, who is in them, which class has more of them.

Arrays in, numbers out. Features come from a frozen network; probes are logistic regressions on them, always tested on
people or frames that they have not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.evaluate import metrics
from fsa_data.evaluate.predictions import FAKE, REAL, Predictions

Features = NDArray[np.floating[Any]]

_FOLDS, _COMPONENTS = 5, 48


def detectability(
    real: Features, fake: Features, subject: NDArray[np.str_], label: NDArray[np.int64], classes: int
) -> tuple[float, list[float | None]]:
    """How well swaps can be told from their real frames, on people that the probe has not seen.

    Args:
        real: ``(N, D)`` features of real frames.
        fake: ``(N, D)`` of the same frames, swapped.
        subject: ``(N,)`` who is in the frame.
        label: ``(N,)`` class.
        classes: number of classes.

    Returns:
        Area under the ROC curve over all frames, and per class; 0.5 is chance. None for a class without frames, NaN if
        there are fewer than two people.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    if len(set(subject.tolist())) < 2:
        return float("nan"), [None] * classes
    x = np.concatenate([real, fake])
    y = np.repeat([0, 1], len(real))
    groups, labels = np.tile(subject, 2), np.tile(label, 2)
    score = np.zeros(len(x))
    codes = np.unique(groups, return_inverse=True)[1]
    for train, test in GroupKFold(min(_FOLDS, len(set(subject.tolist())))).split(x, groups=codes):
        score[test] = _probe().fit(x[train], y[train]).decision_function(x[test])
    of_class = [
        float(roc_auc_score(y[labels == c], score[labels == c])) if (labels == c).any() else None
        for c in range(classes)
    ]
    return float(roc_auc_score(y, score)), of_class


def residual_identity(
    known: Features, known_subject: NDArray[np.str_], real: Features, fake: Features, subject: NDArray[np.str_]
) -> tuple[float, float]:
    """How often the person in a frame is told right, before and after the swap.

    Args:
        known: ``(M, D)`` features of real frames that the probe learns people from.
        known_subject: ``(M,)``.
        real: ``(N, D)`` features of other real frames.
        fake: ``(N, D)`` of the same, swapped.
        subject: ``(N,)`` who is in them.

    Returns:
        Accuracy on real and on swapped frames; chance is one over the number of people. NaN for fewer than two people.
    """
    if len(set(known_subject.tolist())) < 2 or not len(real):
        return float("nan"), float("nan")
    probe = _probe().fit(known, known_subject)
    return float((probe.predict(real) == subject).mean()), float((probe.predict(fake) == subject).mean())


def _probe() -> Any:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        StandardScaler(),
        _Components(PCA, _COMPONENTS),
        LogisticRegression(max_iter=500, C=0.1),
    )


class _Components:
    """PCA with as many components as there are, at most."""

    def __init__(self, kind: Any, most: int) -> None:
        self.kind, self.most = kind, most

    def fit(self, x: Features, y: object = None) -> _Components:
        """Of the training rows."""
        self.model = self.kind(min(self.most, *x.shape), svd_solver="full").fit(x)
        return self

    def transform(self, x: Features) -> Features:
        """To components."""
        out: Features = self.model.transform(x)
        return out

    def fit_transform(self, x: Features, y: object = None) -> Features:
        """Both."""
        return self.fit(x).transform(x)


def kernel_distance(real: Features, fake: Features) -> float:
    """Kernel inception distance: unbiased squared MMD with the cubic polynomial kernel (Binkowski et al., ICLR 2018).

    Args:
        real: ``(N, D)`` features, two rows or more.
        fake: ``(M, D)``, likewise.

    Returns:
        Around 0 for features of one distribution, and then sometimes below; NaN for fewer rows.
    """
    n, m = len(real), len(fake)
    if min(n, m) < 2:
        return float("nan")
    own, other, both = (
        (np.asarray(a, np.float64) @ np.asarray(b, np.float64).T / real.shape[1] + 1) ** 3
        for a, b in ((real, real), (fake, fake), (real, fake))
    )
    inside = (own.sum() - np.trace(own)) / (n * (n - 1)) + (other.sum() - np.trace(other)) / (m * (m - 1))
    return float(inside - 2 * both.mean())


def share_bias(swapped: Sequence[int], skipped: Sequence[int]) -> float:
    """Cramer's V between class and whether a frame has a swap: 0 if all classes have the same share, 1 at most.

    Args:
        swapped: per class, frames with a swap.
        skipped: per class, frames without.
    """
    table = np.array([swapped, skipped], np.float64)
    table = table[:, table.sum(axis=0) > 0]
    total = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / max(total, 1)
    if not total or (expected == 0).any():
        return 0.0
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / total))


@dataclass(frozen=True, slots=True)
class Preservation:
    """Whether a classifier that has not seen the person names a frame alike before and after the swap.

    Attributes:
        frames: with both predictions.
        agreement: share of frames named alike.
        kept: of those named right before, the share that still is.
        flips: per class, the share of frames named otherwise; None without frames.
    """

    frames: int
    agreement: float
    kept: float
    flips: tuple[float | None, ...]


def preservation(table: Predictions) -> Preservation | None:
    """Compare predictions on test frames with those on their swaps; None without any.

    Each fold's classifier has been trained without the people that it is tested on.
    """
    real, fake = table.domain_rows(REAL), table.domain_rows(FAKE)
    before = {key: at for at, key in enumerate(zip(real.seed.tolist(), real.fold, real.frame, strict=True))}
    pairs = [
        (before[key], at)
        for at, key in enumerate(zip(fake.seed.tolist(), fake.fold, fake.frame, strict=True))
        if key in before
    ]
    if not pairs:
        return None
    one, other = np.array(pairs).T
    alike = real.prediction[one] == fake.prediction[other]
    right = real.prediction[one] == real.label[one]
    label = real.label[one]
    flips = [float(1 - alike[label == c].mean()) if (label == c).any() else None for c in range(len(table.classes))]
    kept = float(alike[right].mean()) if right.any() else float("nan")
    return Preservation(len(pairs), float(alike.mean()), kept, tuple(flips))


def by_tercile(table: Predictions, quality: Mapping[tuple[str, str], float]) -> list[dict[str, float]]:
    """Macro-F1 on swaps by how good they are, beside that on the same frames before.

    The hardest frames give the worst swaps, so macro-F1 on swaps alone would say little.

    Args:
        table: predictions on real and swapped test frames.
        quality: by frame and source identity, the larger the better.

    Returns:
        From the worst to the best third: ``frames, quality`` (median), ``real, fake`` (macro-F1); empty if there are
        fewer than nine swaps.
    """
    fake = table.domain_rows(FAKE)
    real = table.domain_rows(REAL)
    before = {key: at for at, key in enumerate(zip(real.seed.tolist(), real.frame, strict=True))}
    known = [
        (at, before[seed, frame], quality[frame, who])
        for at, (seed, frame, who) in enumerate(zip(fake.seed.tolist(), fake.frame, fake.source_identity, strict=True))
        if (frame, who) in quality and (seed, frame) in before
    ]
    if len(known) < 9:
        return []
    swaps, frames, values = (np.array(column) for column in zip(*known, strict=True))
    out = []
    for part in np.array_split(np.argsort(values, kind="stable"), 3):
        scores = [
            metrics.macro_f1(metrics.table_confusion(rows.where(at[part])))
            for rows, at in ((real, frames), (fake, swaps))
        ]
        out.append(
            {
                "frames": len(part),
                "quality": float(np.median(values[part])),
                "real": scores[0],
                "fake": scores[1],
            }
        )
    return out
