"""Checkpoints laid out as the published ones are, with weights drawn here."""

from pathlib import Path

import pytest
import torch

from fsa_data.engines import load_engine
from fsa_data.engines.dagan.networks import find_dagan, load_dagan
from fsa_data.engines.dagan.preset import DaganPreset
from fsa_data.engines.stargan2.networks import find_stargan, load_stargan
from fsa_data.engines.stargan2.preset import StarganPreset
from fsa_data.errors import ConfigError, MissingWeightsError, UnknownNameError, WrongWeightsError
from fsa_data.nets import build
from tests.engines.reenact.conftest import DAGAN, STARGAN


def stargan_file(path: Path, domains: int = 3, **more) -> Path:
    nets = StarganPreset(**STARGAN | {"img_size": 64, "dim_in": 256, "max_conv_dim": 256}).nets(domains)
    classes = {"generator": "Generator", "mapping_network": "MappingNetwork", "style_encoder": "StyleEncoder"}
    held = {name: build(f"StarGANv2.{kind}", **nets[name]).state_dict() for name, kind in classes.items()}
    torch.save({**held, **more}, path)
    return path


def dagan_folder(folder: Path, num_kp: int = 3, other: int = 3, **more) -> Path:
    nets, odd = DaganPreset(**DAGAN | {"num_kp": num_kp}).nets(), DaganPreset(**DAGAN | {"num_kp": other}).nets()
    states = {name: build(*odd[name][:1], **odd[name][1]).state_dict() for name in ("generator",)}
    states["kp_detector"] = build(nets["kp_detector"][0], **nets["kp_detector"][1]).state_dict()
    held = {name: {f"module.{key}": value for key, value in state.items()} for name, state in states.items()}
    torch.save({**held, "epoch": 7, "optimizer_generator": {"state": {}}, **more}, folder / "DaGAN.pth.tar")
    encoder, decoder = build("DaGAN.ResnetEncoder"), None
    decoder = build("DaGAN.DepthDecoder", num_ch_enc=encoder.num_ch_enc)
    notes = {"height": 256, "width": 256, "use_stereo": False}
    torch.save({**encoder.state_dict(), **notes}, folder / "encoder.pth")
    torch.save(decoder.state_dict(), folder / "depth.pth")
    return folder


def test_stargan(tmp_path: Path) -> None:
    path = stargan_file(tmp_path / "x.ckpt")
    found = find_stargan(path)
    assert (found.img_size, found.domains) == (64, ("cat", "dog", "wild"))
    nets = load_stargan(found)
    held = torch.load(path, weights_only=True)
    for name in held:
        for key, value in getattr(nets, name).state_dict().items():
            assert torch.equal(value, held[name][key])
    with pytest.raises(ConfigError, match=r"no discriminator.*one of cat, dog, wild"):
        load_engine(f"stargan2:{path}")
    with pytest.raises(UnknownNameError, match="horse"):
        load_engine(f"stargan2:{path}", {"domain": "horse"})
    assert load_engine(f"stargan2:{path}", {"domain": "b", "domains": "a,b,c"}).file.domains == ("a", "b", "c")
    with pytest.raises(ConfigError, match="has 3 domains, but 2 names"):
        find_stargan(path, ("a", "b"))


def test_stargan_with_its_discriminator(tmp_path: Path) -> None:
    args = StarganPreset(**STARGAN | {"img_size": 64, "dim_in": 256, "max_conv_dim": 256}).nets(3)["discriminator"]
    judge = build("StarGANv2.Discriminator", **args)
    engine = load_engine(f"stargan2:{stargan_file(tmp_path / 'x.ckpt', discriminator=judge.state_dict())}")
    photo, other = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8).numpy()
    made, domain = engine.styled(photo, other)
    shown = torch.from_numpy(other).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        wanted = int(judge.eval().main(shown).flatten(1).argmax(1))
    assert (made.shape, domain) == ((64, 64, 3), ("cat", "dog", "wild")[wanted])


def test_stargan_with_something_else(tmp_path: Path) -> None:
    with pytest.raises(WrongWeightsError, match="holds surprise besides"):
        find_stargan(stargan_file(tmp_path / "x.ckpt", surprise=torch.ones(1)))
    other = StarganPreset(**STARGAN).nets(2)["mapping_network"]
    mapping = build("StarGANv2.MappingNetwork", **other).state_dict()
    with pytest.raises(WrongWeightsError, match="mapping network 2 and the style encoder 3"):
        find_stargan(stargan_file(tmp_path / "y.ckpt", mapping_network=mapping))
    (tmp_path / "z.ckpt").write_bytes(b"no file of torch")
    with pytest.raises(WrongWeightsError, match="cannot be read"):
        find_stargan(tmp_path / "z.ckpt")


def test_dagan(tmp_path: Path) -> None:
    found = find_dagan(dagan_folder(tmp_path))
    assert (found.num_kp, found.size, found.identities) == (3, 256, frozenset())
    net = load_dagan(found)
    held = torch.load(tmp_path / "DaGAN.pth.tar", weights_only=True)
    assert torch.equal(net.generator.final.weight, held["generator"]["module.final.weight"])
    with torch.no_grad():
        image = torch.rand(1, 3, 64, 64)
        points, depth = net.detect(image)
        assert net.move(image, points, depth, points).shape == image.shape


def test_dagan_that_does_not_fit_together(tmp_path: Path) -> None:
    with pytest.raises(WrongWeightsError, match="finds 3 key points, the generator moves 4"):
        find_dagan(dagan_folder(tmp_path, other=4))
    with pytest.raises(WrongWeightsError, match="holds strange besides"):
        find_dagan(dagan_folder(tmp_path, strange=1))
    dagan_folder(tmp_path)
    (tmp_path / "depth.pth").unlink()
    with pytest.raises(MissingWeightsError, match=r"encoder\.pth and depth\.pth"):
        find_dagan(tmp_path)
