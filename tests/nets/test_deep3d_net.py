"""Deep3DFaceRecon's regressor: the published network's numbers, and both of its trunks."""

from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from fsa_data.errors import UnknownNameError
from fsa_data.nets import build
from tests.parity.checks import check_fixture
from tests.parity.recipe import read_fixture

DATA = Path(__file__).parents[1] / "parity" / "data"
NAME = "Deep3DFaceRecon.ReconNetWrapper"


@pytest.mark.parametrize("name", ["deep3d_recon_resnet50", "deep3d_facemodel_20x10", "deep3d_align_320x260"])
def test_the_published_numbers(name):
    lines = check_fixture(read_fixture(DATA / f"{name}.npz"))
    assert [str(line) for line in lines if line.verdict != "ok"] == []


def test_an_untrained_network_says_the_mean_face():
    network = build(NAME, net_recon="resnet18").eval()
    with torch.no_grad():
        assert torch.equal(network(torch.rand(2, 3, 64, 64)), torch.zeros(2, 257))


def test_the_trunk_is_torchvisions():
    """Weights of the house's trunk give torchvision's features, which the heads turn into their parts in order."""
    network, trunk = build(NAME, net_recon="resnet18").eval(), resnet18(weights=None).eval()
    state = {key.removeprefix("backbone."): value for key, value in network.state_dict().items() if "backbone" in key}
    trunk.fc = torch.nn.Identity()
    trunk.load_state_dict(state, strict=True)
    for at, head in enumerate(network.final_layers):
        torch.nn.init.constant_(head.bias, at)
    torch.nn.init.eye_(network.final_layers[0].weight[:, :, 0, 0])
    image = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        vector = network(image)[0]
        torch.testing.assert_close(vector[:80], trunk(image)[0, :80])
    ends = torch.tensor([0, 80, 144, 224, 227, 254, 256])
    assert vector[ends[1:]].tolist() == [1, 2, 3, 4, 5, 6]
    assert vector[ends[1:] - 1].tolist()[1:] == [1, 2, 3, 4, 5]


def test_one_layer_instead_of_heads():
    network = build(NAME, net_recon="resnet18", use_last_fc=True)
    assert network.state_dict()["backbone.fc.weight"].shape == (257, 512)
    assert not [key for key in network.state_dict() if key.startswith("final_layers")]
    with torch.no_grad():
        assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 257)


def test_arguments_that_make_no_network():
    with pytest.raises(UnknownNameError, match="Unknown backbone 'resnet5'"):
        build(NAME, net_recon="resnet5")
    with pytest.raises(ValueError, match=r"The heads give 3 numbers \(\[1, 2\]\), but fc_dim is 257"):
        build(NAME, split=(1, 2))
