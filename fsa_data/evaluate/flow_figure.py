"""The figure by which T1 compared its flows: the CDF over swaps of each swap's 95th percentile, one curve per flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fsa_data.evaluate.figures import new_figure, png_bytes
from fsa_data.quality import bootstrap_band, cdf, fit_bimodal, fit_lognormal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = NDArray[np.float64]

_GREY = "#718096"

_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b7791f", "#0987a0", "#97266d", "#4a5568")
"""Told apart with any eyes when neighbours also differ in the dash of their fits."""


def cdf_figure(q95: Mapping[str, Values]) -> bytes:
    """CDFs of the swaps' 95th percentiles.

    A step curve is what was measured, the band its 95 % bootstrap interval (swaps drawn again), a thin dashed line the
    fitted lognormal, or the mixture of two where the Bayesian information criterion prefers it.

    Args:
        q95: per flow one value per swap; a flow may have none.

    Returns:
        A PNG file.
    """
    figure, axes = new_figure(8.2, 5.0)
    known = {flow: values for flow, values in q95.items() if len(values)}
    least, most = _range(known)
    at = np.geomspace(least, most, 400)
    for number, (flow, values) in enumerate(known.items()):
        _curve(axes, flow, values, at, _COLOURS[number % len(_COLOURS)])
    axes.set_xscale("log")
    axes.set_xlim(least, most)
    _ticks(axes, least, most)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("landmark score of a swap, 95th percentile of its frames (smaller: the source covers them better)")
    axes.set_ylabel("share of swaps")
    axes.set_title("How well sources cover their targets, by flow", fontsize=12, loc="left")
    axes.grid(color="#e2e8f0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(figure, axes)
    return png_bytes(figure)


def _range(known: Mapping[str, Values]) -> tuple[float, float]:
    every = np.concatenate([*known.values()]) if known else np.array([1.0])
    least, most = max(float(every.min()), 1e-3), max(float(every.max()), 1e-3)
    return 0.8 * least, 1.25 * most


def _curve(axes: Axes, flow: str, values: Values, at: Values, colour: str) -> None:
    ordered, share = cdf(values)
    low, high = bootstrap_band(values, at)
    axes.fill_between(at, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
    axes.step([ordered[0], *ordered], [0, *share], where="post", color=colour, linewidth=2, label=_label(flow, values))
    one, two = fit_lognormal(values), fit_bimodal(values)
    fit = two if one is not None and two is not None and two.bic < one.bic else one
    if fit is not None:
        below = fit.cdf(at)
        inside = (below > 0.003) & (below < 0.997)
        axes.plot(at[inside], below[inside], color=colour, linewidth=1, linestyle=(0, (4, 2)))


def _legend(figure: Figure, axes: Axes) -> None:
    """The flows, and what band and dashes are, below the axes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    dashes = Line2D([], [], color=_GREY, linewidth=1, linestyle=(0, (4, 2)))
    handles += [Patch(color=_GREY, alpha=0.3, linewidth=0), dashes]
    labels += ["95 % bootstrap band", "fit: one or two lognormals, by BIC"]
    columns = 1 if max(map(len, labels)) > 55 else 2
    figure.legend(handles, labels, loc="outside lower left", fontsize=9, frameon=False, handlelength=2.2, ncols=columns)


def _label(flow: str, values: Values) -> str:
    named = flow if len(flow) <= 60 else f"{flow[:20]} ... {flow[-35:]}"
    return f"{named}: median {np.median(values):.2f}, {len(values)} swap{'s' if len(values) != 1 else ''}"


def _ticks(axes: Axes, least: float, most: float) -> None:
    """Round numbers, written out: a logarithmic axis would show powers of ten only."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if most / least < 30 else (1, 2, 5)
    every = [step * 10.0**power for power in range(-3, 4) for step in steps]
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in every if least <= tick <= most]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
