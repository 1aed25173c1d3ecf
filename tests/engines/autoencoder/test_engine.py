"""The engine: what it promises of every engine, and what goes wrong in front of it."""

import pickle

import numpy as np
import pytest
import torch

from fsa_data import load_engine, simdrive
from fsa_data.engines.autoencoder.engine import AutoencoderEngine
from fsa_data.engines.autoencoder.train import TrainOptions, train
from fsa_data.errors import ConfigError, DatasetNotFoundError, WrongWeightsError
from fsa_data.merge import PasteOptions
from fsa_data.types import Reason, SourceFace, SwapEngine, paste
from tests.engines.autoencoder.tiny import made_up_faces, tiny

QUIET = TrainOptions(device="cpu", progress=False, preview_every=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    train(made_up_faces("mask-maker", 0), made_up_faces("driver", 1), folder, tiny(), until=2, options=QUIET)
    return folder


@pytest.fixture
def engine(folder, monkeypatch):
    """With a face of one colour and a round mask in place of what two steps have learnt."""
    engine = load_engine(f"saehd:{folder}", merge={"colour": "none", "occluders": False}, device="cpu")
    rows, columns = np.mgrid[:64, :64] - 31.5
    mask = (rows**2 + columns**2 < 24**2).astype(np.float32)
    monkeypatch.setattr(AutoencoderEngine, "predict", lambda self, picture: (np.full_like(picture, 200), mask, mask))
    return engine


def _donors(*identities):
    image = simdrive.identity_photo(0, 50, 0, 0, 64)
    return [SourceFace(identity, "digest", image, None, {}) for identity in identities]


def test_it_is_an_engine_with_a_past(folder):
    engine = load_engine(f"saehd:{folder}", device="cpu")
    assert isinstance(engine, SwapEngine)
    assert engine.trained_on == {"mask-maker", "driver"}
    assert len(engine.fingerprint["weights"]) == 64
    assert engine.fingerprint["architecture"]["resolution"] == 64
    assert pickle.loads(pickle.dumps(engine)).fingerprint == engine.fingerprint
    assert load_engine(f"saehd:{folder}", merge={"erode": 0}).fingerprint != engine.fingerprint


def test_other_weights_are_another_fingerprint(folder, tmp_path):
    train(made_up_faces("mask-maker", 0), made_up_faces("driver", 1), tmp_path, tiny(), until=1, options=QUIET)
    one, two = (load_engine(f"saehd:{where}").fingerprint for where in (folder, tmp_path))
    assert one["weights"] != two["weights"]


def test_the_networks_own_prediction(folder, driver):
    """Nothing stubbed: the same pixels each time, in a copy through pickle, too, and from the snapshot itself."""
    engine = load_engine(f"saehd:{folder}", device="cpu")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    face, mask, own_mask = engine.predict(picture)
    assert (face.shape, face.dtype, mask.shape, mask.dtype) == ((64, 64, 3), np.uint8, (64, 64), np.float32)
    with torch.no_grad():
        other, own = engine._opened()(torch.from_numpy(picture.transpose(2, 0, 1))[None].float() / 255)
    np.testing.assert_allclose(mask, other.mask[0, 0].numpy(), atol=1e-6)
    np.testing.assert_allclose(own_mask, own.mask[0, 0].numpy(), atol=1e-6)
    again, *_ = pickle.loads(pickle.dumps(engine)).predict(picture)
    snapshot, *_ = AutoencoderEngine("saehd", engine.snapshot, device="cpu").predict(picture)
    assert np.array_equal(face, again)
    assert np.array_equal(face, snapshot)
    assert engine.swap(*driver, _donors("mask-maker"), {}).reason in (Reason.SWAPPED, Reason.TOO_SMALL)


def test_a_swap_is_a_small_rectangle_with_the_face_in_its_middle(engine, driver):
    frame, face = driver
    before = frame.copy()
    swap = engine.swap(frame, face, _donors("someone", "mask-maker"), {"seed": 0, "slot": 0})
    assert swap.swapped
    assert swap.source_identity == "mask-maker"
    assert swap.box.area <= 2 * face.box.area
    assert swap.patch.shape == (swap.box.h, swap.box.w, 3)
    assert np.array_equal(frame, before)
    after = paste(frame, swap.box, swap.patch)
    nose = face.points_px[1].astype(int)
    assert np.abs(after[nose[1], nose[0]].astype(int) - 200).max() <= 2
    assert (after != frame).any(2).sum() > 0.2 * face.box.area


def test_even_a_mask_of_everything_stays_in_its_box(engine, driver, monkeypatch):
    full = np.ones((64, 64), np.float32)
    monkeypatch.setattr(AutoencoderEngine, "predict", lambda self, picture: (np.full_like(picture, 200), full, full))
    wide = AutoencoderEngine("saehd", engine.snapshot, merge=PasteOptions(colour="none", occluders=False))
    frame, face = driver
    assert wide.swap(frame, face, _donors("mask-maker"), {}).box.area <= 2 * face.box.area
    edge = face.moved(-face.box.x - 10, 0)
    swap = wide.swap(frame[:, face.box.x + 10 :], edge, _donors("mask-maker"), {})
    assert swap.box.x == 0


def test_reasons(engine, driver, monkeypatch):
    from dataclasses import replace

    frame, face = driver
    donors = _donors("mask-maker")
    for changes, reason in (
        ({"yaw_deg": 70.0}, Reason.PROFILE),
        ({"pitch_deg": -60.0}, Reason.PROFILE),
        ({"confidence": 0.1}, Reason.LOW_CONFIDENCE),
        ({"points_px": face.points_px * np.float32(0.1)}, Reason.TOO_SMALL),
        ({"points_px": face.points_px - np.float32([face.box.x + 50, 0, 0])}, Reason.OUT_OF_FRAME),
    ):
        assert engine.swap(frame, replace(face, **changes), donors, {}).reason is reason
    swap = engine.swap(frame, face, _donors("someone"), {})
    assert (swap.reason, swap.notes["trained_for"]) == (Reason.NO_DONOR, "mask-maker")
    monkeypatch.setattr(
        AutoencoderEngine, "predict", lambda self, picture: (picture, *np.zeros((2, 64, 64), np.float32))
    )
    assert engine.swap(frame, face, donors, {}).notes["mask"] == "leaves nothing"


def test_what_is_no_training(folder, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        load_engine(f"saehd:{tmp_path / 'no'}")
    with pytest.raises(DatasetNotFoundError, match=r"holds no snapshot \(step-\*\)"):
        load_engine(f"saehd:{tmp_path}")
    with pytest.raises(WrongWeightsError, match="holds a saehd, not a quick96: say saehd:"):
        load_engine(f"quick96:{folder}")
    crowd = made_up_faces("crowd", 0)
    train(crowd, crowd, tmp_path, tiny(pretrain=True), until=1, options=QUIET)
    with pytest.raises(WrongWeightsError, match="only pretrained"):
        load_engine(f"saehd:{tmp_path}")


def test_options_out_of_range(folder):
    with pytest.raises(ConfigError, match="max_yaw_deg must be at least 0"):
        load_engine(f"saehd:{folder}", {"max_yaw_deg": -5})
    with pytest.raises(ConfigError, match=r"merge.erode must lie in -400\.\.400, got 500"):
        load_engine(f"saehd:{folder}", merge={"erode": 500})
    with pytest.raises(ConfigError, match=r"expected 'saehd:DIR'"):
        load_engine("saehd")
    with pytest.raises(ConfigError, match="finds no CUDA device" if not torch.cuda.is_available() else "device"):
        load_engine(f"saehd:{folder}", device="cuda" if not torch.cuda.is_available() else "gpu").predict(
            np.zeros((64, 64, 3), np.uint8)
        )
