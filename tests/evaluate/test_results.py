import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fsa_data.errors import DatasetNotFoundError
from fsa_data.evaluate import FAKE, REAL, FoldFacts, comparison_table, summarise, write_json
from tests.evaluate.tables import CLASSES, COVERAGE, FACTS, folds_of, make_table


@pytest.fixture
def results(table):
    return summarise(FACTS, folds_of(table), table, COVERAGE, {"total_s": 9.5})


def test_the_keys_are_the_stable_ones(results):
    assert list(results) == [
        "setup", "data", "source", "engine", "model", "cv", "seed", "classes", "label_map_hash", "folds", "test",
        "coverage", "lineage", "timing",
    ]  # fmt: skip
    assert set(results["folds"][0]) == {
        "fold", "test_subjects", "n_train_real", "n_train_fake", "n_test", "macro_f1_real", "macro_f1_fake",
    }  # fmt: skip
    assert set(results["test"]) == {REAL, FAKE}
    assert set(results["test"][REAL]) == {
        "n", "accuracy", "macro_f1", "macro_f1_subject_mean", "macro_f1_subject_sd", "per_class", "confusion",
    }  # fmt: skip
    assert set(results["coverage"]) == {"swapped", "skipped", "by_reason", "by_class", "by_subject"}
    assert results["lineage"] == {"excluded": 21, "violations": 0}


def test_every_number_comes_from_the_table(results, table):
    for domain in (REAL, FAKE):
        rows = table.domain_rows(domain)
        test = results["test"][domain]
        assert test["n"] == len(rows)
        assert test["macro_f1"] == pytest.approx(f1_score(rows.label, rows.prediction, average="macro"))
        assert test["accuracy"] == pytest.approx(np.mean(rows.label == rows.prediction))
        assert sum(map(sum, test["confusion"])) == len(rows)
        own = [
            f1_score(rows.label[rows.subject == s], rows.prediction[rows.subject == s], average="macro")
            for s in ("ann", "bea", "cyd")
        ]
        assert test["macro_f1_subject_mean"] == pytest.approx(np.mean(own))
        assert test["macro_f1_subject_sd"] == pytest.approx(np.std(own, ddof=1))
        assert [fold[f"macro_f1_{domain}"] for fold in results["folds"]] == pytest.approx(own)
    assert [fold["n_test"] for fold in results["folds"]] == [12, 12, 12]


def test_without_fakes_the_side_table_is_null():
    table = make_table()
    results = summarise(FACTS, folds_of(table), table, COVERAGE, {})
    assert results["test"][FAKE] is None
    assert results["folds"][0]["macro_f1_fake"] is None


def test_what_does_not_exist_is_null_and_the_file_is_strict_json(tmp_path):
    table = make_table(subjects=("ann",), per_subject=2)
    results = summarise(FACTS, folds_of(table), table, COVERAGE, {})
    write_json(tmp_path / "results.json", results)
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    again = json.loads(text)
    assert again["test"]["real"]["macro_f1_subject_sd"] is None
    assert [c["f1"] is None for c in again["test"]["real"]["per_class"]] == [False, False, True, True]
    assert again["classes"] == list(CLASSES)


def test_lineage_counts_lists_and_numbers(table):
    folds = [
        FoldFacts(f.fold, f.test_subjects, 1, 1, 1, 1.0, {"excluded": ["a", "b"], "violations": []})
        for f in folds_of(table)
    ]
    assert summarise(FACTS, folds, table, COVERAGE, {})["lineage"] == {"excluded": 6, "violations": 0}


def test_the_comparison_has_a_line_per_run_and_warns_of_different_tests(results, tmp_path):
    write_json(tmp_path / "a" / "results.json", results)
    real = make_table()
    write_json(tmp_path / "b" / "results.json", summarise(FACTS, folds_of(real)[:2], real, COVERAGE, {}))
    same = comparison_table([tmp_path / "a", tmp_path / "a"]).splitlines()
    assert f"{results['test']['real']['macro_f1']:.3f}" in same[2]
    assert same[2] == same[3]
    assert not any("cannot be compared" in line for line in same)
    assert "cannot be compared" in comparison_table([tmp_path / "a", tmp_path / "b"])


def test_a_directory_without_results_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"No results\.json"):
        comparison_table([tmp_path])
