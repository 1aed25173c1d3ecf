"""face-alignment's networks beyond the fixtures (tests/parity/data): sizes, batches, what stands in the way."""

import pytest
import torch

from fsa_data.errors import ConfigError
from fsa_data.nets import build
from fsa_data.nets.face_alignment import BGR_MEAN, detector_input


def test_the_detector_sees_bgr_without_its_mean():
    image = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1)
    assert detector_input(image).flatten().tolist() == [30 - BGR_MEAN[0], 20 - BGR_MEAN[1], 10 - BGR_MEAN[2]]


def test_a_batch_of_the_detector_is_its_images():
    torch.manual_seed(0)
    network = build("face_alignment.s3fd").eval()
    images = torch.rand(2, 3, 72, 56) * 255
    with torch.no_grad():
        together = network(detector_input(images))
        alone = network(detector_input(images[1:]))
    assert [tuple(one.shape) for one in together[:2]] == [(2, 2, 18, 14), (2, 4, 18, 14)]
    assert len(together) == 12
    for both, one in zip(together, alone, strict=True):
        torch.testing.assert_close(both[1:], one, rtol=1e-4, atol=1e-4)


def test_the_finest_level_takes_the_likeliest_background():
    network = build("face_alignment.s3fd").eval()
    torch.nn.init.zeros_(network.conv3_3_norm_mbox_conf.weight)
    with torch.no_grad():
        network.conv3_3_norm_mbox_conf.bias.copy_(torch.tensor([1.0, 3.0, 2.0, 5.0]))
        logits = network(torch.rand(1, 3, 64, 64))[0]
    assert logits[0, :, 0, 0].tolist() == [3.0, 5.0]


def test_stacks_of_the_landmark_network():
    one, two = build("face_alignment.FAN").eval(), build("face_alignment.FAN", num_modules=2).eval()
    extra = set(two.state_dict()) - set(one.state_dict())
    assert {key.partition(".")[0] for key in extra} == {
        *("m1", "top_m_1", "conv_last1", "bn_end1", "l1"),
        *("bl0", "al0"),
    }
    with torch.no_grad():
        maps = two(torch.rand(1, 3, 128, 128))
    assert [tuple(one.shape) for one in maps] == [(1, 68, 32, 32)] * 2
    with pytest.raises(ConfigError, match="num_modules is at least 1, got 0"):
        build("face_alignment.FAN", num_modules=0)


def test_the_depth_network_leaves_out_the_last_row_and_column():
    torch.manual_seed(0)
    network = build("face_alignment.ResNetDepth").eval()
    seen = []
    network.layer4.register_forward_hook(lambda module, given, out: seen.append(out))
    with torch.no_grad():
        depth = network(torch.rand(1, 71, 256, 256))
        torch.testing.assert_close(depth, network.fc(seen[0][:, :, :7, :7].mean(dim=(2, 3))), rtol=1e-4, atol=0.1)
    assert seen[0].shape[2:] == (8, 8)
    assert depth.shape == (1, 68)
