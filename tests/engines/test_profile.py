"""Parameters and operations against those counted on the published code, within 0.1 %."""

import csv
import weakref

import pytest
import torch

from fsa_data import cli
from fsa_data.engines.profile.cases import CASES
from fsa_data.engines.profile.measure import PeakMemory, count, measure
from fsa_data.engines.profile.steps import dagan_step, stargan_step

PUBLISHED = {
    "StarGAN v2 generator, w_hpf=0": (33_892_995, 48.646e9),
    "StarGAN v2 generator, w_hpf=1": (43_467_395, 45.408e9),
    "StarGAN v2 mapping network": (2_438_272, 2_433_024),
    "StarGAN v2 mapping network, 7 domains": (6_542_272, 6_529_024),
    "StarGAN v2 style encoder": (20_916_928, 16.563e9),
    "StarGAN v2 discriminator": (20_852_290, 16.563e9),
    "StarGAN v2 landmarks (FAN)": (6_333_603, 8.726e9),
    "DaGAN depth, ResNet-18": (14_842_236, 4.274e9),
    "DaGAN depth, ResNet-50": (34_571_132, 8.829e9),
    "DaGAN camera motion": (13_022_712, 2.608e9),
    "DaGAN key points": (14_262_519, 1.480e9),
    "DaGAN key points, 10": (14_218_394, 1.332e9),
    "DaGAN generator, DepthAware": (46_096_917, 68.984e9),
    "DaGAN generator, DepthAware, 10": (46_030_752, 68.713e9),
    "DaGAN generator, SPADE": (67_545_305, 303.432e9),
    "DaGAN discriminator": (2_774_209, 6.345e9),
    "DaGAN discriminator, 10": (2_769_089, 6.017e9),
    "DaGAN, a driving frame, DepthAware": (75_201_672, 74.738e9),
    "DaGAN, a driving frame, SPADE": (96_650_060, 309.186e9),
    "VGG19 to relu5_1": (12_944_966, 23.668e9),
    "StyleGAN2 generator, 64 px": (27_032_600, 16.140e9),
    "StyleGAN2 generator, 256 px": (30_034_338, 45.375e9),
    "StyleGAN2 generator, 1024 px": (30_370_060, 75.385e9),
    "Deep3DFaceReconstruction, ResNet-50": (24_034_625, 4.088e9),
    "S3FD": (22_459_110, 6.764e9),
    "FAN, 4 stacks": (23_820_176, 25.235e9),
    "ResNetDepth": (58_496_388, 18.530e9),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_figures_of_the_published_code(name: str) -> None:
    parameters, macs = count(CASES[name].build, CASES[name].inputs)
    assert parameters == pytest.approx(PUBLISHED[name][0], rel=1e-3)
    assert macs == pytest.approx(PUBLISHED[name][1], rel=1e-3)


def test_training_steps() -> None:
    for cost, forward, both in (
        (stargan_step(0.0), 604.50e9, 1357.3e9),
        (stargan_step(1.0), 604.77e9, 1331.5e9),
        (dagan_step(), 188.57e9, 413.07e9),
    ):
        assert cost.forward == pytest.approx(forward, rel=1e-3)
        assert cost.both == pytest.approx(both, rel=1e-3)


def test_a_layer_by_hand() -> None:
    def layer() -> torch.nn.Module:
        return torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)

    found = measure(layer, lambda batch, device: (torch.rand(batch, 3, 10, 10, device=device),), torch.device("cpu"), 2)
    assert (found.parameters, found.macs) == (216, 216 * 100)
    assert found.mib == pytest.approx(2 * 8 * 100 * 4 / 2**20)


def test_memory_that_is_freed_counts_no_more() -> None:
    with PeakMemory() as memory:
        one = torch.zeros(1000)
        gone = weakref.ref(one.untyped_storage())
        view = one[10:]
        del one, view
        assert gone() is None
        torch.zeros(500)
    assert memory.peak == 4000
    assert memory.live == 0


def test_the_command(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["profile", "StarGAN v2 mapping network", "--device", "cpu", "-o", str(tmp_path)]) == 0
    assert "| StarGAN v2 mapping network | 16 numbers, 2 domains | 2,438,272 | 0.002 |" in capsys.readouterr().out
    (row,) = csv.DictReader((tmp_path / "profile.csv").read_text().splitlines())
    assert row["parameters"] == "2438272"
    assert (tmp_path / "profile.png").stat().st_size > 1000
    assert cli.main(["profile", "StarGAN"]) == 2
    assert "Unknown network 'StarGAN'" in capsys.readouterr().err


def test_no_rate_above_the_peak_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("fsa_data.engines.profile.measure.peak_gmacs_per_s", lambda device: 1e-6)
    assert cli.main(["profile", "StarGAN v2 mapping network", "--device", "cpu"]) == 0
    assert "above the peak: not told" in capsys.readouterr().out
