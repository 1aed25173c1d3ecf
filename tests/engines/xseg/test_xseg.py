"""XSeg learns outlines, goes on to the very step, and is what mask modes 6 to 9 use."""

import pickle

import numpy as np
import pytest
import torch

from fsa_data import load_engine, load_source
from fsa_data.cli import main
from fsa_data.engines.xseg.labels import read_outlines
from fsa_data.engines.xseg.samples import UNIFORMS, make_samples
from fsa_data.engines.xseg.segment import Segmenter
from fsa_data.engines.xseg.train import XSegOptions, read_xseg, train_xseg
from fsa_data.errors import ConfigError, MissingWeightsError, WrongWeightsError
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.sources import find_faces
from tests.engines.xseg.outlines import write_outlines

SMALL = {"resolution": 64, "base": 4, "batch_size": 4, "lr": 2e-3, "lr_dropout": 1.0, "device": "cpu"}


@pytest.fixture(scope="module")
def outlines(tmp_path_factory):
    return read_outlines(write_outlines(tmp_path_factory.mktemp("outlines")))


@pytest.fixture(scope="module")
def trained(outlines, tmp_path_factory):
    path = tmp_path_factory.mktemp("xseg") / "model.safetensors"
    return path, train_xseg(outlines, path, XSegOptions(iterations=250, **SMALL))


def test_it_learns_what_was_outlined(trained, outlines):
    path, report = trained
    assert report.overlap > 0.85
    segment = Segmenter(path)
    image, mask = outlines[0].load(96)
    got = segment(image)
    assert (got.shape, got.dtype) == ((96, 96), np.float32)
    both, either = ((got > 0.5) & (mask > 0)).sum(), ((got > 0.5) | (mask > 0)).sum()
    assert both / either > 0.75
    assert not ((got > 0) & (got < 0.1)).any()
    assert np.array_equal(pickle.loads(pickle.dumps(segment))(image), got)
    assert read_xseg(path).identities == {"anna", "ben"}


def test_stopped_and_gone_on_is_as_if_never_stopped(outlines, tmp_path):
    small = SMALL | {"lr_dropout": 0.3}
    for name, stops in (("straight", [6]), ("stopped", [2, 6])):
        for iterations in stops:
            train_xseg(outlines, tmp_path / f"{name}.safetensors", XSegOptions(iterations=iterations, **small))
    assert (tmp_path / "straight.safetensors").read_bytes() == (tmp_path / "stopped.safetensors").read_bytes()


def test_a_mask_moves_with_its_picture():
    """A picture that is its own mask stays so, but for what is laid over it and light that bleeds."""
    rows = torch.rand(8, UNIFORMS, generator=torch.Generator().manual_seed(0))
    rows[:, 108] = 0.9  # nothing is laid over
    rows[:, 110:113] = 0.5  # no other colours
    rows[:, 113:115] = 0.9  # not smoothed, not made small
    rows[:, 116] = 0.9  # no light
    masks = torch.zeros(2, 1, 64, 64, dtype=torch.uint8)
    masks[:, :, 16:44, 20:40] = 255
    index = torch.arange(8) % 2
    picture, mask = make_samples(masks.expand(-1, 3, -1, -1), masks, index, index.flip(0), rows)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert torch.equal((picture[:, :1] >= 0.5).float(), mask)
    again, _ = make_samples(masks.expand(-1, 3, -1, -1), masks, index, index.flip(0), rows)
    assert torch.equal(picture, again)
    rows[:, 108] = 0.1
    _, covered = make_samples(masks.expand(-1, 3, -1, -1), masks, index, index.flip(0), rows)
    assert (covered <= mask).all()
    assert covered.sum() < mask.sum()


def test_the_merge_asks_it(trained):
    path, _ = trained
    merge = {"mode": "overlay", "mask_mode": 7, "colour": "none"}
    landmarker = load_landmarker()
    frame = LabelledFrames.from_simdrive().read(0)
    donors = find_faces(load_source("portraits").photos, landmarker)
    face = landmarker(frame)[0]
    params = {"seed": 0, "slot": 0}
    with_it = load_engine("mesh_warp", {"xseg": str(path)}, merge)
    without = load_engine("mesh_warp", None, merge | {"mask_mode": 3})
    assert with_it.trained_on == {"anna", "ben"}
    assert with_it.fingerprint["options"]["xseg"] == Segmenter(path).digest
    assert "xseg" not in without.fingerprint["options"]
    one, other = (engine.swap(frame, face, donors, params) for engine in (with_it, without))
    assert one.swapped
    assert not np.array_equal(one.patch, other.patch)


def test_errors(outlines, trained, tmp_path):
    path, _ = trained
    with pytest.raises(WrongWeightsError, match="64 px, base 4, but 128 px, base 4 is wanted"):
        train_xseg(outlines, path, XSegOptions(**(SMALL | {"resolution": 128})))
    with pytest.raises(ConfigError, match=r"NAME\.safetensors"):
        train_xseg(outlines, tmp_path / "model", XSegOptions(**SMALL))
    with pytest.raises(MissingWeightsError, match="fsa train-xseg"):
        load_engine("mesh_warp", {"xseg": str(tmp_path / "none.safetensors")}, {"mode": "overlay", "mask_mode": 8})
    with pytest.raises(ConfigError, match="xseg=FILE"):
        load_engine("mesh_warp", None, {"mode": "overlay", "mask_mode": 8})
    (tmp_path / "bad.safetensors").write_bytes(b"no model")
    with pytest.raises(WrongWeightsError, match="cannot be read as an XSeg model"):
        read_xseg(tmp_path / "bad.safetensors")


def test_the_command(tmp_path, capsys):
    folder = write_outlines(tmp_path / "outlines", 4)
    words = ["train-xseg", str(folder), "-o", str(tmp_path / "x.safetensors"), "--resolution", "64", "--base", "2"]
    assert main([*words, "--iterations", "2", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "4 pictures of anna, ben" in said
    assert "2 steps" in said
    assert main(["train-xseg", str(tmp_path / "none"), "-o", str(tmp_path / "y.safetensors")]) == 2
    assert "There is no folder" in capsys.readouterr().err
