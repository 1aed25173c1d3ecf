"""Generators from every kind of file are the same, and files that hold none say what is wrong."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from fsa_data.errors import MissingWeightsError, OutputError, UnsafeFileError, WrongWeightsError
from fsa_data.nets import build
from fsa_data.nets.stylegan2_files import load_generator, read_generator, to_safetensors
from fsa_data.weights import file_sha256
from tests.nets.hostile_pickle import Deed
from tests.nets.official_pickle import TINY, generator, networks, write

VARIANTS = {
    "small": {},
    "labelled": {"c_dim": 3},
    "grey": {"img_channels": 1, "img_resolution": 8},
    "one layer": {"mapping_kwargs": {"num_layers": 1}},
    "eight layers": {"mapping_kwargs": {}},
    "narrow between": {"mapping_kwargs": {"num_layers": 3, "layer_features": 5}},
    "embedding": {"c_dim": 2, "mapping_kwargs": {"num_layers": 2, "embed_features": 4}},
    "no mean": {"mapping_kwargs": {"num_layers": 2, "w_avg_beta": None}},
    "no noise": {"synthesis_kwargs": {"channel_base": 64, "channel_max": 8, "use_noise": False, "conv_clamp": 256}},
    "odd channels": {"synthesis_kwargs": {"channel_base": 120, "channel_max": 31, "conv_clamp": 256}},
    "all alike": {"synthesis_kwargs": {"channel_base": 4096, "channel_max": 6, "conv_clamp": 256}},
}


def image_of(made: nn.Module) -> torch.Tensor:
    rng = torch.Generator().manual_seed(7)
    labels = torch.eye(made.c_dim)[:1] if made.c_dim else None
    psi = 1.0 if made.mapping.w_avg is None else 0.7
    with torch.no_grad():
        return made(torch.randn(1, made.z_dim, generator=rng), labels, psi)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_file_gives_the_same_generator(name: str, tmp_path: Path) -> None:
    made = generator(3, **VARIANTS[name])
    expected = image_of(made)
    official = write(tmp_path / "n.pkl", networks(made))
    torch.save(made.state_dict(), tmp_path / "flat.pt")
    torch.save({"G_ema": made.state_dict(), "step": 5}, tmp_path / "nested.pth")
    save_file(made.state_dict(), tmp_path / "bare.safetensors")
    to_safetensors(official, tmp_path / "converted.safetensors")
    for file in ("n.pkl", "flat.pt", "nested.pth", "bare.safetensors", "converted.safetensors"):
        loaded = load_generator(tmp_path / file)
        assert not loaded.training
        assert not any(p.requires_grad for p in loaded.parameters())
        assert list(loaded.state_dict()) == list(made.state_dict())
        assert torch.equal(image_of(loaded), expected), file


def test_arguments_that_shapes_do_not_tell_come_from_the_file(tmp_path: Path) -> None:
    changed = {
        "mapping_kwargs": {"num_layers": 2, "lr_multiplier": 0.5},
        "synthesis_kwargs": {"channel_base": 64, "channel_max": 8, "conv_clamp": None},
    }
    made = generator(3, **changed)
    path = write(tmp_path / "n.pkl", networks(made))
    stored = read_generator(to_safetensors(path, tmp_path / "n.safetensors"))
    assert stored.config["mapping_kwargs"]["lr_multiplier"] == 0.5
    assert stored.config["synthesis_kwargs"]["conv_clamp"] is None
    assert torch.equal(image_of(load_generator(tmp_path / "n.safetensors")), image_of(made))


def test_positional_arguments(tmp_path: Path) -> None:
    made = generator(3)
    made._init_args = (8, 0, 12)
    for name in ("z_dim", "c_dim", "w_dim"):
        del made._init_kwargs[name]
    assert load_generator(write(tmp_path / "n.pkl", networks(made))).z_dim == 8


def test_halves_become_float32(tmp_path: Path) -> None:
    made = generator(3).half()
    loaded = load_generator(write(tmp_path / "n.pkl", networks(made)))
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert torch.equal(loaded.synthesis.b8.conv0.weight, made.synthesis.b8.conv0.weight.float())


def test_a_conversion_says_what_it_was_made_from_and_overwrites_nothing(tmp_path: Path) -> None:
    path, target = write(tmp_path / "n.pkl", networks()), tmp_path / "deep" / "n.safetensors"
    assert to_safetensors(path, target) == target
    with safe_open(target, "pt") as file:
        assert file.metadata()["source_sha256"] == file_sha256(path)
    assert list(target.parent.iterdir()) == [target]
    with pytest.raises(OutputError, match="exists already"):
        to_safetensors(path, target)
    with pytest.raises(OutputError, match=r"should end in \.safetensors"):
        to_safetensors(path, tmp_path / "n.pt")


def _state(**changed: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = dict(generator(1).state_dict())
    for key, tensor in changed.items():
        key = key.replace("__", ".")
        if tensor is None:
            del state[key]
        else:
            state[key] = tensor
    return state


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mapping__w_avg": torch.zeros(11)}, r"mapping.w_avg has the shape \[11\]; expected \[12\]"),
        ({"synthesis__b8__conv0__bias": None}, r"synthesis.b8.conv0.bias is missing; its shape should be \[8\]"),
        ({"synthesis__b8__conv1__weight": None}, "resolutions found: 4, 16"),
        ({"mapping__fc0__weight": None}, "mapping.fc0.weight, which is missing"),
        ({"more": torch.zeros(1)}, "1 tensors are none of StyleGAN2's generator: more"),
        ({"mapping__fc1__bias": torch.full((12,), torch.nan)}, "mapping.fc1.bias holds values that are no finite"),
        ({"synthesis__b8__conv1__weight": torch.zeros(3, 3, 3, 3)}, "synthesis.b8 has 3 channels"),
        ({"synthesis__b4__torgb__weight": torch.zeros(3)}, "4 dimensions, got shape"),
    ],
)
def test_a_wrong_state_dict_says_which_key_or_shape(changed, message: str, tmp_path: Path) -> None:
    path = tmp_path / "n.pt"
    torch.save(_state(**changed), path)
    with pytest.raises(WrongWeightsError, match=message) as wrong:
        load_generator(path)
    assert str(path) in str(wrong.value)


def test_a_state_dict_of_another_network(tmp_path: Path) -> None:
    path = tmp_path / "n.pt"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(WrongWeightsError, match=r"resolutions found: none\. First keys: weight, bias"):
        load_generator(path)
    torch.save({"epoch": 3, "weight": torch.zeros(1)}, path)
    with pytest.raises(WrongWeightsError, match="other things than tensors: epoch"):
        load_generator(path)
    torch.save([1], path)
    with pytest.raises(WrongWeightsError, match="holds a list; expected a state dict"):
        load_generator(path)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"img_resolution": 32}, "says img_resolution = 32, but its tensors are those of img_resolution = 16"),
        ({"z_dim": True}, "says z_dim = a bool"),
        ({"mapping_kwargs": {"num_layers": 3}}, "says num_layers = 3, but"),
        ({"mapping_kwargs": {}}, "says num_layers = 8, but"),
        ({"mapping_kwargs": [1]}, "gives mapping_kwargs as a list"),
        ({"synthesis_kwargs": {"channel_base": 64, "channel_max": 4}}, "channel_base and channel_max are 64 and 4"),
        ({"synthesis_kwargs": {"channel_base": 64, "channel_max": "8"}}, "other things than numbers"),
        ({"synthesis_kwargs": {"channel_base": 64, "channel_max": 8, "conv_clamp": "x"}}, "conv_clamp is no positive"),
        ({"magnitude_ema_beta": 0.5}, "arguments that .*: magnitude_ema_beta.* It may be one of StyleGAN3"),
        ({"synthesis_kwargs": {"architecture": "resnet"}}, "architecture other than 'skip'"),
        ({"num_fp16_res\x1b": 10**9}, r"arguments that .*: num_fp16_res\\x1b"),
    ],
)
def test_a_file_must_agree_with_its_tensors(said, message: str, tmp_path: Path) -> None:
    made = generator(1)
    made._init_kwargs.update(said)
    with pytest.raises(WrongWeightsError, match=message):
        load_generator(write(tmp_path / "n.pkl", networks(made)))
    save_file(made.state_dict(), tmp_path / "n.safetensors", {"config": json.dumps(TINY | said)})
    with pytest.raises(WrongWeightsError, match=message):
        load_generator(tmp_path / "n.safetensors")


def test_a_small_file_cannot_ask_for_a_large_network(tmp_path: Path) -> None:
    """Shapes that would make terabytes are compared before anything is allocated."""
    state = {f"synthesis.b{2**i}.conv1.weight": torch.zeros(50_000, 1, 1, 1) for i in range(2, 17)}
    state |= {"mapping.fc0.weight": torch.zeros(100_000, 1), "synthesis.b4.torgb.weight": torch.zeros(3, 1, 1, 1)}
    save_file(state, tmp_path / "n.safetensors")
    with pytest.raises(WrongWeightsError, match="missing"):
        load_generator(tmp_path / "n.safetensors")


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_torch_files_with_more_than_tensors_are_refused(suffix: str, tmp_path: Path) -> None:
    path, canary = tmp_path / f"n{suffix}", tmp_path / "canary"
    torch.save({"G_ema": Deed(open, str(canary), "w")}, path)
    with pytest.raises(UnsafeFileError, match=r"is refused, nothing in it was run.*open"):
        load_generator(path)
    path.write_bytes(pickle.dumps(Deed(open, str(canary), "w"), 2))
    with pytest.raises(UnsafeFileError, match="is refused"):
        load_generator(path)
    torch.save(build("StyleGAN2.Generator", **TINY), path)
    with pytest.raises(UnsafeFileError, match=r"fsa_data\.nets\.stylegan2"):
        load_generator(path)
    assert not canary.exists()


@pytest.mark.parametrize("suffix", [".pt", ".pkl", ".safetensors"])
def test_files_that_are_something_else(suffix: str, tmp_path: Path) -> None:
    for data in (b"", b"hello", b"\x89PNG\r\n" + bytes(100), b"PK\x03\x04" + bytes(50)):
        path = tmp_path / f"n{suffix}"
        path.write_bytes(data)
        with pytest.raises((WrongWeightsError, UnsafeFileError)) as wrong:
            load_generator(path)
        assert str(path) in str(wrong.value)
        assert "\n" not in str(wrong.value)


def test_files_that_are_not_there_or_of_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match=r"no StyleGAN2 network at .*no\.pkl"):
        load_generator(tmp_path / "no.pkl")
    (tmp_path / "n.onnx").write_bytes(b"x")
    with pytest.raises(WrongWeightsError, match=r"ends in none of \.pkl, \.safetensors, \.pt, \.pth"):
        load_generator(tmp_path / "n.onnx")


def test_a_safetensors_file_of_another_network_or_with_a_bad_config(tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    state = generator(1).state_dict()
    for about, message in (
        ({"network": "StarGANv2.Generator"}, "holds the network 'StarGANv2.Generator'"),
        ({"config": "{"}, "no JSON"),
        ({"config": "[" * 100_000}, "no JSON"),
        ({"config": "3"}, "no JSON object"),
    ):
        save_file(state, path, about)
        with pytest.raises(WrongWeightsError, match=message):
            load_generator(path)


def test_loading_does_not_change_the_file(tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    save_file(generator(1).state_dict(), path)
    before = load_file(path)
    for parameter in load_generator(path).parameters():
        parameter.data.zero_()
    assert all(torch.equal(before[key], tensor) for key, tensor in load_file(path).items())
