"""Flows compared: each source trained on by itself, scored, and all of them in one table."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fsa_data.engines import load_engine
from fsa_data.errors import ConfigError
from fsa_data.evaluate import FlowLine, write_atomic, write_json
from fsa_data.evaluate.flow_report import FIGURE, write_scores
from fsa_data.evaluate.flow_table import aligned, csv_text, shown
from fsa_data.evaluate.html import image, page, paragraph, table
from fsa_data.sources import load_source
from fsa_data.worker import clips_of_frames, score_flows
from fsa_data.worker.score import known_options
from train.conditions import needed_frames, of_condition
from train.config import Config
from train.loop import cross_validate, load_frames
from train.rundir import opened

SCORES = "scores"
"""Folder of the run directory with what :func:`fsa_data.evaluate.write_scores` writes."""


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """One source to compare.

    Attributes:
        name: what it is called in the table.
        source: source string, or a list of them.
        options: options of the source.
        folder: where its cross-validation lies in the run directory.
    """

    name: str
    source: str | list[str]
    options: dict[str, Any]
    folder: str


def compare_flows(config: Config, directory: Path, *, secondary: bool = False) -> tuple[str, dict[str, int]]:
    """Cross-validate with every flow, score all of them, and write tables.

    Args:
        config: what to do; ``flows`` says with which sources.
        directory: the run directory: a folder of each cross-validation, ``scores`` and ``flows.*``.
        secondary: this process only helps another one to train (``trainer=ddp``) and writes nothing.

    Returns:
        The table to be printed, and what failed, by reason.

    Raises:
        FsaError: something that the user can put right.
    """
    specs = flow_specs(config.flows, config.source_options)
    sources = {spec.name: load_source(spec.source, spec.options) for spec in specs}  # a mistake is told at once
    if secondary:
        for spec in specs:
            cross_validate(_config_of(config, spec), directory / spec.folder, secondary=True)
        return "", {}
    with opened(directory, config):
        outcomes = {spec.name: cross_validate(_config_of(config, spec), directory / spec.folder) for spec in specs}
        frames = needed_frames(load_frames(config.data), config.data)
        tested = frames.subset(of_condition(frames, config.data.test_condition))
        scored = score_flows(
            sources,
            clips_of_frames(tested),
            load_engine(config.engine, config.engine_options, config.merge or None),
            sample=config.score_frames,
            seed=config.seed,
        )
        lines = write_scores(directory / SCORES, scored.swaps)
        results = {name: outcome.results for name, outcome in outcomes.items()}
        write_flows(directory, lines, results, (directory / SCORES / FIGURE).read_bytes())
    failures = Counter({"failed": len(scored.failures)} if scored.failures else {})
    for outcome in outcomes.values():
        failures.update(outcome.failures)
    return f"{flows_table(lines, results)}\n\n{directory / 'flows.html'}\n", dict(failures)


def flow_specs(given: Any, options: Mapping[str, Any]) -> list[FlowSpec]:
    """The flows as they stand in the configuration.

    Args:
        given: ``flows``: a source, or a list of sources or mappings with ``source`` and, if wanted, ``options`` and
            ``name``.
        options: ``source_options``; every flow takes those that it knows.

    Raises:
        ConfigError: something else, or two flows of one name.
    """
    specs = [
        _flow_spec(number, entry, options)
        for number, entry in enumerate([given] if isinstance(given, str | dict) else given or [])
    ]
    if not specs:
        raise ConfigError("flows names no source. Give at least one: flows=[portraits,simdrive].")
    if twice := [name for name, count in Counter(spec.name for spec in specs).items() if count > 1]:
        raise ConfigError(f"Two flows are called {twice[0]!r}. Give one another name: {{source: ..., name: ...}}.")
    return specs


def _flow_spec(number: int, given: Any, options: Mapping[str, Any]) -> FlowSpec:
    entry: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {"source": given}
    source, own = entry.get("source"), entry.get("options") or {}
    parts: list[Any] = source if isinstance(source, list) and source else [source]
    plain = all(part and isinstance(part, str) for part in parts)
    if set(entry) - {"source", "options", "name"} or not plain or not isinstance(own, Mapping):
        raise ConfigError(
            f"flows[{number}] must be a source, or {{source: ..., options: {{...}}, name: ...}}, got {given!r}."
        )
    common = {key: value for part in parts for key, value in known_options(part, options).items()}
    name = str(entry.get("name") or "+".join(parts))
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return FlowSpec(name, parts if len(parts) > 1 else parts[0], common | dict(own), f"flow-{number}-{slug}")


def _config_of(config: Config, spec: FlowSpec) -> Config:
    return replace(config, source=spec.source, source_options=spec.options, flows=None)


def flows_table(lines: Sequence[FlowLine], results: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per flow, with a note on what the columns are.

    Args:
        lines: what the scores say.
        results: content of ``results.json`` of each flow.
    """
    rows = [("flow", "swaps", "coverage", "T1 score q95", "pose", "expression", "landmarks", "macro-F1 on real")]
    for line in lines:
        facts = _facts(line, results[line.flow])
        rows.append(
            (
                line.flow,
                str(line.swaps),
                shown(facts["coverage"], ".1%"),
                shown(line.q95_median, ".2f"),
                shown(line.pose_error_deg, ".2f°"),
                shown(line.expression_error, ".4f"),
                shown(line.landmark_error, ".4f"),
                shown(facts["macro_f1_real"], ".3f"),
            )
        )
    return f"{aligned(rows)}\n{_note(lines, results)}"


def _facts(line: FlowLine, result: Mapping[str, Any]) -> dict[str, Any]:
    """A flow's line with what training says; coverage of all frames, trained_fake the mean of folds."""
    coverage, real = result["coverage"], result["test"]["real"]
    whole = coverage["swapped"] + coverage["skipped"]
    learnt = {
        "coverage": coverage["swapped"] / whole if whole else math.nan,
        "trained_fake": round(sum(fold["n_train_fake"] for fold in result["folds"]) / len(result["folds"])),
        "tested_real": real["n"],
        "macro_f1_real": math.nan if real["macro_f1"] is None else real["macro_f1"],
        "accuracy_real": math.nan if real["accuracy"] is None else real["accuracy"],
    }
    return asdict(line) | learnt


def _note(lines: Sequence[FlowLine], results: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(results.values()))
    note = (
        f"Trained on {first['setup']}, tested on real frames of subjects not trained on (chance about "
        f"{1 / len(first['classes']):.2f}). T1's score never looks at a swap; the errors do, on the "
        f"{lines[0].common_frames} frames that all flows swapped."
    )
    if str(first["data"]).startswith("simdrive"):
        note += " simdrive is drawn, not filmed: this is no evidence about people."
    return note


def write_flows(
    directory: Path, lines: Sequence[FlowLine], results: Mapping[str, Mapping[str, Any]], figure: bytes
) -> None:
    """Write ``flows.csv``, ``flows.json`` and ``flows.html``.

    Args:
        directory: the run directory.
        lines: what the scores say.
        results: content of ``results.json`` of each flow.
        figure: the CDFs as a PNG file.
    """
    rows = [_facts(line, results[line.flow]) for line in lines]
    write_atomic(directory / "flows.csv", csv_text(list(rows[0]), [list(row.values()) for row in rows]))
    plain = [{key: None if value != value else value for key, value in row.items()} for row in rows]
    write_json(directory / "flows.json", {"flows": plain})
    columns = [key for key in rows[0] if key not in ("q95_low", "q95_high", "common_frames")]
    body = [
        "<h1>Flows compared</h1>",
        paragraph(_note(lines, results)),
        table([key.replace("_", " ") for key in columns], [[row[key] for key in columns] for row in plain]),
        image(figure, "image/png", "Empirical distribution of the landmark score by flow", wide=True),
    ]
    write_atomic(directory / "flows.html", page("Flows compared", "\n".join(body)))
