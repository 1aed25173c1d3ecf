"""Intervals of videos become images: each picture says which frame it is, so time and label can be checked."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numbered_video import cut_off, damage, number_in, write_video

from fsa_data.errors import BadTableError, BadVideoError, ConfigError, DatasetNotFoundError, OutputError
from fsa_data.frames import MASKDAR, LabelledFrames, read_image
from fsa_data.frames.extract import extract_intervals
from fsa_data.frames.frame_folder import new_folder, safe_name
from fsa_data.frames.picking import Sampling

HEADER = "video,subject,start_s,end_s,label"
VARIABLE_MS = [0, 10, 50, 51, 300, 310, 330, 700, 701, 702, 800, 900, 1000, 1100, 1150, 1160, 1170, 1500, 1501, 1900]
EVERY = Sampling(1000)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    write_video(tmp_path / "videos" / "variable.mp4", VARIABLE_MS)
    write_video(tmp_path / "videos" / "p2" / "even.avi", range(100))  # 4 s
    return tmp_path / "videos"


def _table(videos: Path, *lines: str, header: str = HEADER) -> Path:
    path = videos.parent / "intervals.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / "frames.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _check_identity(videos: Path, out: Path) -> None:
    """The picture is the frame that its row names, and was shown when the row says."""
    for row in _rows(out):
        number = number_in(read_image(out / row["path"]))
        assert number == int(row["video_frame"])
        at = VARIABLE_MS[number] / 1000 if row["video"] == "variable.mp4" else number / 25
        assert float(row["time_s"]) == pytest.approx(at, abs=1e-6)


def test_a_frame_belongs_to_the_interval_in_which_it_is_shown(videos: Path, tmp_path: Path) -> None:
    bounds_ms = [0, 51, 700, 1160, 1900]  # every bound is the timestamp of a frame
    lines = [f"variable.mp4,p1,{a / 1000},{b / 1000},part{i}" for i, (a, b) in enumerate(pairwise(bounds_ms))]
    made = extract_intervals(videos, _table(videos, *lines), tmp_path / "out", EVERY)
    _check_identity(videos, tmp_path / "out")
    for i, (a, b) in enumerate(pairwise(bounds_ms)):
        got = {int(row["video_frame"]) for row in _rows(tmp_path / "out") if row["label"] == f"part{i}"}
        assert got == {k for k, at in enumerate(VARIABLE_MS) if a <= at < b}
    assert (made.frames, made.intervals, made.videos, made.subjects, made.fewer) == (19, 4, 1, 1, 4)


def test_what_is_written_is_read_as_labelled_frames(videos: Path, tmp_path: Path) -> None:
    table = _table(
        videos,
        "variable.mp4,p1,0,1.5,LookLeft,,front,masked,CC0,form 7",
        "p2/even.avi,p2,1,3,Yawn,drive 9,,,,",
        header=f"{HEADER},session,view,condition,licence,consent",
    )
    extract_intervals(videos, table, tmp_path / "out", Sampling(3))
    _check_identity(videos, tmp_path / "out")
    frames = LabelledFrames.from_csv(tmp_path / "out" / "frames.csv")
    assert (len(frames), frames.subjects, frames.labels) == (6, ("p1", "p2"), MASKDAR)
    first, last = frames.subset(frames.subject == "p1"), frames.subset(frames.subject == "p2")
    assert set(first.session) == {"variable.mp4"}
    assert set(last.session) == {"drive 9"}
    assert (first.view[0], first.condition[0], first.licence[0], first.consent[0]) == (
        *("front", "masked", "CC0", "form 7"),
    )
    # thirds of 1 s .. 3 s have their middles at 1.33, 2 and 2.67 s
    assert [number_in(last.read(i)) for i in range(3)] == [33, 50, 67]
    assert last.read(0).shape == (40, 60, 3)


def test_trimming_is_exact(videos: Path, tmp_path: Path) -> None:
    table = _table(videos, "p2/even.avi,p2,0.4,2.4,x")
    extract_intervals(videos, table, tmp_path / "out", Sampling(1000, trim_s=0.2))
    assert [int(row["video_frame"]) for row in _rows(tmp_path / "out")] == list(range(15, 55))  # 0.6 <= t < 2.2


def test_a_drawn_interval_does_not_depend_on_the_others(videos: Path, tmp_path: Path) -> None:
    one, other = "p2/even.avi,p2,0,2,x", "p2/even.avi,p2,2,4,y"
    extract_intervals(videos, _table(videos, one), tmp_path / "a", Sampling(5, seed=3))
    extract_intervals(videos, _table(videos, other, one), tmp_path / "b", Sampling(5, seed=3))
    _check_identity(videos, tmp_path / "b")
    a, b = ({row["video_frame"] for row in _rows(tmp_path / d) if row["label"] == "x"} for d in ("a", "b"))
    assert a == b
    extract_intervals(videos, _table(videos, one), tmp_path / "c", Sampling(5, seed=4))
    assert {row["video_frame"] for row in _rows(tmp_path / "c")} != a


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("none.mp4,p1,0,1,x", r"row 2 \(none\.mp4\): Cannot read the video .*none\.mp4: no such file"),
        ("variable.mp4,p1,1,1,x", r"row 2 \(variable\.mp4\): start_s 1 does not lie before end_s 1"),
        ("variable.mp4,p1,1.2,0.4,x", r"row 2 .*start_s 1\.2 does not lie before end_s 0\.4"),
        ("variable.mp4,p1,0:01,0:02,x", r"row 2 .*are seconds, e\.g\. 83\.5; got '0:01' and '0:02'"),
        ("variable.mp4,p1,nan,1,x", r"row 2 .*are seconds"),
        ("variable.mp4,p1,-1,1,x", r"row 2 .*-1 to 1 s reaches outside of the video"),
        ("variable.mp4,p1,1,7,x", r"row 2 .*1 to 7 s reaches outside of the video, which ends at \d\.\d+ s"),
        ("variable.mp4,p1,50,60,x", r"row 2 .*reaches outside"),
        ("variable.mp4,p1,0.06,0.29,x", r"row 2 .*no frame of the video is shown between 0\.06 and 0\.29 s"),
        ("variable.mp4,p1,0,1,", r"row 2 \(variable\.mp4\): label is empty"),
        ("variable.mp4,,0,1,", r"row 2 \(variable\.mp4\): subject, label is empty"),
        (",p1,0,1,x", r"row 2 \(no video\): video is empty"),
        ("text.mp4,p1,0,1,x", r"row 2 \(text\.mp4\): .*cannot be read as a video"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_nothing_is_written(
    videos: Path, tmp_path: Path, line: str, match: str
) -> None:
    (videos / "text.mp4").write_text("hello")
    with pytest.raises(BadTableError, match=match):
        extract_intervals(videos, _table(videos, line, "p2/even.avi,p2,0,1,x"), tmp_path / "new" / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["intervals.csv", "videos"]


def test_all_rows_that_cannot_be_used_are_named_at_once(videos: Path, tmp_path: Path) -> None:
    table = _table(videos, *["none.mp4,p1,0,1,x"] * 25, "variable.mp4,p1,1,0,x")
    with pytest.raises(BadTableError, match="26 rows cannot be used") as caught:
        extract_intervals(videos, table, tmp_path / "out")
    assert "row 2 (none.mp4)" in str(caught.value)
    assert str(caught.value).endswith("... and 6 more")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_frame_cannot_have_two_labels(videos: Path, tmp_path: Path, order: tuple[int, ...]) -> None:
    lines = ["p2/even.avi,p2,0,3,x", "p2/even.avi,p2,1,1.5,y", "./p2/even.avi,p2,2.5,4,z"]
    with pytest.raises(BadTableError, match="2 rows cannot be used") as caught:
        extract_intervals(videos, _table(videos, *(lines[i] for i in order)), tmp_path / "out")
    assert str(caught.value).count("some frames would have two labels") == 2


def test_sound_or_rounding_may_outlast_the_last_frame(videos: Path, tmp_path: Path) -> None:
    extract_intervals(videos, _table(videos, "p2/even.avi,p2,3.5,4.4,x"), tmp_path / "out", EVERY)
    assert len(_rows(tmp_path / "out")) == 12  # 88 .. 99


def test_of_a_video_that_breaks_off_what_is_there_can_be_had(videos: Path, tmp_path: Path) -> None:
    cut_off(videos / "p2" / "even.avi", 0.6)
    extract_intervals(videos, _table(videos, "p2/even.avi,p2,0,1,x"), tmp_path / "out", EVERY)
    _check_identity(videos, tmp_path / "out")
    with pytest.raises(BadTableError, match=r"row 2 .*outside of the video"):
        extract_intervals(videos, _table(videos, "p2/even.avi,p2,1,4,x"), tmp_path / "two")


def test_after_a_damaged_frame_there_is_no_folder(videos: Path, tmp_path: Path) -> None:
    damage(videos / "p2" / "even.avi", 60)
    with pytest.raises(BadVideoError, match=r"even\.avi: frame 60 at 2\.400 s is damaged"):
        extract_intervals(videos, _table(videos, "p2/even.avi,p2,0,4,x"), tmp_path / "out", EVERY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["intervals.csv", "videos"]


def test_nothing_is_overwritten(videos: Path, tmp_path: Path) -> None:
    table = _table(videos, "p2/even.avi,p2,0,1,x")
    (tmp_path / "empty").mkdir()
    extract_intervals(videos, table, tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="empty is not empty, and nothing is overwritten"):
        extract_intervals(videos, table, tmp_path / "empty")
    with pytest.raises(ConfigError, match=r"intervals\.csv is a file"):
        extract_intervals(videos, table, table)
    with pytest.raises(OutputError, match="cannot be written to"):
        extract_intervals(videos, table, table / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_odd_names_stay_apart(videos: Path, tmp_path: Path) -> None:
    lines = ["p2/even.avi,a/b,0,1,on the phone", "p2/even.avi,a b,1,2,on/the/phone", "p2/even.avi,../é,2,3,..."]
    extract_intervals(videos, _table(videos, *lines), tmp_path / "out")
    frames = LabelledFrames.from_csv(tmp_path / "out" / "frames.csv")
    assert len(frames) == 6
    assert frames.subjects == ("../é", "a b", "a/b")
    assert frames.labels.names == ("...", "on the phone", "on/the/phone")
    assert all(Path(path).resolve().is_relative_to(tmp_path / "out") for path in frames.path)
    assert [safe_name(text) for text in ("a/b", "..", ".x", "é-1")] == ["a_b", "_", "x", "é-1"]


def test_no_folder_of_videos_and_no_table(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="No folder of videos at"):
        extract_intervals(tmp_path / "x", _table(videos), tmp_path / "out")
    with pytest.raises(DatasetNotFoundError, match="lists no interval"):
        extract_intervals(videos, _table(videos), tmp_path / "out")
    with pytest.raises(BadTableError, match="lacks the column end_s"):
        extract_intervals(videos, _table(videos, "x", header="video,subject,start_s,label"), tmp_path / "out")


@pytest.mark.parametrize(("times", "error"), [(1, KeyboardInterrupt), (2, OutputError)])
def test_a_folder_that_is_not_finished_is_gone(tmp_path: Path, times: int, error: type[BaseException]) -> None:
    def fill() -> None:
        with new_folder(tmp_path / "out") as folder:
            for _ in range(times):  # a second image of one name is refused
                folder.add({"path": "x/a.png"}, np.zeros((4, 4, 3), np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(error):
        fill()
    assert not list(tmp_path.iterdir())


def test_images_are_kept_without_loss(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    with new_folder(tmp_path / "out") as folder:
        folder.add({"path": "x/a.png", "subject": "é", "label": "x"}, image)
    np.testing.assert_array_equal(LabelledFrames.from_csv(tmp_path / "out" / "frames.csv").read(0), image)
