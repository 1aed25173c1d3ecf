import numpy as np
import pytest

from fsa_data import simdrive
from fsa_data.engines import load_engine
from fsa_data.faces import load_landmarker
from fsa_data.sources import find_faces, load_source
from fsa_data.worker import wear


@pytest.fixture(scope="module")
def driver():
    frame = np.full((240, 320, 3), 70, np.uint8)
    frame[20:220, 60:260] = simdrive.identity_photo(0, 3, -12, 4, 200)
    (face,) = load_landmarker()(frame)
    return frame, face


def test_a_clip_keeps_to_the_transfer_chosen_first(driver, monkeypatch):
    frame, face = driver
    engine = load_engine("mesh_warp", merge={"colour": "auto"})
    donors = find_faces(load_source("portraits").photos, load_landmarker())
    person = wear.meet(engine, [wear.cut_out(frame, face)], donors, seed=0)
    chosen = person.transfer
    assert chosen in ("mkl-l", "idt-l")
    # a frame that on its own would be judged otherwise
    monkeypatch.setattr("fsa_data.merge.choose_colour.rule", lambda looks: ("rct", "test"))
    swap = wear.swap_person(engine, frame, face, person, steady=False)
    assert swap.notes["colour"] == chosen
    assert engine.swap(frame, face, donors, {"seed": 0, "slot": 0}).notes["colour"] == "rct"


def test_the_own_way_chooses_none(driver):
    frame, face = driver
    donors = find_faces(load_source("portraits").photos, load_landmarker())
    person = wear.meet(load_engine("mesh_warp"), [wear.cut_out(frame, face)], donors, seed=0)
    assert person.identity
    assert person.transfer == ""


def test_motion_blur_follows_the_face(driver):
    """The first frame of a person is sharp; a frame after a jump is blurred along it, one at rest is not."""
    frame, face = driver
    engine = load_engine("mesh_warp", merge={"colour": "rct", "motion_blur": 100})
    donors = find_faces(load_source("portraits").photos, load_landmarker())
    person = wear.meet(engine, [wear.cut_out(frame, face)], donors, seed=0)
    there = np.roll(frame, 12, axis=1)
    still, rest = (wear.swap_person(engine, frame, face, person, steady=False) for _ in range(2))
    moved = wear.swap_person(engine, there, face.moved(12, 0), person, steady=False)
    assert np.array_equal(still.patch, rest.patch)
    assert moved.patch.shape == still.patch.shape
    across = [np.abs(np.diff(each.patch.astype(int), axis=1)).mean() for each in (still, moved)]
    assert across[1] < 0.9 * across[0]
