import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.evaluate import Fold, choose, group_kfold, loso
from fsa_data.evaluate.folds import file_name

FRAMES = ["b"] * 3 + ["a"] * 5 + ["c"] * 2


def test_loso_holds_every_subject_out_once():
    assert loso(FRAMES) == [Fold("a", ("a",)), Fold("b", ("b",)), Fold("c", ("c",))]


def test_group_kfold_partitions_the_subjects_and_balances_frames():
    frames = [f"s{i:02d}" for i in range(12) for _ in range(1 + i % 3)]
    folds = group_kfold(frames, 4)
    tested = [s for fold in folds for s in fold.test_subjects]
    assert sorted(tested) == sorted(set(frames))
    assert [fold.name for fold in folds] == ["group-0", "group-1", "group-2", "group-3"]
    sizes = [sum(frames.count(s) for s in fold.test_subjects) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("frames", [[], ["only"], ["only", "only"]])
@pytest.mark.parametrize("make", [loso, group_kfold])
def test_one_subject_cannot_be_cross_validated(make, frames):
    with pytest.raises(ConfigError, match=f"at least 2 subjects, got {len(set(frames))}"):
        make(frames)


@pytest.mark.parametrize("k", [0, 1, 4])
def test_group_kfold_refuses_more_folds_than_subjects(k):
    with pytest.raises(ConfigError, match=rf"cv\.k={k}: expected 2 to 3"):
        group_kfold(FRAMES, k)


def test_choose_by_name_subject_and_number():
    folds = loso(["x y", "z", "w"])
    assert [f.test_subjects[0] for f in choose(folds, ["x y", 0])] == ["w", "x y"]
    assert choose(folds, ["x%20y", 1, "x y"]) == [folds[1]]
    assert choose(folds, None) == folds


def test_a_subject_that_looks_like_a_number_is_chosen_by_its_string():
    folds = loso(["7", "8", "9"])
    assert choose(folds, ["7"]) == [folds[0]]
    assert choose(folds, [2]) == [folds[2]]


@pytest.mark.parametrize("wanted", [["zz"], [3], [-1]])
def test_unknown_folds_are_named_with_the_known_ones(wanted):
    with pytest.raises(UnknownNameError, match=r"Unknown fold .*Known: 0, 1, 2, a, b, c"):
        choose(loso(FRAMES), wanted)


def test_no_fold_at_all_is_an_error():
    with pytest.raises(ConfigError, match="empty"):
        choose(loso(FRAMES), [])


@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=6, unique=True))
def test_names_are_safe_and_distinct_even_without_case(subjects):
    names = [fold.name for fold in loso(subjects)]
    assert all(re.fullmatch(r"[A-Za-z0-9_%-][A-Za-z0-9._%-]*", name) and len(name) <= 90 for name in names)
    assert len({name.casefold() for name in names}) == len(subjects)


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_texts_keep_different_file_names(a, b):
    assert (file_name(a) == file_name(b)) == (a == b)
