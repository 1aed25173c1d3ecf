"""Faces that are hidden: only inside their own box, and so that nothing of them is left."""

import numpy as np
import pytest

from fsa_data import load_engine
from fsa_data.engines.hiding import GREY, NOBODY
from fsa_data.errors import ConfigError
from fsa_data.faces import oval_mask
from fsa_data.types import Reason, SwapEngine, paste

PARAMS = {"seed": 0, "slot": 0}


@pytest.mark.parametrize("how", ["face_blur", "face_cutout"])
def test_it_is_an_engine_and_stays_in_its_box(how, driver):
    frame, face = driver
    engine = load_engine(how)
    assert isinstance(engine, SwapEngine)
    swap = engine.swap(frame, face, (), PARAMS)
    assert (swap.reason, swap.source_identity) == (Reason.SWAPPED, NOBODY)
    assert swap.box.area <= 2 * face.box.area
    after = paste(frame, swap.box, swap.patch)
    outside = np.ones(frame.shape[:2], bool)
    outside[swap.box.slices] = False
    assert np.array_equal(after[outside], frame[outside])
    assert np.array_equal(engine.swap(frame, face, (), PARAMS).patch, swap.patch)


def test_nothing_of_a_face_is_left(driver):
    frame, face = driver
    cut, blurred = (load_engine(how).swap(frame, face, (), PARAMS) for how in ("face_cutout", "face_blur"))
    deep = oval_mask(face.points_px, cut.box) > 0
    deep &= np.hypot(*np.mgrid[: cut.box.h, : cut.box.w] - np.array(deep.shape)[:, None, None] / 2) < 0.25 * cut.box.w
    assert np.abs(cut.patch[deep].astype(int) - GREY).max() <= 1
    edges = [
        np.abs(np.diff(part.astype(int), axis=0))[deep[1:]].mean() for part in (frame[cut.box.slices], blurred.patch)
    ]
    assert edges[1] < 0.3 * edges[0]
    assert not np.array_equal(blurred.patch, cut.patch)


def test_limits_and_fingerprints(driver):
    frame, face = driver
    assert load_engine("face_blur", {"max_yaw_deg": 0}).swap(frame, face, (), PARAMS).reason is Reason.PROFILE
    assert load_engine("face_blur").fingerprint != load_engine("face_cutout").fingerprint
    with pytest.raises(ConfigError, match="leave merge out"):
        load_engine("face_blur", None, {"mode": "overlay"})
