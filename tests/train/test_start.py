import re

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from fsa_data.errors import MissingWeightsError, UnknownNameError, WrongWeightsError
from train.start import build_classifier, depthwise, input_statistics, lite1_weights, stages

ODD = 97  # 97, 49, 25, 13, 7: with odd maps the two paddings of a stride agree


def lite1():
    model = timm.create_model("tf_efficientnet_lite1", num_classes=3)
    model.load_state_dict({k: v for k, v in lite1_weights().items() if "classifier" not in k}, strict=False)
    return model.eval()


def with_relu6(model):
    for name, child in model.named_children():
        if isinstance(child, nn.SiLU):
            setattr(model, name, nn.ReLU6(inplace=True))
        else:
            with_relu6(child)
    return model


@pytest.fixture(scope="module")
def frames():
    return torch.rand(2, 3, ODD, ODD, generator=torch.Generator().manual_seed(0)) * 2 - 1


@torch.inference_mode()
def test_b1_starts_as_lite1_but_for_activation_and_gates(frames):
    expected = lite1().forward_features(frames)
    model = with_relu6(build_classifier("efficientnet_b1", "lite1", 3)).eval()
    open_gates = model.forward_features(frames)
    cosine = nn.functional.cosine_similarity(open_gates.flatten(1), expected.flatten(1))
    assert cosine.min() > 0.998  # gates are open to 0.9975 each
    for name, module in model.named_modules():
        if name.endswith("se.conv_expand"):
            module.bias.fill_(40.0)
    torch.testing.assert_close(model.forward_features(frames), expected, atol=2e-3, rtol=0)


@torch.inference_mode()
def test_lite1_itself_is_loaded_exactly(frames):
    model = build_classifier("efficientnet_lite1", "lite1", 3).eval()
    torch.testing.assert_close(model.forward_features(frames), lite1().forward_features(frames))


def test_the_start_reuses_every_tensor_of_lite1_but_the_head():
    stored = lite1_weights()
    assert len(stored) == 386
    own = build_classifier("efficientnet_b1", "lite1", 3).state_dict()
    kept = [k for k, v in stored.items() if own[k].shape == v.shape and torch.equal(own[k], v)]
    variances = [k for k in stored if k.endswith("running_var")]
    assert len(kept) == 386 - 2 - len(variances)
    assert all((own[k] - stored[k]).min() > 9e-4 for k in variances)  # 1e-3 - 1e-5: the epsilon moved in


def test_gradients_reach_gates_and_added_blocks():
    model = build_classifier("efficientnet_b1", "lite1", 3).train()
    model(torch.rand(4, 3, 64, 64)).square().sum().backward()
    for name in ("blocks.0.1.bn2.weight", "blocks.6.1.bn3.weight", "blocks.3.1.se.conv_expand.bias"):
        assert model.get_parameter(name).grad.abs().sum() > 0


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@torch.inference_mode()
def test_a_file_is_loaded_and_a_head_for_other_classes_left_out(tmp_path, suffix, frames):
    torch.manual_seed(1)
    model = build_classifier("efficientnet_lite1", "random", 5).eval()
    path = tmp_path / f"weights.{suffix}"
    save_file(model.state_dict(), path) if suffix == "safetensors" else torch.save(model.state_dict(), path)
    same = build_classifier("efficientnet_lite1", str(path), 5).eval()
    assert torch.equal(same(frames), model(frames))
    other = build_classifier("efficientnet_lite1", str(path), 3).eval()
    assert torch.equal(other.forward_features(frames), model.forward_features(frames))


def test_files_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "b1.pth"
    torch.save(build_classifier("efficientnet_b1", "random", 3).state_dict(), path)
    with pytest.raises(WrongWeightsError, match=r"does not fit: \d+ of 386 tensors differ"):
        build_classifier("efficientnet_lite1", str(path), 3)
    path.write_bytes(b"no tensors")
    with pytest.raises(WrongWeightsError, match="no file of tensors"):
        build_classifier("efficientnet_lite1", str(path), 3)
    torch.save([1, 2], path)
    with pytest.raises(WrongWeightsError, match="no state dict"):
        build_classifier("efficientnet_lite1", str(path), 3)
    with pytest.raises(MissingWeightsError, match="no such file"):
        build_classifier("efficientnet_lite1", str(tmp_path / "none.safetensors"), 3)


class Payload:
    def __reduce__(self):
        return print, ("code of the file was run",)


def test_a_file_runs_no_code(tmp_path, capsys):
    torch.save({"a": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(WrongWeightsError, match="no file of tensors"):
        build_classifier("efficientnet_lite1", str(tmp_path / "evil.pth"), 3)
    assert "was run" not in capsys.readouterr().out


def test_imagenet_weights_out_of_reach_are_an_error_with_two_ways_out(monkeypatch):
    create = timm.create_model

    def unreachable(name, pretrained=False, **options):
        if pretrained:
            raise OSError("no route to host")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(MissingWeightsError, match=re.escape("model.init=FILE.safetensors")) as caught:
        build_classifier("efficientnet_b1", "imagenet", 3)
    assert "model.init=lite1" in str(caught.value)
    assert "no route to host" in str(caught.value)


@pytest.mark.parametrize(("name", "init"), [("efficientnet_b2", "random"), ("efficientnet_b1", "imagnet")])
def test_unknown_names(name, init):
    with pytest.raises(UnknownNameError, match="Did you mean"):
        build_classifier(name, init, 3)


def test_statistics_belong_to_the_weights():
    model = build_classifier("efficientnet_b1", "random", 3)
    assert input_statistics(model, "lite1") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    model.pretrained_cfg = {"mean": (0.4, 0.5, 0.6), "std": (0.1, 0.2, 0.3)}
    assert input_statistics(model, "imagenet") == ((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))


def test_depthwise_filters_are_those_of_one_channel():
    filters = depthwise(build_classifier("efficientnet_b1", "random", 3))
    assert len(filters) == 23  # one in each block
    assert all(module.weight.shape[1] == 1 and module.kernel_size in ((3, 3), (5, 5)) for module in filters)


@pytest.mark.parametrize("name", ["efficientnet_b1", "efficientnet_lite1"])
def test_stages_cover_the_body_in_order(name):
    model = build_classifier(name, "random", 3)
    parts = stages(model)
    assert len(parts) == 8
    inside = {id(p) for part in parts for p in part.parameters()}
    outside = [n for n, p in model.named_parameters() if id(p) not in inside]
    assert {n.split(".")[0] for n in outside} == {"conv_head", "bn2", "classifier"}
