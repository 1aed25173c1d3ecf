import numpy as np
import pytest
import torch

from fsa_data.frames.labels import MASKDAR
from train.augment import Strength, draw_params
from train.module import Classifier


def classifier(**changed):
    options = {
        "model": "efficientnet_lite1",
        "init": "random",
        "mirror_index": list(MASKDAR.mirror_index),
        "total_steps": 20,
        "lr": 1e-3,
        "head_lr_factor": 5,
        "weight_decay": 0.05,
        "warmup": 0.3,
        "label_smoothing": 0.1,
        "frozen_stages": 0,
        "frozen_filters": False,
        "seed": [0, 1],
    }
    return Classifier(**(options | changed))


def test_the_head_learns_faster_and_norms_do_not_decay():
    module = classifier()
    groups = module.configure_optimizers()["optimizer"].param_groups
    by_parameter = {id(p): group for group in groups for p in group["params"]}
    assert len(by_parameter) == len(list(module.net.parameters()))
    body = by_parameter[id(module.net.get_parameter("conv_stem.weight"))]
    norm = by_parameter[id(module.net.get_parameter("bn1.weight"))]
    head = by_parameter[id(module.net.get_parameter("classifier.weight"))]
    assert head["max_lr"] == 5 * body["max_lr"] == 5 * norm["max_lr"]
    assert (body["weight_decay"], head["weight_decay"], norm["weight_decay"]) == (0.05, 0.05, 0)


def test_the_rate_rises_then_falls_once_per_step():
    configured = classifier().configure_optimizers()
    optimiser, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    assert configured["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(20):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert int(np.argmax(rates)) == 5
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] < rates[0] < max(rates) / 10


@pytest.mark.parametrize("frozen", [0, 3])
def test_frozen_stages_keep_their_weights_and_the_rest_learns(frozen):
    module = classifier(frozen_stages=frozen, frozen_filters=frozen > 0)
    optimiser = module.configure_optimizers()["optimizer"]
    before = {name: value.clone() for name, value in module.net.named_parameters()}
    module.log = lambda *args, **kwargs: None
    params = draw_params(Strength(0, 0, 0, 0, 0), 4, torch.Generator().manual_seed(0))
    frames = torch.randint(0, 255, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        module.training_step((frames, torch.arange(4), params), 0).backward()
        optimiser.step()
    changed = {name for name, value in module.net.named_parameters() if not torch.equal(value, before[name])}
    assert {"classifier.weight", "conv_head.weight", "blocks.5.0.conv_pw.weight"} <= changed
    first = {"conv_stem.weight", "bn1.weight", "blocks.0.0.conv_pw.weight", "blocks.1.0.conv_pw.weight"}
    assert (first & changed == set()) == (frozen > 0)
    assert ("blocks.5.0.conv_dw.weight" in changed) == (frozen == 0)


def test_probabilities_do_not_depend_on_the_batch():
    module = classifier()
    frames = torch.randint(0, 255, (5, 3, 32, 32), dtype=torch.uint8)
    together, apart = module.probabilities(frames), module.probabilities(frames, batch_size=2)
    assert together.shape == (5, 15)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, apart, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_equal_seeds_give_equal_heads():
    one, two, other = classifier(), classifier(), classifier(seed=[0, 2])
    assert torch.equal(one.net.get_parameter("classifier.weight"), two.net.get_parameter("classifier.weight"))
    assert not torch.equal(one.net.get_parameter("classifier.weight"), other.net.get_parameter("classifier.weight"))
