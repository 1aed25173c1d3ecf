"""SAEHD and Quick96: the published sizes, the shapes of every kind, and what decides which face comes out."""

import pytest
import torch

from fsa_data.errors import ConfigError
from fsa_data.nets import build
from fsa_data.nets.saehd import SAEHD, parse_architecture

SMALL = {"resolution": 64, "ae_dims": 16, "e_dims": 4, "d_dims": 6, "d_mask_dims": 4}


def _count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("archi", "resolution", "total", "encoder", "inter", "decoder"),
    [
        ("liae-ud", 128, 82_376_555, 4_306_560, 19_933_440, 38_203_115),
        ("df-ud", 128, 54_470_998, 4_306_560, 11_801_856, 19_181_291),
        ("df", 128, 57_538_432, 4_306_560, 14_959_872, 19_136_000),
        ("liae", 128, 94_963_328, 4_306_560, 26_249_472, 38_157_824),
        ("liae-udt", 192, 88_043_691, 15_654_144, 9_455_872, 53_477_803),
        ("liae-ud", 224, 125_664_107, 4_306_560, 41_577_216, 38_203_115),
    ],
)
def test_published_numbers_of_parameters(archi, resolution, total, encoder, inter, decoder):
    with torch.device("meta"):
        network = build("DeepFaceLab.SAEHD", resolution=resolution, archi=archi)
    decoders = [network.decoder] if "liae" in archi else [network.decoder_src, network.decoder_dst]
    assert _count(network.encoder) == encoder
    assert {_count(part) for part in network.inters} == {inter}
    assert {_count(part) for part in decoders} == {decoder}
    assert _count(network) == total


def test_published_number_of_parameters_of_the_small_one():
    with torch.device("meta"):
        assert _count(build("DeepFaceLab.Quick96")) == 38_294_330


@pytest.mark.parametrize("kind", ["df", "liae"])
@pytest.mark.parametrize("letters", ["", "u", "d", "t", "c", "ud", "udt", "udtc"])
def test_every_kind_gives_faces_and_masks_of_its_resolution(kind, letters):
    archi = f"{kind}-{letters}" if letters else kind
    for resolution in (64, 96) if "d" in letters else (64, 80):
        with torch.device("meta"):
            network = SAEHD(**(SMALL | {"resolution": resolution}), archi=archi)
            for face, mask in network(torch.zeros(2, 3, resolution, resolution)):
                assert face.shape == (2, 3, resolution, resolution)
                assert mask.shape == (2, 1, resolution, resolution)
            code = network.codes(*torch.zeros(2, 2, 3, resolution, resolution))[0]
            assert code.shape[1:] == (network.code_channels, network.code_side, network.code_side)


@pytest.fixture(params=["df-ud", "liae-udt"])
def network(request):
    torch.manual_seed(0)
    return SAEHD(**SMALL, archi=request.param).eval()


@torch.no_grad()
def test_a_swap_is_the_other_decoder_or_the_shared_code(network):
    src, dst = torch.rand(2, 3, 3, 64, 64)
    of_src, of_dst, swapped = network.codes(src, dst)
    if network.kind == "df":
        assert torch.equal(of_dst, swapped)
        # a person's own code in their own decoder: the same picture on both sides gives the same face
        assert torch.allclose(network.decode_src(network.codes(dst, dst)[0])[0], network(dst)[0].face, atol=1e-6)
    else:
        half = of_src.shape[1] // 2
        assert torch.equal(of_src[:, :half], of_src[:, half:])
        assert torch.equal(swapped[:, :half], of_dst[:, half:])
        assert not torch.equal(of_dst[:, :half], of_dst[:, half:])
    assert not torch.allclose(network(dst)[0].face, network(dst)[1].face)


@torch.no_grad()
def test_codes_are_normalised(network):
    vector = network.encoder(torch.rand(2, 3, 64, 64))
    torch.testing.assert_close(vector.square().mean(1), torch.ones(2), atol=0.02, rtol=0)


@torch.no_grad()
def test_four_convolutions_are_the_four_pixels_of_a_cell():
    network = SAEHD(**SMALL, archi="df-d").decoder_src
    for at, layer in enumerate(network.to_rgb):
        torch.nn.init.zeros_(layer.weight)
        layer.bias.copy_(torch.tensor([at, 10 + at, 20 + at]) / 10)
    face, _ = network(torch.rand(1, 16, 4, 4))
    cell = torch.logit(face)[0, :, 10:12, 30:32] * 10
    torch.testing.assert_close(cell[0], torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    torch.testing.assert_close(cell[2], torch.tensor([[20.0, 21.0], [22.0, 23.0]]))


def test_mask_channels_are_a_third_rounded_up_to_even():
    with torch.device("meta"):
        assert SAEHD(d_dims=64).decoder.to_mask.in_channels == 22
        assert SAEHD(d_dims=48).decoder.to_mask.in_channels == 16


@pytest.mark.parametrize(
    ("archi", "message"),
    [
        ("dfl-ud", "Architecture 'dfl-ud' is unknown.*Nearest: 'df-ud'"),
        ("lia-d", "Nearest: 'liae-d'"),
        ("df-ux", "letters of 'udtc'.*Nearest: 'df-u'"),
        ("df-uu", "Nearest: 'df-u'"),
        ("liae-", "Nearest: 'liae'"),
    ],
)
def test_an_unknown_architecture_names_the_nearest(archi, message):
    with pytest.raises(ConfigError, match=message):
        parse_architecture(archi)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"resolution": 100, "archi": "df"}, "multiple of 16 in 64..640, got 100. Nearest: 96"),
        ({"resolution": 80, "archi": "df-d"}, "multiple of 32 in 64..640 with d, got 80. Nearest: 64"),
        ({"resolution": 32}, "got 32. Nearest: 64"),
        ({"resolution": 704}, "got 704. Nearest: 640"),
        ({"ae_dims": 33}, "ae_dims must be even and in 8..1024, got 33. Nearest: 34"),
        ({"d_mask_dims": 0}, "d_mask_dims must be even and in 4..256, got 0. Nearest: 4"),
    ],
)
def test_an_illegal_size_names_the_nearest(sizes, message):
    with pytest.raises(ConfigError, match=message):
        build("DeepFaceLab.SAEHD", **sizes)
