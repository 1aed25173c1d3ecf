"""Commands given what they cannot use: one message that says what and where, exit code 2, nothing left behind."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from maskdar_recording import Script, write_recording
from numbered_video import cut_off, damage, write_video

from fsa_data.cli import DONE, FAILURES, WRONG_INPUT, main
from fsa_data.sources import load_source
from fsa_data.store import SwapStore

STORE = ["-s", "portraits", "--store", "store"]
HEADER = "video,subject,start_s,end_s,label"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a picture of a face; everything else each test puts there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSA_DEBUG", raising=False)
    photo = load_source("portraits").photos[0].load()
    cv2.imwrite("face.png", cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[:, :, ::-1])
    return tmp_path


def _tree() -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in Path().rglob("*")}


def _refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = _tree()
    assert main(words) == WRONG_INPUT
    told = capsys.readouterr()
    assert message in told.err
    assert told.err.startswith("fsa: ")
    assert "Traceback" not in told.err
    assert told.out == ""
    assert _tree() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\nface.png,x\n", "frames.csv lacks the column subject; it has path, label."),
        ("path;subject;label\nface.png;p1;x\n", "Separate the columns by commas."),
        ("", "frames.csv lacks the column path, subject, label; it has none."),
        ("path,subject,label\n", "frames.csv lists no frame."),
        ("path,subject,label\nface.png,p1,x\nnone.png,p1,x\n", "frames.csv, row 3: no file none.png."),
        ("path,subject,label\nface.png,p1,x\nface.png,p2,y\n", "row 3: the frame face.png is already in row 2."),
        ("path,subject,label\nface.png,,x\n", "row 2: the subject is empty."),
        ("path,subject,label\nface.png,Jürgen,x\n".encode("latin-1"), "frames.csv is not UTF-8 (byte 29)."),
        ("path,subject,label\nface.png,p1,x\n".encode("utf-16"), "frames.csv is not UTF-8 (byte 0)."),
        ("path,subject,label,video_index\nface.png,p1,x,first\n", "row 2: video_index must be a whole number"),
    ],
)
def test_csv(content: str | bytes, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("frames.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    _refused(["materialise", "--csv", "frames.csv", *STORE], message, capsys)


def _image(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy("face.png", path)


def _state_farm(*lines: str) -> None:
    _image("data/imgs/train/c0/img_1.jpg")
    Path("data/driver_imgs_list.csv").write_text("\n".join(["subject,classname,img", *lines]) + "\n")


@pytest.mark.parametrize(
    ("option", "prepare", "message"),
    [
        ("--maskdar", lambda: None, "No MaskDAR folder at data. Expected class folders C00 .. C14 in it."),
        ("--maskdar", lambda: Path("data").mkdir(), "No frame under data."),
        ("--maskdar", lambda: _image("data/C15/user01-f01.png"), "data/C15 is no class of MaskDAR."),
        ("--maskdar", lambda: _image("data/C01/user01.png"), "data/C01/user01.png does not follow MaskDAR's naming"),
        ("--state-farm", lambda: None, "No State Farm folder at data."),
        ("--state-farm", lambda: _image("data/imgs/train/c0/img_1.jpg"), "No driver_imgs_list.csv in data."),
        ("--state-farm", _state_farm, "driver_imgs_list.csv lists no image."),
        ("--state-farm", lambda: _state_farm("p1,c0,img_1.jpg", "p1,c0,img_2.jpg"), "row 3: no file data/imgs"),
        ("--state-farm", lambda: _state_farm("p1,c0,img_1.jpg", "p2,c0,img_1.jpg"), "row 3: the image img_1.jpg is"),
        ("--state-farm", lambda: _state_farm("p1,safe,img_1.jpg"), "Unknown class in data/driver_imgs"),
    ],
)  # fmt: skip
def test_folders(option: str, prepare: Callable[[], None], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    prepare()
    _refused(["materialise", option, "data", *STORE], message, capsys)


def test_state_farm_is_swapped(capsys: pytest.CaptureFixture[str]) -> None:
    _state_farm("p1,c0,img_1.jpg")
    assert main(["materialise", "--state-farm", "data", *STORE]) == DONE
    assert "1 swaps made" in capsys.readouterr().out


def test_images_that_are_none_are_listed_and_the_others_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    Path("zero.png").touch()
    Path("text.png").write_text("hello")
    cv2.imwrite("whole.jpg", cv2.imread("face.png"))
    for name in ("face.png", "whole.jpg"):
        data = Path(name).read_bytes()
        Path(f"cut_{name}").write_bytes(data[: len(data) * 2 // 3])
    names = ["zero.png", "text.png", "cut_face.png", "cut_whole.jpg", "face.png", "whole.jpg"]
    Path("frames.csv").write_text("\n".join(["path,subject,label", *(f"{name},p1,x" for name in names)]) + "\n")
    assert main(["materialise", "--csv", "frames.csv", *STORE]) == FAILURES
    told = capsys.readouterr()
    assert "2 swaps made, 0 reused, 4 frames without one (failed 4)" in told.out
    lines = {line.split(": ")[1]: line for line in told.err.splitlines() if line.startswith("failed: ")}
    assert set(lines) == set(names[:4])
    assert "is empty (0 bytes)" in lines["zero.png"]
    assert "is not an image that can be decoded" in lines["text.png"]
    assert "is cut off" in lines["cut_face.png"]
    assert "is cut off" in lines["cut_whole.jpg"]
    assert "Traceback" not in told.err


def test_alpha_one_channel_and_16_bit_are_read_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    face = cv2.imread("face.png")
    cv2.imwrite("alpha.png", np.dstack([face, np.full(face.shape[:2], 9, np.uint8)]))
    cv2.imwrite("deep.png", face.astype(np.uint16) * 257)
    cv2.imwrite("grey.png", cv2.cvtColor(face, cv2.COLOR_BGR2GRAY))
    names = ["face.png", "alpha.png", "deep.png", "grey.png"]
    Path("frames.csv").write_text("\n".join(["path,subject,label", *(f"{name},p1,x" for name in names)]) + "\n")
    assert main(["materialise", "--csv", "frames.csv", *STORE]) == DONE
    assert "4 swaps made" in capsys.readouterr().out
    assert SwapStore("store").info().frames == 4


def test_videos_in_a_table_fail_frame_by_frame(capsys: pytest.CaptureFixture[str]) -> None:
    cut_off(write_video(Path("cut.mkv"), range(0, 4000, 40)), 0.5)
    write_video(Path("odd.mkv"), [0, 10, 400], size=(41, 63), codec="ffv1", pix_fmt="bgr0")
    write_video(Path("none.mkv"), [])
    Path("text.mp4").write_text("hello")
    rows = ["odd.mkv,p1,x,2", "odd.mkv,p1,x,3", "cut.mkv,p1,x,99", "none.mkv,p1,x,0", "text.mp4,p1,x,0"]
    Path("frames.csv").write_text("\n".join(["path,subject,label,video_index", *rows]) + "\n")
    assert main(["materialise", "--csv", "frames.csv", *STORE]) == FAILURES
    told = capsys.readouterr()
    assert "no_face 1" in told.out
    assert "failed 4" in told.out
    failed = [line.split(": ")[1] for line in told.err.splitlines() if line.startswith("failed: ")]
    assert sorted(failed) == ["cut.mkv#99", "none.mkv#0", "odd.mkv#3", "text.mp4#0"]
    assert "odd.mkv has 3 frames; frame 3 was asked for" in told.err
    assert "Traceback" not in told.err


def _intervals(*lines: str) -> list[str]:
    Path("intervals.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return ["extract", "--videos", "videos", "--intervals", "intervals.csv", "-o", "out"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("none.mkv,p1,0,1,x", "row 2 (none.mkv): Cannot read the video videos/none.mkv: no such file."),
        ("a.mkv,p1,2,1,x", "row 2 (a.mkv): start_s 2 does not lie before end_s 1."),
        ("a.mkv,p1,1,9,x", "row 2 (a.mkv): 1 to 9 s reaches outside of the video, which ends at 2.000 s."),
        ("a.mkv,p1,0,1,", "row 2 (a.mkv): label is empty."),
        ("a.mkv,p1,0.81,0.83,x", "row 2 (a.mkv): no frame of the video is shown between 0.81 and 0.83 s."),
        ("text.mkv,p1,0,1,x", "row 2 (text.mkv): videos/text.mkv cannot be read as a video"),
        ("empty.mkv,p1,0,1,x", "row 2 (empty.mkv): videos/empty.mkv holds no frame."),
        ("cut.avi,p1,1.5,2,x", "row 2 (cut.avi): 1.5 to 2 s reaches outside of the video"),
        ("damaged.avi,p1,0,2,x", "damaged.avi: frame 20 at 0.800 s is damaged and cannot be decoded."),
    ],
)
def test_intervals(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    times_ms = range(0, 2000, 40)
    for name in ("a.mkv", "cut.avi", "damaged.avi"):
        write_video(Path("videos", name), times_ms)
    write_video(Path("videos/empty.mkv"), [])
    Path("videos/text.mkv").write_text("hello")
    cut_off(Path("videos/cut.avi"), 0.5)
    damage(Path("videos/damaged.avi"), 20)
    _refused([*_intervals(line), "--per-interval", "100"], message, capsys)


def test_intervals_of_variable_rate_and_odd_size_are_extracted(capsys: pytest.CaptureFixture[str]) -> None:
    write_video(Path("videos/a.mkv"), [0, 10, 400, 410, 1900], size=(41, 63), codec="ffv1", pix_fmt="bgr0")
    assert main([*_intervals("a.mkv,p1,0,0.4,x", "a.mkv,p1,0.4,1.9,y"), "--per-interval", "3"]) == DONE
    told = capsys.readouterr()
    assert told.out.startswith("out: 4 frames of 1 subjects, from 2 intervals of 1 videos; out/frames.csv lists them\n")
    assert "2 intervals hold fewer than 3 frames" in told.out
    assert main(["materialise", "--csv", "out/frames.csv", *STORE]) == DONE
    capsys.readouterr()
    _refused(_intervals("a.mkv,p1,0,1,x"), "out is not empty, and nothing is overwritten.", capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--videos", "v"], "--videos needs --intervals FILE"),
        (["--videos", "v", "--intervals", "i.csv"], "No folder of videos at v."),
        (["--videos", "v", "--intervals", "i.csv", "--mirror"], "--mirror belongs to --maskdar-raw."),
        (["--videos", "v", "--intervals", "i.csv", "--every-performance"], "--every-performance belongs to"),
        (["--maskdar-raw", "v", "--intervals", "i.csv"], "--intervals belongs to --videos."),
        (["--maskdar-raw", "v"], "No folder of raw MaskDAR recordings at v."),
        (["--maskdar-raw", ".", "--per-interval", "0"], "At least 1 frame"),
        (["--maskdar-raw", ".", "--trim-s", "-1"], "0 seconds or more, got -1.0"),
        (["--maskdar-raw", "."], "No recording_*.csv under ."),
    ],
)  # fmt: skip
def test_options_of_extract(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    _refused(["extract", *words, "-o", "out"], message, capsys)


def test_raw_maskdar(capsys: pytest.CaptureFixture[str]) -> None:
    write_recording(Path("raw"), "user03", Script([("Drink", 5.0), ("LookLeft", 5.0), ("Yawn", 3.0)]))
    command = ["extract", "--maskdar-raw", "raw", "-o", "out", "--mirror", "--condition", "masked"]
    assert main(command) == FAILURES  # Yawn is too short
    told = capsys.readouterr()
    assert told.out.startswith("out: 6 frames of 1 subjects, from 2 intervals of 1 videos;")
    assert "failed: user03: Yawn from 10.0 to 12.9 s: no frame is left" in told.err
    assert main(["materialise", "--maskdar", "out", *STORE]) == DONE
    capsys.readouterr()
    _refused(command, "out is not empty", capsys)
    write_video(Path("raw/capture-user03.avi"), range(12))
    _refused([*command[:-1], "unmasked", "-o", "new"], "has 12 frames, but its frame map", capsys)


def test_as_a_process_there_is_one_message_and_no_traceback() -> None:
    command = [sys.executable, "-m", "fsa_data.cli", *_intervals("none.mkv,p1,0,1,x")]
    Path("videos").mkdir()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == WRONG_INPUT
    assert done.stdout == ""
    assert done.stderr == (
        "fsa: intervals.csv: 1 rows cannot be used.\n"
        "  row 2 (none.mkv): Cannot read the video videos/none.mkv: no such file.\n"
    )
    assert not Path("out").exists()
