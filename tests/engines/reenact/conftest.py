"""Small sets of procedural faces and clips, and presets that train in seconds."""

from pathlib import Path

import pytest

from fsa_data.engines.dagan import preset as dagan
from fsa_data.engines.stargan2 import preset as stargan
from fsa_data.faces.clips import prepare_procedural_clips
from fsa_data.faces.domains import prepare_procedural_domains

STARGAN = {"img_size": 32, "max_conv_dim": 8, "dim_in": 4, "style_dim": 4, "latent_dim": 2, "hidden_dim": 8}
STARGAN |= {"w_hpf": 0.0, "iterations": 4, "batch_size": 2}
DAGAN = {"size": 64, "num_kp": 3, "block_expansion": 4, "max_features": 8, "num_bottleneck_blocks": 1}
DAGAN |= {"motion_expansion": 4, "motion_features": 8, "motion_blocks": 2, "kp_expansion": 4, "kp_features": 8}
DAGAN |= {"kp_blocks": 2, "judge_expansion": 4, "judge_features": 8, "judge_blocks": 2, "iterations": 4}
DAGAN |= {"batch_size": 2, "kp_hinge": True}


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "set"
    prepare_procedural_domains(2, 60, folder, 32, 2)
    return folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "set"
    prepare_procedural_clips(2, 60, folder, 64, frames=6, each=1)
    return folder


@pytest.fixture
def stargan_preset() -> stargan.StarganPreset:
    return stargan.StarganPreset(**STARGAN)


@pytest.fixture
def dagan_preset() -> dagan.DaganPreset:
    return dagan.DaganPreset(**DAGAN)
