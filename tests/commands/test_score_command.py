"""`fsa score` as a user runs it, on a few procedural drivers."""

import csv
from pathlib import Path

import cv2
import pytest

from fsa_data.cli import DONE, FAILURES, WRONG_INPUT, main
from fsa_data.frames import LabelledFrames
from tests.worker.clip_parts import heads

TINY = ["-s", "simdrive", "--source-option", "identities=1", "--frames", "3"]


def rows(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    """CSV of two drivers, fifteen frames each."""
    root = tmp_path_factory.mktemp("simdrive")
    frames = LabelledFrames.from_simdrive(root, subjects=2, frames=1)
    return Path(frames.ref(0).path).parents[1] / "frames.csv"


def test_two_flows_on_two_drivers(drivers, tmp_path, capsys):
    out = tmp_path / "scores"
    assert main(["score", *TINY, "-s", "portraits", "--csv", str(drivers), "-o", str(out)]) == DONE
    told = capsys.readouterr().out
    assert str(out) in told
    assert [line.split()[0] for line in told.splitlines()[2:4]] == ["simdrive", "portraits"]
    flows = {row["flow"]: row for row in rows(out / "flows.csv")}
    assert (flows["simdrive"]["swaps"], flows["portraits"]["swaps"]) == ("2", "4")
    # sixteen poses cover a driver better than one photo
    assert float(flows["simdrive"]["q95_median"]) < float(flows["portraits"]["q95_median"])
    assert float(flows["simdrive"]["coverage"]) > 0.5
    assert len(rows(out / "swaps_by_flow.csv")) == 6
    frames = rows(out / "scores.csv")
    assert len(frames) == 6 * 15
    assert all((row["score"] == "") == (row["detected"] == "0") for row in frames)
    assert all(float(row["expression_error"]) < 0.2 for row in frames if row["expression_error"])
    assert (out / "cdf.png").stat().st_size > 10_000


def test_a_folder_with_a_broken_picture_ends_with_failures_and_a_result(tmp_path, capsys):
    (tmp_path / "clip").mkdir()
    for i, head in enumerate(heads(4, 2)):
        cv2.imwrite(str(tmp_path / "clip" / f"{i}.png"), head[:, :, ::-1])
    (tmp_path / "clip" / "2.png").write_bytes(b"no image")
    command = ["score", *TINY, "-d", str(tmp_path / "clip"), "-o", str(tmp_path / "scores")]
    assert main(command) == FAILURES
    assert "2.png" in capsys.readouterr().err
    assert rows(tmp_path / "scores" / "flows.csv")[0]["swaps"] == "1"
    assert main(command) == WRONG_INPUT
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == FAILURES


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-s", "portrait", "--simdrive"], "Did you mean 'portraits'"),
        (["-s", "portraits", "-s", "portraits", "--simdrive"], "The source 'portraits' is given twice"),
        (["-s", "portraits", "--source-option", "identities=1", "--simdrive"], "has an option 'identities'"),
        (["-s", "portraits", "--engine", "mesh_wrap", "--simdrive"], "'mesh_warp'"),
        (["-s", "portraits", "-d", "nowhere.mp4"], "There is no file or folder nowhere.mp4"),
        (["-s", "portraits", "-d", "wall.png"], "No face is found in wall.png"),
        (["-s", "portraits", "-d", "text.mp4"], "text.mp4"),
        (["-s", "portraits", "-d", "face.png", "--root", "x"], "--root belongs to --csv"),
        (["-s", "portraits", "-d", "face.png", "--frames", "0"], "At least 1 frame"),
        (["-s", "portraits", "--csv", "no.csv"], "No CSV at no.csv"),
    ],
)
@pytest.mark.usefixtures("face_here")
def test_wrong_input_is_one_message_and_leaves_nothing(words, message, capsys):
    import numpy as np

    cv2.imwrite("wall.png", np.full((64, 64, 3), 128, np.uint8))
    Path("text.mp4").write_text("no video")
    assert main(["score", *words, "-o", "out"]) == WRONG_INPUT
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("fsa: ")
    assert err.count("\n") == 1
    assert not Path("out").exists()
