"""MaskDAR's raw recordings become its class folders; each picture says which frame it is."""

import csv
from pathlib import Path

import numpy as np
import pytest
from maskdar_recording import FRAME_S, Script, write_recording
from numbered_video import number_in, write_video

from fsa_data.errors import BadTableError, BadVideoError, ConfigError, DatasetNotFoundError, UnknownNameError
from fsa_data.frames import MASKDAR, MASKDAR_CODES, LabelledFrames, read_image
from fsa_data.frames.maskdar_raw import TRIM_S, Options, extract_maskdar
from fsa_data.frames.picking import Sampling

SCRIPT = Script(
    [
        *[("LookRight", 5.0), ("", 1.0), ("TextingRight", 6.0), ("LookRight", 5.0), ("nan", 1.0)],
        *[("Drink", 5.0), ("TextingLeft", 4.8), ("Yawn", 3.0)],
    ]
)
EVERY = Sampling(1000, trim_s=TRIM_S)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_recording(tmp_path / "raw" / "user01", "a", SCRIPT)
    return tmp_path / "raw"


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / "frames.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _numbers(out: Path, label: str, mirrored: str = "0") -> list[int]:
    return sorted(int(r["video_frame"]) for r in _rows(out) if r["label"] == label and r["mirrored"] == mirrored)


def _check(out: Path, trim_s: float = TRIM_S, script: Script = SCRIPT) -> None:
    """Each picture is the frame its row names, and the driver does what the row says, well inside the action."""
    for row in _rows(out):
        image = read_image(out / row["path"])
        mirrored = row["mirrored"] == "1"
        number = number_in(image[:, ::-1] if mirrored else image)
        assert number == int(row["video_frame"])
        assert float(row["time_s"]) == pytest.approx(number * FRAME_S)
        action, inside_s = script.action_at(number * FRAME_S + 1e-6)
        assert row["label"] == (MASKDAR.mirror[action] if mirrored else action)
        assert inside_s > trim_s - 0.11  # the log has ten rows a second
        assert row["path"].startswith(f"{MASKDAR_CODES[MASKDAR.index[row['label']]]}/{row['subject']}-f")


@pytest.mark.parametrize("relative_log", [False, True])
@pytest.mark.parametrize("offset_s", [0.0, 100.0])
def test_the_last_performance_two_seconds_inside(tmp_path: Path, relative_log: bool, offset_s: float) -> None:
    write_recording(tmp_path / "raw" / "user01", "a", SCRIPT, offset_s, relative_log)
    made = extract_maskdar(tmp_path / "raw", tmp_path / "out", Options(EVERY))
    _check(tmp_path / "out")
    # LookRight runs from 12.0 to 16.9 s in the log the second time
    assert _numbers(tmp_path / "out", "LookRight") == list(range(280, 299))
    assert (made.videos, made.subjects) == (1, 1)
    assert made.failures == ("user01/a: Yawn from 27.8 to 30.7 s: no frame is left when 2 s are trimmed at both ends.",)
    assert "Baseline" in made.notes[-1]
    assert "Drink" not in made.notes[-1]


def test_two_frames_each_are_read_by_the_maskdar_reader(raw: Path, tmp_path: Path) -> None:
    extract_maskdar(raw, tmp_path / "out")
    _check(tmp_path / "out")
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")) == [
        f"{code}/user01-f{k:02d}.png" for code in ("C01", "C03", "C06", "C12") for k in (0, 1)
    ]
    frames = LabelledFrames.from_maskdar(tmp_path / "out")
    listed = LabelledFrames.from_csv(tmp_path / "out" / "frames.csv")
    assert frames.path.tolist() == listed.path.tolist()
    assert frames.label.tolist() == listed.label.tolist()
    assert listed.labels == MASKDAR
    assert set(listed.session) == {"user01/a"}
    assert set(listed.condition) == {"unmasked"}


def test_every_performance_on_request(raw: Path, tmp_path: Path) -> None:
    extract_maskdar(raw, tmp_path / "out", Options(EVERY, every_performance=True))
    _check(tmp_path / "out")
    numbers = _numbers(tmp_path / "out", "LookRight")
    assert numbers == [*range(40, 59), *range(280, 299)]
    assert len(list((tmp_path / "out" / "C12").iterdir())) == len(numbers)


def test_a_draw_is_repeated_exactly(raw: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        extract_maskdar(raw, tmp_path / name, Options(Sampling(5, TRIM_S, seed)))
        _check(tmp_path / name)
    assert _rows(tmp_path / "a") == _rows(tmp_path / "b")
    assert _rows(tmp_path / "a") != _rows(tmp_path / "c")


def test_mirrored_copies_overwrite_nothing_and_are_marked(raw: Path, tmp_path: Path) -> None:
    extract_maskdar(raw, tmp_path / "plain")
    extract_maskdar(raw, tmp_path / "out", Options(mirror=True))
    _check(tmp_path / "out")
    assert not [row for row in _rows(tmp_path / "plain") if row["mirrored"] != "0"]
    plain = {row["path"]: row for row in _rows(tmp_path / "plain")}
    both = {row["path"]: row for row in _rows(tmp_path / "out")}
    assert plain.items() <= both.items()
    added = [row for path, row in both.items() if path not in plain]
    # TextingLeft was performed as well: its own two frames stay, and two mirrored ones come after them
    assert {(row["label"], row["path"], row["subject"], row["mirrored"]) for row in added} == {
        *(("TextingLeft", f"C03/user01-f0{k}.png", "user01", "1") for k in (2, 3)),
        *(("TextingRight", f"C01/user01-f0{k}.png", "user01", "1") for k in (2, 3)),
        *(("LookLeft", f"C13/user01-f0{k}.png", "user01", "1") for k in (0, 1)),
    }
    assert len(LabelledFrames.from_maskdar(tmp_path / "out")) == len(both)


def _process(raw: Path, folder: Path, frames: int, rows: list[str], name: str = "capture-a.validity.csv") -> Path:
    """A processed copy of the video, with a validity table."""
    folder.mkdir(parents=True)
    write_video(folder / "capture-a.avi", range(frames))
    (folder / name).write_text("\n".join(["frame,valid_face", *rows]) + "\n")
    return folder


@pytest.mark.parametrize("name", ["capture-a.validity.csv", "capture-a.csv"])
@pytest.mark.parametrize("flags", [("1", "0"), ("True", "False")])
def test_validity_is_keyed_by_frame_whatever_the_order(
    raw: Path, tmp_path: Path, name: str, flags: tuple[str, str]
) -> None:
    valid = {n for n in range(596) if n % 7 in (1, 2)}
    rows = [f"{n},{flags[0] if n in valid else flags[1]}" for n in np.random.default_rng(0).permutation(596)]
    extract_maskdar(
        raw, tmp_path / "out", Options(EVERY), processed=_process(raw, tmp_path / "swapped" / "user01", 616, rows, name)
    )
    _check(tmp_path / "out")
    assert _numbers(tmp_path / "out", "LookRight") == sorted(valid & set(range(280, 299)))


def test_frames_come_from_the_processed_video_and_unlisted_ones_do_not_count(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "swapped"
    folder.mkdir()
    write_video(folder / "capture-a.mp4", range(0, 616 * 40, 40), first=100)
    (folder / "capture-a.validity.csv").write_text("frame,valid_face,reason\n285,1,\n284,0,no_face\n290,1,\n400,0,\n")
    made = extract_maskdar(raw, tmp_path / "out", Options(EVERY), processed=folder)
    row = {row["path"]: row for row in _rows(tmp_path / "out")}
    assert set(row) == {"C12/user01-f00.png", "C12/user01-f01.png"}
    assert [number_in(read_image(tmp_path / "out" / path)) for path in sorted(row)] == [385, 390]
    assert [row[path]["video"] for path in row] == ["capture-a.mp4"] * 2
    assert any("Drink" in line and "no face is valid in its" in line for line in made.failures)
    (folder / "capture-a.validity.csv").unlink()
    made = extract_maskdar(raw, tmp_path / "two", processed=folder)
    assert "1 processed videos have no validity table" in made.notes[0]


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["valid_face", "1"], "lacks the column frame"),
        (["frame,valid_face", "1,1", "2,1", "1,0"], r"row 4: frame 1 is already in row 2"),
        (["frame,valid_face", "616,1"], r"row 2: frame 616, but the video has 616"),
        (["frame,valid_face", "1,maybe"], r"row 2: expected a frame number and 0 or 1, got '1' and 'maybe'"),
        (["frame,valid_face", "-1,1"], r"row 2: expected a frame number"),
    ],
)
def test_a_validity_table_that_cannot_be_used(raw: Path, tmp_path: Path, lines: list[str], match: str) -> None:
    folder = _process(raw, tmp_path / "swapped", 616, [])
    (folder / "capture-a.validity.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(BadTableError, match=match):
        extract_maskdar(raw, tmp_path / "out", processed=folder)
    assert not (tmp_path / "out").exists()


def test_people_come_from_folders_names_or_a_table(raw: Path, tmp_path: Path) -> None:
    short = Script([("Drink", 5.0)])
    write_recording(raw / "user01" / "again", "b", short)
    write_recording(raw, "user07", short)
    made = extract_maskdar(raw, tmp_path / "out")
    frames = LabelledFrames.from_maskdar(tmp_path / "out")
    assert frames.subjects == ("user01", "user07")
    assert (made.subjects, made.videos) == (2, 3)
    # two recordings of one person in one class: four frames, none overwritten
    assert (frames.subject[frames.label == MASKDAR.index["Drink"]] == "user01").sum() == 4
    assert "Subjects are named after their recordings" in made.notes[0]
    table = tmp_path / "people.csv"
    table.write_text("recording,subject\nuser01/a,p1\nuser01/again/b,p2\nuser07,p1\n")
    made = extract_maskdar(raw, tmp_path / "two", subjects=table)
    assert LabelledFrames.from_maskdar(tmp_path / "two").subjects == ("p1", "p2")
    assert not any("Subjects" in note for note in made.notes)


@pytest.mark.parametrize(
    ("lines", "error", "match"),
    [
        (["user01/b,p1"], UnknownNameError, r"row 2: 'user01/b'\. Did you mean 'user01/a'"),
        (["user01/a,"], BadTableError, "row 2: the recording user01/a has no subject"),
        (["user01/a,p1", "user01/a,p2"], BadTableError, "row 3: the recording user01/a is already there"),
        (["user01/a,p/1"], ConfigError, "'p/1' .* cannot be part of a file name"),
    ],
)
def test_a_table_of_people_that_cannot_be_used(
    raw: Path, tmp_path: Path, lines: list[str], error: type, match: str
) -> None:
    table = tmp_path / "people.csv"
    table.write_text("\n".join(["recording,subject", *lines]) + "\n")
    with pytest.raises(error, match=match):
        extract_maskdar(raw, tmp_path / "out", subjects=table)


def test_everybody_must_be_in_the_table(raw: Path, tmp_path: Path) -> None:
    write_recording(raw, "user07", Script([("Drink", 5.0)]))
    (tmp_path / "people.csv").write_text("recording,subject\nuser01/a,p1\n")
    with pytest.raises(BadTableError, match="does not say who drives in user07"):
        extract_maskdar(raw, tmp_path / "out", subjects=tmp_path / "people.csv")


def test_what_a_recording_lacks_is_named(raw: Path, tmp_path: Path) -> None:
    folder, out = raw / "user01", tmp_path / "out"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="must lie elsewhere"):
        extract_maskdar(raw, out, processed=raw)
    with pytest.raises(DatasetNotFoundError, match="No folder of processed videos"):
        extract_maskdar(raw, out, processed=tmp_path / "x")
    frame_map = folder / "capture-a.csv"
    lines = frame_map.read_text().splitlines()
    frame_map.write_text("\n".join(lines[:-3]) + "\n")
    with pytest.raises(BadVideoError, match=r"has 616 frames, but its frame map .* lists 613"):
        extract_maskdar(raw, out)
    frame_map.write_text("\n".join([lines[0], "5.0,1", "4.9,2"]) + "\n")
    with pytest.raises(BadTableError, match=r"row 3: simulation_time must be seconds that never fall, got '4\.9'"):
        extract_maskdar(raw, out)
    frame_map.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"has no frame map: no file .*capture-a\.csv"):
        extract_maskdar(raw, out)
    frame_map.write_text("\n".join(lines) + "\n")
    (folder / "capture-a.avi").rename(folder / "video.avi")
    with pytest.raises(DatasetNotFoundError, match=r"needs one video named capture-a\.\* in .*found none"):
        extract_maskdar(raw, out)
    with pytest.raises(DatasetNotFoundError, match=r"No recording_\*\.csv under"):
        extract_maskdar(tmp_path / "empty", out)
    with pytest.raises(DatasetNotFoundError, match="No folder of raw MaskDAR recordings at"):
        extract_maskdar(tmp_path / "nowhere", out)
    assert not out.exists()


def test_an_action_that_is_none_of_maskdar_is_named(raw: Path, tmp_path: Path) -> None:
    log = raw / "user01" / "recording_a.csv"
    log.write_text(log.read_text().replace("Drink", "Drinking"))
    with pytest.raises(UnknownNameError, match=r"recording_a\.csv, row \d+: 'Drinking'. Did you mean 'Drink'"):
        extract_maskdar(raw, tmp_path / "out")


def test_when_nothing_can_be_taken_there_is_no_folder(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(BadTableError, match=r"No frame can be taken from[\s\S]*Drink from 18\.0 to 22\.9 s: no frame"):
        extract_maskdar(raw, tmp_path / "out", Options(Sampling(2, trim_s=60.0)))
    assert not (tmp_path / "out").exists()
