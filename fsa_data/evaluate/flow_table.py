"""Scored swaps as tables: a line per frame, per swap and per flow.

What came out is compared on **common frames** only: those that every flow swapped at least once with a face found again
in the result. A flow that leaves difficult frames out would look better otherwise. Within a flow each common frame
counts once, with the mean over the identities that were put on it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np

from fsa_data.quality import Kept, median_interval
from fsa_data.worker import ScoredSwap

_ERRORS = tuple(field.name for field in fields(Kept))

FRAME_COLUMNS = (
    *("flow", "source_identity", "target", "frame", "detected", "score", "nearest", "valid"),
    *("sampled", "swapped", "reason"),
    *_ERRORS,
    *("tone_distance", "light_distance"),
)

Frame = tuple[str, int]
"""A clip, and the position of a frame in it."""


@dataclass(frozen=True, slots=True)
class SwapLine:
    """One identity on one clip; NaN where nothing can be said.

    Attributes:
        flow: name of the source.
        source_identity: who is put on.
        target: name of the clip.
        frames: in the clip.
        detected: of these, with a face.
        q95: 95th percentile of T1's score.
        median: its median.
        sampled: frames that were to be swapped.
        coverage: share of these that were.
        found_again: of the swapped ones that can be compared, the share in whose result the face is found.
        pose_error_deg: mean over common frames of this swap, like what follows.
        expression_error: 0..1.
        mouth_error: 0..1.
        lids_error: 0..1.
        gaze_error: 0..1.
        landmark_error: in face sizes.
        tone_distance: Lab, mean over all swapped frames.
        light_distance: L across a face, likewise.
    """

    flow: str
    source_identity: str
    target: str
    frames: int
    detected: int
    q95: float
    median: float
    sampled: int
    coverage: float
    found_again: float
    pose_error_deg: float
    expression_error: float
    mouth_error: float
    lids_error: float
    gaze_error: float
    landmark_error: float
    tone_distance: float
    light_distance: float


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One flow; NaN where nothing can be said.

    Attributes:
        flow: name of the source.
        swaps: identities times clips.
        q95_median: median over swaps of the 95th percentile of T1's score.
        q95_low: lower end of its 95 % bootstrap interval over swaps.
        q95_high: upper end.
        coverage: share of sampled frames that were swapped, over all swaps.
        found_again: of the swapped ones that can be compared, the share in whose result the face is found.
        common_frames: frames that all flows have in common.
        pose_error_deg: mean over common frames, like what follows.
        expression_error: 0..1.
        mouth_error: 0..1.
        lids_error: 0..1.
        gaze_error: 0..1.
        landmark_error: in face sizes.
        tone_distance: Lab, mean over swaps.
        light_distance: L across a face, mean over swaps.
    """

    flow: str
    swaps: int
    q95_median: float
    q95_low: float
    q95_high: float
    coverage: float
    found_again: float
    common_frames: int
    pose_error_deg: float
    expression_error: float
    mouth_error: float
    lids_error: float
    gaze_error: float
    landmark_error: float
    tone_distance: float
    light_distance: float


def common_frames(swaps: Sequence[ScoredSwap]) -> frozenset[Frame]:
    """Frames that every flow swapped at least once with the face found again."""
    by_flow: dict[str, set[Frame]] = {swap.flow: set() for swap in swaps}
    for swap in swaps:
        by_flow[swap.flow] |= {(swap.clip.name, at) for at, o in swap.outcomes.items() if o.kept is not None}
    return frozenset(set.intersection(*by_flow.values())) if by_flow else frozenset()


def swap_lines(swaps: Sequence[ScoredSwap]) -> list[SwapLine]:
    """A line per swap, in their order."""
    common = common_frames(swaps)
    return [_swap_line(swap, common) for swap in swaps]


def flow_lines(swaps: Sequence[ScoredSwap]) -> list[FlowLine]:
    """A line per flow, in the order of the swaps."""
    common = common_frames(swaps)
    return [
        _flow_line(flow, [swap for swap in swaps if swap.flow == flow], common)
        for flow in dict.fromkeys(swap.flow for swap in swaps)
    ]


def frame_rows(swaps: Iterable[ScoredSwap]) -> Iterator[tuple[Any, ...]]:
    """A row per frame of every swap, as :data:`FRAME_COLUMNS` names them; empty where nothing can be said."""
    for swap in swaps:
        detected = swap.clip.detected
        for at, frame in enumerate(swap.clip.frames):
            score, found = float(swap.scores.score[at]), bool(detected[at])
            near = swap.photos[swap.scores.nearest[at]] if found else ""
            head = (swap.flow, swap.identity, swap.clip.name, frame, found, score, near, bool(swap.scores.valid[at]))
            outcome = swap.outcomes.get(at)
            if outcome is None:
                yield *head, False, *[None] * (len(FRAME_COLUMNS) - len(head) - 1)
                continue
            kept = astuple(outcome.kept) if outcome.kept is not None else (None,) * len(_ERRORS)
            swapped = outcome.reason == "swapped"
            yield *head, True, swapped, str(outcome.reason), *kept, outcome.tone, outcome.light


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV; truth values are 0 and 1, numbers have six digits, what is not known is empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def lines_csv(lines: Sequence[SwapLine] | Sequence[FlowLine]) -> str:
    """Lines of one kind as a CSV."""
    return csv_text([field.name for field in fields(lines[0])], [astuple(line) for line in lines])


def flows_text(lines: Sequence[FlowLine]) -> str:
    """Flows as an aligned table to be printed."""
    header = ("flow", "swaps", "T1 score q95", "coverage", "found again", "pose", "expression", "landmarks", "tone")
    rows = [header]
    for line in lines:
        interval = "" if math.isnan(line.q95_low) else f" ({line.q95_low:.2f} .. {line.q95_high:.2f})"
        rows.append(
            (
                line.flow,
                str(line.swaps),
                f"{shown(line.q95_median, '.2f')}{interval}",
                shown(line.coverage, ".1%"),
                shown(line.found_again, ".1%"),
                shown(line.pose_error_deg, ".2f°"),
                shown(line.expression_error, ".4f"),
                shown(line.landmark_error, ".4f"),
                shown(line.tone_distance, ".1f"),
            )
        )
    return aligned(rows)


def shown(value: float, form: str) -> str:
    """A number, or a dash where there is none; letters behind the form's type stand behind the number."""
    form, unit = (form[:-1], form[-1]) if form.endswith("°") else (form, "")
    return "-" if math.isnan(value) else f"{value:{form}}{unit}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows below each other, a rule below the first; all columns but the first stand right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    text = [
        "  ".join(v.ljust(w) if c == 0 else v.rjust(w) for c, (v, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in text)


def _swap_line(swap: ScoredSwap, common: frozenset[Frame]) -> SwapLine:
    outcomes, scores = swap.outcomes, swap.scores.score[swap.clip.detected]
    kept = [o.kept for at, o in outcomes.items() if o.kept is not None and (swap.clip.name, at) in common]
    errors = {name: _mean([getattr(each, name) for each in kept]) for name in _ERRORS}
    return SwapLine(
        flow=swap.flow,
        source_identity=swap.identity,
        target=swap.clip.name,
        frames=len(swap.clip.frames),
        detected=len(scores),
        q95=swap.scores.q95,
        median=float(np.median(scores)) if len(scores) else math.nan,
        sampled=len(outcomes),
        coverage=_share(swap.swapped, len(outcomes)),
        found_again=_share(swap.found_again, swap.comparable),
        **errors,
        tone_distance=_mean([o.tone for o in outcomes.values() if o.tone is not None]),
        light_distance=_mean([o.light for o in outcomes.values() if o.light is not None]),
    )


def _flow_line(flow: str, swaps: Sequence[ScoredSwap], common: frozenset[Frame]) -> FlowLine:
    q95 = np.array([swap.scores.q95 for swap in swaps if not math.isnan(swap.scores.q95)])
    middle, low, high = median_interval(q95) if len(q95) else (math.nan,) * 3
    by_frame: dict[Frame, list[Kept]] = {frame: [] for frame in sorted(common)}
    for swap in swaps:
        for at, outcome in swap.outcomes.items():
            if outcome.kept is not None and (swap.clip.name, at) in by_frame:
                by_frame[swap.clip.name, at].append(outcome.kept)
    errors = {
        name: _mean([_mean([getattr(kept, name) for kept in frame]) for frame in by_frame.values()]) for name in _ERRORS
    }
    swapped = sum(swap.swapped for swap in swaps)
    lines = [_swap_line(swap, common) for swap in swaps]
    return FlowLine(
        flow=flow,
        swaps=len(swaps),
        q95_median=middle,
        q95_low=low,
        q95_high=high,
        coverage=_share(swapped, sum(len(swap.outcomes) for swap in swaps)),
        found_again=_share(sum(swap.found_again for swap in swaps), sum(swap.comparable for swap in swaps)),
        common_frames=len(common),
        **errors,
        tone_distance=_mean([line.tone_distance for line in lines if not math.isnan(line.tone_distance)]),
        light_distance=_mean([line.light_distance for line in lines if not math.isnan(line.light_distance)]),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
