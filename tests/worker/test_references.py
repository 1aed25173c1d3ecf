"""References: made once, found again, never another person's."""

from dataclasses import replace

import numpy as np
import pytest

from fsa_data.engines import load_engine
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.sources import load_source
from fsa_data.store import SwapStore
from fsa_data.store.keys import as_hex
from fsa_data.worker import Recipe, materialise, plan


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return LabelledFrames.from_simdrive(root=tmp_path_factory.mktemp("data"), subjects=2, frames=1)


@pytest.fixture(scope="module")
def recipe():
    return Recipe(load_source("portraits"), load_engine("mesh_warp"), load_landmarker(), 120)


def make(frames, recipe, store, workers=0):
    return materialise(frames, recipe.source, recipe.engine, store, working_size=recipe.working_size, workers=workers)


def swaps(frames, recipe, store):
    return as_hex(plan(frames, recipe, store).swap_keys[:, 0])


@pytest.fixture(scope="module")
def filled(frames, recipe, tmp_path_factory):
    """A store in which everything of twelve frames per person has been made."""
    store = SwapStore(tmp_path_factory.mktemp("store"))
    some = frames.subset(frames.label < 12)
    before = swaps(some, recipe, store)
    report = make(some, recipe, store)
    assert report.made > 20
    store.refresh()
    assert swaps(some, recipe, store) == before  # known before anything was decoded
    return store


def test_every_swap_says_how_it_told_what_is_in_front(frames, recipe, filled):
    some = frames.subset(frames.label < 12)
    notes = [filled.get_swap(key) for key in swaps(some, recipe, filled)]
    assert {swap.notes["occluders_by"] for swap in notes if swap.swapped} == {"reference"}
    assert filled.info().references == 2


def test_frames_added_later_change_no_key(frames, recipe, filled):
    some = frames.label < 12
    fewer, more = swaps(frames.subset(some), recipe, filled), swaps(frames, recipe, filled)
    assert [key for key, kept in zip(more, some, strict=True) if kept] == fewer
    alone = SwapStore(filled.path.with_name("alone"))
    assert set(swaps(frames, recipe, alone)).isdisjoint(fewer)  # from scratch it is another reference


def test_a_part_of_the_frames_is_found_again(frames, recipe, filled):
    report = make(frames.subset(frames.label == 5), recipe, filled)
    assert (report.made, report.frames_decoded, report.faces_detected) == (0, 0, 0)


def test_another_person_of_the_same_name_has_a_reference_of_their_own(frames, recipe, filled, tmp_path):
    others = LabelledFrames.from_simdrive(root=tmp_path / "data", subjects=1, frames=1, seed=7)
    named = replace(others, subject=np.full(len(others), "sim0-00"))
    mine = {group.key for group in plan(named, recipe, filled).groups}
    theirs = {group.key for group in plan(frames, recipe, filled).groups}
    assert mine.isdisjoint(theirs)


def test_conditions_and_views_have_references_of_their_own(frames, recipe):
    half = np.where(np.arange(len(frames)) // 2 % 2 == 0, "masked", "unmasked")
    assert len(plan(frames, recipe).groups) == 2
    assert len(plan(replace(frames, condition=half), recipe).groups) == 4
    assert len(plan(replace(frames, view=half), recipe).groups) == 4


def test_too_few_frames_fall_back_to_colour_and_say_so(frames, recipe, tmp_path):
    few = frames.subset((frames.label < 3) & (frames.subject == "sim0-00"))
    store = SwapStore(tmp_path / "store")
    assert make(few, recipe, store).made == 3
    store.refresh()
    assert {store.get_swap(key).notes["occluders_by"] for key in swaps(few, recipe, store)} == {"colour"}
    again = make(few, recipe, store)
    assert (again.made, again.reused, again.faces_detected) == (0, 3, 0)


def test_once_there_are_enough_frames_a_reference_is_made(frames, recipe, tmp_path):
    store = SwapStore(tmp_path / "store")
    mine = frames.subset(frames.subject == "sim0-00")
    make(mine.subset(mine.label < 3), recipe, store)
    make(mine, recipe, store)
    store.refresh()
    found = [store.get_swap(key) for key in swaps(mine, recipe, store)]
    assert {swap.notes["occluders_by"] for swap in found if swap.swapped} == {"reference"}


def test_processes_make_what_one_makes(frames, recipe, filled, tmp_path):
    some = frames.subset(frames.label < 12)
    other = SwapStore(tmp_path / "store")
    make(some, recipe, other, workers=2)
    other.refresh()
    for key in swaps(some, recipe, other):
        one, two = filled.get_swap(key), other.get_swap(key)
        assert (one.reason, one.box, one.notes) == (two.reason, two.box, two.notes)
        assert one.patch is None or np.array_equal(one.patch, two.patch)
    for group in plan(some, recipe, other).groups:
        assert np.array_equal(filled.get_reference(group.key).colour, other.get_reference(group.key).colour)


def test_an_engine_that_uses_none_has_none(frames, tmp_path):
    engine = load_engine("mesh_warp", None, {"occluders": False})
    made = Recipe(load_source("portraits"), engine, load_landmarker(), 120)
    assert plan(frames, made).groups == ()
    store = SwapStore(tmp_path / "store")
    materialise(frames.subset([0]), made.source, engine, store, working_size=120)
    assert store.info().references == 0
