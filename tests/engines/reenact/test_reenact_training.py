"""Trainings of re-enactment networks: exact resumption, what is learnt, what stands in the way."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fsa_data.engines import load_engine
from fsa_data.engines.dagan.depth_training import DepthTraining
from fsa_data.engines.dagan.networks import find_dagan, load_depth
from fsa_data.engines.dagan.preset import DaganPreset, DepthPreset
from fsa_data.engines.dagan.training import DaganTraining
from fsa_data.engines.reenact.loop import LoopOptions, train
from fsa_data.engines.reenact.pictures import read_clips, read_domains
from fsa_data.engines.reenact.presets import find_preset
from fsa_data.engines.snapshots import MOMENTS, WEIGHTS, find_snapshot
from fsa_data.engines.stargan2.preset import PRESETS, StarganPreset
from fsa_data.engines.stargan2.training import StarganTraining
from fsa_data.errors import ConfigError, DivergedError, UnknownNameError, WrongWeightsError
from fsa_data.nets.dagan_depth import DepthNet

OPTIONS = LoopOptions(device="cpu", snapshot_every=2, sheet_every=0)


def fresh_depth() -> DepthNet:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return DepthNet(18)


def training(kind: str, faces: Path, clips: Path, stargan: StarganPreset, dagan: DaganPreset):
    if kind == "stargan2":
        return StarganTraining(read_domains(faces, 32), stargan)
    if kind == "depth":
        return DepthTraining(read_clips(clips, 64, 3), DepthPreset(size=64, iterations=4, batch_size=2, lr=1e-4))
    return DaganTraining(read_clips(clips, 64), dagan, fresh_depth())


@pytest.mark.parametrize("kind", ["stargan2", "depth", "dagan"])
def test_stopped_and_gone_on_is_never_stopped(
    kind: str, faces: Path, clips: Path, stargan_preset, dagan_preset, tmp_path: Path
) -> None:
    def made():
        return training(kind, faces, clips, stargan_preset, dagan_preset)

    straight = train(made(), tmp_path / "straight", options=OPTIONS)
    train(made(), tmp_path / "halves", until=2, options=OPTIONS)
    halves = train(made(), tmp_path / "halves", options=OPTIONS)
    assert straight.iteration == halves.iteration == 4
    for name in (WEIGHTS, MOMENTS, "losses.csv"):
        assert (straight.snapshot / name).read_bytes() == (halves.snapshot / name).read_bytes(), name
    assert len(straight.losses.rows) == 4
    assert (tmp_path / "straight" / "sheets" / "00000004.png").is_file()
    again = train(made(), tmp_path / "halves", options=OPTIONS)
    assert again.iteration == 4


def test_weights_move_and_averages_follow(faces: Path, stargan_preset: StarganPreset) -> None:
    one = StarganTraining(read_domains(faces, 32), replace(stargan_preset, ema=0.5))
    before = {key: value.clone() for key, value in one.networks.state_dict().items()}
    one.step(one.draw(0), 0)
    after = one.networks.state_dict()
    for key in (key for key in before if key.startswith("generator.") and key.endswith("conv1.weight")):
        average = after[key.replace("generator.", "generator_ema.")]
        assert not torch.equal(before[key], after[key])
        torch.testing.assert_close(average, (before[key] + after[key]) / 2)


def test_the_depth_network_is_left_alone(clips: Path, dagan_preset: DaganPreset) -> None:
    one = DaganTraining(read_clips(clips, 64), dagan_preset, fresh_depth())
    before = {key: value.clone() for key, value in one.networks["depth"].state_dict().items()}
    one.networks.train()
    one.step(one.draw(0), 0)
    assert all(torch.equal(before[key], value) for key, value in one.networks["depth"].state_dict().items())


def test_another_number_of_key_points_is_named(clips: Path, dagan_preset: DaganPreset, tmp_path: Path) -> None:
    train(DaganTraining(read_clips(clips, 64), dagan_preset, fresh_depth()), tmp_path, until=1, options=OPTIONS)
    other = DaganTraining(read_clips(clips, 64), replace(dagan_preset, num_kp=4), fresh_depth())
    with pytest.raises(WrongWeightsError, match="num_kp is 3 there, 4 is wanted"):
        train(other, tmp_path, options=OPTIONS)
    with pytest.raises(WrongWeightsError, match="holds networks of dagan, not of depth"):
        load_depth(tmp_path)


def test_the_guard_knows_whom_they_have_seen(
    clips: Path, faces: Path, dagan_preset: DaganPreset, stargan_preset: StarganPreset, tmp_path: Path
) -> None:
    made = DaganTraining(read_clips(clips, 64), dagan_preset, fresh_depth(), depth_identities=frozenset({"a"}))
    train(made, tmp_path / "d", until=1, options=OPTIONS)
    train(StarganTraining(read_domains(faces, 32), stargan_preset), tmp_path / "s", until=1, options=OPTIONS)
    people = read_clips(clips, 64).identities
    assert len(people) == 2
    assert load_engine(f"dagan:{tmp_path / 'd'}").trained_on == people | {"a"}
    assert load_engine(f"stargan2:{tmp_path / 's'}").trained_on == people
    assert find_dagan(tmp_path / "d").path == find_snapshot(tmp_path / "d")


def test_a_loss_that_is_no_number_ends_it(faces: Path, stargan_preset: StarganPreset, tmp_path: Path) -> None:
    broken = StarganTraining(read_domains(faces, 32), stargan_preset)
    torch.nn.init.constant_(broken.networks["generator"].from_rgb.weight, float("nan"))
    with pytest.raises(DivergedError, match="is no number at step 1"):
        train(broken, tmp_path, options=OPTIONS)


def test_presets() -> None:
    assert find_preset(PRESETS, "celeba_hq", {"batch_size": 2}).batch_size == 2
    with pytest.raises(UnknownNameError, match="batch_siz"):
        find_preset(PRESETS, "tiny", {"batch_siz": 2})
    with pytest.raises(ConfigError, match="batch_size must be a whole number"):
        find_preset(PRESETS, "tiny", {"batch_size": "two"})
    with pytest.raises(ConfigError, match="size must be a multiple of 32"):
        DaganPreset(size=100)
