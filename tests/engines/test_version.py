"""Pixels may only change together with the version: the version is in the key of every stored swap."""

from dataclasses import astuple

import numpy as np
from make_golden import PATH, swap

from fsa_data.engines.mesh_warp import ALGORITHM_VERSION, MeshWarp, MeshWarpOptions
from fsa_data.merge import MergeOptions


def test_the_same_version_draws_the_same_pixels():
    with np.load(PATH, allow_pickle=False) as file:
        saved = dict(file)
    again = "raise ALGORITHM_VERSION, then python tests/engines/make_golden.py"
    assert saved["version"] == ALGORITHM_VERSION, again
    drawn = swap(saved)
    assert astuple(drawn.box) == tuple(saved["box"].tolist()), again
    apart = np.abs(drawn.patch.astype(int) - saved["patch"])
    # another processor may round a pixel the other way, not more
    assert apart.max() <= 1, again
    assert (apart > 0).mean() < 0.02, again


def test_equal_options_have_one_fingerprint():
    plain = MeshWarp().fingerprint
    same = MeshWarp(MeshWarpOptions(max_yaw_deg=48, min_size_px=24), MergeOptions(colour=1, sharpness=1)).fingerprint
    assert repr(same) == repr(plain)
    assert MeshWarp(MeshWarpOptions(max_yaw_deg=47)).fingerprint != plain
