"""`fsa swap` given pictures and videos that are broken or odd."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_video import cut_off, damage, write_video

from fsa_data.cli import DONE, FAILURES, main
from tests.bad_data import refused, tree

pytestmark = pytest.mark.usefixtures("face_here")

SWAP = ["swap", "-s", "portraits", "-d"]
TIMES_MS = range(0, 5000, 100)


def _bad_pictures() -> None:
    Path("zero.png").touch()
    Path("text.png").write_text("hello")
    Path("cut.png").write_bytes(Path("face.png").read_bytes()[:5000])
    cv2.imwrite("whole.jpg", cv2.imread("face.png"))
    Path("cut.jpg").write_bytes(Path("whole.jpg").read_bytes()[:5000])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.png", "There is no file or folder none.png."),
        ("zero.png", "zero.png is empty (0 bytes)."),
        ("text.png", "text.png is not an image that can be decoded (5 bytes)."),
        ("cut.png", "cut.png is cut off: the end of the image is missing (5,000 bytes). Copy it again."),
        ("cut.jpg", "cut.jpg is cut off"),
    ],
)
def test_a_picture(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    _bad_pictures()
    refused([*SWAP, name, "-o", "out.png"], message, capsys)


def test_a_folder_without_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    refused([*SWAP, "in", "-o", "out"], "No picture in the folder in (looked for .bmp, .jpeg", capsys)
    Path("in/a.png").touch()
    Path("in/b.png").write_text("hello")
    told = refused([*SWAP, "in", "-o", "out"], "None of the 2 pictures can be decoded.", capsys)
    assert "failed: in/a.png is empty (0 bytes)." in told
    assert "failed: in/b.png is not an image" in told


def test_alpha_one_channel_and_16_bit(capsys: pytest.CaptureFixture[str]) -> None:
    face = cv2.imread("face.png")
    Path("in").mkdir()
    cv2.imwrite("in/alpha.png", np.dstack([face, np.full(face.shape[:2], 9, np.uint8)]))
    cv2.imwrite("in/deep.png", face.astype(np.uint16) * 257)
    cv2.imwrite("in/grey.png", cv2.cvtColor(face, cv2.COLOR_BGR2GRAY))
    assert main([*SWAP, "in", "-o", "out"]) == DONE
    assert "3 faces replaced in 3 of 3 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.mkv", "none.mkv holds no frame."),
        ("zero.mp4", "zero.mp4 cannot be decoded as a video at frame 0: Invalid data found when processing input."),
        ("text.mp4", "text.mp4 cannot be decoded as a video at frame 0: Invalid data found when processing input."),
        ("head.mp4", "head.mp4 cannot be decoded as a video at frame 0"),
    ],
)
def test_a_video(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(Path("none.mkv"), [])
    Path("zero.mp4").touch()
    Path("text.mp4").write_text("hello")
    cut_off(write_video(Path("head.mp4"), TIMES_MS), 0.5)  # what says where the frames are stands at the end
    told = refused([*SWAP, name, "-o", "out.mp4"], message, capsys)
    assert "Errno" not in told


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut.mkv", "cut.mkv breaks off after "),
        ("cut.avi", "cut.avi breaks off after "),
        ("cut.mp4", "cut.mp4 cannot be decoded as a video at frame "),
        ("damaged.avi", "damaged.avi cannot be decoded as a video at frame 10"),
    ],
)
def test_a_video_with_a_broken_end(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes before is swapped, and the rest is told."""
    video = write_video(Path(name), TIMES_MS, options={"movflags": "faststart"} if name == "cut.mp4" else None)
    damage(video, 10) if name == "damaged.avi" else cut_off(video, 0.7 if name == "cut.mp4" else 0.5)
    assert main([*SWAP, name, "-o", "out.mkv", "--no-smooth"]) == FAILURES
    told = capsys.readouterr()
    assert told.err.startswith(f"failed: {message}")
    assert "Traceback" not in told.err
    assert 0 < int(told.out.split(" of ")[1].split()[0]) < len(TIMES_MS)
    assert sorted(tree()) == sorted([name, "face.png", "out.mkv", "out.swaps.csv", "out.validity.csv"])


@pytest.mark.parametrize(
    ("name", "times_ms", "size", "codec"),
    [
        ("whole.mkv", TIMES_MS, (40, 60), None),
        ("whole.avi", range(0, 800, 40), (40, 60), None),
        ("variable.mkv", [0, 10, 400, 410, 3900], (40, 60), None),
        ("variable.mp4", [0, 10, 400, 410, 3900], (40, 60), None),
        ("odd.mkv", range(0, 200, 40), (41, 63), "ffv1"),
    ],
)
def test_variable_rate_and_odd_size_are_nothing_to_complain_of(
    name: str, times_ms: list[int], size: tuple[int, int], codec: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(Path(name), times_ms, size=size, codec=codec, pix_fmt="bgr0" if codec else None)
    assert main([*SWAP, name, "-o", "out.mkv", "--no-smooth"]) == DONE
    told = capsys.readouterr()
    assert f"0 faces replaced in 0 of {len(times_ms)} frames" in told.out
    assert told.err == ""
