"""The numbers of a comparison as files: ``comparison.json``, ``arms.csv`` and ``differences.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from fsa_data.evaluate import html, metrics
from fsa_data.evaluate.evidence import ArmResult, Evidence
from fsa_data.evaluate.results import number
from fsa_data.evaluate.statistics import Comparison
from fsa_data.types import Json

ARM_HEADER = (
    *("arm", "seeds", "train real", "train fake", "frames", "accuracy", "macro-F1", "low", "high"),
    *("mean over people", "sd over people", "worst person", "ECE"),
)


def arm_line(arm: ArmResult) -> list[object]:
    """A line of ``arms.csv``."""
    mean, sd = metrics.mean_sd(np.array(list(arm.people.values())))
    worst = min(arm.people, key=lambda name: arm.people[name])
    return [
        arm.name,
        len(arm.runs),
        round(arm.mean("n_train_real")),
        round(arm.mean("n_train_fake")),
        len(arm.table),
        metrics.accuracy(metrics.table_confusion(arm.table)),
        *asdict(arm.pooled).values(),
        mean,
        number(sd),
        html.Number(f"{worst} {arm.people[worst]:.2f}"),
        arm.calibration.ece,
    ]


DIFFERENCE_HEADER = (
    *("arm", "against", "people", "difference", "low", "high", "pooled", "pooled low", "pooled high"),
    *("p", "p Holm", "p equivalent", "rank-biserial", "detectable", "verdict"),
)


def difference_line(one: Comparison) -> list[object]:
    """A line of ``differences.csv``."""
    numbers = (one.p, one.p_holm, one.p_equivalent, one.rank_biserial, number(one.detectable))
    ends = (*asdict(one.difference).values(), *asdict(one.pooled).values())
    return [one.arm, one.against, one.people, *ends, *numbers, one.verdict]


def to_json(evidence: Evidence) -> Json:
    """Content of ``comparison.json``."""
    return {
        "baseline": evidence.baseline,
        "margin": evidence.margin,
        "arms": [
            {
                "arm": arm.name,
                "runs": [str(run) for run in arm.runs],
                "macro_f1": asdict(arm.pooled),
                "people": arm.people,
                "confusion": metrics.table_confusion(arm.table).tolist(),
                "calibration": {"ece": arm.calibration.ece, "brier": arm.calibration.brier, "nll": arm.calibration.nll},
                "n_train_real": arm.mean("n_train_real"),
                "n_train_fake": arm.mean("n_train_fake"),
            }
            for arm in evidence.arms
        ],
        "differences": [
            asdict(one) | {"detectable": number(one.detectable)}
            for one in (*evidence.against_baseline, *evidence.against_controls)
        ],
    }


def to_csv(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """A table as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value is None else value for value in line] for line in lines)
    return out.getvalue()
