import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fsa_data.errors import BadTableError
from fsa_data.evaluate import FAKE, REAL, concatenate, fold_predictions, read_predictions, write_predictions
from fsa_data.evaluate.predictions import COLUMNS
from tests.evaluate.tables import CLASSES, make_table


def assert_same(a, b):
    assert a.classes == b.classes
    for name in (*COLUMNS, "probability"):
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype, name
        assert left.tolist() == right.tolist(), name


def test_round_trip_is_exact(table, tmp_path):
    write_predictions(tmp_path / "predictions.csv", table)
    assert_same(read_predictions(tmp_path / "predictions.csv"), table)


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)


@given(
    hnp.arrays(np.float32, (3, 2), elements=st.floats(0, 1, width=32)),
    st.lists(st.tuples(text, text, text), min_size=3, max_size=3),
    st.lists(text, min_size=2, max_size=2, unique=True),
)
def test_any_text_and_any_float32_survive(tmp_path_factory, probability, strings, classes):
    subject, frame, source = zip(*strings, strict=True)
    table = fold_predictions(
        classes, probability, np.array([0, 1, 1]), seed=-3, fold="f", domain=FAKE,
        subject=subject, frame=frame, source_identity=source,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("table") / "p.csv"
    write_predictions(path, table)
    assert_same(read_predictions(path), table)


def test_the_file_names_classes_and_keeps_the_column_order(table, tmp_path):
    write_predictions(tmp_path / "p.csv", table)
    with (tmp_path / "p.csv").open(newline="") as file:
        header, first, *_ = csv.reader(file)
    assert header == [
        "seed", "fold", "subject", "frame", "domain", "source_identity", "label", "prediction",
        *(f"p_{name}" for name in CLASSES),
    ]  # fmt: skip
    assert first[6] == CLASSES[table.label[0]]


def test_the_prediction_is_the_most_probable_class(table):
    assert (table.probability[np.arange(len(table)), table.prediction] == table.probability.max(axis=1)).all()


def test_an_empty_table_survives(tmp_path):
    empty = make_table().where(np.zeros(36, bool))
    write_predictions(tmp_path / "p.csv", empty)
    assert_same(read_predictions(tmp_path / "p.csv"), empty)


def test_domains(table):
    assert set(table.domain_rows(REAL).domain) == {REAL}
    assert len(table.domain_rows(REAL)) + len(table.domain_rows(FAKE)) == len(table)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.replace("source_identity", "source", 1), "expected columns"),
        (lambda t: t.replace("Gähnen,", "Yawn,", 1), "expected columns|known class names"),
        (lambda t: t.rsplit(",", 1)[0] + "\n", "expected 12 values"),
        (lambda t: t.rsplit(",", 1)[0] + ",much\n", "no number"),
        (lambda t: "", "expected columns"),
    ],
)
def test_damaged_files_are_refused(table, tmp_path, damage, message):
    path = tmp_path / "p.csv"
    write_predictions(path, table)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(BadTableError, match=message):
        read_predictions(path)


def test_tables_of_different_classes_do_not_join():
    with pytest.raises(BadTableError, match="same classes"):
        concatenate([make_table(), make_table(classes=CLASSES[:3])])
    with pytest.raises(BadTableError, match="same classes"):
        concatenate([])


def test_columns_must_have_one_length():
    with pytest.raises(BadTableError, match="unequal length"):
        fold_predictions(
            ("a", "b"), np.zeros((2, 2), np.float32), np.zeros(2, np.int64), seed=0, fold="f", domain=REAL,
            subject=["x"], frame=["1", "2"], source_identity=["", ""],
        )  # fmt: skip
