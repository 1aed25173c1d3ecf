"""The report of several arms: its numbers are those of the predictions, its words those of the rule."""

import csv
import dataclasses
import json
import re

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fsa_data.cli import main
from fsa_data.errors import RunDirectoryError, UnknownNameError
from fsa_data.evaluate import (
    Background,
    Pair,
    concatenate,
    fold_predictions,
    gather,
    read_predictions,
    summarise,
    write_comparison,
    write_json,
    write_predictions,
    write_report,
)
from tests.evaluate.tables import CLASSES, COVERAGE, FACTS, folds_of
from tests.evaluate.test_report import Reader

PEOPLE = tuple(f"p{n}" for n in range(8))


def predicted(skill, seed, people=PEOPLE, frames=24):
    """Predictions that are right with this probability; all arms see the same frames."""
    rng = np.random.default_rng(seed)
    parts = []
    for who in people:
        label = np.arange(frames) % 4
        named = np.where(rng.random(frames) < skill, label, (label + 1) % 4)
        probability = np.full((frames, 4), 0.1, np.float32)
        probability[np.arange(frames), named] = 0.7
        parts.append(
            fold_predictions(
                CLASSES, probability, label, seed=seed % 10, fold=f"fold {who}", domain="real", subject=[who] * frames,
                frame=[f"{who}/{i}" for i in range(frames)], source_identity=[""] * frames,
            )
        )  # fmt: skip
    return concatenate(parts)


def write_run(folder, setup, skill, seed=0, **more):
    """A run directory as train/run.py leaves it."""
    table = predicted(skill, seed, **more)
    facts = dataclasses.replace(FACTS, setup=setup, seed=seed % 10)
    timing = {"swaps": {"made": 30, "seconds": 2.0}, "fit_s": 9.0}
    results = summarise(facts, folds_of(table), table, COVERAGE, timing) | {"arm": setup}
    results["provenance"] = {"command": f"python train/run.py setup={setup}", "torch": "2"}
    folder.mkdir(parents=True)
    write_predictions(folder / "predictions.csv", table)
    write_json(folder / "results.json", results)
    frame = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    pairs = [Pair(frame, frame[::-1], CLASSES[2], "p1", "donor,1")]
    write_report(folder, results, table, Background("", {}, results["provenance"], pairs))
    return folder


@pytest.fixture
def runs(tmp_path):
    return [
        write_run(tmp_path / "runs" / "real", "real_only", 0.5, 0),
        write_run(tmp_path / "runs" / "hybrid", "hybrid", 0.95, 10),
        write_run(tmp_path / "runs" / "blur", "face_blur", 0.5, 40),
    ]


@pytest.fixture
def report(runs, tmp_path):
    return write_comparison(gather(runs), tmp_path / "out", "fsa compare again").read_text(encoding="utf-8")


def test_numbers_are_those_of_the_predictions(runs, report, tmp_path):
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    for arm, run in zip(found["arms"], runs, strict=True):
        table = read_predictions(run / "predictions.csv")
        assert arm["macro_f1"]["value"] == pytest.approx(f1_score(table.label, table.prediction, average="macro"))
        assert sum(map(sum, arm["confusion"])) == len(table)
    with (tmp_path / "out" / "arms.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [float(row["macro-F1"]) for row in rows] == [arm["macro_f1"]["value"] for arm in found["arms"]]
    text = " ".join(Reader(report).words)
    for arm in found["arms"]:
        assert f"{arm['macro_f1']['value']:.3f}" in text
    for one in found["differences"]:
        assert f"{one['difference']['value']:+.3f}" in text


def test_words_are_those_of_the_rule(report, tmp_path):
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())["differences"]
    verdicts = {(one["arm"], one["against"]): one["verdict"] for one in found}
    assert verdicts == {
        ("hybrid", "real_only"): "better",
        ("face_blur", "real_only"): "no evidence",
        ("hybrid", "face_blur"): "better",
    }
    page = Reader(report)
    text = " ".join(page.words)
    title = text[text.index("hybrid is better") :]
    assert title.startswith("hybrid is better than real_only: macro-F1 +0.")
    assert "face_blur shows no evidence of a difference from real_only" in text
    assert not re.search(r"improv|outperform|significant", text)


def test_nothing_is_loaded_from_elsewhere_and_every_picture_has_words(report):
    page = Reader(report)
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object", "base")
        for key in ("src", "href", "srcset", "poster", "action", "data"):
            assert attributes.get(key, "data:").startswith("data:")
    assert not re.search(r"https?://|url\(|@import|//[a-z]", re.sub(r"data:image/[^\"]+", "", report))
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 2 + 3 + 1 + 3  # people, differences; confusions; cost; pairs
    assert all(len(attributes["alt"]) > 20 for attributes in pictures)
    text = " ".join(page.words)
    for word in ("donor,1", "python train/run.py setup=hybrid", "fsa compare again", *CLASSES):
        assert word in text


def test_the_command_makes_it_again(runs, tmp_path, capsys):
    folder = tmp_path / "runs"
    assert main(["compare", str(folder), "-o", str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out
    assert "hybrid is better than real_only" in said
    assert main(["compare", *map(str, sorted(folder.iterdir())), "-o", str(tmp_path / "two")]) == 0
    for name in ("comparison.json", "arms.csv", "differences.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    figures = sorted(path.name for path in (tmp_path / "one" / "figures").iterdir())
    assert figures == ["confusion_face_blur.png", "confusion_hybrid.png", "confusion_real_only.png", "cost.png",
                       "differences.png", "people.png"]  # fmt: skip


def test_seeds_of_an_arm_are_one_arm(runs, tmp_path):
    more = write_run(tmp_path / "runs" / "real-1", "real_only", 0.6, 1)
    evidence = gather([*runs, more])
    real = evidence.arms[0]
    assert (real.name, len(real.runs)) == ("real_only", 2)
    tables = [read_predictions(run / "predictions.csv") for run in (runs[0], more)]
    scores = [f1_score(table.label, table.prediction, average="macro") for table in tables]
    assert real.pooled.value == pytest.approx(np.mean(scores))
    with pytest.raises(RunDirectoryError, match="twice with the same seed"):
        gather([*runs, write_run(tmp_path / "other", "real_only", 0.5, 0)])


def test_what_cannot_be_compared(runs, tmp_path):
    fewer = write_run(tmp_path / "fewer", "fake_only", 0.5, 3, people=PEOPLE[:7])
    with pytest.raises(RunDirectoryError, match="did not test the same frames"):
        gather([*runs, fewer])
    with pytest.raises(UnknownNameError, match="baseline"):
        gather(runs, baseline="hybird")
    assert gather(runs[1:]).baseline == "hybrid"


def test_few_people_prove_nothing_and_the_report_says_so(tmp_path):
    runs = [
        write_run(tmp_path / setup, setup, skill, seed, people=PEOPLE[:4])
        for setup, skill, seed in (("real_only", 0.3, 0), ("hybrid", 1.0, 10))
    ]
    evidence = gather(runs)
    assert evidence.against_baseline[0].verdict == "no evidence"
    text = write_comparison(evidence, tmp_path / "out").read_text(encoding="utf-8")
    assert "smallest p that this test can give is 0.125" in text


def test_one_run_alone(runs, tmp_path):
    text = write_comparison(gather(runs[:1]), tmp_path / "out").read_text(encoding="utf-8")
    assert "Which differences there are" not in text
