"""The command `fsa swap` as a user runs it: what it prints, and how it ends."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fsa_data.cli import DONE, FAILURES, INTERRUPTED, WRONG_INPUT, main
from fsa_data.sources import load_source
from fsa_data.worker.outputs import write_image
from tests.frames.clips import frame_times, write_clip
from tests.worker.clip_parts import heads, table


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", [*heads(0, 3), np.full((192, 192, 3), 120, np.uint8)], [0, 40, 80, 120])


def test_a_video(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs" / "out.mp4"
    assert main(["swap", "-s", "portraits", "-d", str(clip), "-o", str(out)]) == DONE
    told = capsys.readouterr().out
    assert f"{out}: 3 faces replaced in 3 of 4 frames; left as they are: no_face 1, " in told
    assert frame_times(out) == frame_times(clip)
    assert [row["swapped"] for row in table(out.with_name("out.swaps.csv"))] == list("1110")
    assert [row["valid_face"] for row in table(out.with_name("out.validity.csv"))] == list("1110")


def test_a_mix_of_sources_into_a_folder(clip: Path, tmp_path: Path) -> None:
    words = ["swap", "-s", "portraits", "-s", "simdrive", "--source-option", "identities=2", "--who", "largest"]
    out = tmp_path / "out"
    assert main([*words, "--no-smooth", "--mask-video", "--seed", "4", "-d", str(clip), "-o", str(out)]) == DONE
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"frame-{i:06d}.png" for i in range(4)),
        *("masks", "swaps.csv", "validity.csv"),
    ]
    assert main([*words, "-d", str(clip), "-o", str(out), "--overwrite"]) == DONE
    assert not (out / "masks").exists()


def test_what_fails_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), heads(0, 1)[0][:, :, ::-1])
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    assert main(["swap", "-s", "portraits", "-d", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == FAILURES
    out = capsys.readouterr()
    assert "1 faces replaced in 1 of 2 frames; left as they are: failed 1" in out.out
    assert out.err.startswith("failed: ")
    assert "b.png" in out.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-s", "portraits", "-d", "no.mp4", "-o", "out.mp4"], "There is no file or folder no.mp4"),
        (["-s", "portraits", "-d", "text.mp4", "-o", "out.mp4"], "text.mp4 cannot be decoded"),
        (["-s", "portraits", "-d", "in.mp4", "-o", "in.mp4"], "is the input itself"),
        (["-s", "portraits", "-d", "in.mp4", "-o", "out.xyz"], "does not fit the input"),
        (["-s", "portraits", "-d", "in.mp4", "-o", "out", "--who", "nobody"], "who must be all, largest"),
        (["-s", "image:no.jpg", "-d", "in.mp4", "-o", "out.mp4"], "there is no file"),
        (["-s", "portrait", "-d", "in.mp4", "-o", "out.mp4"], "Did you mean 'portraits'"),
        (["-s", "portraits", "-d", "in.mp4", "-o", "out", "--engine", "mesh_wrap"], "'mesh_warp'"),
    ],
)
def test_wrong_input_is_one_message_and_leaves_nothing(
    words: list[str],
    message: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSA_DEBUG", raising=False)
    (tmp_path / "text.mp4").write_text("hello")
    before = clip.read_bytes()
    assert main(["swap", *words]) == WRONG_INPUT
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "text.mp4"]
    assert clip.read_bytes() == before


def test_interrupting_says_that_nothing_was_written(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fsa_data.worker.clip.put_on", interrupt)
    assert main(["swap", "-s", "portraits", "-d", str(clip), "-o", str(tmp_path / "out.mp4")]) == INTERRUPTED
    assert "nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_nobody_is_put_on_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A target is called by its file unless it is said who is in it."""
    me = tmp_path / "me.png"
    write_image(me, load_source("portraits").photos[0].load(), ".png")
    words = [
        "swap",
        "-s",
        f"image:{me}",
        "--source-option",
        "views=false",
        "-d",
        str(me),
        "-o",
        str(tmp_path / "o.png"),
    ]
    assert main(words) == WRONG_INPUT
    assert "is left without 'me'" in capsys.readouterr().err
    assert not (tmp_path / "o.png").exists()
    assert main([*words, "--subject", "somebody"]) == DONE
