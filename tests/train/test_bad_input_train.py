"""`python train/run.py` given what it cannot use: one message, exit code 2, and no trace of a run."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.bad_data import FOLDERS, TABLES, frames_csv, full_disk, tree, write_table
from train import run as command
from train.pixels import PixelPool

pytestmark = pytest.mark.usefixtures("face_here")

TINY = (
    "model=efficientnet_lite1", "model.init=random", "fit.epochs=2", "fit.min_steps=0", "fit.image_size=32",
    "fit.batch_size=4", "trainer=cpu", "trainer.threads=1", "trainer.checkpoint_s=0", "executor.workers=0",
    "gallery=2", "working_size=240", "setup=hybrid", "data=csv", "data.csv=frames.csv", "store=store",
    "hydra.run.dir=run",
)  # fmt: skip


@pytest.fixture
def run(monkeypatch):
    """``run(*words)`` runs the command in this process and returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["train/run.py"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    return lambda *words: command.main([*TINY, *words])


@pytest.fixture
def refused(run, capsys):
    """``refused(message, *words)``: it says so, and leaves everything as it was."""

    def check(message, *words):
        before = tree()
        assert run(*words) == 2
        told = capsys.readouterr()
        assert message in told.err
        assert "Traceback" not in told.err
        assert "Error executing job" not in told.err
        assert told.out == ""
        assert tree() == before
        return told.err

    return check


def good_frames():
    """Two people, two classes; the same face, cut a little differently, so that each is content of its own."""
    face = cv2.imread("face.png")
    lines = ["path,subject,label"]
    for number, (subject, label) in enumerate((("p1", "a"), ("p1", "b"), ("p2", "a"), ("p2", "b"))):
        cv2.imwrite(f"{number}.png", face[number:])
        lines.append(f"{number}.png,{subject},{label}")
    write_table("\n".join(lines) + "\n")


# `fsa materialise` is given all of them; the readers are the same.
@pytest.mark.parametrize(("content", "message"), [TABLES[i] for i in (0, 4, 5, 7, 10)])
def test_csv(content, message, refused):
    write_table(content)
    refused(message)


@pytest.mark.parametrize(("reader", "prepare", "message"), [FOLDERS[i] for i in (0, 2, 3, 6, 10)])
def test_folders(reader, prepare, message, refused):
    prepare()
    refused(message, f"data={reader}", "data.root=data")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=maskdr"], "Unknown data 'maskdr'. Did you mean 'maskdar'?"),
        (["data=maskdar"], "data.root is not set: say where the data lie, data.root=PATH."),
        (["setup=fake"], "Unknown setup 'fake'. Did you mean 'fake_only'?"),
        (["model=efficientnet_b11"], "Unknown model 'efficientnet_b11'. Did you mean 'efficientnet_b1'?"),
        (["engine=mesh_wrap"], "Unknown engine 'mesh_wrap'. Did you mean 'mesh_warp'?"),
        (["engine_options.max_yaw=1"], "has no option 'max_yaw'. Known: max_outside"),
        (["merge.colours=1"], "merge has no option 'colours'. Known: colour"),
        (["source=[portraits,portrait]"], "Unknown source 'portrait'. Did you mean 'portraits'?"),
        (["source=image:none.png"], "Source 'image:none.png': there is no file"),
        (["source_options.foo=1"], "Source portraits has no option 'foo'. Known: expressions, "),
        (["unswappable=drp"], "Unknown unswappable 'drp'. Did you mean 'drop'?"),
        (["identity_map=none.csv"], "Cannot read the identity map none.csv"),
        (["working_size=many"], "working_size must be the short side"),
        (["executor.workers=many"], "executor.workers=many: expected 0 or more or auto."),
        (["seed=-1"], "seed=-1: expected 0 or more."),
        (["cv.folds=[p3]"], "Unknown fold 'p3'. Known: 0, 1, p1, p2."),
        (["cv.folds=[p1,user01]"], "Unknown fold 'user01'."),
        (["cv.folds=p1"], "cv.folds=p1: expected a list. Write cv.folds=[p1]."),
        (["cv=group_kfold", "cv.k=3"], "cv.k=3: expected 2 to 2, the number of subjects."),
        (["store=face.png"], "face.png is a file; a store is a directory."),
        (["store=other"], "other is no store: it holds 'thesis.tex' and no store.json."),
        (["store=newer"], "newer has store format 9; this version of fsa-data"),
        (["trainer.devices=many"], "trainer.devices=many trainer.strategy=auto trainer.precision=auto cannot be had"),
        (["trainer.strategy=dpd"], "trainer.strategy=dpd trainer.precision=auto cannot be had on cpu: You selected an"),
        (["trainer.precision=12"], "trainer.precision=12 cannot be had on cpu: Precision '12' is invalid."),
        (["model.init=none.pth"], "model.init=none.pth: no such file."),
        (["model.init=junk.pth"], "junk.pth is no file of tensors"),
        (["model.init=junk.safetensors"], "junk.safetensors is no file of tensors"),
        (["hydra.run.dir=face.png"], "The run directory cannot be made: face.png: File exists. Choose another"),
    ],
)
def test_options(words, message, refused):
    good_frames()
    Path("other").mkdir()
    Path("other/thesis.tex").touch()
    Path("newer").mkdir()
    Path("newer/store.json").write_text(json.dumps({"format_version": 9}))
    for name in ("junk.pth", "junk.safetensors"):
        Path(name).write_text("junk")
    refused(message, *words)


def test_one_subject(refused):
    frames_csv("face.png")
    refused("Cross-validation over subjects needs at least 2 subjects, got 1 (p1). Check the subject column")


@pytest.mark.parametrize("name", ["wall.png", "text.png"])
def test_a_source_without_a_face_lets_the_mended_command_follow(name, run, capsys):
    """Its photo is looked at before any frame, and the run directory is as new."""
    good_frames()
    cv2.imwrite("wall.png", np.full((120, 160, 3), 100, np.uint8))
    Path("text.png").write_text("hello")
    assert run(f"source=image:{name}") == 2
    told = capsys.readouterr().err
    assert "None of 1 photos shows a usable face; give photos with one clear, large face each." in told
    assert "Traceback" not in told
    assert not Path("run").exists()
    assert not list(Path("store").glob("swaps-*"))
    assert not list(Path("store").glob("frames-*"))
    Path("run").mkdir()
    Path("run/notes.txt").touch()
    assert run(f"source=image:{name}") == 2
    assert (Path("run/notes.txt").exists(), Path("run/config.yaml").exists()) == (True, True)


@pytest.mark.parametrize("trainer", ["gpu", "ddp"])
def test_a_gpu_that_is_not_there(trainer, refused, monkeypatch):
    good_frames()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    refused("sees none here (only cpu). Use trainer=auto or trainer=cpu", f"trainer={trainer}")


@pytest.mark.parametrize(
    ("words", "name"),
    [(["model.init=lite1"], "efficientnet-lite1-77cc7160.pth"), ([], "face_landmarker_v2.task")],
)
def test_a_model_file_of_other_content(words, name, run, monkeypatch, capsys):
    good_frames()
    Path("weights").mkdir()
    Path("weights", name).write_bytes(b"junk")
    monkeypatch.setenv("FSA_WEIGHTS", "weights")
    assert run(*words) == 2
    assert f"{name} is not the registered file of" in capsys.readouterr().err
    assert not Path("run").exists()


@pytest.mark.filterwarnings("default")  # as in a process of its own
@pytest.mark.parametrize("setup", ["hybrid", "real_only"])
def test_images_that_are_none_are_listed_and_the_others_are_used(setup, run, capsys):
    good_frames()
    Path("1.png").write_text("hello")
    Path("3.png").write_bytes(Path("3.png").read_bytes()[:5000])
    assert run(f"setup={setup}") == 1
    told = capsys.readouterr()
    assert "failed: 1.png: BadImageError: 1.png is not an image that can be decoded (5 bytes)." in told.err
    assert "failed: 3.png: BadImageError: 3.png is cut off" in told.err
    assert told.err.count("warning: 2 of 4 frames cannot be read and are left out, real and fake") == 1
    assert "2 frames or swaps are missing: failed. Run again" in told.err
    assert ".py:" not in told.err
    assert json.loads(Path("run/results.json").read_text())["test"]["real"]["n"] == 2


@pytest.mark.filterwarnings("default")
def test_a_fold_that_nothing_is_left_for_says_why(run, capsys):
    good_frames()
    for name in ("0.png", "1.png"):
        Path(name).write_bytes(b"")
    assert run() == 2
    told = capsys.readouterr().err
    assert "Nothing is left to train on when p2 is tested. There are 4 rows: 4 show a test subject, 2 frames" in told
    assert "2 swaps are missing (failed)." in told
    assert not Path("run").exists()
    cv2.imwrite("wall.png", np.full((240, 320, 3), 100, np.uint8))
    frames_csv("wall.png=p1", "2.png=p2")
    assert run("setup=fake_only") == 2
    assert "There are 1 rows: 1 show a test subject, 1 swaps are missing (no_face)." in capsys.readouterr().err


def test_alpha_one_channel_and_16_bit(run):
    face = cv2.imread("face.png")
    cv2.imwrite("alpha.png", np.dstack([face, np.full(face.shape[:2], 9, np.uint8)]))
    cv2.imwrite("deep.png", face.astype(np.uint16) * 257)
    cv2.imwrite("grey.png", cv2.cvtColor(face, cv2.COLOR_BGR2GRAY))
    frames_csv("alpha.png=p1", "deep.png=p1", "grey.png=p2")
    assert run("fit.epochs=1", "cv.folds=[p1]") == 0
    assert json.loads(Path("run/results.json").read_text())["coverage"]["swapped"] == 3


@pytest.mark.filterwarnings("default")
def test_a_label_that_looks_like_a_typing_error_is_told_once(run, capsys):
    rows = [f"{i}.png,p{i % 2},{'Smoek' if i == 4 else 'Smoke'}" for i in range(11)]
    for i in range(11):
        Path(f"{i}.png").touch()
    write_table("\n".join(["path,subject,label", *rows]) + "\n")
    assert run() == 2  # no frame can be read
    told = capsys.readouterr().err
    assert told.startswith("warning: frames.csv, row 6: the label 'Smoek' (1 rows) looks like 'Smoke' (10 rows).")
    assert told.count("Smoek") == 1


def test_a_full_disk_ends_a_run_that_goes_on_when_there_is_room(run, capsys):
    good_frames()
    words = ("setup=real_only", "cv.folds=[p1]")
    with full_disk(50_000):
        assert run(*words) == 2  # the working frames do not fit
    assert "to the store" in capsys.readouterr().err
    assert not Path("run").exists()
    assert run(*words, "hydra.run.dir=warm") == 0
    capsys.readouterr()
    with full_disk(50_000):
        assert run(*words) == 2  # the checkpoint does not fit
    told = capsys.readouterr().err
    assert "The system refused to read or write a file: File too large. Free some space" in told
    assert "hydra.run.dir=DIR" in told
    assert "Traceback" not in told
    assert sorted(path.name for path in Path("run/fold-p1").iterdir()) == ["hparams.yaml"]
    assert run(*words) == 0
    assert Path("run/results.json").is_file()
    with full_disk(10):
        assert run(*words, "hydra.run.dir=new") == 2
    assert not Path("new").exists()


def test_a_place_that_may_not_be_written(run, refused, request, capsys):
    good_frames()
    assert run("fit.epochs=1") == 0
    capsys.readouterr()
    for folder in ("run", "store", "."):
        Path(folder).chmod(0o555)
    Path("open").mkdir()
    Path("open").chmod(0o777)
    request.getfixturevalue("unprivileged")
    refused(
        "The run directory cannot be made: new: Permission denied. Choose another hydra.run.dir", "hydra.run.dir=new"
    )
    refused("run/.lock: Permission denied.", "fit.epochs=1")
    refused("store is read-only. Make it writable, or use another directory.", "seed=1", "hydra.run.dir=open/run")
    refused("Cannot make a store at", "store=new", "hydra.run.dir=open/run")


def test_a_pool_of_frames_that_does_not_fit_on_the_disk(tmp_path, monkeypatch):
    """Found out when the file is made: a page that cannot be written later would kill the process."""
    monkeypatch.setattr("train.pixels._MEMORY_BYTES", 1000)
    assert PixelPool(32, False, 100, tmp_path)._pixels.nbytes == 307_200
    asked = []

    def refuse(file, offset, size):
        asked.append(size)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        PixelPool(32, False, 100, tmp_path)
    assert asked == [307_200]


def test_two_runs_in_one_directory(run, refused, capsys):
    """One after the other with another configuration; then while another process holds the directory."""
    good_frames()
    words = ("setup=real_only", "fit.epochs=1", "cv.folds=[p1]")
    assert run(*words) == 0
    capsys.readouterr()
    refused("run holds a run of another configuration (seed: there 0, now 1). Choose another", *words, "seed=1")
    holds = "import filelock; lock = filelock.FileLock('run/.lock'); lock.acquire(); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        told = refused("run. Wait for it, or choose another hydra.run.dir=DIR.", *words)
        other.communicate(b"\n")
    assert told.startswith("Another run is writing ")
    assert run(*words) == 0
