"""+experiment=flows: what may stand in the configuration, and one small comparison."""

import csv
import json

import pytest

from fsa_data.errors import ConfigError
from train.flows import flow_specs


def test_flows_are_sources_mixes_or_mappings():
    given = [
        "portraits",
        ["portraits", "simdrive"],
        {"name": "two", "source": "simdrive", "options": {"identities": 2}},
    ]
    one, mix, two = flow_specs(given, {"identities": 5})
    assert (one.name, one.source, one.options, one.folder) == ("portraits", "portraits", {}, "flow-0-portraits")
    assert (mix.name, mix.source, mix.options) == ("portraits+simdrive", ["portraits", "simdrive"], {"identities": 5})
    assert (two.name, two.source, two.options) == ("two", "simdrive", {"identities": 2})
    assert flow_specs("folder:a/b", {})[0].folder == "flow-0-folder-a-b"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "names no source"),
        ([3], r"flows\[0\] must be a source"),
        (["portraits", {"sourec": "x"}], r"flows\[1\] must be a source"),
        ([{"source": "portraits", "options": 3}], r"flows\[0\] must be a source"),
        (["portraits", "portraits"], "Two flows are called 'portraits'"),
    ],
)
def test_what_may_not(given, message):
    with pytest.raises(ConfigError, match=message):
        flow_specs(given, {})


def test_a_comparison_leaves_one_table(launch, tmp_path, capsys):
    flows = "flows=[simdrive,{source: portraits, name: two photos}]"
    words = ("setup=fake_only", "cv.folds=[0]", flows, "score_frames=3", "fit.epochs=1", "source_options.identities=2")
    assert launch(tmp_path / "run", *words) == 0
    told = capsys.readouterr().out
    assert told.startswith("flow ")
    assert [line.split("  ")[0] for line in told.splitlines()[2:4]] == ["simdrive", "two photos"]
    assert "no evidence about people" in told
    with (tmp_path / "run" / "flows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    results = json.loads((tmp_path / "run" / "flow-0-simdrive" / "results.json").read_text(encoding="utf-8"))
    assert results["setup"] == "fake_only"
    assert float(rows[0]["macro_f1_real"]) == pytest.approx(results["test"]["real"]["macro_f1"], rel=1e-5)
    assert int(rows[0]["swaps"]) == 2 * 3
    assert float(rows[0]["coverage"]) == pytest.approx(
        results["coverage"]["swapped"] / (results["coverage"]["swapped"] + results["coverage"]["skipped"]), rel=1e-5
    )
    assert [flow["flow"] for flow in json.loads((tmp_path / "run" / "flows.json").read_text())["flows"]] == [
        "simdrive",
        "two photos",
    ]
    assert "two photos" in (tmp_path / "run" / "flows.html").read_text(encoding="utf-8")
    assert (tmp_path / "run" / "scores" / "cdf.png").is_file()


def test_a_wrong_flow_is_told_before_anything_is_made(launch, tmp_path, capsys):
    for flows, message in (
        ("flows=[portraits,portrait]", "Did you mean 'portraits'"),
        ("flows=[image:none.png]", "there is no file"),
    ):
        assert launch(tmp_path / "run", "setup=fake_only", flows) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "run").exists()
