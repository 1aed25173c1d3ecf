"""Nothing in a file is run, whatever is in it."""

import os
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fsa_data.errors import FsaError, UnsafeFileError, WrongWeightsError
from fsa_data.nets import pickle_reader
from fsa_data.nets.stylegan2_files import load_generator
from fsa_data.nets.stylegan2_pickle import read_network
from tests.nets.hostile_pickle import EXHAUSTING, HOSTILE
from tests.nets.official_pickle import generator, networks, pickled, write
from tests.parity.canary import watched


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_by_name_and_nothing_of_them_runs(name: str, tmp_path: Path, canary: Path) -> None:
    make, told = HOSTILE[name]
    path = tmp_path / "network.pkl"
    path.write_bytes(make(f"echo sung > {canary}"))
    with watched() as deeds, pytest.raises(UnsafeFileError) as refusal:
        load_generator(path)
    assert told in str(refusal.value)
    assert str(refusal.value).startswith(f"{path} is refused, nothing in it was run.")
    assert not canary.exists()
    assert deeds == []


def test_the_canary_sings_when_an_ordinary_loader_opens_them(tmp_path: Path, canary: Path) -> None:
    os.system("true")
    for name in ("global", "text protocol", "INST", "OBJ", "eval", "pickle.loads"):
        with watched() as deeds:
            pickle.loads(HOSTILE[name][0](f"echo sung > {canary}"))
        assert canary.exists(), name
        assert any(deed.startswith("os.system") for deed in deeds)
        canary.unlink()


@pytest.mark.parametrize("name", EXHAUSTING)
def test_files_that_would_exhaust_memory_or_time_are_refused_at_once(name: str, tmp_path: Path) -> None:
    make, told = EXHAUSTING[name]
    path = tmp_path / "network.pkl"
    path.write_bytes(make())
    began = time.process_time()
    with pytest.raises(UnsafeFileError, match=told):
        read_network(path)
    assert time.process_time() - began < 5


def test_too_many_steps_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "network.pkl", networks())
    read_network(path)
    monkeypatch.setattr(pickle_reader.Budget.__init__, "__defaults__", (1000,))
    with pytest.raises(UnsafeFileError, match="more steps than any network needs"):
        read_network(path)


def test_the_source_text_in_the_file_is_not_executed(tmp_path: Path, canary: Path) -> None:
    path = write(tmp_path / "n.pkl", networks(), source=f"open({str(canary)!r}, 'w').write('sung')")
    load_generator(path)  # imports what loading needs
    with watched() as deeds:
        load_generator(path)
    assert not canary.exists()
    assert deeds == []


def test_no_byte_of_a_good_file_can_be_changed_into_a_deed(tmp_path: Path) -> None:
    good = pickled(networks())
    rng = np.random.default_rng(0)
    path = tmp_path / "n.pkl"
    outcomes = set()
    for _ in range(60):
        bad = bytearray(good)
        for at in rng.integers(0, len(bad), 3):
            bad[at] = rng.integers(0, 256)
        path.write_bytes(bad[: rng.integers(1, len(bad) + 1)] if rng.random() < 0.3 else bad)
        with watched() as deeds:
            try:
                load_generator(path)
                outcomes.add("loaded")
            except FsaError as error:
                outcomes.add(type(error).__name__)
        assert deeds == []
    assert "UnsafeFileError" in outcomes


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_what_an_official_file_holds(protocol: int, tmp_path: Path) -> None:
    before = set(sys.modules)
    made = generator(5)
    network = read_network(write(tmp_path / "n.pkl", networks(made), protocol))
    assert not {"torch_utils", "dnnlib"} & (set(sys.modules) - before)
    assert network.class_name == "Generator"
    assert network.arguments["img_resolution"] == 16
    expected = {key: tensor.numpy() for key, tensor in made.state_dict().items()}
    assert set(network.state) == set(expected)
    for key, array in network.state.items():
        assert array.dtype == expected[key].dtype
        np.testing.assert_array_equal(array, expected[key])
        assert array.shape == expected[key].shape


def test_tensors_of_any_memory_layout(tmp_path: Path) -> None:
    import torch
    from torch import nn

    made = generator()
    weight = made.synthesis.b16.conv1.weight
    made.synthesis.b16.conv1.weight = nn.Parameter(weight.to(memory_format=torch.channels_last), requires_grad=False)
    network = read_network(write(tmp_path / "n.pkl", networks(made)))
    np.testing.assert_array_equal(network.state["synthesis.b16.conv1.weight"], weight.numpy())


def test_another_network_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "n.pkl", networks())
    assert set(read_network(path, "D").state) == {"weight", "bias"}
    with pytest.raises(WrongWeightsError, match="no network 'E'; it holds: G, D, G_ema, augment_pipe"):
        read_network(path, "E")
    with pytest.raises(WrongWeightsError, match="no network 'G_ema'; it holds: list"):
        read_network(write(path, [1, 2]))
    path.write_bytes(b"")
    with pytest.raises(WrongWeightsError, match="is empty"):
        read_network(path)


def test_networks_of_the_tensorflow_version_get_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "n.pkl"
    path.write_bytes(b"\x80\x03cdnnlib.tflib.network\nNetwork\n)R.")
    with pytest.raises(UnsafeFileError, match=r"dnnlib\.tflib\.network\.Network.*convert it first with legacy\.py"):
        load_generator(path)


def test_names_in_messages_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "n.pkl"
    path.write_bytes(b"\x80\x03c" + b"\x1b[2J" * 100 + b"\nx\n.")
    with pytest.raises(UnsafeFileError) as refusal:
        load_generator(path)
    assert "\x1b" not in str(refusal.value)
    assert len(str(refusal.value)) < 600
