"""The runner: what it checks, what it misses, what it skips. The networks themselves are checked by its fixtures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.nets.hostile_pickle import HOSTILE
from tests.nets.official_pickle import TINY, generator, networks, write
from tests.parity import stylegan2
from tests.parity.__main__ import main
from tests.parity.checks import compare
from tests.parity.kinds import KINDS
from tests.parity.recipe import Fixture, draw, fill, make_input, read_fixture, weights_sha256

DATA = Path(__file__).with_name("data")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small fixture with its pickle, quick to check."""
    for path in DATA.glob("stylegan2_persistence_tiny*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def rewrite(path: Path, meta=None, **arrays) -> None:
    """A fixture with a changed part of its meta and changed arrays; None takes something away."""
    fixture = read_fixture(path)
    kept = {name: array for name, array in {**fixture.arrays, **arrays}.items() if array is not None}
    about = {key: value for key, value in {**fixture.meta, **(meta or {})}.items() if value is not None}
    np.savez(path, meta=json.dumps(about), **kept)


def make_fixture(path: Path, config, inputs, outputs, arrays=None) -> None:
    """A fixture of the house's own generator: it proves the runner, not the network."""
    torch.manual_seed(0)
    from fsa_data.nets import build

    made = build("StyleGAN2.Generator", **config)
    weights = fill(made.state_dict(), "equalised")
    state = {key: [list(tensor.shape), "float32"] for key, tensor in weights.items()}
    meta = {"name": path.stem, "module": "StyleGAN2.Generator", "config": config, "fill": "equalised"}
    meta |= {"inputs": inputs, "state": state, "weights_sha256": {"": weights_sha256(weights)}, "outputs": {}}
    meta |= {"note": "image: psi 0.6 truncation_cutoff=2; image_cutoff3: psi 0.5"}
    made.load_state_dict(weights)
    fixture = Fixture(path, meta | {"outputs": dict.fromkeys(outputs)}, {})
    with torch.no_grad():
        found = {name: tensor.numpy() for name, tensor in stylegan2.generator(fixture).items()}
    for name, array in found.items():
        meta["outputs"][name] = {"shape": list(array.shape), "stride": 1, "absmax": float(np.abs(array).max())}
    np.savez(path, meta=json.dumps(meta), **{f"out_{name}": array for name, array in found.items()})


def test_all_fixtures_here_hold() -> None:
    words = [sys.executable, "-W", "error", "-m", "tests.parity", str(DATA)]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    outputs = sum(len(read_fixture(path).meta["outputs"]) for path in DATA.glob("*.npz"))
    assert last == f"{outputs + 1} ok, 0 missed, 0 fixtures of networks not built yet"
    assert sum("  ok" in line for line in lines) == len(lines) == outputs + 1
    assert any("hostile_outer" in line and "builtins.print" in line for line in lines)


def test_a_labelled_generator(tmp_path: Path) -> None:
    config = TINY | {"c_dim": 3}
    z = {"name": "z", "dist": "normal", "seed": 1, "shape": [2, 8]}
    ws = {"name": "ws", "dist": "normal", "seed": 3, "shape": [2, 6, 12]}
    for number, c in enumerate([{"dist": "normal", "shape": [2, 3]}, {"dist": "int", "lo": 0, "hi": 3, "shape": [2]}]):
        inputs = [z, c | {"name": "c", "seed": 2}, ws]
        make_fixture(tmp_path / f"labelled_{number}.npz", config, inputs, ["image", "ws", "image_ws", "image_cutoff3"])
    assert main([str(tmp_path)]) == 0


def test_the_note_says_how_an_output_is_made() -> None:
    fixture = read_fixture(DATA / "stylegan2_generator_64_map8.npz")
    assert stylegan2.use_of(fixture, "image") == stylegan2.Use(0.7, None, "const")
    assert stylegan2.use_of(fixture, "image_nonoise") == stylegan2.Use(1.0, None, "none")
    assert stylegan2.use_of(fixture, "image_cutoff4") == stylegan2.Use(0.5, 4, "const")
    assert stylegan2.use_of(fixture, "w_psi1") == stylegan2.Use(1.0, None, "const")
    assert stylegan2.use_of(fixture, "ws") == stylegan2.Use(0.7, None, "const")


def test_a_wrong_output_is_missed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    (path,) = folder.glob("*.npz")
    image = read_fixture(path).arrays["out_image"]
    rewrite(path, out_image=image + np.float32(0.001) * (np.arange(16) == 3))
    assert main([str(folder)]) == 1
    told = capsys.readouterr().out
    assert "MISS" in told
    assert told.splitlines()[-1].startswith("0 ok, 1 missed")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"config": {**TINY, "pickle": "gone.pkl"}}, "MissingWeightsError: There is no StyleGAN2 network at"),
        (
            {"state": {"mapping.w_avg": [[3], "float32"]}},
            "56 keys differ: mapping.w_avg is [16] instead of [3], synthesis.b4.const too many",
        ),
        ({"weights_sha256": {"": "00"}}, "instead of 00"),
        ({"outputs": {"image": {"shape": [2, 3, 8, 8], "absmax": 1}}}, "shape [2, 3, 16, 16] instead of [2, 3, 8, 8]"),
        ({"outputs": {"depth": {"shape": [1], "absmax": 1}}}, "the house does not compute it"),
        ({"outputs": {}}, "names no output"),
        ({"inputs": [{"name": "z", "custom": "by hand"}]}, "described in words: by hand"),
    ],
)
def test_what_does_not_fit_is_missed_in_one_line(
    change, told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = folder.glob("*.npz")
    rewrite(path, change)
    assert main([str(folder)]) == 1
    line, *_, last = capsys.readouterr().out.splitlines()
    assert "MISS" in line
    assert told in line
    assert " 0 missed" not in last


def test_a_known_network_that_cannot_be_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.npz"
    shutil.copy(DATA / "stylegan2_persistence_tiny_expect.npz", path)
    rewrite(path, {"name": "x", "module": "StyleGAN2.Generator", "config": TINY | {"img_resolution": 5}})
    assert main([str(tmp_path)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert "ConfigError: StyleGAN2's img_resolution is a power of two from 4, got 5." in first
    assert last == "0 ok, 1 missed, 0 fixtures of networks not built yet"


def test_an_unknown_network_is_skipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(DATA / "stylegan2_persistence_tiny_expect.npz", folder / "other.npz")
    rewrite(folder / "other.npz", {"name": "other", "module": "Nobody.Net", "config": {}})
    assert main([str(folder)]) == 0
    told = capsys.readouterr().out
    assert "not built yet: Nobody.Net" in told
    assert told.splitlines()[-1] == "1 ok, 0 missed, 1 fixtures of networks not built yet"


def test_hostile_pickles_must_be_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(("global in a good file", "inner 0", "inner 3", "inner zip")):
        (folder / f"bad{number}.pkl").write_bytes(HOSTILE[name][0](f"echo > {tmp_path / 'canary'}"))
    assert main([str(folder)]) == 0
    assert "5 ok" in capsys.readouterr().out
    write(folder / "tame.pkl", networks(generator()))
    assert main([str(folder)]) == 1
    assert "tame.pkl" in (told := capsys.readouterr().out)
    assert "it was read without complaint" in told
    assert not (tmp_path / "canary").exists()


def test_a_reader_that_runs_something_is_caught(folder: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    import pickle

    from fsa_data.errors import UnsafeFileError
    from tests.parity import pickles

    def careless(path: Path) -> None:
        pickle.loads(path.read_bytes())
        raise UnsafeFileError("too late")

    monkeypatch.setattr(pickles, "load_generator", careless)
    (folder / "bad.pkl").write_bytes(b"cbuiltins\nprint\n(S'sung'\ntR.")
    assert main([str(folder)]) == 1
    assert "something of it was run: pickle.find_class builtins" in capsys.readouterr().out


def test_a_file_that_is_no_fixture_and_a_folder_without_one(tmp_path: Path, capsys) -> None:
    assert main([str(tmp_path)]) == 2
    assert main([str(tmp_path / "none")]) == 2
    (tmp_path / "x.npz").write_bytes(b"no archive")
    assert main([str(tmp_path)]) == 1
    assert "no fixture can be read from it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("expected", "got", "verdict"),
    [
        (np.float32(2.0), torch.tensor(2.0), "ok"),
        (np.float32(2.0), np.float64(2.0001), "ok"),
        (np.float32(2.0), 2.001, "MISS"),
        (np.int64(3), np.int64(3), "ok"),
        (np.int64(3), 4, "MISS"),
        (np.array([True, False]), np.array([True, False]), "ok"),
        (np.array([True, False]), np.array([True, True]), "MISS"),
        (np.array([200, 7], np.uint8), np.array([200, 8], np.uint8), "MISS"),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), "ok"),
        (np.array([1.0, 2.0]), np.array([1.0, np.nan]), "MISS"),
        (np.array([1.0, np.inf]), np.array([1.0, np.inf]), "ok"),
        (np.zeros((0, 4), np.float32), np.zeros((0, 4)), "ok"),
    ],
)
def test_comparing(expected, got, verdict: str) -> None:
    about = {"shape": list(np.shape(expected)), "stride": 1, "absmax": 2.0}
    fixture = Fixture(Path("x.npz"), {"module": "M", "outputs": {"o": about}}, {"out_o": np.asarray(expected)})
    assert compare(fixture, "o", got).verdict == verdict


def test_the_landmark_score_is_exact_to_a_billionth() -> None:
    for off, verdict in ((5e-10, "ok"), (5e-9, "MISS")):
        about = {"shape": [1], "stride": 1, "absmax": 4.0}
        fixture = Fixture(Path("x"), {"module": "T1.landmark_score", "outputs": {"o": about}}, {"out_o": np.ones(1)})
        assert compare(fixture, "o", np.ones(1) + off).verdict == verdict


def test_gradient_norms_have_a_limit_of_their_own() -> None:
    about = {"shape": [1], "stride": 1, "absmax": 10.0}
    for name, off, verdict in (("gradnorm_kp", 0.02, "ok"), ("gradnorm_kp", 0.04, "MISS"), ("total", 0.02, "MISS")):
        fixture = Fixture(Path("x"), {"module": "M", "outputs": {name: about}}, {f"out_{name}": np.full(1, 10.0)})
        assert compare(fixture, name, np.full(1, 10.0 + off)).verdict == verdict


def test_outputs_are_kept_at_every_stride_th_element() -> None:
    whole = np.arange(2 * 5 * 6, dtype=np.float32).reshape(2, 5, 6)
    about = {"shape": [2, 5, 6], "stride": 2, "absmax": 60.0}
    fixture = Fixture(Path("x"), {"module": "M", "outputs": {"o": about}}, {"out_o": whole[:, ::2, ::2]})
    assert compare(fixture, "o", whole).verdict == "ok"
    assert compare(fixture, "o", whole[:, ::-1]).verdict == "MISS"


def test_every_draw_belongs_to_its_key() -> None:
    """Numbers of the recipe, so that a change of numpy's generator is seen for what it is."""
    np.testing.assert_allclose(draw("conv1.weight", (2,)), draw("conv1.weight", (1, 2))[0])
    assert draw("a", ()).shape == ()
    assert not np.allclose(draw("a", (3,)), draw("b", (3,)))


def test_fan_in() -> None:
    state = {
        **{"conv.weight": torch.empty(4, 3, 5, 5), "conv.bias": torch.empty(4), "bn.weight": torch.empty(4)},
        **{"bn.running_mean": torch.empty(4), "bn.running_var": torch.empty(4), "gamma": torch.empty(1)},
        **{"bn.num_batches_tracked": torch.tensor(7), "hpf.filter": torch.ones(3, 3), "down.weight": torch.ones(2, 1)},
        **{"jacobian.weight": torch.empty(8, 2), "jacobian.bias": torch.empty(8)},
        **{"sn.weight_orig": torch.empty(3, 6), "sn.weight_u": torch.empty(3), "sn.weight_v": torch.empty(6)},
    }
    got = {key: tensor.numpy() for key, tensor in fill(state, "fan_in").items()}
    assert list(got) == list(state)
    n = {key: draw(key, tuple(tensor.shape)) for key, tensor in state.items()}
    expected = {
        "conv.weight": n["conv.weight"] / 75**0.5,
        "conv.bias": 0.1 * n["conv.bias"],
        "bn.weight": 1 + 0.1 * n["bn.weight"],
        "gamma": 1 + 0.1 * n["gamma"],
        "bn.running_mean": 0.1 * n["bn.running_mean"],
        "bn.running_var": 1 + 0.1 * abs(n["bn.running_var"]),
        "bn.num_batches_tracked": 7,
        "hpf.filter": 1,
        "down.weight": 1,
        "jacobian.weight": 0.1 * n["jacobian.weight"] / 2**0.5,
        "jacobian.bias": np.tile([1, 0, 0, 1], 2) + 0.1 * n["jacobian.bias"],
        "sn.weight_orig": n["sn.weight_orig"] / 6**0.5,
    }
    for key, values in expected.items():
        np.testing.assert_allclose(got[key], np.broadcast_to(values, got[key].shape), rtol=1e-6, err_msg=key)
    u, v, weight = got["sn.weight_u"], got["sn.weight_v"], got["sn.weight_orig"]
    np.testing.assert_allclose(np.linalg.norm(u), 1, rtol=1e-6)
    np.testing.assert_allclose(u, weight @ v / np.linalg.norm(weight @ v), rtol=1e-5)


def test_inputs() -> None:
    base = {"name": "x", "seed": 5, "shape": [1, 2, 6, 8]}
    smooth = make_input(base | {"dist": "smooth", "grid": 3, "mul": 2, "add": -1})
    assert smooth.shape == (1, 2, 6, 8)
    assert smooth.abs().max() <= 1
    assert smooth.diff(dim=3).abs().max() < 1
    counts = make_input(base | {"dist": "int", "lo": 2, "hi": 4})
    assert counts.dtype == torch.int64
    assert set(counts.flatten().tolist()) == {2, 3}
    jacobian = make_input(base | {"dist": "normal", "shape": [4, 2, 2], "mul": 0, "eye": True})
    assert torch.equal(jacobian, torch.eye(2).expand(4, 2, 2))
    assert make_input(base | {"dist": "uniform", "shape": []}).shape == ()


def test_every_kind_of_fixture_here_is_known() -> None:
    assert {read_fixture(path).meta["module"] for path in DATA.glob("*.npz")} <= set(KINDS)
