import json
import pickle

import numpy as np
import pytest

from fsa_data.engines import MeshWarp, load_engine
from fsa_data.engines.load import ENGINES, Kind
from fsa_data.engines.mesh_warp import MeshWarpOptions
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import oval_mask
from fsa_data.merge import MergeOptions, PasteOptions, find_showing, merge_options
from fsa_data.merge.paste_options import THESIS
from fsa_data.types import Reason, paste

PARAMS = {"seed": 0, "slot": 0}


def swapped(merge, driver, portraits, **params):
    return load_engine("mesh_warp", merge=merge).swap(*driver, portraits, {**PARAMS, **params})


@pytest.mark.parametrize(
    "merge",
    [
        {"colour": "lct"},
        {"colour": "none"},
        {"preset": "thesis"},
        {"mode": "seamless", "erode": 20},
        {"mode": "raw"},
        {"preset": "thesis", "colour": "auto", "mask_mode": 1},
    ],
)
def test_mesh_warp_takes_every_way(merge, driver, portraits):
    frame, face = driver
    swap = swapped(merge, driver, portraits)
    assert swap.reason is Reason.SWAPPED
    assert swap.box.area <= 2 * face.box.area
    out = paste(frame, swap.box, swap.patch)
    differs = (out != frame).any(axis=2)
    hull = oval_mask(face.points_px, swap.box)
    assert differs[swap.box.slices][hull > 250].mean() > 0.3
    again = swapped(merge, driver, portraits)
    assert np.array_equal(swap.patch, again.patch)
    assert swap.notes == again.notes
    json.dumps(swap.notes)
    assert swap.source_identity in {donor.identity for donor in portraits}


def test_the_choice_is_in_the_notes(driver, portraits):
    notes = swapped({"colour": "auto"}, driver, portraits).notes
    assert notes["colour"] in ("mkl-l", "idt-l")
    assert notes["colour_why"]
    assert notes["complexion_distance"] > 0
    assert swapped({"colour": "lct"}, driver, portraits).notes["colour"] == "lct"
    # a clip keeps to one choice
    kept = swapped({"colour": "auto"}, driver, portraits, colour="rct")
    assert kept.notes["colour"] == "rct"
    assert np.array_equal(kept.patch, swapped({"colour": "rct"}, driver, portraits).patch)


def test_an_untransferred_face_has_the_donors_colours(driver, portraits):
    frame, face = driver
    plain, moved = (swapped({"colour": c}, driver, portraits) for c in ("none", "rct"))
    hull = oval_mask(face.points_px, moved.box) > 250
    assert plain.box == moved.box
    tone = [each[hull].mean(axis=0) for each in (frame[moved.box.slices], plain.patch, moved.patch)]
    assert np.abs(tone[2] - tone[0]).max() < 0.3 * np.abs(tone[1] - tone[0]).max()


def test_a_hand_in_front_stays(driver, portraits):
    frame, face = driver
    covered = frame.copy()
    x, y = face.points_px[280, :2].astype(int)  # a cheek
    covered[y - 14 : y + 14, x - 14 : x + 14] = (20, 60, 200)
    inner = slice(y - 9, y + 9), slice(x - 9, x + 9)
    showing = find_showing(covered, face)
    mine = showing.share[y - 9 - showing.box.y :][:18, x - 9 - showing.box.x :][:, :18]
    assert mine.max() == 0
    assert showing.front.mask.any()
    for merge in ({"colour": "rct"}, {"mode": "seamless"}):
        swap = load_engine("mesh_warp", merge=merge).swap(covered, face, portraits, PARAMS)
        out = paste(covered, swap.box, swap.patch)
        assert np.array_equal(out[inner], covered[inner])
    blind = load_engine("mesh_warp", merge={"colour": "rct", "occluders": False})
    assert not blind.uses_reference
    painted = paste(covered, *(lambda s: (s.box, s.patch))(blind.swap(covered, face, portraits, PARAMS)))
    assert (painted[inner] != covered[inner]).any()


def test_a_mask_that_leaves_nothing_is_an_outcome(driver, portraits):
    swap = swapped({"mode": "overlay", "erode": 400}, driver, portraits)
    assert swap.reason is Reason.TOO_SMALL
    assert swap.notes["mask"] == "leaves nothing"


def test_the_own_way_is_untouched(driver, portraits):
    """Ways of merging are told apart by what is asked for, and are different engines for a store."""
    assert merge_options({"erode": 0.1}) == MergeOptions(erode=0.1)
    assert merge_options({"erode": 30}, PasteOptions(blur=7)) == PasteOptions(erode=30, blur=7)
    assert merge_options({"colour": "lct", "erode": 30}) == PasteOptions(colour="lct", erode=30)
    assert merge_options({"colour": 0.5}) == MergeOptions(colour=0.5)
    assert merge_options(THESIS) is THESIS
    marks = [
        json.dumps(load_engine("mesh_warp", merge=m).fingerprint, sort_keys=True)
        for m in (None, {"colour": "rct"}, {"colour": "lct"}, {"preset": "thesis"}, THESIS, {"mode": "overlay"})
    ]
    assert marks[3] == marks[4]
    assert marks[1] == marks[5]
    assert len(set(marks)) == 4
    assert "paste" not in json.loads(marks[0])["merge"]


def test_an_engine_that_predicts_takes_paste_options(monkeypatch):
    seen = []
    kind = Kind(lambda argument, options, merge, device: seen.append(merge), MeshWarpOptions, merge=PasteOptions())
    monkeypatch.setitem(ENGINES, "network", kind)
    load_engine("network", merge={"erode": 12})
    load_engine("network")
    assert seen == [PasteOptions(erode=12), PasteOptions()]


def test_it_is_picklable(driver, portraits):
    engine = pickle.loads(pickle.dumps(load_engine("mesh_warp", merge={"preset": "thesis"})))
    assert np.array_equal(
        engine.swap(*driver, portraits, PARAMS).patch, swapped({"preset": "thesis"}, driver, portraits).patch
    )


@pytest.mark.parametrize(
    ("merge", "error", "message"),
    [
        (
            {"mode": "overlay", "mask_mode": 9},
            ConfigError,
            "mask_mode=9 .* needs an XSeg model, and this engine has none",
        ),
        ({"colour": "lct", "feather": 0.1}, ConfigError, "no option 'feather'"),
        ({"preset": "dfl"}, UnknownNameError, "merge preset"),
        ({"erode": 80}, ConfigError, r"merge.erode must lie in 0..0.5, got 80"),
    ],
)
def test_wrong_ways(merge, error, message):
    with pytest.raises(error, match=message):
        load_engine("mesh_warp", merge=merge)
    if "feather" not in merge and "preset" not in merge and "mode" in merge:
        with pytest.raises(error, match=message):
            MeshWarp(merge=PasteOptions(**merge))
