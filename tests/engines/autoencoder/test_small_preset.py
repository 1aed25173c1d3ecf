"""What the small preset promises; minutes, so it runs with the slow tests only."""

import pytest

from benchmarks.autoencoder import BARS, measure
from fsa_data.engines.autoencoder.preset import PRESETS


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_procedural_people_are_learnt_and_swapped(tmp_path):
    got = measure(PRESETS["tiny"], tmp_path, "cpu")
    assert min(got["ssim_source"], got["ssim_target"]) >= BARS["ssim"]
    assert got["found_again"] >= BARS["found_again"]
    assert got["nearer_to_source"] >= BARS["nearer_to_source"]
    assert got["sample_share"] <= BARS["sample_share"]
