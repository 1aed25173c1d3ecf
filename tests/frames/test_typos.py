"""Labels by one wrong letter: told where they are probably not meant, left alone elsewhere."""

import warnings
from pathlib import Path

import pytest

from fsa_data.errors import UnknownNameError
from fsa_data.frames.labels import MASKDAR, MASKDAR_CODES
from fsa_data.frames.typos import check_labels, nearest

TABLE = Path("frames.csv")


def rows(*labels):
    return list(enumerate(labels, start=2))


@pytest.mark.parametrize("label", ["Yawm", "Yaw", "Yawnn", "Yanw", "yawn", " Yawn", "Ya_wn", "awn", "Ywan"])
def test_one_slip_is_near(label):
    assert nearest(label, ["Drink", "Yawn"]) == "Yawn"


@pytest.mark.parametrize(
    ("label", "other"),
    [
        *(("Yawn", "Yarns"), ("Yawn", "Dawns"), ("Drink", "Drive"), ("LookLeft", "LookRight"), ("Yawn", "Yawn")),
        *(("phone1", "phone2"), ("c1", "c10"), ("C03", "C04"), ("on", "in"), ("Yanw", "Yawm"), ("left", "elf")),
    ],
)
def test_others_are_not(label, other):
    assert nearest(label, [other]) == nearest(other, [label]) == ""


def test_a_rare_label_beside_a_frequent_one_is_told_with_its_row():
    with pytest.warns(
        UserWarning, match=r"row 12: the label 'Smoek' \(1 rows\) looks like 'Smoke' \(10 rows\)"
    ) as told:
        check_labels(TABLE, rows(*["Smoke"] * 10, "Smoek", "Eat"))
    assert len(told) == 1


def test_the_same_but_for_case_is_told_however_frequent():
    with pytest.warns(UserWarning, match=r"row 2: the label 'eat' \(2 rows\) looks like 'Eat' \(3 rows\)"):
        check_labels(TABLE, rows("eat", "Eat", "Eat", "eat", "Eat"))


def test_two_frequent_labels_may_look_alike():
    with warnings.catch_warnings(action="error"):
        check_labels(TABLE, rows(*["Walk"] * 9, "Talk", *["Eat", "Heat"] * 9))


@pytest.mark.parametrize("wrong", ["Yawm", "lookleft", "Texting Left"])
def test_one_that_is_not_maskdars_among_maskdars_is_an_error(wrong):
    with pytest.raises(UnknownNameError, match=rf"label in frames.csv, row 17: '{wrong}'. Did you mean '") as caught:
        check_labels(TABLE, rows(*MASKDAR.names, wrong, wrong))
    assert nearest(wrong, MASKDAR.names) in str(caught.value).split("Known")[0]


@pytest.mark.parametrize("labels", [(*MASKDAR.names, "Smoke"), (*MASKDAR_CODES, "C15"), ("Drink", "Yawm", "Eat")])
def test_own_classes_beside_maskdars_are_welcome(labels):
    with warnings.catch_warnings(action="error"):
        check_labels(TABLE, rows(*labels))
