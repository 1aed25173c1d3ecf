import json
import shutil

import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.evaluate import comparison_table, read_predictions
from tests.train.test_config import composed
from train.conditions import needed_frames, of_condition
from train.config import Data, from_hydra
from train.loop import load_frames

CROSSED = ("data.condition=both", "data.train_condition=unmasked", "data.test_condition=masked", "setup=real_only")


def maskdar(root, subjects):
    for code in ("C00", "C03"):
        (root / code).mkdir(parents=True)
        for subject in subjects:
            cv2.imwrite(str(root / code / f"{subject}-f1.png"), np.full((8, 8, 3), 9, np.uint8))
    return str(root)


@pytest.fixture(scope="module")
def crossed(launch, tmp_path_factory):
    """A run that trained without and tested with masks; not to be changed."""
    directory = tmp_path_factory.mktemp("runs") / "crossed"
    assert launch(directory, *CROSSED) == 0
    return directory


def results_of(directory):
    return json.loads((directory / "results.json").read_text(encoding="utf-8"))


def test_a_run_trains_on_one_condition_and_tests_on_the_other(crossed):
    results, table = results_of(crossed), read_predictions(crossed / "predictions.csv")
    assert (results["data"], results["cv"]) == ("simdrive:test=masked", "loso:train=unmasked")
    assert all("-masked/" in frame for frame in table.frame)
    assert [fold["n_train_real"] for fold in results["folds"]] == [30, 30]
    assert [fold["n_test"] for fold in results["folds"]] == [15, 15]
    # steps are those of 30 frames in batches of 16, three times
    assert {fold["steps"] for fold in results["timing"]["folds"].values()} == {6}
    for fold in results["folds"]:
        audit = json.loads((crossed / f"fold-{fold['fold']}" / "lineage.json").read_text(encoding="utf-8"))
        conditions = ["-masked/" in row["frame"] for row in audit["excluded"]]
        assert {row["subject"] for row in audit["excluded"]} == set(fold["test_subjects"])
        assert (conditions.count(True), conditions.count(False)) == (15, 15)
    assert "train=unmasked" in comparison_table([crossed])
    assert "no evidence about people" in (crossed / "report.html").read_text(encoding="utf-8")


def test_runs_on_other_test_frames_are_not_compared(crossed, hybrid):
    assert "cannot be compared" in comparison_table([crossed, hybrid])


def test_other_conditions_do_not_mix_into_a_run(crossed, launch, tmp_path, capsys):
    again = tmp_path / "again"
    shutil.copytree(crossed, again)
    assert launch(again, *CROSSED) == 0
    assert launch(again, *CROSSED, "data.test_condition=both") == 2
    assert "data.test_condition: there 'masked', now 'both'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.test_condition=masked"], "data.test_condition=masked: the data have no such frame; their conditions "
         "are unmasked (45 frames). Draw both with data.condition=both."),
        (["data.train_condition=maskd"], "Did you mean 'masked'"),
        (["data.condition=some"], "Unknown data.condition 'some'"),
        (["data.masked_root=d"], "data.masked_root belongs to data=maskdar"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_message_and_code_2(launch, tmp_path, capsys, words, message):
    assert launch(tmp_path / "run", *words) == 2
    text = capsys.readouterr().err
    assert message in text
    assert "Traceback" not in text


def test_by_default_every_frame_is_trained_on_and_tested():
    for overrides in ([], ["data=maskdar", "data.root=d"], ["data=csv", "data.csv=f"]):
        data = from_hydra(composed(*overrides)).data
        assert (data.train_condition, data.test_condition, data.condition) == ("both", "both", "unmasked")
    with pytest.raises(UnknownNameError, match=r"data\.test_condition"):
        from_hydra(composed("data.test_condition=none"))


def test_maskdar_in_two_folders(tmp_path):
    bare, masked = maskdar(tmp_path / "a", ["u1", "u2"]), maskdar(tmp_path / "b", ["u2", "u3"])
    data = Data(name="maskdar", root=bare, masked_root=masked, train_condition="unmasked", test_condition="masked")
    frames = needed_frames(load_frames(data), data)
    assert frames.conditions == {"masked": 4, "unmasked": 4}
    assert set(frames.subject[of_condition(frames, "masked")]) == {"u2", "u3"}
    assert of_condition(frames, "both").all()
    only = Data(name="maskdar", root=bare, masked_root=masked, train_condition="masked", test_condition="masked")
    assert needed_frames(load_frames(only), only).conditions == {"masked": 4}
    as_before = Data(name="maskdar", root=masked, condition="masked")
    assert needed_frames(load_frames(as_before), as_before).conditions == {"masked": 4}


def test_maskdar_folders_that_contradict_the_condition(tmp_path):
    bare, masked = maskdar(tmp_path / "a", ["u1"]), maskdar(tmp_path / "b", ["u1"])
    with pytest.raises(ConfigError, match=r"needs two folders: data\.root=UNMASKED data\.masked_root=MASKED"):
        load_frames(Data(name="maskdar", root=bare, condition="both"))
    with pytest.raises(ConfigError, match=r"data\.root holds masked frames, but data\.masked_root"):
        load_frames(Data(name="maskdar", root=bare, masked_root=masked, condition="masked"))


def test_a_table_without_conditions_says_so(tmp_path):
    maskdar(tmp_path / "a", ["u1", "u2"])
    (tmp_path / "f.csv").write_text("path,subject,label\na/C00/u1-f1.png,u1,C00\na/C00/u2-f1.png,u2,C00\n")
    data = Data(name="csv", csv=str(tmp_path / "f.csv"), train_condition="unmasked")
    with pytest.raises(ConfigError, match=r"conditions are unknown \(2 frames\)\. The column condition"):
        needed_frames(load_frames(data), data)
