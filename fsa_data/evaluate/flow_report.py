"""The folder that `fsa score` writes: tables of frames, swaps and flows, and the figure of the flows' CDFs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fsa_data.errors import ConfigError, OutputError
from fsa_data.evaluate.files import write_atomic
from fsa_data.evaluate.flow_figure import cdf_figure
from fsa_data.evaluate.flow_table import (
    FRAME_COLUMNS,
    FlowLine,
    csv_text,
    flow_lines,
    frame_rows,
    lines_csv,
    swap_lines,
)
from fsa_data.worker import ScoredSwap

FRAMES, SWAPS, FLOWS, FIGURE = "scores.csv", "swaps_by_flow.csv", "flows.csv", "cdf.png"
_FILES = {FRAMES, SWAPS, FLOWS, FIGURE}


def check_scores_folder(out: Path, overwrite: bool) -> None:
    """Refuse a folder that results cannot go to, before any work is done.

    Raises:
        ConfigError: a file, a folder with other files, or a former result that may not be replaced.
        OutputError: the folder that it lies in cannot be written.
    """
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise OutputError(f"Cannot write to {above}. Name another folder.")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"The output {out} is a file. Give a folder.")
    there = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if strange := sorted(there - _FILES):
        raise ConfigError(f"The folder {out} holds other files ({strange[0]}, ...). Give an empty or a new one.")
    if there and not overwrite:
        raise ConfigError(f"The folder {out} holds a former result. Give another one, or --overwrite to replace it.")


def write_scores(out: Path, swaps: Sequence[ScoredSwap]) -> list[FlowLine]:
    """Write all four files; they take their place together, or not at all.

    Args:
        out: the folder; a former one is replaced.
        swaps: at least one.

    Returns:
        A line per flow.

    Raises:
        OutputError: the folder cannot be written.
    """
    lines, flows = swap_lines(swaps), flow_lines(swaps)
    q95 = {flow.flow: np.array([line.q95 for line in lines if line.flow == flow.flow]) for flow in flows}
    part, old = (out.with_name(f".{out.name}.{os.getpid()}.{what}") for what in ("part", "old"))
    try:
        write_atomic(part / FRAMES, csv_text(FRAME_COLUMNS, frame_rows(swaps)))
        write_atomic(part / SWAPS, lines_csv(lines))
        write_atomic(part / FLOWS, lines_csv(flows))
        write_atomic(part / FIGURE, cdf_figure({flow: values[np.isfinite(values)] for flow, values in q95.items()}))
        if out.exists():
            out.rename(old)
        part.rename(out)
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {error.strerror}. Free some space or write elsewhere.") from error
    finally:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)
    return flows
