"""Data sets on disk become rows, or one error that says what and where."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fsa_data.errors import BadTableError, DatasetNotFoundError, UnknownNameError
from fsa_data.frames import MASKDAR, STATE_FARM, LabelledFrames, LabelMap, read_image


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


@pytest.mark.parametrize("values", [("C00", "C13"), ("Baseline", "LookLeft"), ("C00", "LookLeft")])
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


@pytest.fixture
def state_farm(tmp_path: Path) -> Path:
    root = tmp_path / "state_farm"
    lines = ["subject,classname,img"]
    for i, (subject, code) in enumerate([("p002", "c0"), ("p002", "c3"), ("p012", "c9"), ("p012", "c1")]):
        folder = root / "imgs" / "train" / code
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"img_{i}.jpg"), np.full((6, 8, 3), 40 * i, np.uint8))
        lines.append(f"{subject},{code},img_{i}.jpg")
    (root / "driver_imgs_list.csv").write_text("\n".join(lines) + "\n")
    return root


def test_state_farm(state_farm: Path) -> None:
    frames = LabelledFrames.from_state_farm(state_farm)
    assert frames.subject.tolist() == ["p002", "p002", "p012", "p012"]
    assert frames.label.tolist() == [0, 3, 9, 1]
    assert frames.labels is STATE_FARM
    assert [int(frames.read(i).mean().round()) for i in range(4)] == [0, 40, 80, 120]
    assert set(zip(frames.subject, frames.session, strict=True)) == {("p002", "p002"), ("p012", "p012")}


@pytest.mark.parametrize(
    ("line", "error", "match"),
    [
        ("p002,c0,img_9.jpg", DatasetNotFoundError, r"row 6: no file .*c0/img_9\.jpg"),
        ("p002,c10,img_9.jpg", UnknownNameError, r"row 6: 'c10'"),
        ("p002,c0,img_0.jpg", BadTableError, r"row 6: the image img_0\.jpg is already in row 2"),
        (",c0,img_0.jpg", BadTableError, "row 6: the subject is empty"),
        ("p002,c0,", DatasetNotFoundError, "row 6: no file"),
    ],
)
def test_a_row_of_state_farm_that_cannot_be_used_is_named(state_farm: Path, line: str, error: type, match: str) -> None:
    with (state_farm / "driver_imgs_list.csv").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(error, match=match):
        LabelledFrames.from_state_farm(state_farm)


def test_state_farm_without_its_table_or_folder(state_farm: Path) -> None:
    (state_farm / "driver_imgs_list.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"No driver_imgs_list\.csv in .*who drives"):
        LabelledFrames.from_state_farm(state_farm)
    with pytest.raises(DatasetNotFoundError, match="No State Farm folder at nowhere"):
        LabelledFrames.from_state_farm("nowhere")


def test_rows_are_numbered_as_an_editor_shows_them(tmp_path: Path) -> None:
    path = _csv(tmp_path, "path, subject ,label", "", "a.png,p1,x", "", "", "c.png,p1,x")
    with pytest.raises(DatasetNotFoundError, match="row 6: no file"):
        LabelledFrames.from_csv(path)


@pytest.mark.parametrize(
    ("header", "match"),
    [("path;subject;label", "Separate the columns by commas"), ("path,subject,label,path", "column path twice")],
)
def test_a_header_that_cannot_be_used_says_why(tmp_path: Path, header: str, match: str) -> None:
    with pytest.raises(BadTableError, match=match):
        LabelledFrames.from_csv(_csv(tmp_path, header, "a.png,p1,x,b.png"))
