"""Figures of the report, drawn without a display and without global state; matplotlib is imported when needed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _GREY, _RED = "#2b6cb0", "#cbd5e0", "#c05621"


def confusion_figure(matrix: NDArray[np.int64], classes: Sequence[str], title: str) -> bytes:
    """Confusion matrix with class names; colour and number are per cent of the true class.

    Args:
        matrix: ``(C, C)`` counts, rows true.
        classes: ``C`` names.
        title: what was tested.

    Returns:
        A PNG file.
    """
    n = len(classes)
    size = 2.6 + 0.46 * n
    figure, axes = new_figure(size + 0.3, size)
    percent = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row, column in zip(*np.nonzero(percent >= 0.5), strict=True):
        value = percent[row, column]
        axes.text(
            column,
            row,
            f"{value:.0f}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if value > 55 else "#1a202c",
        )
    axes.set_xticks(range(n), classes, rotation=55, ha="right", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(n), [f"{c}  ({k})" for c, k in zip(classes, matrix.sum(axis=1), strict=True)], fontsize=9)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (frames)")
    axes.set_title(title, fontsize=11, loc="left")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return png_bytes(figure)


def subjects_figure(scores: Mapping[str, float], pooled: float, title: str) -> bytes:
    """Macro-F1 of every held-out subject as dots, worst first, with the pooled value as a line; a PNG file."""
    order = sorted(scores, key=lambda subject: (scores[subject], subject))
    figure, axes = new_figure(6.4, 1.3 + 0.26 * len(order))
    rows = np.arange(len(order))
    values = [scores[subject] for subject in order]
    axes.hlines(rows, 0, values, color=_GREY, linewidth=2, zorder=1)
    axes.scatter(values, rows, color=_BLUE, zorder=2)
    axes.axvline(pooled, color=_RED, linewidth=1.2, linestyle="--")
    axes.annotate(
        f"pooled {pooled:.2f}", (pooled, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
        textcoords="offset points", ha="center", fontsize=8, color=_RED,
    )  # fmt: skip
    axes.set_yticks(rows, order, fontsize=9)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("macro-F1")
    axes.set_title(title, fontsize=11, loc="left", pad=16)
    _plain(axes)
    return png_bytes(figure)


def coverage_figure(swapped: Mapping[str, int], skipped: Mapping[str, int], title: str) -> bytes:
    """Swapped and skipped frames per class or subject as stacked bars; a PNG file."""
    names = list(swapped)
    figure, axes = new_figure(6.4, 1.4 + 0.28 * len(names))
    rows = np.arange(len(names))
    made = np.array([swapped[name] for name in names])
    lost = np.array([skipped[name] for name in names])
    axes.barh(rows, made, color=_BLUE, label="swapped")
    axes.barh(rows, lost, left=made, color=_GREY, label="no swap")
    for row, total in enumerate(made + lost):
        share = made[row] / total if total else 0
        axes.text(total, row, f" {share:.0%}", va="center", fontsize=8)
    axes.set_yticks(rows, names, fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, max(int((made + lost).max(initial=1)), 1) * 1.12)
    axes.set_xlabel("frames x fakes per frame")
    axes.set_title(title, fontsize=11, loc="left", pad=22)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, frameon=False, borderaxespad=0.2)
    _plain(axes)
    return png_bytes(figure)


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure, in inches, and its axes.

    It is one of the object interface: pyplot would keep it alive and may want a display.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def png_bytes(figure: Figure) -> bytes:
    """The figure as a PNG file; equal numbers give equal bytes, since no version or date is in it."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=130, metadata={"Software": None})
    return out.getvalue()
