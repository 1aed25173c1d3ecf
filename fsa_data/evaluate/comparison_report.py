"""``fsa compare RUN... -o DIR``: several arms in one report, the answer first."""

from __future__ import annotations

import csv
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from fsa_data.evaluate import figures, html, metrics, statistics
from fsa_data.evaluate.arm_figures import cost_figure, differences_figure, people_figure
from fsa_data.evaluate.comparison_tables import (
    ARM_HEADER,
    DIFFERENCE_HEADER,
    arm_line,
    difference_line,
    to_csv,
    to_json,
)
from fsa_data.evaluate.evidence import BASELINE, SWAPPED, ArmResult, Evidence
from fsa_data.evaluate.files import write_atomic, write_json
from fsa_data.evaluate.judged_report import probes_section, quality_section
from fsa_data.evaluate.report import STAND_IN, TRAINED
from fsa_data.evaluate.results import number, plain_name
from fsa_data.evaluate.statistics import Comparison, Interval
from fsa_data.types import Json

_PAIRS_SHOWN, _WORST_SHOWN = 4, 6
_SENTENCE = {
    "better": "is better than",
    "worse": "is worse than",
    "equivalent": "is equivalent to",
    "no evidence": "shows no evidence of a difference from",
}


def write_comparison(evidence: Evidence, out: Path, command: str = "") -> Path:
    """Write ``report.html``, ``comparison.json``, ``arms.csv``, ``differences.csv`` and ``figures/`` into a folder.

    Args:
        evidence: of :func:`gather`.
        out: made if it is not there.
        command: that makes the report again.

    Returns:
        Path of the report.
    """
    pictures = _figures(evidence)
    for name, data in pictures.items():
        write_atomic(out / "figures" / name, data)
    write_json(out / "comparison.json", to_json(evidence))
    write_atomic(out / "arms.csv", to_csv(ARM_HEADER, [arm_line(arm) for arm in evidence.arms]))
    lines = [difference_line(one) for one in (*evidence.against_baseline, *evidence.against_controls)]
    write_atomic(out / "differences.csv", to_csv(DIFFERENCE_HEADER, lines))
    judged = {arm.name: arm.judged for arm in evidence.arms if arm.judged is not None}
    body = "\n".join(
        [
            _answer(evidence),
            _arms(evidence, pictures),
            _differences(evidence, pictures),
            _people(evidence, pictures),
            _confusions(evidence, pictures),
            _coverage(evidence),
            quality_section(judged, evidence.arms[0].table.classes),
            probes_section(judged, evidence.arms[0].table.classes),
            _cost(evidence, pictures),
            _gallery(evidence),
            _calibration(evidence),
            _origin(evidence, command),
        ]
    )
    path = out / "report.html"
    write_atomic(path, html.page(f"{len(evidence.arms)} arms on {evidence.arms[0].results[0]['data']}", body))
    return path


def sentence(one: Comparison) -> str:
    """A comparison in words; the verdict decides which.

    E.g. ``hybrid shows no evidence of a difference from real_only: macro-F1 +0.012 (-0.030 to +0.051), 30 people``.
    """
    found = one.pooled
    return (
        f"{one.arm} {_SENTENCE[one.verdict]} {one.against}: macro-F1 {found.value:+.3f} "
        f"({found.low:+.3f} to {found.high:+.3f}), {one.people} people"
    )


def _figures(evidence: Evidence) -> dict[str, bytes]:
    pictures = {"people.png": people_figure({arm.name: arm.people for arm in evidence.arms})}
    compared = (*evidence.against_baseline, *evidence.against_controls)
    if compared:
        pictures["differences.png"] = differences_figure(compared, evidence.margin)
    for arm in evidence.arms:
        pictures[_confusion_name(arm)] = figures.confusion_figure(
            metrics.table_confusion(arm.table), arm.table.classes, f"{arm.name}, % of the true class"
        )
    doses = _doses(evidence)
    if len(doses) > 1:
        pictures["cost.png"] = cost_figure(doses)
    return pictures


def _doses(evidence: Evidence) -> list[tuple[float, Interval]]:
    """Fakes per real and macro-F1 of the arms that train on real frames and swaps, and of the baseline."""
    chosen = [arm for arm in evidence.arms if arm.setup in (SWAPPED, BASELINE)]
    return sorted(((arm.fakes_per_real, arm.pooled) for arm in chosen), key=lambda dose: dose[0])


def _answer(evidence: Evidence) -> str:
    data = str(evidence.arms[0].results[0]["data"])
    asked = [one for one in evidence.against_baseline if _setup_of(evidence, one.arm) == SWAPPED]
    main = asked[0] if asked else next(iter(evidence.against_baseline), None)
    best = max(evidence.arms, key=lambda arm: arm.pooled.value)
    title = sentence(main) if main else f"{best.name}: macro-F1 {best.pooled.value:.3f} on real frames"
    rest = [sentence(one) + "." for one in evidence.against_baseline if one is not main]
    people = len(best.people)
    fewest = 2 / 2**people
    notes = [
        f"Tested on real frames of {people} people of {data}, each kept out of the training that tested them. Words "
        f"are given by rule: better and worse if Wilcoxon's signed-rank test over people, corrected by Holm, has p < "
        f"{statistics.LEVEL}; equivalent if one-sided tests exclude a difference of {evidence.margin}; else no "
        "evidence. Intervals are 95 %."
    ]
    if fewest >= statistics.LEVEL:
        notes.append(
            f"With {people} people the smallest p that this test can give is {fewest:.3f}: nothing can be found to be "
            "better or worse, whatever it is. Six people are the least."
        )
    return "\n".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            html.paragraph(STAND_IN, "note") if plain_name(data) == "simdrive" else "",
            *(html.paragraph(text) for text in [*rest, *notes]),
        ]
    )


def _arms(evidence: Evidence, pictures: Mapping[str, bytes]) -> str:
    told = "; ".join(f"{arm.name}: trained on {TRAINED.get(arm.setup, arm.setup)}" for arm in evidence.arms)
    return html.section(
        "The arms",
        html.paragraph(f"{told}. All with the same folds, seeds and optimiser steps."),
        html.table(
            ["arm", "seeds", "real", "swapped", "accuracy", "macro-F1 (95 %)", "per person", "worst person"],
            [_arm_cells(arm) for arm in evidence.arms],
            main=5,
        ),
        html.paragraph(
            f"real and swapped: frames trained on, mean over folds. Tested on {len(evidence.arms[0].table)} frames. "
            "Macro-F1 is that of the pooled predictions, mean over seeds, its interval by a bootstrap over people.",
            "soft",
        ),
    )


def _arm_cells(arm: ArmResult) -> list[object]:
    name, seeds, real, fake, _, accuracy, *_, mean, sd, worst, _ = arm_line(arm)
    spread = f"{mean:.3f}" + ("" if sd is None else f" ± {sd:.3f}")
    return [name, seeds, real, fake, accuracy, _interval(arm.pooled, ".3f"), html.Number(spread), worst]


def _interval(found: Interval, form: str = "+.3f") -> html.Number:
    return html.Number(f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})")


_CELLS = ("arm", "verdict", "difference (95 %)", "pooled (95 %)", "p", "p Holm", "p equivalent", "effect", "detectable")


def _difference_cells(one: Comparison) -> list[object]:
    numbers = (one.p, one.p_holm, one.p_equivalent, one.rank_biserial, number(one.detectable))
    pair = f"{one.arm} - {one.against}"
    return [pair, one.verdict, _interval(one.difference), _interval(one.pooled), *numbers]


def _differences(evidence: Evidence, pictures: Mapping[str, bytes]) -> str:
    if not evidence.against_baseline:
        return ""
    told = "; ".join(sentence(one) for one in (*evidence.against_baseline, *evidence.against_controls))
    parts = [
        html.image(pictures["differences.png"], "image/png", told),
        html.table(
            _CELLS,
            [_difference_cells(one) for one in evidence.against_baseline],
            caption=f"Against {evidence.baseline}",
        ),
    ]
    if evidence.against_controls:
        parts += [
            html.paragraph(
                "If swapped faces are not better than a control, the new identity is not what helped: the same could "
                "be had by more of the same frames, by hiding the face, or by the engine's traces alone."
            ),
            html.table(
                _CELLS,
                [_difference_cells(one) for one in evidence.against_controls],
                caption="Swapped faces against the controls",
            ),
        ]
    parts.append(
        html.paragraph(
            "difference is the Hodges-Lehmann estimate per person, pooled that of pooled macro-F1, by a bootstrap over "
            "people. With few frames per person most differences are exactly 0, and only the second tells. effect is "
            "the rank-biserial correlation; detectable is the "
            "difference that so many people, as different as these, show with probability 0.8: smaller ones are easily "
            "missed.",
            "soft",
        )
    )
    return html.section("Which differences there are", *parts)


def _people(evidence: Evidence, pictures: Mapping[str, bytes]) -> str:
    names = list(evidence.arms[0].people)
    rows = [[name, *(arm.people[name] for arm in evidence.arms)] for name in names]
    alt = "; ".join(
        f"{arm.name}: {min(arm.people.values()):.2f} to {max(arm.people.values()):.2f}" for arm in evidence.arms
    )
    return html.section(
        "How much it depends on the person",
        html.image(pictures["people.png"], "image/png", f"Macro-F1 of every person under every arm. {alt}"),
        html.table(["person", *(arm.name for arm in evidence.arms)], rows, caption="Macro-F1, mean over seeds"),
    )


def _confusions(evidence: Evidence, pictures: Mapping[str, bytes]) -> str:
    parts = []
    for arm in evidence.arms:
        matrix, classes = metrics.table_confusion(arm.table), arm.table.classes
        worst = metrics.largest_confusions(matrix, 3)
        told = "; ".join(f"{classes[t]} read as {classes[p]} ({n} of {matrix[t].sum()})" for t, p, n in worst)
        parts += [
            f"<h3>{html.escape(arm.name)}</h3>",
            html.paragraph(f"Most frequent confusions: {told}." if told else "No confusion at all."),
            html.image(
                pictures[_confusion_name(arm)],
                "image/png",
                f"Confusion matrix of {arm.name}, rows true, columns predicted. {told}",
                f"Rows are true classes, columns predicted ones. Label map {arm.results[0]['label_map_hash']}.",
                wide=True,
            ),
        ]
    return html.section("Which actions are recognised", *parts)


def _coverage(evidence: Evidence) -> str:
    rows: list[list[object]] = []
    classes: dict[str, list[object]] = {name: [] for name in evidence.arms[0].table.classes}
    arms = [arm for arm in evidence.arms if _made(arm.results[0]["coverage"])]
    for arm in arms:
        cover = arm.results[0]["coverage"]
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(cover["by_reason"].items()))
        rows.append([arm.name, cover["swapped"], cover["skipped"], cover["swapped"] / _made(cover), reasons or "none"])
        for name, cells in classes.items():
            own = cover["by_class"].get(name, {"swapped": 0, "skipped": 0})
            cells.append(own["swapped"] / _made(own) if _made(own) else None)
    if not rows:
        return ""
    return html.section(
        "What could be swapped",
        html.table(["arm", "swapped", "not", "share", "why not"], rows),
        html.table(
            ["class", *(arm.name for arm in arms)],
            [[name, *cells] for name, cells in classes.items()],
            caption="Share of swapped frames per class: where it differs, the fake share tells something of the class",
        ),
    )


def _made(cover: Json) -> int:
    return int(cover["swapped"] + cover["skipped"])


def _cost(evidence: Evidence, pictures: Mapping[str, bytes]) -> str:
    rows: list[list[object]] = []
    for arm in evidence.arms:
        timing = [result["timing"] for result in arm.results]
        swaps = sum(of.get("swaps", {}).get("made", 0) for of in timing)
        seconds = sum(of.get("swaps", {}).get("seconds", 0.0) for of in timing)
        stored = max(of.get("swaps", {}).get("bytes", 0) for of in timing)
        ratio = arm.fakes_per_real
        rows.append(
            [
                arm.name,
                html.Number("only fakes" if math.isinf(ratio) else f"{ratio:.2f}"),
                swaps,
                round(seconds, 1),
                round(stored / 1e6, 1),
                round(sum(of["fit_s"] for of in timing), 1),
                arm.pooled.value,
            ]
        )
    parts = [
        html.table(
            ["arm", "fakes per real", "swaps made", "seconds for them", "seconds of training", "macro-F1"], rows
        ),
        html.paragraph("Swaps that another run had made already are reused and cost nothing here.", "soft"),
    ]
    if "cost.png" in pictures:
        told = ", ".join(f"{dose:.2f}: {score.value:.3f}" for dose, score in _doses(evidence))
        parts.append(html.image(pictures["cost.png"], "image/png", f"Macro-F1 against fakes per real frame. {told}"))
    return html.section("What it costs", *parts)


def _gallery(evidence: Evidence) -> str:
    parts = []
    for arm in evidence.arms:
        for name, title, most in (("pair", arm.name, _PAIRS_SHOWN), ("worst", f"{arm.name}, the worst", _WORST_SHOWN)):
            tiles = []
            for file, line in _pairs(arm.runs[0] / "figures", name)[:most]:
                what = f"{line['label']}: {line['subject']}, right with the face of {line['source_identity']}"
                tiles.append(html.image(file.read_bytes(), "image/jpeg", f"{title}, {what}", what))
            if tiles:
                parts += [f"<h3>{html.escape(title)}</h3>", f'<div class="gallery">{"".join(tiles)}</div>']
    return html.section("Pairs: left real, right as trained on", *parts)


def _pairs(folder: Path, name: str) -> list[tuple[Path, dict[str, str]]]:
    table = folder / f"{name}s.csv"
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as lines:
        return [(folder / line["file"], line) for line in csv.DictReader(lines) if (folder / line["file"]).is_file()]


def _calibration(evidence: Evidence) -> str:
    rows = [
        [
            arm.name,
            arm.calibration.ece,
            arm.calibration.brier,
            arm.calibration.nll,
            float(arm.table.probability.max(1).mean()),
        ]
        for arm in evidence.arms
    ]
    return html.section(
        "How far probabilities can be believed",
        html.table(["arm", "ECE", "Brier", "log loss", "mean confidence"], rows),
    )


def _origin(evidence: Evidence, command: str) -> str:
    rows = []
    for arm in evidence.arms:
        for run, result in zip(arm.runs, arm.results, strict=True):
            lineage = result["lineage"]
            rows.append([arm.name, result["seed"], str(run), lineage["excluded"], lineage["violations"]])
    commands = [result.get("provenance", {}).get("command", "") for arm in evidence.arms for result in arm.results]
    told = "\n".join([*dict.fromkeys(filter(None, commands)), command])
    first = dict(evidence.arms[0].results[0].get("provenance", {}))
    first.pop("command", None)
    return html.section(
        "Where this comes from",
        html.table(["arm", "seed", "run", "rows kept out", "violations"], rows),
        html.preformatted(told, "The commands that make this again"),
        html.table(["", ""], list(first.items())) if first else "",
        html.paragraph(
            "Every number here is computed from the predictions.csv of these runs by the last of these commands; "
            "comparison.json, arms.csv and differences.csv hold them.",
            "soft",
        ),
    )


def _confusion_name(arm: ArmResult) -> str:
    return f"confusion_{arm.name.replace(' ', '_').replace('=', '_')}.png"


def _setup_of(evidence: Evidence, name: str) -> str:
    return next(arm.setup for arm in evidence.arms if arm.name == name)


def command_of(runs: Sequence[Path], out: Path, baseline: str, margin: float) -> str:
    """The command line that writes a comparison."""
    words = ["fsa", "compare", *map(str, runs), "-o", str(out)]
    words += ["--baseline", baseline] if baseline != BASELINE else []
    return shlex.join(words + (["--margin", f"{margin:g}"] if margin != statistics.MARGIN else []))
