"""Data sets on disk become rows, or one error that says what and where."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fsa_data.errors import BadTableError, DatasetNotFoundError, UnknownNameError
from fsa_data.frames import MASKDAR, LabelledFrames, LabelMap, read_image


@pytest.fixture
def maskdar(tmp_path: Path) -> Path:
    root = tmp_path / "maskdar"
    for code in ("C00", "C03", "C14"):
        (root / code).mkdir(parents=True)
        for user in ("user01", "user02"):
            for frame in (3, 12):
                image = np.full((6, 8, 3), frame, np.uint8)
                cv2.imwrite(str(root / code / f"{user}-f{frame:02d}.png"), image)
    return root


def _csv(folder: Path, *lines: str, name: str = "frames.csv") -> Path:
    for file in ("a.png", "b.png"):
        cv2.imwrite(str(folder / file), np.zeros((4, 4, 3), np.uint8))
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_maskdar_folders(maskdar: Path) -> None:
    frames = LabelledFrames.from_maskdar(maskdar)
    assert len(frames) == 12
    assert frames.subjects == ("user01", "user02")
    assert frames.labels is MASKDAR
    assert sorted(set(frames.label.tolist())) == [0, 3, 14]
    assert set(frames.condition) == {"unmasked"}
    assert frames.read(0).shape == (6, 8, 3)
    assert frames.ref(0).path.endswith("user01-f03.png")


def test_maskdar_names_what_does_not_belong(maskdar: Path) -> None:
    (maskdar / "C00" / "notes.txt").touch()
    with pytest.raises(BadTableError, match=r"notes\.txt does not follow"):
        LabelledFrames.from_maskdar(maskdar)
    (maskdar / "C00" / "notes.txt").unlink()
    (maskdar / "C15").mkdir()
    with pytest.raises(BadTableError, match="C15 is no class"):
        LabelledFrames.from_maskdar(maskdar)


def test_an_absent_or_empty_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="No MaskDAR folder at"):
        LabelledFrames.from_maskdar(tmp_path / "x")
    (tmp_path / "C00").mkdir()
    with pytest.raises(DatasetNotFoundError, match="No frame under"):
        LabelledFrames.from_maskdar(tmp_path)


def test_csv_with_optional_columns_and_relative_and_absolute_paths(tmp_path: Path) -> None:
    path = _csv(
        tmp_path,
        "path,subject,label,session,time_s,consent",
        "a.png,p1,smile,s1,2.5,form-7",
        f"{tmp_path / 'b.png'},p2,neutral,,,",
    )
    frames = LabelledFrames.from_csv(path)
    assert frames.labels == LabelMap(("neutral", "smile"))
    assert frames.label.tolist() == [1, 0]
    assert frames.session.tolist() == ["s1", ""]
    assert frames.time_s[0] == 2.5
    assert np.isnan(frames.time_s[1])
    assert frames.consent[0] == "form-7"
    np.testing.assert_array_equal(frames.read(0), read_image(tmp_path / "a.png"))


def test_csv_root_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    path = _csv(tmp_path / "images", "path,subject,label", "a.png,p1,x").rename(tmp_path / "frames.csv")
    assert LabelledFrames.from_csv(path, root=tmp_path / "images").read(0).shape == (4, 4, 3)
    with pytest.raises(DatasetNotFoundError, match=r"row 2: no file .*Relative paths start from"):
        LabelledFrames.from_csv(path)


@pytest.mark.parametrize("values", [("C00", "C13"), ("Baseline", "LookLeft")])
def test_maskdar_labels_are_recognised_by_code_and_by_name(tmp_path: Path, values: tuple[str, str]) -> None:
    path = _csv(tmp_path, "path,subject,label", f"a.png,p1,{values[0]}", f"b.png,p2,{values[1]}")
    frames = LabelledFrames.from_csv(path)
    assert frames.labels is MASKDAR
    assert frames.label.tolist() == [0, 13]


@pytest.mark.parametrize(
    ("lines", "error", "match"),
    [
        (["path,label", "a.png,x"], BadTableError, "lacks the column subject"),
        (["path,subject,label"], DatasetNotFoundError, "lists no frame"),
        (
            ["path,subject,label", "a.png,p1,x", "a.png,p2,x"],
            BadTableError,
            "row 3: the frame a.png is already in row 2",
        ),
        (["path,subject,label", "a.png,,x"], BadTableError, "row 2: the subject is empty"),
        (["path,subject,label", "c.png,p1,x"], DatasetNotFoundError, "row 2: no file"),
        (["path,subject,label,time_s", "a.png,p1,x,soon"], BadTableError, "row 2: .*time_s a number"),
    ],
)
def test_a_csv_that_cannot_be_used_says_why(tmp_path: Path, lines: list[str], error: type, match: str) -> None:
    path = _csv(tmp_path, *lines)
    with pytest.raises(error, match=match):
        LabelledFrames.from_csv(path)


def test_an_unknown_label_names_the_nearest(tmp_path: Path) -> None:
    path = _csv(tmp_path, "path,subject,label", "a.png,p1,smle")
    with pytest.raises(UnknownNameError, match="Did you mean 'smile'"):
        LabelledFrames.from_csv(path, labels=LabelMap(("neutral", "smile")))


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "frames.csv"
    path.write_bytes("path,subject,label\nä.png,p1,x\n".encode("latin-1"))
    with pytest.raises(BadTableError, match="not UTF-8"):
        LabelledFrames.from_csv(path)


def test_subset_keeps_classes_and_columns_together(maskdar: Path) -> None:
    frames = LabelledFrames.from_maskdar(maskdar)
    picked = frames.subset(frames.subject == "user02")
    assert picked.subjects == ("user02",)
    assert len(picked) == 6
    assert picked.labels is frames.labels
    assert [picked.content_hash(i) for i in range(2)] == [
        frames.content_hash(int(i)) for i in np.flatnonzero(frames.subject == "user02")[:2]
    ]


def test_spaces_around_names_do_not_make_another_person(tmp_path: Path) -> None:
    path = _csv(tmp_path, "path,subject,label", "a.png,p1,x", "b.png, p1 ,x ")
    assert LabelledFrames.from_csv(path).subjects == ("p1",)


def test_an_empty_subset_is_named(maskdar: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no frame"):
        LabelledFrames.from_maskdar(maskdar).subset([])
