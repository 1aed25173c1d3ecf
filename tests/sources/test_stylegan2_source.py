"""Portraits from a generator: known before they are drawn, one for each of 2**64 seeds, drawn once."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fsa_data.cli import WRONG_INPUT, main
from fsa_data.errors import ConfigError, SourceError, WrongWeightsError
from fsa_data.nets import stylegan2_files
from fsa_data.nets.stylegan2_files import load_generator
from fsa_data.sources import load_source
from fsa_data.sources import stylegan2 as flow
from fsa_data.weights import file_sha256
from tests.nets.official_pickle import generator, networks, write

LAST = 2**64 - 1


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FSA_CACHE", str(tmp_path / "cache"))
    flow._generator.cache_clear()
    yield
    flow._generator.cache_clear()


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write(tmp_path / "faces: 1.pkl", networks(generator(4)))


def photos(path: Path, **options):
    return load_source(f"stylegan2:{path}", options).photos


def test_people_of_a_network(network: Path) -> None:
    weights = file_sha256(network)
    found = photos(network)
    assert [photo.identity for photo in found] == [f"stylegan2-{weights[:8]}-{seed}" for seed in range(30)]
    assert len({photo.digest for photo in found}) == 30
    about = dict(photos(network, seed=7, count=1, psi=1)[0].provenance)
    assert "non-commercial" in about.pop("licence")
    assert about == {
        **{"flow": "stylegan2", "file": network.name, "weights_sha256": weights},
        **{"seed": 7, "psi": 1.0, "label": None},
    }
    assert json.loads(json.dumps(about)) == about


def test_all_is_known_without_opening_the_file(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stylegan2_files, "load_generator", None)
    before = [photo.digest for photo in photos(network, count=3)]
    assert [photo.digest for photo in photos(network, count=3)] == before
    assert [photo.digest for photo in photos(network, count=2, seed=1)] == before[1:]
    for other in (photos(network, count=3, psi=0.5), photos(network, count=3, label=0)):
        assert not set(before) & {photo.digest for photo in other}
    network.write_bytes(network.read_bytes() + b" ")
    assert not set(before) & {photo.digest for photo in photos(network, count=3)}
    monkeypatch.setattr(flow, "VERSION", -1)
    network.write_bytes(network.read_bytes()[:-1])
    assert not set(before) & {photo.digest for photo in photos(network, count=3)}


def test_a_portrait_is_what_the_network_makes(network: Path) -> None:
    (photo,) = photos(network, seed=12, count=1, psi=0.6)
    image = photo.load()
    assert image.dtype == np.uint8
    assert image.shape == (16, 16, 3)
    z = torch.from_numpy(np.random.Generator(np.random.PCG64(12)).standard_normal(8).astype(np.float32))
    with torch.no_grad():
        raw = load_generator(network)(z[None], truncation_psi=0.6)[0]
    expected = (raw.permute(1, 2, 0).numpy() * 127.5 + 128).clip(0, 255)
    assert np.abs(image - np.floor(expected)).max() <= 1
    assert image.std() > 10


def test_seeds_reach_as_far_as_64_bits(network: Path) -> None:
    last = photos(network, seed=LAST - 1, count=2)
    assert [photo.provenance["seed"] for photo in last] == [LAST - 1, LAST]
    first, second = (photo.load() for photo in last)
    assert not np.array_equal(first, second)
    vectors = [flow.latent(seed, 512) for seed in (0, 1, 32768, 2**32, 2**32 + 1, 2**63, LAST)]
    for i, vector in enumerate(vectors):
        assert all(abs(np.corrcoef(vector, other)[0, 1]) < 0.2 for other in vectors[:i])
        assert abs(vector.mean()) < 0.2
        assert 0.85 < vector.std() < 1.15


def test_a_seed_is_the_same_person_for_ever() -> None:
    """Fixed numbers: were they to change, every kept identity would be another person."""
    np.testing.assert_allclose(flow.latent(0, 3), [0.12573022, -0.13210486, 0.64042264], rtol=1e-6)
    np.testing.assert_allclose(flow.latent(LAST, 3), [0.72133646, -0.9707962, 0.0692265], rtol=1e-6)


def test_numbers_of_any_kind(network: Path) -> None:
    same = photos(network, seed=np.int64(3), count=np.uint8(2), psi=np.float32(0.5))
    assert [photo.digest for photo in same] == [photo.digest for photo in photos(network, seed=3, count=2, psi=0.5)]
    assert type(same[0].provenance["seed"]) is int


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed must be a whole number from 0 to 18446744073709551615, got -1"),
        ({"seed": 2**64}, "seed must be a whole number"),
        ({"seed": 1.0}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": "7"}, "got '7'"),
        ({"count": 0}, "count must be a whole number from 1"),
        ({"count": 10**7}, "count must be a whole number from 1 to 1000000"),
        ({"seed": LAST, "count": 2}, "go beyond the last seed.* may be 18446744073709551614 at most"),
        ({"psi": 0}, "psi must be a number above 0"),
        ({"psi": float("nan")}, "psi must be a number above 0"),
        ({"psi": "x"}, "psi must be a number above 0"),
        ({"label": -1}, "label must be a whole number"),
        ({"truncation": 1}, "no option 'truncation'. Known: count, label, psi, seed"),
    ],
)
def test_options_that_make_no_sense(options, message: str, network: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        photos(network, **options)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file .*no\.pkl"):
        load_source(f"stylegan2:{tmp_path}/no.pkl")
    with pytest.raises(ConfigError, match="expected 'stylegan2:PATH'"):
        load_source("stylegan2")


def test_the_network_is_loaded_once_and_a_portrait_drawn_once(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    monkeypatch.setattr(stylegan2_files, "load_generator", lambda path: loads.append(path) or load_generator(path))
    drawn = [photo.load() for photo in photos(network, count=3)]
    assert len(loads) == 1
    assert len({image.tobytes() for image in drawn}) == 3
    flow._generator.cache_clear()
    for photo, image in zip(photos(network, count=3), drawn, strict=True):
        np.testing.assert_array_equal(photo.load(), image)
    assert len(loads) == 1


def test_photos_travel_between_processes(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photo,) = photos(network, count=1)
    copy = pickle.loads(pickle.dumps(photo))
    image = photo.load()
    monkeypatch.setenv("FSA_CACHE", "/dev/null")
    np.testing.assert_array_equal(copy.load(), image)


def test_a_file_that_changes_meanwhile(network: Path) -> None:
    first, second = photos(network, count=2)
    write(network, networks(generator(5)))
    with pytest.raises(WrongWeightsError, match="has changed since the source was made"):
        first.load()
    assert second.digest != photos(network, count=2)[1].digest


def test_labelled_networks(tmp_path: Path) -> None:
    path = write(tmp_path / "n.pkl", networks(generator(4, c_dim=3)))
    images = [photos(path, count=1, label=label)[0].load() for label in range(3)]
    assert len({image.tobytes() for image in images}) == 3
    assert len({photos(path, count=1, label=label)[0].identity for label in range(3)}) == 3
    for label in (None, 3):
        with pytest.raises(ConfigError, match=rf"labelled network with 3 classes: give label=0 \.\. 2, got {label}"):
            photos(path, count=1, label=label)[0].load()


def test_networks_that_make_no_portraits(network: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without labels; leave the option label=1 out"):
        photos(network, count=1, label=1)[0].load()
    grey = write(tmp_path / "grey.pkl", networks(generator(4, img_channels=1)))
    with pytest.raises(WrongWeightsError, match="pictures of 1 channels"):
        photos(grey, count=1)[0].load()


@pytest.mark.parametrize("kind", ["no face", "hostile"])
def test_the_command_tells_what_is_wrong(
    kind: str, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FSA_DEBUG", raising=False)
    frame = load_source("portraits").photos[0].load()
    cv2.imwrite(str(tmp_path / "frame.png"), frame[:, :, ::-1])
    if kind == "hostile":
        network.write_bytes(b"cposix\nsystem\n(S'touch canary'\ntR.")
    words = ["swap", "-s", f"stylegan2:{network}", "--source-option", "count=2", "--source-option", f"seed={LAST - 1}"]
    assert main([*words, "-d", str(tmp_path / "frame.png"), "-o", str(tmp_path / "out.png")]) == WRONG_INPUT
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert not (tmp_path / "out.png").exists()
    if kind == "hostile":
        assert "is refused, nothing in it was run. The pickle asks for posix.system" in told
    else:
        name = f"stylegan2-{file_sha256(network)[:8]}-{LAST} ({network.name})"
        assert "None of 2 photos shows a usable face" in told
        assert f"{name}: no face found in 16 x 16 px" in told
