"""XSeg, the patch discriminator and the code discriminator."""

import pytest
import torch

from fsa_data.errors import ConfigError
from fsa_data.nets import build
from fsa_data.nets.patch_discriminator import receptive_field, strides_for
from fsa_data.nets.xseg import Blur, Normalised


def test_xseg_gives_a_mask_of_the_pictures_size():
    with torch.device("meta"):
        network = build("DeepFaceLab.XSeg")
        assert network(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 256, 256)
        assert (network.squeeze.in_features, network.squeeze.out_features) == (4096, 512)
        assert [merge[0][0].in_channels for merge in network.merges] == [384, 384, 384, 256, 128, 64]


@torch.no_grad()
def test_xseg_without_skips_sees_the_bottleneck_only():
    torch.manual_seed(0)
    network = build("DeepFaceLab.XSeg", resolution=64, base=4).eval()
    image = torch.rand(1, 3, 64, 64)
    torch.nn.init.zeros_(network.unfold.weight)
    assert torch.equal(network(image, skips=False), network(torch.rand(1, 3, 64, 64), skips=False))
    assert not torch.equal(network(image), network(torch.rand(1, 3, 64, 64)))


@torch.no_grad()
def test_responses_are_normalised_then_cut_off():
    layer, x = Normalised(3), torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(
        layer(7 * x), (x / x.square().mean((2, 3), keepdim=True).sqrt()).relu(), atol=1e-4, rtol=0
    )
    torch.nn.init.constant_(layer.threshold, 0.5)
    assert layer(x).min() == 0.5


@pytest.mark.parametrize("taps", [2, 3, 4])
def test_a_blur_keeps_a_plain_picture_and_halves_it(taps):
    out = Blur(taps)(torch.ones(1, 2, 8, 8))
    assert out.shape == (1, 2, 4, 4)
    torch.testing.assert_close(out[:, :, 1:3, 1:3], torch.ones(1, 2, 2, 2))


@pytest.mark.parametrize("patch", [3, 8, 16, 28, 40, 64])
def test_the_receptive_field_is_what_one_output_sees(patch):
    """Measured by the gradient of the middle patch, and as near to the wanted one as strides allow."""
    assert strides_for(patch)[0] == 2
    network = build("DeepFaceLab.PatchDiscriminator", patch_size=patch, base=2)
    image = torch.rand(1, 3, 160, 160, requires_grad=True)
    patches, pixels = network(image)
    assert pixels.shape == (1, 1, 160, 160)
    middle = patches.shape[-1] // 2
    patches[0, 0, middle, middle].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == receptive_field(strides_for(patch))
    assert abs(receptive_field(strides_for(patch)) - patch) <= 2


def test_odd_sizes_come_back():
    with torch.device("meta"):
        network = build("DeepFaceLab.PatchDiscriminator", patch_size=40)
        assert network(torch.zeros(1, 3, 101, 75))[1].shape == (1, 1, 101, 75)


def test_code_discriminator():
    with torch.device("meta"):
        network = build("DeepFaceLab.CodeDiscriminator", inputs=32, side=16)
        assert [layer.out_channels for layer in network.layers if hasattr(layer, "out_channels")] == [256, 512, 1024, 1]
        assert network(torch.zeros(2, 32, 16, 16)).shape[:2] == (2, 1)


def test_sizes_of_which_no_network_can_be_made():
    with pytest.raises(ConfigError, match=r"multiple of 64 and base at least 1, got 200 and 32\. Nearest: 192"):
        build("DeepFaceLab.XSeg", resolution=200)
    with pytest.raises(ConfigError, match=r"at least 3 pixels and 1 channel, got 2 and 16\. Nearest: 3 and 16"):
        build("DeepFaceLab.PatchDiscriminator", patch_size=2)
    with pytest.raises(ConfigError, match="A code needs channels and pixels, got 0 x 4 x 4"):
        build("DeepFaceLab.CodeDiscriminator", inputs=0, side=4)
