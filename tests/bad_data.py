"""Data sets that cannot be used, each with what has to be said about it, and how a refusal looks."""

import contextlib
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsa_data.cli import WRONG_INPUT, main

MASKDAR_BUT = "\n".join(
    [
        "Baseline",
        "TextingRight",
        "TalkCellRight",
        "TextingLeft",
        "TalkCellLeft",
        "OperateRadio",
        "Drink",
        "Yawm",
        "Yawn",
    ]
)

TABLES: list[tuple[str | bytes, str]] = [
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
    (
        "path,subject,label\n" + "".join(f"face.png,p1,{label}\n" for label in MASKDAR_BUT.split()),
        "Unknown label in frames.csv, row 9: 'Yawm'. Did you mean 'Yawn'?",
    ),
]
"""Content of ``frames.csv``."""


def image(path: str) -> None:
    """A picture of a face."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy("face.png", path)


def state_farm(*lines: str) -> None:
    """A State Farm folder with one image."""
    image("data/imgs/train/c0/img_1.jpg")
    Path("data/driver_imgs_list.csv").write_text("\n".join(["subject,classname,img", *lines]) + "\n")


FOLDERS: list[tuple[str, Callable[[], object], str]] = [
    ("maskdar", lambda: None, "No MaskDAR folder at data. Expected class folders C00 .. C14 in it."),
    ("maskdar", lambda: Path("data").touch(), "No MaskDAR folder at data."),
    ("maskdar", lambda: Path("data").mkdir(), "No frame under data."),
    ("maskdar", lambda: image("data/C15/user01-f01.png"), "data/C15 is no class of MaskDAR."),
    ("maskdar", lambda: image("data/C01/user01.png"), "data/C01/user01.png does not follow MaskDAR's naming"),
    ("maskdar", lambda: image("data/C01/user01-f01.txt"), "user01-f01.txt does not follow MaskDAR's naming"),
    ("state_farm", lambda: None, "No State Farm folder at data."),
    ("state_farm", lambda: Path("data").mkdir(), "No driver_imgs_list.csv in data."),
    ("state_farm", state_farm, "driver_imgs_list.csv lists no image."),
    ("state_farm", lambda: state_farm("p1,c0,img_1.jpg", "p1,c0,img_2.jpg"), "row 3: no file data/imgs"),
    ("state_farm", lambda: state_farm("p1,c0,img_1.jpg", "p2,c0,img_1.jpg"), "row 3: the image img_1.jpg is"),
    ("state_farm", lambda: state_farm("p1,safe,img_1.jpg"), "Unknown class in data/driver_imgs"),
]
"""Reader, what is put at ``data``, and what has to be said."""


def write_table(content: str | bytes, name: str = "frames.csv") -> None:
    """Write it as it is."""
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


def frames_csv(*names: str, subject: str = "p1") -> None:
    """A ``frames.csv`` of these files, all of one class; ``name=subject`` gives another subject."""
    rows = [name.partition("=") for name in names]
    lines = ["path,subject,label", *(f"{path},{who or subject},x" for path, _, who in rows)]
    Path("frames.csv").write_text("\n".join(lines) + "\n")


def tree() -> dict[str, bytes]:
    """Everything under the current directory."""
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in Path().rglob("*")}


def refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> str:
    """``fsa`` given these words says so on standard error, ends with 2 and leaves everything as it was."""
    before = tree()
    assert main(words) == WRONG_INPUT
    told = capsys.readouterr()
    assert message in told.err
    assert told.err.startswith("fsa: ")
    assert "Traceback" not in told.err
    assert told.out == ""
    assert tree() == before
    return told.err


@contextlib.contextmanager
def full_disk(room: int = 3000) -> Iterator[None]:
    """Meanwhile no file can grow beyond ``room`` bytes, in this process and in those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
