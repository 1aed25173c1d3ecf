"""Swaps looked at once more: a line each, nothing outside the patch, and what a comparison makes of it."""

import csv
import json

import pytest

from fsa_data.cli import main


@pytest.fixture(scope="module")
def arms(launch, tmp_path_factory):
    """Two runs of which one has judged its swaps."""
    folder = tmp_path_factory.mktemp("arms")
    assert launch(folder / "real", "setup=real_only", "data.frames=2") == 0
    assert launch(folder / "hybrid", "setup=hybrid", "judge=30", "data.frames=2") == 0
    return folder


def test_a_line_for_each_swap(arms):
    with (arms / "hybrid" / "quality.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 30
    assert {line["changed_outside"] for line in lines} == {"0"}
    found = [line for line in lines if line["found_again"] == "1"]
    assert len(found) >= 24
    assert all(float(line["pose_error_deg"]) < 30 and float(line["quality"]) <= 0 for line in found)
    moved = [float(line["jitter"]) for line in lines if line["jitter"]]
    assert len(moved) >= 3
    assert min(moved) > 0
    assert max(moved) < 0.2  # of a face
    assert not (arms / "real" / "quality.csv").exists()
    assert len(list((arms / "hybrid" / "figures").glob("worst-*.jpg"))) == 6


def test_probes(arms):
    probes = json.loads((arms / "hybrid" / "probes.json").read_text())
    assert probes["swaps"] == 30
    assert 0 <= probes["detectable_auc"] <= 1
    assert probes["identity_chance"] == pytest.approx(1 / 3)
    # seat, clothes and hair stay: who it is, is told as well after the swap
    assert probes["identity_told"]["body"]["fake"] > 0.8
    assert 0 <= probes["share_bias"] <= 1


def test_a_comparison_tells_of_it(arms, tmp_path):
    assert main(["compare", str(arms), "-o", str(tmp_path)]) == 0
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    titles = ("How good the swaps are", "What else the swaps could have taught")
    for words in (
        *titles,
        "hands, phone and wheel are untouched",
        "Medians per class",
        "worst third",
        "jitter",
        "swap told (AUC)",
    ):
        assert words in text
