"""A trained engine in a cross-validation: excluded where it has seen who is tested, or trained anew for each fold."""

import json

import pytest

from fsa_data import load_engine, load_source
from fsa_data.engines.autoencoder.train import TrainOptions, train
from fsa_data.errors import ConfigError, LineageError
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.worker import clips_of_frames, fold_engine
from fsa_data.worker.training_faces import people_faces, source_faces
from tests.engines.autoencoder.tiny import tiny

OUTLINE = ("merge.mode=overlay", "merge.mask_mode=1")  # after two steps the learnt masks are empty


@pytest.fixture(scope="module")
def frames():
    return LabelledFrames.from_simdrive(subjects=3, frames=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, frames):
    """A network that has learnt sim0-50's face for the first driver."""
    folder, landmarker = tmp_path_factory.mktemp("trained"), load_landmarker()
    src = source_faces(load_source("simdrive"), "sim0-50", tiny(), landmarker)
    driver = clips_of_frames(frames.subset(frames.subject == "sim0-00"))
    dst = people_faces(driver * 2, tiny(), landmarker)
    train(src.tensors, dst.tensors, folder, tiny(), until=1, options=TrainOptions("cpu", progress=False))
    return folder


def _audits(directory):
    results = json.loads((directory / "results.json").read_text())
    found = {
        fold["fold"]: json.loads((directory / f"fold-{fold['fold']}" / "lineage.json").read_text())
        for fold in results["folds"]
    }
    return results, found


def test_who_was_learnt_from_is_kept_out_of_their_own_fold(launch, folder, tmp_path):
    assert launch(tmp_path, "setup=hybrid", f"engine=saehd:{folder}", *OUTLINE) == 0
    results, audits = _audits(tmp_path)
    of = {fold["fold"]: fold for fold in results["folds"]}
    assert of["sim0-00"]["n_train_fake"] == 0
    assert audits["sim0-00"]["excluded_by_why"]["trained_on"] > 0
    assert of["sim0-02"]["n_train_fake"] > 0
    assert audits["sim0-02"]["trained_on"] == ["sim0-00", "sim0-50"]


def test_per_fold_no_network_has_seen_who_is_tested(launch, folder, tmp_path):
    words = ("setup=hybrid", f"engine=saehd:{folder}", "engine_options.per_fold=2", *OUTLINE)
    assert launch(tmp_path, *words) == 0
    results, audits = _audits(tmp_path)
    assert all(fold["n_train_fake"] > 0 for fold in results["folds"])
    assert all("trained_on" not in audit["excluded_by_why"] for audit in audits.values())
    assert audits["sim0-00"]["trained_on"] == ["sim0-01", "sim0-02", "sim0-50"]
    assert audits["sim0-02"]["trained_on"] == ["sim0-00", "sim0-01", "sim0-50"]
    assert results["coverage"]["swapped"] + results["coverage"]["skipped"] == 2 * 45
    assert len(list((folder / "per-fold").iterdir())) == 2
    before = {path: path.stat().st_mtime_ns for path in (folder / "per-fold").rglob("weights.safetensors")}
    assert launch(tmp_path / "again", *words) == 0  # trained already: taken up as they are
    assert {path: path.stat().st_mtime_ns for path in (folder / "per-fold").rglob("weights.safetensors")} == before


def test_two_values_of_what_it_learns_from_are_two_networks(folder, frames):
    base, source, landmarker = load_engine(f"saehd:{folder}"), load_source("simdrive"), load_landmarker()
    two, three = (fold_engine(base, frames, ["sim0-02"], source, landmarker, steps) for steps in (2, 3))
    assert two.fingerprint != three.fingerprint
    assert two.trained_on == {"sim0-00", "sim0-01", "sim0-50"}


def test_what_cannot_be(folder, frames):
    source, landmarker = load_source("simdrive"), load_landmarker()
    base = load_engine(f"saehd:{folder}")
    with pytest.raises(ConfigError, match="engines that are trained"):
        fold_engine(load_engine("mesh_warp"), frames, ["sim0-00"], source, landmarker)
    with pytest.raises(LineageError, match=r"sim0-50, whom the network puts on, is tested"):
        fold_engine(base, frames, ["sim0-02"], source, landmarker, identities={"sim0-50": "p", "sim0-02": "p"})
    with pytest.raises(LineageError, match="Nobody is left"):
        fold_engine(base, frames, list(frames.subjects), source, landmarker)


def test_per_fold_of_something_else_is_said(launch, folder, tmp_path, capsys):
    assert launch(tmp_path, "setup=hybrid", f"engine=saehd:{folder}", "engine_options.per_fold=often") == 2
    assert "true, false or a number of iterations, got 'often'" in capsys.readouterr().err
    assert launch(tmp_path, "setup=hybrid", "engine=mesh_warp", "engine_options.per_fold=true") == 2
    assert "engines that are trained" in capsys.readouterr().err
