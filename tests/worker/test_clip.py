"""A clip with other faces: what changes, what must not, and what is left when it is cut short."""

import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fsa_data import load_engine, load_source
from fsa_data.errors import BadImageError, BadVideoError, ConfigError, DatasetNotFoundError, SourceError
from fsa_data.faces import load_landmarker
from fsa_data.frames import CONTAINERS
from fsa_data.types import Reason, Swap
from fsa_data.worker import swap_clip
from tests.frames.clips import frame_times, sound_packets, write_clip
from tests.worker.clip_parts import SIZE, boxes, frames, heads, outside, table

ROOT = Path(__file__).resolve().parents[2]
UNEVEN = [0, 40, 80, 200, 240, 500, 520, 560]


@pytest.fixture(scope="module")
def landmarker():
    return load_landmarker(max_faces=8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """One person; frames 3 and 4 show nobody; odd size, uneven times, a tone."""
    images = [image[: SIZE - 1, : SIZE - 1] for image in heads(0, 8)]
    images[3] = images[4] = np.full_like(images[0], 120)
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    return write_clip(path, images, UNEVEN, tone_s=0.6, pix_fmt="yuv444p")


@pytest.fixture(scope="module")
def couple(tmp_path_factory):
    """Two people side by side, the right one larger."""
    pairs = [
        np.hstack([np.pad(a, ((SIZE // 6, SIZE // 6), (0, 0), (0, 0)), mode="edge"), b])
        for a, b in zip(heads(0, 6), heads(1, 6, 10.0, SIZE + 2 * (SIZE // 6)), strict=True)
    ]
    return write_clip(tmp_path_factory.mktemp("couple") / "in.mp4", pairs, list(range(0, 240, 40)))


@pytest.fixture
def swap(landmarker, tmp_path):
    def run(target, out="out", source="portraits", engine="mesh_warp", **options):
        where = tmp_path / out
        return swap_clip(
            target, where, load_source(source), load_engine(engine), landmarker, progress=False, **options
        ), where

    return run


@dataclass(frozen=True)
class Stubborn:
    """An engine that fails on frames of which ``fails`` says so."""

    fails: object
    inner: object = field(default_factory=lambda: load_engine("mesh_warp"))
    trained_on: frozenset = frozenset()
    uses_reference: bool = False

    @property
    def fingerprint(self):
        return {"engine": "stubborn"}

    def swap(self, frame, target, donors, params, reference=None):
        if self.fails(frame):
            raise RuntimeError("out of paint")
        return self.inner.swap(frame, target, donors, params)


class Fickle(Stubborn):
    """Would put another identity on every frame if it were asked to choose."""

    def swap(self, frame, target, donors, params, reference=None):
        names = sorted({donor.identity for donor in donors})
        chosen = names[int(frame.sum()) % len(names)]
        return self.inner.swap(frame, target, [donor for donor in donors if donor.identity == chosen], params)


# --- pixels


def test_outside_the_patch_every_pixel_is_the_input_s(swap, clip, landmarker):
    report, out = swap(clip)
    assert (report.frames, report.frames_swapped, report.by_reason) == (8, 6, {"no_face": 2})
    rows, before, after = table(out / "swaps.csv"), frames(clip), frames(out)
    assert list(rows[0]) == ["frame", "swapped", "reason", "source_identity", "x", "y", "w", "h"]
    assert [row["frame"] for row in rows] == [str(i) for i in range(8)]
    assert [row["swapped"] for row in rows] == list("11100111")
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        if rows[i]["swapped"] == "0":
            assert rows[i]["reason"] == "no_face"
            np.testing.assert_array_equal(old, new)
            continue
        (box,) = boxes([rows[i]])
        np.testing.assert_array_equal(outside(old, box), outside(new, box))
        assert (old != new).any(axis=2).mean() > 0.05
        assert box[2] * box[3] <= 2 * landmarker(old)[0].box.area
    assert [row["valid_face"] for row in table(out / "validity.csv")] == list("11100111")
    assert [row["frame"] for row in table(out / "validity.csv")] == [str(i) for i in range(8)]


def test_the_identity_stays_over_a_gap(swap, clip):
    _, out = swap(clip, source="simdrive", engine=Fickle(None))
    assert len({row["source_identity"] for row in table(out / "swaps.csv") if row["swapped"] == "1"}) == 1


def test_equal_seeds_give_equal_pixels_and_smoothing_changes_them(swap, couple):
    results = [frames(swap(couple, f"out{i}", smooth=smooth)[1]) for i, smooth in enumerate((True, True, False))]
    np.testing.assert_array_equal(results[0], results[1])
    assert any((a != b).any() for a, b in zip(results[0], results[2], strict=True))


def test_masks_cover_all_that_changes_and_little_else(swap, clip):
    _, out = swap(clip, masks=True)
    for i, (old, new) in enumerate(zip(frames(clip), frames(out), strict=True)):
        mask = cv2.imread(str(out / "masks" / f"frame-{i:06d}.png"), cv2.IMREAD_UNCHANGED)
        change = (old != new).any(axis=2)
        assert set(np.unique(mask)) <= {0, 255}
        assert (mask[change] == 255).all()
        assert (mask == 255).sum() <= 1.1 * change.sum()


# --- videos


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_video_keeps_length_times_and_sound(swap, clip, suffix):
    _, out = swap(clip, f"new/out{suffix}", masks=True)
    assert frame_times(out) == frame_times(clip)
    assert frame_times(out.with_name(f"out.mask{suffix}"))[0] == frame_times(clip)[0]
    assert sound_packets(out) == sound_packets(clip)
    assert sorted(path.name for path in out.parent.iterdir()) == [
        *(f"out.mask{suffix}", f"out{suffix}", "out.swaps.csv", "out.validity.csv")
    ]
    before, after = frames(clip), frames(out)
    assert [image.shape for image in after] == [image.shape for image in before]
    for row, old, new in zip(table(out.with_name("out.swaps.csv")), before, after, strict=True):
        if row["swapped"] == "1":
            (box,) = boxes([row])
            there = np.abs(old.astype(int) - new)
            assert outside(there, box).mean() < 3
            assert there[box[1] : box[1] + box[3], box[0] : box[0] + box[2]].mean() > 4
    with av.open(str(out)) as file:
        assert "fsa-data" in file.metadata["comment"]


def test_a_broken_end_gives_what_comes_before_and_is_told(swap, couple, tmp_path):
    data = bytearray(couple.read_bytes())
    with av.open(str(couple)) as file:
        hit = [packet.pos for packet in file.demux(video=0) if packet.pos is not None][4]
    data[hit : hit + 60] = b"\xff" * 60
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    report, out = swap(broken, "out.mp4")
    assert report.frames == 4 == len(frames(out))
    assert len(report.failures) == 1
    assert "frame 4" in report.failures[0]


def test_a_video_without_a_frame_is_refused(swap, tmp_path):
    (tmp_path / "in.mp4").write_bytes(b"")
    with pytest.raises(BadVideoError, match=r"in\.mp4"):
        swap(tmp_path / "in.mp4", "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_frame_on_which_the_engine_fails_stays_and_is_told(swap, clip):
    third = frames(clip)[2]
    report, out = swap(clip, engine=Stubborn(lambda frame: np.array_equal(frame, third)))
    assert report.by_reason == {"failed": 1, "no_face": 2}
    assert report.failures == (f"{clip}, frame 2: RuntimeError: out of paint",)
    np.testing.assert_array_equal(frames(out)[2], third)
    assert table(out / "validity.csv")[2]["valid_face"] == "0"


# --- who


def test_two_people_wear_one_identity_each_throughout(swap, couple):
    report, out = swap(couple, source=["simdrive", "portraits"], engine=Fickle(None))
    assert report.swapped == 12
    rows = table(out / "swaps.csv")
    assert [row["frame"] for row in rows] == [str(i) for i in range(6) for _ in range(2)]
    worn = [{row["source_identity"] for row in rows if (int(row["x"]) < SIZE) == left} for left in (True, False)]
    assert [len(one) for one in worn] == [1, 1]
    assert worn[0] != worn[1]
    assert worn == [{row["source_identity"] for row in rows[i::2]} for i in (0, 1)]
    for i, (old, new) in enumerate(zip(frames(couple), frames(out), strict=True)):
        change = (old != new).any(axis=2)
        for x, y, w, h in boxes(rows[2 * i : 2 * i + 2]):
            assert change[y : y + h, x : x + w].mean() > 0.3
            change[y : y + h, x : x + w] = False
        assert not change.any()


def test_people_seen_together_wear_different_faces_as_long_as_there_are_any(swap, couple, tmp_path):
    picture = _png(tmp_path / "couple.png", frames(couple)[0])
    for target in (couple, picture):
        for seed in range(4):
            _, out = swap(target, f"{target.stem}{seed}", seed=seed)
            assert len({row["source_identity"] for row in table(out / "swaps.csv")}) == 2
    _, out = swap(couple, "one", subject="portrait-2")
    assert {row["source_identity"] for row in table(out / "swaps.csv")} == {"portrait-1"}


@pytest.mark.parametrize(("who", "left"), [("left", True), ("right", False), ("largest", False), (1, True), (2, False)])
def test_only_those_who_are_meant_are_swapped(swap, couple, who, left):
    report, out = swap(couple, who=who)
    rows = table(out / "swaps.csv")
    assert (report.swapped, report.by_reason) == (6, {"not_selected": 6})
    assert all((int(row["x"]) < SIZE) == left for row in rows if row["swapped"] == "1")
    assert [row["valid_face"] for row in table(out / "validity.csv")] == ["1"] * 6


def test_a_subject_never_wears_their_own_face(swap, clip):
    for seed in range(3):
        _, out = swap(clip, f"out{seed}", seed=seed, subject="portrait-1")
        assert {row["source_identity"] for row in table(out / "swaps.csv")} == {"portrait-2", ""}
    with pytest.raises(ConfigError, match="Nobody of the source"):
        swap(clip, "no", source=f"image:{_png(clip.parent / 'me.png', heads(2, 1)[0])}", subject="me")


# --- pictures


def _png(path, image):
    assert cv2.imwrite(str(path), image[:, :, ::-1])
    return path


def test_a_picture(swap, tmp_path):
    picture = _png(tmp_path / "in.png", heads(0, 1)[0])
    report, out = swap(picture, "out.png", masks=True)
    (row,) = table(tmp_path / "out.swaps.csv")
    assert (row["frame"], row["swapped"], report.frames) == ("in.png", "1", 1)
    old, new = (cv2.imread(str(path)) for path in (picture, out))
    np.testing.assert_array_equal(outside(old, *boxes([row])), outside(new, *boxes([row])))
    assert (old != new).any()
    assert (tmp_path / "out.mask.png").is_file()
    assert table(tmp_path / "out.validity.csv") == [{"frame": "in.png", "valid_face": "1"}]
    swap(picture, "out.jpg", overwrite=True)
    assert np.abs(cv2.imread(str(tmp_path / "out.jpg")).astype(int) - new).mean() < 2


def test_a_folder_of_pictures(swap, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    _png(folder / "b.png", heads(0, 1)[0])
    _png(folder / "a.png", np.full((90, 120, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "b.jpg"), heads(1, 1)[0][:, :, ::-1])
    (folder / "c.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    report, out = swap(folder)
    assert [(row["frame"], row["reason"]) for row in table(out / "swaps.csv")] == [
        *(("a.png", "no_face"), ("b.jpg", "swapped"), ("b.png", "swapped"), ("c.png", "failed"))
    ]
    assert sorted(path.name for path in out.iterdir()) == [
        *("a.png", "b.jpg.png", "b.png.png", "swaps.csv", "validity.csv")
    ]
    np.testing.assert_array_equal(cv2.imread(str(out / "a.png")), cv2.imread(str(folder / "a.png")))
    assert [failure for failure in report.failures if "c.png" in failure]


def test_pictures_of_which_none_can_be_read_are_refused(swap, tmp_path):
    (tmp_path / "in.png").write_bytes(b"no picture")
    with pytest.raises(BadImageError, match=r"in\.png"):
        swap(tmp_path / "in.png", "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match="No picture in the folder"):
        swap(tmp_path / "empty")
    assert not (tmp_path / "out").exists()


# --- outputs that make no sense, and runs that are cut short


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("in.mp4", "is the input itself"),
        ("out.png", "does not fit the input"),
        ("out.avi", "cannot hold timestamps"),
        ("out.xyz", "does not fit the input"),
        ("full", "holds other files"),
        ("former", "--overwrite to replace it"),
        ("old.mp4", "--overwrite to replace it"),
        ("half.mp4", "half.swaps.csv is there already"),
        ("file", "a file without an ending"),
    ],
)
def test_outputs_that_are_refused(swap, tmp_path, out, message):
    (tmp_path / "in.mp4").write_bytes(b"whatever: outputs are looked at first")
    for name in ("full/mine.txt", "former/swaps.csv", "former/frame-000000.png", "old.mp4", "half.swaps.csv", "file"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=message):
        swap(tmp_path / "in.mp4", out)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_former_result_is_replaced_as_a_whole(swap, clip, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("swaps.csv", "frame-000099.png"):
        (tmp_path / "out" / name).write_text("old")
    _, out = swap(clip, overwrite=True)
    assert len(frames(out)) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_source_without_a_face_leaves_nothing(swap, clip, tmp_path):
    wall = _png(clip.parent / "wall.png", np.full((200, 200, 3), 120, np.uint8))
    with pytest.raises(SourceError, match="no face found"):
        swap(clip, "new/out.mp4", source=f"image:{wall}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", ["out", "out.mp4"])
def test_an_error_half_way_leaves_nothing(swap, clip, tmp_path, monkeypatch, out):
    def full(*args):
        raise MemoryError("half way")

    monkeypatch.setattr("fsa_data.worker.clip.put_on", full)
    with pytest.raises(MemoryError):
        swap(clip, out)
    assert not list(tmp_path.iterdir())


SCRIPT = """
import time, sys
from pathlib import Path
from fsa_data import load_engine, load_source
from fsa_data.worker import clip, swap_clip

put_on = clip.put_on
def slow(*args):
    print("frame", flush=True)
    time.sleep(0.3)
    return put_on(*args)
clip.put_on = slow
swap_clip(Path(sys.argv[1]), Path(sys.argv[2]), load_source("portraits"), load_engine("mesh_warp"), smooth=False)
"""


@pytest.mark.parametrize("out", ["out", "out.mp4"])
def test_a_run_killed_half_way_leaves_nothing_that_looks_finished(clip, tmp_path, out):
    command = [sys.executable, "-c", SCRIPT, str(clip), str(tmp_path / out)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(3):
        assert process.stdout.readline() == "frame\n", process.stderr.read()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = list(tmp_path.iterdir())
    assert left
    assert all(path.suffix == ".part" for path in left)


def test_every_container_is_known_by_its_ending():
    assert set(CONTAINERS) == {".mp4", ".m4v", ".mov", ".mkv", ".webm"}


# --- the real clip


@pytest.mark.media
def test_a_real_head_that_turns(swap, media, landmarker):
    clip = media / "head_pose" / "female.mp4"
    source = f"image:{media / 'london' / 'neutral' / 'p001.jpg'}"
    report, out = swap(clip, source=source)
    rows = table(out / "swaps.csv")
    assert report.frames_swapped >= 0.9 * report.frames
    assert {row["source_identity"] for row in rows if row["swapped"] == "1"} == {"p001"}
    for row, old, new in zip(rows, frames(clip), frames(out), strict=True):
        (box,) = boxes([row])
        np.testing.assert_array_equal(outside(old, box), outside(new, box))
        assert box[2] * box[3] <= 2 * landmarker(old)[0].box.area


def test_a_declined_face_keeps_its_reason(swap, clip):
    class Declines(Stubborn):
        def swap(self, frame, target, donors, params, reference=None):
            return Swap(Reason.PROFILE)

    report, out = swap(clip, engine=Declines(None))
    assert (report.swapped, report.by_reason, report.failures) == (0, {"no_face": 2, "profile": 6}, ())
    np.testing.assert_array_equal(frames(out), frames(clip))
