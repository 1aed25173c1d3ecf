"""Figures of a comparison of arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fsa_data.evaluate.figures import new_figure, png_bytes
from fsa_data.evaluate.statistics import Comparison, Interval

COLOURS = ("#1a202c", "#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b7791f", "#d53f8c", "#319795", "#718096", "#9b2c2c")
MARKERS = "osD^vP*Xhd"
_BLUE, _GREY, _RED = "#2b6cb0", "#cbd5e0", "#c05621"


def people_figure(scores: Mapping[str, Mapping[str, float]]) -> bytes:
    """Macro-F1 of each person under each arm, the hardest person first; a PNG file.

    Args:
        scores: by arm and person.
    """
    arms = list(scores)
    people = sorted(scores[arms[0]], key=lambda name: np.mean([scores[arm][name] for arm in arms]))
    figure, axes = new_figure(7.2, 1.7 + 0.27 * len(people))
    rows = np.arange(len(people))
    values = np.array([[scores[arm][name] for name in people] for arm in arms])
    axes.hlines(rows, values.min(axis=0), values.max(axis=0), color=_GREY, linewidth=2, zorder=1)
    for number, arm in enumerate(arms):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        axes.scatter(values[number], rows, s=26, label=arm, zorder=2, alpha=0.85, color=colour, marker=marker)
    axes.set_yticks(rows, people, fontsize=8)
    axes.set_ylim(len(people) - 0.4, -0.6)
    axes.set_xlim(min(0.0, float(values.min())), 1.02)
    axes.set_xlabel("macro-F1 on real frames of this person")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, frameon=False, borderaxespad=0.2)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return png_bytes(figure)


def differences_figure(compared: Sequence[Comparison], margin: float) -> bytes:
    """Differences of pooled macro-F1 with their intervals, and the margin of equivalence; a PNG file."""
    figure, axes = new_figure(7.2, 1.3 + 0.42 * len(compared))
    rows = np.arange(len(compared))
    axes.axvspan(-margin, margin, color=_GREY, alpha=0.4, linewidth=0)
    axes.axvline(0, color="#4a5568", linewidth=1)
    for row, one in zip(rows, compared, strict=True):
        colour = {"better": "#2f855a", "worse": _RED}.get(one.verdict, _BLUE)
        axes.plot([one.pooled.low, one.pooled.high], [row, row], color=colour, linewidth=2)
        axes.scatter([one.pooled.value], [row], color=colour, zorder=3)
        axes.annotate(one.verdict, (1, row), xycoords=("axes fraction", "data"), xytext=(4, -3),
                      textcoords="offset points", fontsize=8, color=colour)  # fmt: skip
    axes.set_yticks(rows, [f"{one.arm} - {one.against}" for one in compared], fontsize=8)
    axes.set_ylim(len(compared) - 0.4, -0.6)
    axes.set_xlabel("difference of macro-F1, 95 % interval over people; grey: margin of equivalence")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return png_bytes(figure)


def cost_figure(doses: Sequence[tuple[float, Interval]]) -> bytes:
    """Macro-F1 against fakes per real frame; a PNG file."""
    figure, axes = new_figure(6.4, 3.4)
    at = [dose for dose, _ in doses]
    values = np.array([score.value for _, score in doses])
    ends = np.array([[score.value - score.low, score.high - score.value] for _, score in doses]).T
    axes.errorbar(at, values, yerr=np.maximum(ends, 0), color=_BLUE, marker="o", capsize=3)
    axes.set_xlabel("swapped frames for each real one")
    axes.set_ylabel("macro-F1")
    axes.spines[["top", "right"]].set_visible(False)
    return png_bytes(figure)
