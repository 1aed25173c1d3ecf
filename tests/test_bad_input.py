"""Commands given what they cannot use: one message that says what and where, exit code 2, nothing left behind."""

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
from fsa_data.store import SwapStore
from tests.bad_data import FOLDERS, TABLES, refused, state_farm, write_table

STORE = ["-s", "portraits", "--store", "store"]
HEADER = "video,subject,start_s,end_s,label"

pytestmark = pytest.mark.usefixtures("face_here")


@pytest.mark.parametrize(("content", "message"), TABLES)
def test_csv(content: str | bytes, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(content)
    refused(["materialise", "--csv", "frames.csv", *STORE], message, capsys)


@pytest.mark.parametrize(("reader", "prepare", "message"), FOLDERS)
def test_folders(reader: str, prepare: Callable[[], object], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    prepare()
    refused(["materialise", f"--{reader.replace('_', '-')}", "data", *STORE], message, capsys)


def test_state_farm_is_swapped(capsys: pytest.CaptureFixture[str]) -> None:
    state_farm("p1,c0,img_1.jpg")
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
        ("a.mkv,p1,0,many,x", "row 2 (a.mkv): start_s and end_s are seconds, e.g. 83.5; got '0' and 'many'."),
        ("a.mkv,p1,0,1,x\na.mkv,p1,0,1,x", "row 3 (a.mkv): overlaps row 2"),
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
    refused([*_intervals(line), "--per-interval", "100"], message, capsys)


def test_intervals_of_variable_rate_and_odd_size_are_extracted(capsys: pytest.CaptureFixture[str]) -> None:
    write_video(Path("videos/a.mkv"), [0, 10, 400, 410, 1900], size=(41, 63), codec="ffv1", pix_fmt="bgr0")
    assert main([*_intervals("a.mkv,p1,0,0.4,x", "a.mkv,p1,0.4,1.9,y"), "--per-interval", "3"]) == DONE
    told = capsys.readouterr()
    assert told.out.startswith("out: 4 frames of 1 subjects, from 2 intervals of 1 videos; out/frames.csv lists them\n")
    assert "2 intervals hold fewer than 3 frames" in told.out
    assert main(["materialise", "--csv", "out/frames.csv", *STORE]) == DONE
    capsys.readouterr()
    refused(_intervals("a.mkv,p1,0,1,x"), "out is not empty, and nothing is overwritten.", capsys)


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
        (["--videos", ".", "--intervals", "i.csv"], "No CSV at i.csv. It needs a header with video, subject"),
        (["--videos", ".", "--intervals", "face.png"], "face.png is not UTF-8"),
    ],
)  # fmt: skip
def test_options_of_extract(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["extract", *words, "-o", "out"], message, capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["-s", "image:wall.png"],
            "None of 1 photos shows a usable face; give photos with one clear, large face each.",
        ),
        (["-s", "image:text.png"], "text.png is not an image that can be decoded (5 bytes)."),
        (["-s", "image:none.png"], "Source 'image:none.png': there is no file"),
        (["-s", "folder:none"], "Source 'folder:none': there is no folder"),
        (["-s", "folder:videos"], "no image in"),
        (["-s", "portraits", "-s", "portrait"], "Unknown source 'portrait'. Did you mean 'portraits'?"),
        (["-s", "portraits:2"], "Source 'portraits:2' is not complete or says too much: expected 'portraits'."),
        (["-s", "image"], "expected 'image:PATH'"),
        (["-s", "simdrive", "--source-option", "identitys=2"], "has no option 'identitys'. Known: identities"),
        (["-s", "portraits", "--engine", "mesh_wrap"], "Unknown engine 'mesh_wrap'. Did you mean 'mesh_warp'?"),
        (["-s", "portraits", "--engine-option", "max_yaw_deg=many"], "max_yaw_deg must be at least 0, got 'many'."),
        (["-s", "portraits", "--merge-option", "colours=1"], "merge has no option 'colours'. Known: colour"),
    ],
)
def test_sources_and_engines(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("wall.png", np.full((120, 160, 3), 100, np.uint8))
    Path("text.png").write_text("hello")
    Path("videos").mkdir()
    refused(["swap", "-d", "face.png", "-o", "out.png", *words], message, capsys)
    write_table("path,subject,label\nface.png,p1,x\n")
    command = ["materialise", "--csv", "frames.csv", "--workers", "0", "--store", "store", *words]
    if "None of 1 photos" in message or "text.png" in message:  # known once the photo was looked at
        assert main(command) == WRONG_INPUT
        assert message in capsys.readouterr().err
        info = SwapStore("store").info()
        assert (info.swaps, info.frames, info.unfinished) == (0, 0, ())
    else:
        refused(command, message, capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "-1"], "workers must be 'auto' or a number from 0 on, got -1."),
        (["--working-size", "3"], "working_size must be the short side, (height, width) or None, from 16 on; got 3."),
        (["--fakes-per-frame", "-1"], "fakes_per_frame must be 0 or more, got -1."),
        (["--identity-map", "none.csv"], "Cannot read the identity map none.csv"),
        (["--identity-map", "bad.csv"], "bad.csv, line 2: the columns identity and person must both be filled"),
        (["--identity-map", "latin.csv"], "The identity map latin.csv is not UTF-8 (byte 17). Save it as UTF-8."),
    ],
)
def test_options_of_materialise(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_table("path,subject,label\nface.png,p1,x\n")
    write_table("a,b\n1,2\n", "bad.csv")
    write_table("identity,person\nJürgen,b\n".encode("latin-1"), "latin.csv")
    refused(["materialise", "--csv", "frames.csv", *STORE, *words], message, capsys)


@pytest.mark.filterwarnings("default")  # as in a process of its own
def test_a_label_that_looks_like_a_typing_error_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{i}.png" for i in range(11)]
    for name in names:
        Path(name).write_bytes(b"no image")
    rows = [f"{name},p1,{'Smoek' if name == '4.png' else 'Smoke'}" for name in names]
    write_table("\n".join(["path,subject,label", *rows]) + "\n")
    assert main(["materialise", "--csv", "frames.csv", *STORE]) == FAILURES
    told = capsys.readouterr().err
    assert told.startswith("fsa: warning: frames.csv, row 6: the label 'Smoek' (1 rows) looks like 'Smoke' (10 rows).")
    assert told.count("Smoek") == 1
    write_video(Path("videos/a.mkv"), range(0, 12_000, 500))
    lines = [f"a.mkv,p1,{i},{i + 1},{'Smoek' if i == 4 else 'Smoke'}" for i in range(11)]
    assert main([*_intervals(*lines), "--per-interval", "1"]) == DONE
    assert capsys.readouterr().err.startswith("fsa: warning: intervals.csv, row 6: the label 'Smoek'")


def test_raw_maskdar(capsys: pytest.CaptureFixture[str]) -> None:
    write_recording(Path("raw"), "user03", Script([("Drink", 5.0), ("LookLeft", 5.0), ("Yawn", 3.0)]))
    command = ["extract", "--maskdar-raw", "raw", "-o", "out", "--mirror", "--condition", "masked"]
    assert main(command) == FAILURES  # Yawn is too short
    told = capsys.readouterr()
    assert told.out.startswith("out: 6 frames of 1 subjects, from 2 intervals of 1 videos;")
    assert "failed: user03: Yawn from 10.0 to 12.9 s: no frame is left" in told.err
    assert main(["materialise", "--maskdar", "out", *STORE]) == DONE
    capsys.readouterr()
    refused(command, "out is not empty", capsys)
    write_video(Path("raw/capture-user03.avi"), range(12))
    refused([*command[:-1], "unmasked", "-o", "new"], "has 12 frames, but its frame map", capsys)


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
