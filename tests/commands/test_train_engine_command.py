"""`fsa train-engine` as a user runs it: a few steps on procedural people, then the swap with what was trained."""

import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from fsa_data import simdrive
from fsa_data.cli import DONE, WRONG_INPUT, main
from fsa_data.engines import load_engine
from fsa_data.engines.snapshots import snapshots
from fsa_data.frames import LabelledFrames, read_image
from fsa_data.sources.simdrive import FIRST_INDEX
from tests.worker.clip_parts import heads

ONE = ["-s", "simdrive", "--source-option", "identities=1"]
WORN = simdrive.subject_name(0, FIRST_INDEX)
SMALL = {"preset": "tiny", "ae_dims": 8, "e_dims": 4, "d_dims": 4, "d_mask_dims": 4, "batch_size": 2, "iterations": 3}


def write_heads(folder, count):
    folder.mkdir()
    for i, head in enumerate(heads(4, count)):
        cv2.imwrite(str(folder / f"{i:02d}.png"), head[:, :, ::-1])
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A target's pictures, one of them a wall, and a small preset."""
    root = tmp_path_factory.mktemp("engine")
    write_heads(root / "driver", 17)
    cv2.imwrite(str(root / "driver" / "wall.png"), np.full((96, 96, 3), 120, np.uint8))
    (root / "small.json").write_text(json.dumps(SMALL))
    return root


@pytest.fixture(scope="module")
def trained(place):
    """The folder of a training that was stopped after two steps, and gone on with to three."""
    out = place / "trained"
    words = ["train-engine", *ONE, "-d", str(place / "driver"), "--preset", str(place / "small.json"), "-o", str(out)]
    assert main([*words, "--until", "2"]) == DONE
    assert [step for step, _ in snapshots(out)] == [0, 2]
    return words, out


def test_train_go_on_and_swap(trained, place, tmp_path, capsys):
    words, out = trained
    assert main([*words, "--device", "cpu", "--seed", "0"]) == DONE
    told = capsys.readouterr().out
    assert [step for step, _ in snapshots(out)] == [2, 3]
    assert re.search(rf"source {WORN}: 1\d faces", told)
    assert "target driver: 17 faces; left out: no face found 1" in told
    assert re.search(r"3 steps, [\d.]+ s, loss source \d+\.\d+, target \d+\.\d+\n", told)
    engine = load_engine(f"saehd:{out}")
    assert engine.trained_on == {WORN, "driver"}  # what a fold that tests the driver must leave out
    assert f"trained on {', '.join(sorted(engine.trained_on))}" in told
    (use,) = re.findall(r"use it: (fsa swap .*)", told)
    picture, swapped = place / "driver" / "08.png", tmp_path / "swapped.png"
    # the learnt masks are still empty: the target's is taken; of words given twice the last counts
    said = [*shlex.split(use)[1:], "--merge-option", "mode=overlay", "--merge-option", "mask_mode=1"]
    assert main([*said, "-d", str(picture), "-o", str(swapped)]) == DONE
    assert "1 faces replaced in 1 of 1 frames" in capsys.readouterr().out
    assert not np.array_equal(read_image(swapped), read_image(picture))
    assert main(words) == DONE
    assert "3 steps; none is left, --iterations gives more" in capsys.readouterr().out


def test_another_architecture_is_told_before_faces_are_looked_for(trained, place, capsys):
    words, out = trained
    for more in (["-o", str(out)], ["-o", str(place / "new"), "--init-from", str(out)]):
        assert main([*words, "--preset", "quick", *more]) == WRONG_INPUT
        told = capsys.readouterr()
        assert "saehd df-ud 64 px" in told.err
        assert "quick96" in told.err
        assert "faces" not in told.out
    assert not (place / "new").exists()


def test_begin_with_another_training_and_labelled_frames(trained, place, capsys):
    _, out = trained
    frames = LabelledFrames.from_simdrive(place / "drivers", subjects=2, frames=2)
    csv = ["--csv", str(Path(frames.ref(0).path).parents[1] / "frames.csv")]
    words = ["train-engine", *ONE, *csv, "--preset", str(place / "small.json"), "-o", str(place / "second")]
    first, second = frames.subjects
    assert main(words) == WRONG_INPUT
    assert f"2 subjects: {first}, {second}. Choose with --subject" in capsys.readouterr().err
    assert main([*words, "--subject", "nobody"]) == WRONG_INPUT
    assert "Unknown subject 'nobody'" in capsys.readouterr().err
    words += ["--subject", second, "--init-from", str(out), "--iterations", "1"]
    assert main(words) == DONE
    engine = load_engine(f"saehd:{place / 'second'}")
    assert engine.trained_on == {WORN, "driver", second}


def test_too_few_faces_say_how_many_and_why(place, tmp_path, capsys):
    few = write_heads(tmp_path / "few", 3)
    (few / "text.png").write_bytes(b"no picture")
    cv2.imwrite(str(few / "wall.png"), np.full((96, 96, 3), 120, np.uint8))
    preset = ["--preset", str(place / "small.json"), "-o", str(tmp_path / "out")]
    assert main(["train-engine", *ONE, "-d", str(few), *preset]) == WRONG_INPUT
    told = capsys.readouterr().err
    assert f"The target {few} gives 3 faces of few, 2 left out (" in told
    assert "1 x no face found" in told
    assert "text.png" in told
    assert "at least 16" in told
    (tmp_path / "people").mkdir()
    few.rename(tmp_path / "people" / "anna")
    words = ["train-engine", "-s", f"folder:{tmp_path / 'people'}", "-d", str(place / "driver"), *preset]
    assert main(words) == WRONG_INPUT
    assert "gives 3 faces of anna, 2 left out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_target_without_a_face(tmp_path, place, capsys):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((96, 96, 3), 120, np.uint8))
    words = ["train-engine", *ONE, "-d", str(tmp_path / "wall.png"), "--preset", str(place / "small.json")]
    assert main([*words, "-o", str(tmp_path / "out")]) == WRONG_INPUT
    assert "gives no faces of wall, 1 left out (1 x no face found)" in capsys.readouterr().err


def test_every_other_frame(place, tmp_path, capsys):
    words = ["train-engine", *ONE, "-d", str(place / "driver"), "--every", "2", "--subject", "driver7"]
    assert main([*words, "--preset", str(place / "small.json"), "-o", str(tmp_path / "out")]) == WRONG_INPUT
    assert "gives 9 faces of driver7. A training needs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-s", "portraits", "-d", "face.png"], "people, but a network learns one face"),
        ([*ONE, "--identity", "nobody", "-d", "face.png"], "Unknown identity"),
        ([*ONE, "-d", "face.png", "--subject", WORN], "nobody is put on themselves"),
        ([*ONE, "-d", "no.mp4"], "There is no file or folder no.mp4"),
        (ONE, "-d VIDEO|DIR"),
        ([*ONE, "-d", "face.png", "--simdrive"], "either -d or labelled frames"),
        ([*ONE, "-d", "face.png", "--preset", "thesiss"], "Did you mean 'thesis'"),
        ([*ONE, "-d", "face.png", "--preset", "no.json"], "There is no preset file"),
        ([*ONE, "-d", "face.png", "--preset", "face.png"], "face.png is no JSON"),
        ([*ONE, "-d", "face.png", "--preset", "wrong.json"], "batch_size must be a whole number"),
        ([*ONE, "-d", "face.png", "--preset", "field.json"], "Did you mean 'batch_size'"),
        ([*ONE, "-d", "face.png", "--preset", "word.json"], "bicubic"),
        ([*ONE, "-d", "face.png", "--preset", "type.json"], "Did you mean 'full_face'"),
        ([*ONE, "-d", "face.png", "--until", "0"], "--until must be at least 1"),
        ([*ONE, "-d", "face.png", "--iterations", "0"], "iterations must lie in"),
        ([*ONE, "-d", "face.png", "--device", "tpu"], "auto, cpu or cuda"),
        ([*ONE, "-d", "face.png", "--init-from", "nowhere"], "No trained autoencoder in nowhere"),
    ],
)
def test_wrong_input_is_one_message_and_leaves_nothing(words, message, face_here, capsys):
    files = {
        "wrong": {"batch_size": "two"},
        "field": {"batchsize": 2},
        "word": {"interpolation": "nearest"},
        "type": {"face_type": "fullface"},
    }
    for name, given in files.items():
        (face_here / f"{name}.json").write_text(json.dumps(given))
    assert main(["train-engine", *words, "-o", "out"]) == WRONG_INPUT
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("fsa: ")
    assert not (face_here / "out").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of TensorBoard's reader
def test_losses_for_tensorboard(place):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = place / "watched"
    words = ["train-engine", *ONE, "-d", str(place / "driver"), "--preset", str(place / "small.json"), "-o", str(out)]
    assert main([*words, "--tensorboard"]) == DONE
    board = events.EventAccumulator(str(out / "tensorboard")).Reload()
    assert set(board.Tags()["scalars"]) == {"loss/source", "loss/target"}
    assert [event.step for event in board.Scalars("loss/source")] == [1, 2, 3]
