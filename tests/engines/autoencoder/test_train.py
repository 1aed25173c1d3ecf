"""The loop: it learns, stops and goes on to the bit, starts from others, and survives losses that are no numbers."""

import importlib.util
import json
import logging
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from fsa_data.engines.autoencoder import train as loop
from fsa_data.engines.autoencoder.preset import PRESETS, load_preset
from fsa_data.engines.autoencoder.samples import SampleMaker
from fsa_data.engines.autoencoder.snapshot import read_state
from fsa_data.engines.autoencoder.step import Step
from fsa_data.engines.autoencoder.train import TrainOptions, extended, is_warped, lr_share, train
from fsa_data.engines.snapshots import MOMENTS, find_snapshot, locked, read_tensors, snapshots
from fsa_data.errors import (
    ConfigError,
    DivergedError,
    OutputError,
    RunDirectoryError,
    UnknownNameError,
    WrongWeightsError,
)
from tests.engines.autoencoder.tiny import made_up_faces, tiny

QUIET = TrainOptions(device="cpu", progress=False, preview_every=0, snapshot_every=3)


@pytest.fixture(scope="module")
def sides():
    return made_up_faces("src", 0), made_up_faces("dst", 1)


def _bits(folder):
    snapshot = find_snapshot(folder)
    return {**read_tensors(snapshot), **read_tensors(snapshot, MOMENTS)}, read_state(snapshot)


@pytest.mark.parametrize(
    "changes",
    [
        {"archi": "df-ud"},
        {"archi": "liae", "optimiser": "rmsprop", "lr_dropout": 0.3, "lr_cosine": True, "warp_share": 0.5, "hsv": 0.1},
        {"archi": "df", "gan": 0.1, "true_face": 0.1, "gan_dims": 4, "colour_transfer": "rct", "eyes_mouth": True},
    ],
)
def test_stopped_and_resumed_is_straight_through_bit_for_bit(tmp_path, sides, changes):
    preset = tiny(**changes)
    train(*sides, tmp_path / "straight", preset, options=QUIET)
    assert train(*sides, tmp_path / "stopped", preset, until=2, options=QUIET).iteration == 2
    assert train(*sides, tmp_path / "stopped", preset, options=QUIET).iteration == 6
    straight, stopped = _bits(tmp_path / "straight"), _bits(tmp_path / "stopped")
    assert straight[0].keys() == stopped[0].keys()
    assert [key for key in straight[0] if not torch.equal(straight[0][key], stopped[0][key])] == []
    assert straight[1].history == stopped[1].history
    assert torch.equal(straight[1].random["samples"], stopped[1].random["samples"])


def test_another_seed_is_another_training(tmp_path, sides):
    train(*sides, tmp_path / "a", tiny(), until=1, options=QUIET)
    train(*sides, tmp_path / "b", tiny(), until=1, seed=1, options=QUIET)
    a, b = _bits(tmp_path / "a"), _bits(tmp_path / "b")
    assert not torch.equal(a[0]["net.encoder.layers.0.0.weight"], b[0]["net.encoder.layers.0.0.weight"])


def test_twenty_steps_learn_something_and_leave_what_they_promise(tmp_path, sides):
    options = TrainOptions(device="cpu", progress=False, preview_every=10, snapshot_every=5)
    report = train(*sides, tmp_path, tiny(iterations=20), options=options)
    state = read_state(report.snapshot)
    assert len(state.history) == report.iteration == 20
    early, late = np.mean(state.history[:3], 0), np.mean(state.history[-3:], 0)
    assert (late < 0.9 * early).all()
    assert [number for number, _ in snapshots(tmp_path)] == [15, 20]
    assert (state.identities, state.source) == ({"src", "dst"}, "src")
    assert json.loads((report.snapshot / "state.json").read_text())["architecture"]["archi"] == "df-ud"
    assert sorted(path.name for path in (tmp_path / "preview").iterdir()) == ["00000010.png", "00000020.png"]
    assert cv2.imread(str(tmp_path / "preview" / "00000020.png")).shape == (4 * 64, 6 * 64, 3)
    assert not list(tmp_path.rglob(".*"))
    assert report.seconds > report.sample_seconds > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"face_style": 10.0, "background_style": 10.0, "blur_outside": True},
        {"archi": "liae-ud", "face_style": 10.0, "masked": False},
        {"pretrain": True, "gan": 0.1},
    ],
    ids=["styles", "liae-style", "pretrain"],
)
def test_every_option_gives_finite_losses(tmp_path, sides, changes):
    report = train(*sides, tmp_path, tiny(**changes), until=1, options=QUIET)
    assert all(0 < loss < 1e4 for loss in report.losses)


def test_the_quick_network_takes_a_step(sides):
    """Its sizes are fixed, and a snapshot would be 300 MB."""
    preset = load_preset("quick")
    samples = [
        SampleMaker(side.resized(96), preset.sample_options("src"), torch.Generator().manual_seed(0)).make(1)
        for side in sides
    ]
    step = Step(preset, torch.device("cpu"), 0)
    assert all(0 < loss < 100 for loss in step(*samples).tolist())
    assert step.finite()


def test_without_warp_the_shared_bottleneck_stays(tmp_path, sides):
    train(*sides, tmp_path, tiny(archi="liae-ud", random_warp=False), until=3, options=QUIET)
    (_, first), (_, last) = snapshots(tmp_path)
    before, after = read_tensors(first), read_tensors(last)
    moved = {key.split(".")[1] for key in before if not torch.equal(before[key], after[key])}
    assert moved == {"encoder", "inter_b", "decoder"}


def test_a_snapshot_of_another_architecture_names_both(tmp_path, sides):
    train(*sides, tmp_path, tiny(), until=1, options=QUIET)
    message = r"holds saehd df-ud 64 px \(ae 8, .*but saehd liae-ud 64 px \(ae 16"
    with pytest.raises(WrongWeightsError, match=message):
        train(*sides, tmp_path, tiny(archi="liae-ud", ae_dims=16), options=QUIET)
    with pytest.raises(WrongWeightsError, match=message):
        train(*sides, tmp_path / "new", tiny(archi="liae-ud", ae_dims=16), init_from=tmp_path, options=QUIET)


def test_a_warm_start_takes_weights_and_remembers_everybody(tmp_path, sides):
    train(*sides, tmp_path / "old", tiny(), until=2, options=QUIET)
    other = made_up_faces("third", 2)
    train(other, sides[1], tmp_path / "new", tiny(), init_from=tmp_path / "old", until=1, options=QUIET)
    (_, first), _ = snapshots(tmp_path / "new")
    old = read_tensors(find_snapshot(tmp_path / "old"))
    assert all(torch.equal(value, old[key]) for key, value in read_tensors(first).items())
    state = read_state(find_snapshot(tmp_path / "new"))
    assert state.identities == {"src", "dst", "third"}
    assert (state.source, state.iteration) == ("third", 1)


def test_after_pretraining_the_bottleneck_starts_anew_and_steps_count_from_0(tmp_path, sides):
    crowd = made_up_faces("crowd", 3, count=8)
    train(crowd, crowd, tmp_path, tiny(pretrain=True), until=2, options=QUIET)
    pretrained = read_tensors(find_snapshot(tmp_path))
    report = train(*sides, tmp_path, tiny(), until=1, options=QUIET)
    assert report.iteration == 1
    first = read_tensors(snapshots(tmp_path)[0][1])
    changed = {key.split(".")[1] for key in first if not torch.equal(first[key], pretrained[key])}
    assert changed == {"inter"}
    assert read_state(report.snapshot).identities == {"crowd", "src", "dst"}


def test_a_loss_that_is_no_number_leads_back_to_the_last_snapshot(tmp_path, sides, monkeypatch, caplog):
    train(*sides, tmp_path / "sound", tiny(), options=QUIET)
    sound = read_state(find_snapshot(tmp_path / "sound")).history
    real, calls = Step.__call__, []

    def sometimes(self, *args):
        calls.append(1)
        loss = real(self, *args)
        return loss * torch.nan if len(calls) == 5 else loss

    monkeypatch.setattr(Step, "__call__", sometimes)
    with caplog.at_level(logging.WARNING):
        report = train(*sides, tmp_path / "broken", tiny(), options=QUIET)
    assert "no number at iteration 5; back to iteration 3" in caplog.text
    assert (report.iteration, report.rollbacks, len(calls)) == (6, 1, 8)
    history = read_state(report.snapshot).history
    assert len(history) == 6
    assert history[:3] == sound[:3]
    assert history[3] != sound[3]  # other samples, or it would come to the same end


def test_weights_that_are_no_numbers_are_never_saved(tmp_path, sides, monkeypatch):
    real, calls = Step.__call__, []

    def spoiled(self, *args):
        calls.append(1)
        loss = real(self, *args)
        if len(calls) == 6:
            next(self.net.parameters()).data.fill_(torch.inf)
        return loss

    monkeypatch.setattr(Step, "__call__", spoiled)
    report = train(*sides, tmp_path, tiny(), options=QUIET)
    assert (report.iteration, report.rollbacks, len(calls)) == (6, 1, 9)
    assert all(torch.isfinite(value).all() for value in read_tensors(report.snapshot).values())


def test_no_numbers_from_the_first_step_on_or_again_and_again_are_an_error(tmp_path, sides, monkeypatch):
    real, bad = Step.__call__, {1}

    def broken(self, *args):
        loss = real(self, *args)
        return loss * torch.nan if bad is None or len(seen) + 1 in bad or seen.append(1) else loss

    seen = []
    monkeypatch.setattr(Step, "__call__", broken)
    with pytest.raises(DivergedError, match=r"from the first step on \(iteration 1\)"):
        train(*sides, tmp_path / "first", tiny(), options=QUIET)
    seen, bad = [], {5}
    with pytest.raises(DivergedError, match=r"at iteration 5|at iteration 4"):
        train(*sides, tmp_path / "again", tiny(), options=QUIET)
    assert snapshots(tmp_path / "again")[-1][0] == 3


def test_a_damaged_snapshot_is_named(tmp_path, sides):
    report = train(*sides, tmp_path, tiny(), until=1, options=QUIET)
    (report.snapshot / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(WrongWeightsError, match=r"weights\.safetensors cannot be read"):
        train(*sides, tmp_path, tiny(), options=QUIET)
    (report.snapshot / "state.json").write_text("{")
    with pytest.raises(WrongWeightsError, match="damaged or no state of a training"):
        train(*sides, tmp_path, tiny(), options=QUIET)


def test_a_half_written_snapshot_does_not_count(tmp_path, sides):
    train(*sides, tmp_path, tiny(), until=1, options=QUIET)
    (tmp_path / ".step-00000009-1").mkdir()
    assert train(*sides, tmp_path, tiny(), until=2, options=QUIET).iteration == 2
    assert not list(tmp_path.glob(".step-*"))


def test_two_runs_in_one_folder_do_not_mix(tmp_path, sides):
    with locked(tmp_path), pytest.raises(RunDirectoryError, match="Another run is training in"):
        train(*sides, tmp_path, tiny(), until=1, options=QUIET)


def test_a_folder_that_cannot_be_made(tmp_path, sides):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot train in"):
        train(*sides, tmp_path / "file" / "inside", tiny(), until=1, options=QUIET)


def test_several_people_cannot_be_put_on_at_once(tmp_path, sides):
    both = replace(sides[0], identities=frozenset({"a", "b"}))
    with pytest.raises(ConfigError, match="must be of one person, got a, b"):
        train(both, sides[1], tmp_path, tiny(), options=QUIET)


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert loop.pick_device("auto").type == "cpu"
    with pytest.raises(ConfigError, match="finds no CUDA device"):
        loop.pick_device("cuda")
    with pytest.raises(ConfigError, match="auto, cpu or cuda, got 'gpu'"):
        loop.pick_device("gpu")


def test_schedules():
    preset = tiny(iterations=100, lr_warm_up=10, lr_decay=0.5, warp_share=0.5, plain_every=4)
    assert lr_share(preset, 0) == pytest.approx(0.1)
    assert lr_share(preset, 30) == 1
    assert lr_share(preset, 75) == pytest.approx(0.55)
    assert lr_share(preset, 100) == pytest.approx(0.1)
    assert [is_warped(preset, i) for i in (0, 1, 2, 3, 4, 49, 50)] == [True, True, True, False, True, True, False]


def test_each_further_swap_adds_iterations(tmp_path, sides):
    assert extended(tiny(), 10, tmp_path).iterations == 10
    train(*sides, tmp_path, tiny(), until=2, options=QUIET)
    assert extended(tiny(), 10, tmp_path).iterations == 12


def test_presets():
    thesis = PRESETS["thesis"]
    assert (thesis.resolution, thesis.archi, thesis.batch_size, thesis.iterations) == (128, "liae-ud", 4, 10_000)
    assert (thesis.colour_transfer, thesis.uniform_yaw, thesis.optimiser, thesis.lr) == ("lct", True, "adabelief", 5e-5)
    for preset in PRESETS.values():
        with torch.device("meta"):
            assert preset.build().resolution == preset.resolution
    with pytest.raises(UnknownNameError, match="Did you mean 'thesis'"):
        load_preset("thesi")
    with pytest.raises(UnknownNameError, match="Did you mean 'batch_size'"):
        load_preset("tiny", batchsize=4)
    with pytest.raises(ConfigError, match=r"hsv must lie in 0\.\.0\.3, got 1"):
        load_preset("tiny", hsv=1)
    with pytest.raises(ConfigError, match="true_face works with df only"):
        load_preset("thesis", true_face=0.1)


def test_tensorboard_gets_the_losses_or_is_asked_for(tmp_path, sides):
    options = replace(QUIET, tensorboard=True)
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(ConfigError, match=r"pip install 'fsa-data\[tensorboard\]'"):
            train(*sides, tmp_path, tiny(), until=1, options=options)
    else:
        train(*sides, tmp_path, tiny(), until=1, options=options)
        assert list((tmp_path / "tensorboard").rglob("events*"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("changes", [{}, {"archi": "df-udt", "gan": 0.1, "true_face": 0.1, "lr_dropout": 0.3}])
def test_on_a_gpu_it_learns_and_goes_on(tmp_path, sides, changes):
    options = replace(QUIET, device="cuda", snapshot_every=10)
    preset = tiny(iterations=30, colour_transfer="lct", hsv=0.1, **changes)
    train(*sides, tmp_path, preset, until=15, options=options)
    report = train(*sides, tmp_path, preset, options=options)
    history = read_state(report.snapshot).history
    assert len(history) == 30
    assert sum(history[-1]) < sum(history[0])
