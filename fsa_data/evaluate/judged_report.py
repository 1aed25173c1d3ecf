"""What a comparison says of the swaps themselves: what they kept, and what else they could have taught."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fsa_data.evaluate import html
from fsa_data.evaluate.predictions import read_predictions
from fsa_data.evaluate.probes import Preservation, by_tercile, preservation
from fsa_data.types import Json

QUALITY, PROBES = "quality.csv", "probes.json"
"""Files that a run leaves of the swaps it has looked at once more."""

_ERRORS = ("pose_error_deg", "expression_error", "mouth_error", "lids_error", "gaze_error", "landmark_error", "jitter")
_WORST = 6
_THIRDS = ("worst third", "middle third", "best third")

Line = dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a run knows of its swaps.

    Attributes:
        lines: of ``quality.csv``.
        probes: content of ``probes.json``.
        kept: how a classifier that has not seen the person names frames before and after; None without fakes tested.
        thirds: macro-F1 by quality, of :func:`fsa_data.evaluate.probes.by_tercile`.
    """

    lines: tuple[Line, ...]
    probes: Json
    kept: Preservation | None
    thirds: tuple[dict[str, float], ...]


def read_judged(run: Path) -> Judged | None:
    """What there is in a run directory; None if its swaps have not been judged."""
    quality, probes = run / QUALITY, run / PROBES
    if not quality.is_file() or not probes.is_file():
        return None
    with quality.open(newline="", encoding="utf-8") as file:
        lines = tuple(csv.DictReader(file))
    table = read_predictions(run / "predictions.csv")
    worst = -1e9  # a face that is not found again is worse than any that is
    values = {(line["frame"], line["source_identity"]): float(line["quality"] or worst) for line in lines}
    return Judged(
        lines, json.loads(probes.read_text(encoding="utf-8")), preservation(table), tuple(by_tercile(table, values))
    )


def quality_section(judged: dict[str, Judged], classes: Sequence[str]) -> str:
    """What swaps kept of their frames, per class, person worn and arm; macro-F1 by quality; the worst."""
    parts = []
    for arm, one in judged.items():
        changed = sum(int(line["changed_outside"]) for line in one.lines)
        parts += [
            f"<h3>{html.escape(arm)}</h3>",
            html.paragraph(
                f"{len(one.lines)} swaps were looked at once more. Outside their patches {changed} pixels differ from "
                "the real frames" + ("." if changed else ": hands, phone and wheel are untouched.")
            ),
            _errors("class", one.lines, lambda line: line["class"], classes),
            _errors("face worn", one.lines, lambda line: line["source_identity"]),
            _errors("person", one.lines, lambda line: line["subject"]),
            _who(one.lines),
            _thirds(one),
            _worst(one.lines),
        ]
    return html.section("How good the swaps are", *parts)


def probes_section(judged: dict[str, Judged], classes: Sequence[str]) -> str:
    """What else swaps could have taught."""
    if not judged:
        return ""
    rows: list[list[object]] = []
    for arm, one in judged.items():
        told = one.probes["identity_told"]
        rows.append([arm, one.probes["detectable_auc"], one.probes.get("kid"), one.probes["share_bias"]])
        rows[-1] += [told[part][kind] for part in ("face", "body", "frame") for kind in ("real", "fake")]
    header = ["arm", "swap told (AUC)", "KID", "share bias"]
    header += [f"{part}, {kind}" for part in ("face", "body", "frame") for kind in ("before", "after")]
    chance = next(iter(judged.values())).probes["identity_chance"]
    by_class = [
        [
            name,
            *(one.probes["detectable_auc_by_class"].get(name) for one in judged.values()),
            *(one.kept.flips[at] if one.kept is not None else None for one in judged.values()),
        ]
        for at, name in enumerate(classes)
    ]
    kept = "; ".join(
        f"{arm}: {one.kept.agreement:.0%} of {one.kept.frames} frames are named alike, {one.kept.kept:.0%} of those "
        "named right before"
        for arm, one in judged.items()
        if one.kept is not None
    )
    return html.section(
        "What else the swaps could have taught",
        html.table(header, rows),
        html.paragraph(
            "swap told: how well a small probe tells swaps from real frames of people it has not seen (0.5 is chance); "
            "what is easily told can be learnt as a shortcut. KID: kernel distance between real and swapped face crops "
            "by features of the same network (not Inception's: compare arms, not papers); 0 is alike. share bias: "
            "Cramer's V between class and having a swap. The rest: how often a probe tells who is in a frame, by the "
            "face, by all but the face, and by the whole "
            f"frame, before and after the swap (chance {chance:.2f}). A swap is a new face, not a new person."
        ),
        html.paragraph(f"Labels: {kept}, by classifiers that have not seen the person.") if kept else "",
        html.table(
            ["class", *(f"told, {arm}" for arm in judged), *(f"named otherwise, {arm}" for arm in judged)], by_class
        ),
    )


def _errors(what: str, lines: Sequence[Line], key: Callable[[Line], str], order: Sequence[str] = ()) -> str:
    names = list(order) or sorted({key(line) for line in lines})
    rows: list[list[object]] = []
    for name in [*names, "all"]:
        own = [line for line in lines if name == "all" or key(line) == name]
        found = [line for line in own if line["found_again"] == "1"]
        if own:
            errors = [_median(found, error) for error in _ERRORS]
            rows.append([name, len(own), len(found) / len(own), *errors])
    header = [
        what,
        "swaps",
        "found again",
        "pose, degrees",
        "expression",
        "mouth",
        "lids",
        "gaze",
        "landmarks",
        "jitter",
    ]
    return html.table(header, rows, caption=f"Medians per {what}")


def _median(lines: Sequence[Line], name: str) -> float | None:
    values = [float(line[name]) for line in lines if line[name]]
    return float(np.median(values)) if values else None


def _who(lines: Sequence[Line]) -> str:
    """Whom swapped faces look like, if the run had something that tells faces apart."""
    told = [line for line in lines if line.get("identity_to_worn")]
    if not told:
        return ""
    worn, own = (np.array([float(line[name]) for line in told]) for name in ("identity_to_worn", "identity_to_own"))
    found = np.mean([line["identity_found"] == "1" for line in told])
    return html.paragraph(
        f"By the embedder, {np.mean(worn < own):.0%} of {len(told)} swapped faces are nearer to the person worn "
        f"(median distance {np.median(worn):.2f}) than to the person in the frame ({np.median(own):.2f}); of all "
        f"people known, {found:.0%} are nearest to the one worn."
    )


def _thirds(one: Judged) -> str:
    if not one.thirds:
        return ""
    rows = [
        [name, third["frames"], third["real"], third["fake"], third["fake"] - third["real"]]
        for name, third in zip(_THIRDS, one.thirds, strict=True)
    ]
    return html.table(
        ["swaps", "frames", "macro-F1 before", "after", "difference"],
        rows,
        caption="Does the quality of a swap matter? Macro-F1 on the frames of each third, before and after their swap",
    )


def _worst(lines: Sequence[Line]) -> str:
    order = sorted(lines, key=lambda line: float(line["quality"] or -1e9))[:_WORST]
    rows: list[list[Any]] = []
    for line in order:
        why = "drift" if line["quality"] else "no face found again"
        rows.append([line["frame"], line["class"], line["source_identity"], why])
    return html.table(["frame", "class", "wears", "why"], rows, caption="The worst of them")
