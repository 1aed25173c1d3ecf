import re
from html.parser import HTMLParser

import numpy as np
import pytest

from fsa_data.evaluate import Background, Pair, summarise, write_report
from fsa_data.evaluate.report import STAND_IN
from tests.evaluate.tables import CLASSES, COVERAGE, FACTS, folds_of, make_table


class Reader(HTMLParser):
    """Collects tags, attributes and text; complains about tags that do not close."""

    VOID = ("meta", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def background():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return Background(
        config="setup: hybrid\nnote: <script>alert(1)</script>\n",
        audits={"fold ann": {"excluded": 7, "violations": 0}},
        provenance={"fsa-data": "0.1", "command": "python train/run.py source=folder:a&b"},
        gallery=[Pair(frame, frame[::-1], CLASSES[2], "ann", "donor<1>")],
    )


@pytest.fixture
def report(table, background, tmp_path):
    results = summarise(FACTS, folds_of(table), table, COVERAGE, {"total_s": 3.0})
    return write_report(tmp_path, results, table, background).read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(report):
    page = Reader(report)
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object", "base")
        for key in ("src", "href", "srcset", "poster", "action", "data"):
            assert attributes.get(key, "data:").startswith("data:")
    assert not re.search(r"https?://|url\(|@import|//[a-z]", re.sub(r"data:image/[^\"]+", "", report))


def test_classes_scores_and_outside_text_are_told_and_escaped(report, table):
    text = " ".join(Reader(report).words)
    for name in CLASSES:
        assert name in text
    for word in ("ann", "bea", "cyd", "donor<1>", "abc123", "<script>alert(1)</script>", "profile", "folder:a&b"):
        assert word in text
    results = summarise(FACTS, folds_of(table), table, COVERAGE, {})
    assert f"{results['test']['real']['macro_f1']:.3f}" in text
    assert f"{results['test']['fake']['macro_f1']:.3f}" in text


def test_every_picture_is_embedded_with_words(report):
    pictures = [attributes for tag, attributes in Reader(report).tags if tag == "img"]
    assert len(pictures) == 6  # two confusions, subjects, two coverages, one pair
    assert all(len(attributes["alt"]) > 20 for attributes in pictures)


def test_the_figures_are_files_too(report, tmp_path):
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {
        "confusion_real.png", "confusion_fake.png", "subjects_real.png", "subjects_fake.png", "coverage_class.png",
        "coverage_subject.png", "pair-00.jpg", "pairs.csv",
    }  # fmt: skip
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "figures").glob("*.png"))


@pytest.mark.parametrize(("data", "told"), [("simdrive", True), ("csv", False)])
def test_the_stand_in_says_so(table, background, tmp_path, data, told):
    results = summarise(FACTS, folds_of(table), table, COVERAGE, {}) | {"data": data}
    text = write_report(tmp_path, results, table, background).read_text(encoding="utf-8")
    assert (STAND_IN in text) is told


def test_a_run_without_fakes_has_no_side_table_and_no_coverage(tmp_path, background):
    table = make_table()
    nothing = {"swapped": 0, "skipped": 0, "by_reason": {}, "by_class": {}, "by_subject": {}}
    results = summarise(FACTS, folds_of(table), table, nothing, {}) | {"setup": "real_only"}
    bare = Background(background.config, background.audits, background.provenance)
    text = write_report(tmp_path, results, table, bare).read_text(encoding="utf-8")
    assert "swapped frames of held-out subjects" not in text
    assert "What could be swapped" not in text
    assert "Pairs" not in text


def test_an_absent_class_is_named(tmp_path, background):
    table = make_table(per_subject=3)
    results = summarise(FACTS, folds_of(table), table, COVERAGE, {})
    text = write_report(tmp_path, results, table, background).read_text(encoding="utf-8")
    assert "left out of macro-F1: Gähnen." in text
