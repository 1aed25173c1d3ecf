"""``fsa faces``."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from fsa_data.cli import DONE, FAILURES, WRONG_INPUT, main
from fsa_data.faces import read_face_set

pytestmark = pytest.mark.usefixtures("face_here")


def test_faces_of_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    Path("people/ann").mkdir(parents=True)
    image = cv2.imread("face.png")
    for name, picture in (("a", image), ("b", image), ("c", np.ascontiguousarray(image[:, ::-1]))):
        cv2.imwrite(f"people/ann/{name}.png", picture)
    words = ["faces", "people", "-o", "set", "--size", "128", "--jpeg", "97", "--prune"]
    assert main(words) == DONE
    told = capsys.readouterr().out
    assert "set: 3 faces in 3 pictures, 0 without one" in told
    assert "set/set_aside: 1 faces that add nothing" in told.replace("\\", "/")
    found = read_face_set("set")
    assert {one.identity for one in found.records} == {"ann"}
    assert [one.image.suffix for one in found.records] == [".jpg"] * 2
    assert main(words) == DONE
    assert "2 done before" in capsys.readouterr().out


def test_files_that_fail_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("people").mkdir()
    Path("people/a.png").write_bytes(Path("face.png").read_bytes())
    Path("people/b.png").write_bytes(b"no picture")
    assert main(["faces", "people", "-o", "set", "--size", "64"]) == FAILURES
    assert "failed: people/b.png is not an image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["none"], "No picture and no video at"),
        (["face.png", "--face-type", "haed"], "Did you mean 'head'"),
        (["face.png", "--jpeg", "60"], "95..100; got .jpg with 60"),
        (["face.png", "--landmarker", "dlib"], "Unknown landmarker 'dlib'"),
        (["face.png", "--landmarker", "face_alignment"], "s3fd-619a316812.pth is missing"),
        (["face.png", "--from-deepfacelab"], "No aligned faces (.jpg) in"),
        (["face.png", "--from-deepfacelab", "--size", "64"], "--size does not go with --from-deepfacelab"),
    ],
)
def test_wrong_input(words, told, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("FSA_WEIGHTS", raising=False)
    assert main(["faces", *words, "-o", "set"]) == WRONG_INPUT
    said = capsys.readouterr()
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not Path("set").exists()


def test_deepfacelab_s_faces(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.faces.test_deepfacelab import aligned, jpeg, with_segment

    Path("ben/aligned").mkdir(parents=True)
    Path("ben/aligned/1_0.jpg").write_bytes(aligned())
    Path("ben/aligned/2_0.jpg").write_bytes(with_segment(jpeg(), pickle.dumps(print, 3)))
    assert main(["faces", "ben/aligned", "-o", "set", "--from-deepfacelab"]) == FAILURES
    said = capsys.readouterr()
    assert "set: 1 faces in 2 pictures" in said.out
    assert "builtins.print" in said.err
    assert read_face_set("set").records[0].identity == "ben"
