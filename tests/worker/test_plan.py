import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_parts import CentreFace, Paint, PhotoBox, frames_of

from fsa_data.engines import load_engine
from fsa_data.errors import ConfigError, DatasetNotFoundError
from fsa_data.store.keys import as_hex
from fsa_data.types import Photo
from fsa_data.worker import Recipe, plan


def unseen():
    raise AssertionError("a plan decodes nothing")


class Blind(CentreFace):
    def __call__(self, image, closely=True):
        raise AssertionError("a plan looks at nothing")


ANN, BOB, CAT, DAN = (
    Photo(name, digest * 16, unseen, {}) for name, digest in zip("abcd", ("0a", "0b", "0c", "0d"), strict=True)
)


def recipe(*photos, **options):
    given = {"engine": Paint(), "landmarker": Blind(), "working_size": 240, "fakes_per_frame": 1, "seed": 0}
    return Recipe(PhotoBox(photos or (ANN, BOB)), **(given | options))


@pytest.fixture
def frames(tmp_path):
    return frames_of(tmp_path, 4)


def keys(frames, made):
    return as_hex(plan(frames, made).swap_keys.ravel())


def test_keys_are_pinned(tmp_path):
    # If these change, every store in the world is recomputed: raise KEY_VERSION only on purpose.
    frames = frames_of(tmp_path, 1)
    (tmp_path / "0.png").write_bytes(b"the bytes of a frame")
    made = plan(frames, recipe(fakes_per_frame=2))
    assert as_hex(made.swap_keys[0]) == ["db3397d850790101b7bf561c2d524868", "3a89832dd1d37f554d6343a81303df25"]
    assert as_hex(made.frame_keys) == ["4507980e502e828628a3017cf0c29440"]
    assert as_hex(made.faces_keys) == ["5be24888122303b77b720ee6748d50b9"]
    assert made.seeds.tolist() == [216098110737105]


INGREDIENTS = {
    "landmarker": lambda: recipe(landmarker=Blind("other")),
    "engine version": lambda: recipe(engine=Paint(version=2)),
    "engine option": lambda: recipe(engine=Paint(option="x")),
    "photo": lambda: recipe(ANN, CAT),
    "one photo more": lambda: recipe(ANN, BOB, CAT),
    "one photo less": lambda: recipe(ANN),
    "identity of a photo": lambda: recipe(ANN, replace(BOB, identity="z")),
    "content of a photo": lambda: recipe(ANN, replace(BOB, digest="ff" * 16)),
    "working size": lambda: recipe(working_size=224),
    "exact size": lambda: recipe(working_size=(240, 240)),
    "native size": lambda: recipe(working_size=None),
    "seed": lambda: recipe(seed=1),
}


@pytest.mark.parametrize("name", INGREDIENTS)
def test_every_ingredient_changes_every_key(frames, name):
    changed = INGREDIENTS[name]()
    assert not set(keys(frames, recipe())) & set(keys(frames, changed))


def test_merge_and_engine_options_are_ingredients(frames):
    plain = load_engine("mesh_warp")
    engines = [plain, load_engine("mesh_warp", {"max_yaw_deg": 40.0}), *_merges(plain)]
    found = [keys(frames, recipe(engine=engine))[0] for engine in engines]
    assert len(set(found)) == len(engines) >= 3


def _merges(plain):
    """The engine with each numeric merge option changed."""
    for name, value in plain.fingerprint["merge"].items():
        if type(value) is float:
            yield load_engine("mesh_warp", None, {name: value * 0.5})
            return


def test_frames_and_slots_differ(frames):
    found = keys(frames, recipe(fakes_per_frame=3))
    assert len(set(found)) == 12


def test_more_slots_keep_the_first_ones(frames):
    three, one = plan(frames, recipe(fakes_per_frame=3)), plan(frames, recipe())
    assert np.array_equal(three.swap_keys[:, :1], one.swap_keys)


def test_what_is_no_ingredient(frames, tmp_path):
    expected = keys(frames, recipe())
    assert keys(frames, recipe(BOB, ANN)) == expected  # order of the photos
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in frames.path:
        shutil.copy(path, moved)  # path and times
    relabelled = replace(
        frames,
        path=np.array([str(moved / f"{i}.png") for i in range(4)]),
        label=frames.label[::-1].copy(),
        condition=np.full(4, "masked"),
    )
    assert keys(relabelled, recipe()) == expected
    assert keys(frames, recipe(identities={"nobody": "else"})) == expected


def test_a_frame_never_gets_its_own_subject(tmp_path):
    frames = frames_of(tmp_path, 4, subjects=("a", "b"))
    made = plan(frames, recipe(ANN, BOB, CAT))
    assert [made.allowed[at] for at in made.allowed_of] == [(1, 2), (0, 2)] * 2


def test_the_identity_map_brings_names_together(tmp_path):
    frames = frames_of(tmp_path, 2, subjects=("user1", "user2"))
    made = plan(frames, recipe(ANN, BOB, CAT, DAN, identities={"user1": "P", "a": "P", "c": "P", "user2": "d"}))
    assert [made.allowed[at] for at in made.allowed_of] == [(1, 3), (0, 1, 2)]


def test_nobody_allowed_is_an_answer_too(tmp_path):
    frames = frames_of(tmp_path, 1, subjects=("a",))
    made = plan(frames, recipe(ANN))
    assert made.allowed == ((),)
    assert len(made.swap_keys) == 1


def test_frames_only(frames):
    made = plan(frames, Recipe(None, None, Blind(), 240, 0))
    assert made.swap_keys.shape == (4, 0)
    assert np.array_equal(made.frame_keys, plan(frames, recipe()).frame_keys)


def test_seeds_differ_between_frames_and_are_small_enough_for_json(frames):
    seeds = plan(frames, recipe()).seeds
    assert len(set(seeds.tolist())) == 4
    assert ((seeds >= 0) & (seeds < 2**48)).all()


def test_a_missing_file_is_named(frames):
    Path(frames.path[2]).unlink()
    with pytest.raises(DatasetNotFoundError, match=r"2\.png"):
        plan(frames, recipe())


@pytest.mark.parametrize("options", [{"fakes_per_frame": -1}, {"engine": None}])
def test_refuses_recipes_that_make_no_sense(options):
    with pytest.raises(ConfigError):
        recipe(**options)
