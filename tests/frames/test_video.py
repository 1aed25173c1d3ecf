"""Videos in and out: what a rewritten video keeps, and what a broken one gives."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError, OutputError
from fsa_data.frames import FrameRef, VideoWriter, decode_video, describe_video, read_frame
from tests.frames.clips import frame_times, gradient, sound_packets, write_clip

UNEVEN = [0, 40, 80, 200, 240, 500, 520, 1000]


def rewrite(source: Path, target: Path, **options: object) -> Path:
    with VideoWriter(target, describe_video(source), target.suffix, **options) as writer:
        for frame in decode_video(source):
            writer.write(frame.image, frame.pts, frame.duration)
    return target


def frames_of(path: Path) -> list[np.ndarray]:
    return [frame.image for frame in decode_video(path)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_times_and_sound_are_the_original_ones(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(8), UNEVEN, tone_s=1.1)
    target = rewrite(source, tmp_path / f"out{suffix}")
    assert frame_times(source)[0] == [Fraction(pts, 1000) for pts in UNEVEN]
    assert frame_times(target) == frame_times(source)
    assert len(sound_packets(source)[1]) > 40
    assert sound_packets(target) == sound_packets(source)
    for old, new in zip(frames_of(source), frames_of(target), strict=True):
        assert np.abs(old.astype(int) - new).mean() < 2


def test_matroska_keeps_sound_and_times_to_the_millisecond(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(8), UNEVEN, tone_s=1.1)
    target = rewrite(source, tmp_path / "out.mkv")
    times = frame_times(target)[0]
    assert [at - times[0] for at in times] == frame_times(source)[0]
    (before, data), (after, same) = sound_packets(source), sound_packets(target)
    assert data == same
    late = times[0]  # sound that begins before 0 moves everything, together
    assert max(abs(b + late - a) for b, a in zip(before, after, strict=True)) <= Fraction(1, 1000)


@pytest.mark.parametrize("base", [Fraction(1, 16000), Fraction(1001, 30000), Fraction(1, 90000)])
def test_any_time_base_and_a_late_start(tmp_path: Path, base: Fraction) -> None:
    pts = [5, 6, 7, 11, 12]
    source = write_clip(tmp_path / "in.mp4", gradient(5), pts, time_base=base)
    assert frame_times(rewrite(source, tmp_path / "out.mp4"))[0] == [p * base for p in pts]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_odd_sizes_stay(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(3, 47, 65), [0, 40, 80], pix_fmt="yuv444p")
    target = rewrite(source, tmp_path / f"out{suffix}")
    assert [image.shape for image in frames_of(target)] == [(47, 65, 3)] * 3
    assert np.abs(frames_of(target)[1].astype(int) - frames_of(source)[1]).mean() < 3


@pytest.mark.parametrize("tags", [{"colorspace": 1, "color_range": 1}, {"colorspace": 1, "color_range": 2}, {}])
def test_colours_survive_whatever_space_they_are_stored_in(tmp_path: Path, tags: dict) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(3), [0, 40, 80], **tags)
    target = rewrite(source, tmp_path / "out.mp4")
    assert describe_video(target).colours[:2] == describe_video(source).colours[:2]
    for given, old, new in zip(gradient(3), frames_of(source), frames_of(target), strict=True):
        assert np.abs(old.astype(int) - given).mean() < 3
        # FFmpeg's way back to RGB rounds down: a level or so, whatever the space
        assert np.abs((new.astype(int) - old).mean(axis=(0, 1))).max() < 3


@pytest.mark.parametrize("turn", [90, 180, -90])
def test_a_noted_rotation_is_applied(tmp_path: Path, turn: int) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = 250
    source = write_clip(tmp_path / "in.mp4", [image] * 3, [0, 40, 80], turn=turn)
    _, expected = cv2.VideoCapture(str(source)).read()  # applies it, too
    first = frames_of(source)[0]
    assert first.shape == expected.shape
    assert np.abs(first.astype(int) - expected).mean() < 3
    np.testing.assert_array_equal(first, read_frame(FrameRef(str(source), 0)))
    target = rewrite(source, tmp_path / "out.mp4")
    with av.open(str(target)) as file:
        assert next(file.decode(video=0)).rotation == 0
    assert np.abs(frames_of(target)[0].astype(int) - first).mean() < 3


def test_sound_that_the_container_cannot_hold_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(2), [0, 40], tone_s=0.2)
    with pytest.raises(ConfigError, match=r"cannot be put into .webm .*aac.* Write .mkv"):
        rewrite(source, tmp_path / "out.webm")
    assert frame_times(rewrite(source, tmp_path / "silent.webm", sound=False))[0] == [0, Fraction(40, 1000)]


def test_metadata_go_along_and_a_comment_is_added(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(2), [0, 40])
    with av.open(str(rewrite(source, tmp_path / "out.mp4", comment="not real"))) as file:
        assert file.metadata["comment"] == "not real"


def test_a_video_that_breaks_off_gives_what_comes_before(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(40, 96, 128), list(range(0, 1600, 40)))
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as file:
        hit = [packet.pos for packet in file.demux(video=0) if packet.pos is not None][25]
    data[hit : hit + 60] = b"\xff" * 60
    source.write_bytes(data)
    found = []
    with pytest.raises(BadVideoError, match=r"in.mp4 cannot be decoded as a video at frame 25"):
        found.extend(frame.index for frame in decode_video(source))
    assert found == list(range(25))


def test_only_wanted_frames_are_given(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(6), list(range(0, 240, 40)))
    assert [(f.index, f.pts) for f in decode_video(source, lambda i: i in (1, 4))] == [(1, 40), (4, 160)]


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"nowhere\.mp4"):
        describe_video(tmp_path / "nowhere.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(BadVideoError, match="cannot be decoded"):
        describe_video(tmp_path / "text.mp4")
    with av.open(str(tmp_path / "voice.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        out.mux(stream.encode(silence))
        out.mux(stream.encode(None))
    with pytest.raises(BadVideoError, match=r"voice\.mp4"):
        describe_video(tmp_path / "voice.mp4")


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", gradient(2), [0, 40])
    with pytest.raises(OutputError, match=r"no/out\.mp4"):
        rewrite(source, tmp_path / "no" / "out.mp4")
