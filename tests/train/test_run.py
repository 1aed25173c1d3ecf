import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fsa_data.evaluate import metrics, read_predictions
from fsa_data.frames.labels import MASKDAR
from tests.train.conftest import TINY
from train import hardware

FOLDS = ("sim0-00", "sim0-02")


def results_of(directory):
    return json.loads((directory / "results.json").read_text(encoding="utf-8"))


def test_a_run_leaves_what_is_promised(hybrid):
    for name in ("config.yaml", "predictions.csv", "results.json", "report.html", "figures/confusion_real.png"):
        assert (hybrid / name).stat().st_size > 0
    for fold in FOLDS:
        folder = hybrid / f"fold-{fold}"
        assert {"model.ckpt", "done.json", "lineage.json", "predictions.csv"} <= {p.name for p in folder.iterdir()}
        assert not (folder / "last.ckpt").exists()
        audit = json.loads((folder / "lineage.json").read_text(encoding="utf-8"))
        assert audit["test_subjects"] == [fold]
        assert audit["violations"] == 0
        assert {row["subject"] for row in audit["excluded"]} == {fold}


def test_results_are_those_of_the_prediction_table(hybrid):
    results, table = results_of(hybrid), read_predictions(hybrid / "predictions.csv")
    assert results["setup"] == "hybrid"
    assert results["classes"] == list(MASKDAR.names)
    assert results["label_map_hash"] == MASKDAR.hash
    assert [fold["test_subjects"] for fold in results["folds"]] == [["sim0-00"], ["sim0-02"]]
    real = table.domain_rows("real")
    assert results["test"]["real"]["n"] == len(real) == 30
    assert results["test"]["real"]["macro_f1"] == pytest.approx(metrics.macro_f1(metrics.table_confusion(real)))
    fake = table.domain_rows("fake")
    assert results["test"]["fake"]["n"] == len(fake) > 15
    assert results["coverage"]["swapped"] + results["coverage"]["skipped"] == 45
    assert set(results["coverage"]["by_subject"]) == {"sim0-00", "sim0-01", "sim0-02"}
    assert set(table.subject) == set(FOLDS)
    assert all(row != "" for row in fake.source_identity)
    assert np.allclose(table.probability.sum(axis=1), 1, atol=1e-5)


def test_the_report_names_classes_and_says_what_the_data_are(hybrid):
    text = (hybrid / "report.html").read_text(encoding="utf-8")
    assert all(name in text for name in MASKDAR.names)
    assert "no evidence about people" in text
    assert text.count("data:image/jpeg") == 17
    assert "hybrid = a,b" in text


def test_checkpoints_hold_nothing_but_tensors_and_plain_values(hybrid):
    checkpoint = torch.load(hybrid / "fold-sim0-00" / "model.ckpt", weights_only=True)
    assert checkpoint["hyper_parameters"]["model"] == "efficientnet_lite1"
    assert checkpoint["global_step"] == 6
    assert "optimizer_states" not in checkpoint


def test_a_rerun_skips_finished_folds(hybrid, launch, tmp_path, capsys):
    again = tmp_path / "again"
    shutil.copytree(hybrid, again)
    before = {path: path.stat().st_mtime_ns for path in again.glob("fold-*/*")}
    assert launch(again, "setup=hybrid") == 0
    assert {path: path.stat().st_mtime_ns for path in again.glob("fold-*/*")} == before
    assert capsys.readouterr().err.count("finished before") == 2
    assert (again / "predictions.csv").read_bytes() == (hybrid / "predictions.csv").read_bytes()
    new, old = results_of(again), results_of(hybrid)
    own = ("timing", "provenance")  # of this run: how long it took, and the command that it was given
    assert {k: v for k, v in new.items() if k not in own} == {k: v for k, v in old.items() if k not in own}
    assert new["timing"]["swaps"]["made"] == 0
    assert new["timing"]["swaps"]["bytes"] > 1000


class InterruptedTestError(Exception):
    pass


def test_an_interrupted_fold_goes_on_exactly_where_it_stopped(hybrid, launch, tmp_path, monkeypatch):
    directory = tmp_path / "resumed"
    tell = hardware.Progress.on_train_epoch_end
    epochs = []

    def stop_in_the_second_fold(self, trainer, module):
        epochs.append(trainer.current_epoch)
        if len(epochs) == 5:
            raise InterruptedTestError
        tell(self, trainer, module)

    with monkeypatch.context() as patch:
        patch.setattr(hardware.Progress, "on_train_epoch_end", stop_in_the_second_fold)
        with pytest.raises(InterruptedTestError):
            launch(directory, "setup=hybrid")
    assert (directory / "fold-sim0-00" / "done.json").is_file()
    assert (directory / "fold-sim0-02" / "last.ckpt").is_file()
    assert not (directory / "results.json").exists()
    epochs.clear()
    with monkeypatch.context() as patch:
        patch.setattr(
            hardware.Progress, "on_train_epoch_end", lambda self, trainer, module: epochs.append(trainer.current_epoch)
        )
        assert launch(directory, "setup=hybrid") == 0
    assert epochs == [1, 2]
    assert (directory / "predictions.csv").read_bytes() == (hybrid / "predictions.csv").read_bytes()
    kept, straight = (
        torch.load(d / "fold-sim0-02" / "model.ckpt", weights_only=True)["state_dict"] for d in (directory, hybrid)
    )
    assert all(torch.equal(kept[name], straight[name]) for name in straight)


def test_setups_take_equal_steps_and_real_only_has_no_side_table(hybrid, launch, tmp_path):
    assert launch(tmp_path / "real", "setup=real_only", "cv.folds=[0]") == 0
    real = results_of(tmp_path / "real")
    assert real["timing"]["folds"]["sim0-00"]["steps"] == results_of(hybrid)["timing"]["folds"]["sim0-00"]["steps"]
    assert real["folds"][0]["n_train_fake"] == 0 < results_of(hybrid)["folds"][0]["n_train_fake"]
    assert real["test"]["fake"] is None
    assert real["coverage"]["swapped"] == real["coverage"]["skipped"] == 0


def test_another_configuration_does_not_mix_in(hybrid, launch, capsys):
    assert launch(hybrid, "setup=hybrid", "fit.epochs=4", "seed=1") == 2
    message = capsys.readouterr().err
    assert "another configuration (fit.epochs: there 3, now 4; seed: there 0, now 1)" in message
    assert "Traceback" not in message


def test_other_hardware_may_finish_a_run(hybrid, launch):
    assert launch(hybrid, "setup=hybrid", "trainer.checkpoint_s=99", "logger=csv") == 0


def test_a_fold_finished_on_other_data_is_not_taken_for_this_one(hybrid, launch, tmp_path, capsys):
    again = tmp_path / "again"
    shutil.copytree(hybrid, again)
    marker = again / "fold-sim0-02" / "done.json"
    marker.write_text(marker.read_text().replace('"rows": "', '"rows": "0'))
    assert launch(again, "setup=hybrid") == 2
    assert "other frames, labels or swaps" in capsys.readouterr().err
    marker.write_text("{")
    assert launch(again, "setup=hybrid") == 2
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit.epoch=3"], "Unknown key 'fit.epoch'. Did you mean 'fit.epochs'?"),
        (["+experiment=quik"], "Unknown experiment 'quik'. Did you mean 'quick'?"),
        (["fit.epochs=many"], "'many' of type 'str' could not be converted to Integer"),
        (["data=maskdar", "data.root=/nowhere/a=b, c"], "No MaskDAR folder at /nowhere/a=b, c"),
        (["data=csv", "data.csv=/nowhere/f(1).csv"], "No CSV at /nowhere/f(1).csv"),
        (["logger=wandb"], "pip install 'fsa-data[wandb]'"),
        (["data=["], "data=["),
    ],
)
def test_wrong_input_is_one_message_and_code_2(launch, tmp_path, capsys, words, message):
    assert launch(tmp_path / "run", *words) == 2
    text = capsys.readouterr().err
    assert message in text
    assert "Traceback" not in text


def test_the_debug_variable_shows_the_traceback(launch, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FSA_DEBUG", "1")
    assert launch(tmp_path / "run", "setup=fake_ony") == 2
    assert "Traceback" in capsys.readouterr().err


def test_the_command_line_itself(tmp_path):
    """From another directory, as a user calls it: exit codes and streams of a real process."""
    script = Path(__file__).resolve().parents[2] / "train" / "run.py"
    command = [sys.executable, str(script), "setup=fake_ony"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "Did you mean 'fake_only'" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_train_one_fold_together(hybrid, tmp_path):
    """The strategy of trainer=ddp on two CPU processes: one run directory, every fold once, equal steps."""
    script = Path(__file__).resolve().parents[2] / "train" / "run.py"
    directory = tmp_path / "ddp = 2, a"
    words = [
        *TINY,
        "trainer.accelerator=cpu",
        "trainer.devices=2",
        "trainer.strategy=ddp",
        f"hydra.run.dir={directory}",
    ]
    done = subprocess.run(
        [sys.executable, str(script), *words, "setup=hybrid"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report.html") == 1
    alone = results_of(hybrid)
    together = results_of(directory)
    assert [fold["fold"] for fold in together["folds"]] == list(FOLDS)
    for fold in FOLDS:
        assert together["timing"]["folds"][fold]["steps"] == alone["timing"]["folds"][fold]["steps"]
