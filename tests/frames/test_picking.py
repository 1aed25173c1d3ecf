"""Frames by their own timestamps: the picture that comes back says which frame it is."""

from dataclasses import replace

import av
import numpy as np
import pytest
from numbered_video import cut_off, damage, number_in, numbered, scramble, turn_clockwise, write_video

from fsa_data.errors import BadVideoError, ConfigError, DatasetNotFoundError
from fsa_data.frames import picking
from fsa_data.frames.picking import Sampling, frames_at, read_timeline

VARIABLE_MS = [0, 10, 50, 51, 300, 310, 330, 700, 701, 702, 800, 900, 1000, 1100, 1150, 1160, 1170, 1500, 1501, 1900]


def _numbers(timeline, wanted):
    return [(number, number_in(image)) for number, image in frames_at(timeline, wanted)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("late_ms", [0, 5000])
def test_variable_rate_keeps_every_timestamp(tmp_path, suffix, late_ms):
    path = write_video(tmp_path / f"a{suffix}", [late_ms + at for at in VARIABLE_MS])
    timeline = read_timeline(path)
    np.testing.assert_allclose(timeline.time_s, np.array(VARIABLE_MS) / 1000, atol=1e-9)
    assert timeline.end_s > 1.9
    assert _numbers(timeline, range(20)) == [(i, i) for i in range(20)]
    assert _numbers(timeline, [17, 3, 4]) == [(3, 3), (4, 4), (17, 17)]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("a.avi", "mjpeg", None, (40, 60)),
        ("a.avi", "mpeg4", None, (40, 60)),
        ("a.mkv", "ffv1", "bgr0", (41, 63)),
        ("a.mp4", "libx264", "yuv444p", (41, 63)),
        ("a.webm", "libvpx-vp9", None, (40, 60)),
    ],
)
def test_fixed_rate_in_other_containers_and_odd_sizes(tmp_path, name, codec, pix_fmt, size):
    path = write_video(tmp_path / name, range(0, 1600, 40), size, codec, pix_fmt)
    timeline = read_timeline(path)
    np.testing.assert_allclose(timeline.time_s, np.arange(40) / 25)
    assert timeline.end_s == pytest.approx(1.6)
    assert _numbers(timeline, range(40)) == [(i, i) for i in range(40)]
    assert next(frames_at(timeline, [5]))[1].shape == (*size, 3)


def test_a_turned_video_comes_upright(tmp_path):
    path = turn_clockwise(write_video(tmp_path / "a.mp4", range(0, 400, 40)))
    _, image = next(frames_at(read_timeline(path), [7]))
    assert image.shape == (60, 40, 3)
    assert number_in(np.rot90(image)) == 7  # turned back to how it was filmed
    assert np.abs(image.astype(int) - np.rot90(numbered(7), -1)).mean() < 20


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.avi", {}), ("a.mkv", {}), ("a.mp4", {"movflags": "faststart"})],
)
def test_what_is_left_of_a_broken_video_is_there(tmp_path, name, options):
    path = write_video(tmp_path / name, range(0, 8000, 40), codec="mpeg4" if name == "a.mp4" else None, options=options)
    whole = len(read_timeline(path))
    timeline = read_timeline(cut_off(path, 0.7))
    assert whole == 200
    assert 60 < len(timeline) < 195
    # by time, not by number: frames that lean on later ones may be lost before others that are whole
    read = [number_in(image) for _, image in frames_at(timeline, range(len(timeline)))]
    np.testing.assert_allclose(timeline.time_s, np.array(read) / 25)


def test_a_damaged_frame_hinders_nobody_who_does_not_want_it(tmp_path):
    path = damage(write_video(tmp_path / "a.avi", range(20)), 8)
    timeline = read_timeline(path)
    assert _numbers(timeline, [7, 9]) == [(7, 7), (9, 9)]
    with pytest.raises(BadVideoError, match=r"a\.avi: frame 8 at 0\.320 s is damaged"):
        _numbers(timeline, [7, 8, 9])


def test_a_frame_that_the_decoder_patched_up_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mkv", range(0, 2000, 40))
    number = scramble(path)
    timeline = read_timeline(path)
    assert _numbers(timeline, [number - 1]) == [(number - 1, number - 1)]
    with pytest.raises(BadVideoError, match=f"frame {number} at .* is damaged"):
        _numbers(timeline, [number])


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(BadVideoError, match=r"text\.mp4 cannot be read as a video"):
        read_timeline(tmp_path / "text.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(BadVideoError, match=r"empty\.mp4 cannot be read as a video"):
        read_timeline(tmp_path / "empty.mp4")
    with pytest.raises(DatasetNotFoundError, match=r"nowhere\.mp4: no such file"):
        read_timeline(tmp_path / "nowhere.mp4")
    with pytest.raises(BadVideoError, match="cannot be read as a video"):
        read_timeline(cut_off(write_video(tmp_path / "index_lost.mp4", range(0, 400, 40)), 0.5))
    for name in ("none.mkv", "none.avi", "none.mp4"):
        with pytest.raises(BadVideoError, match=f"{name} holds no frame"):
            read_timeline(write_video(tmp_path / name, []))
    with av.open(str(tmp_path / "sound.mkv"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        out.mux(stream.encode(sound))
        out.mux(stream.encode())
    with pytest.raises(BadVideoError, match="no video stream"):
        read_timeline(tmp_path / "sound.mkv")


def test_frames_without_timestamps_are_refused_with_a_way_out(tmp_path):
    with pytest.raises(BadVideoError, match=r"ffmpeg -fflags \+genpts"):
        read_timeline(write_video(tmp_path / "a.h264", range(0, 400, 40)))


def test_even_frames_are_the_nearest_to_the_middles_of_equal_parts():
    time_s = np.arange(100) / 10
    assert Sampling(2).pick(time_s, 0.0, 10.0).tolist() == [25, 75]
    assert Sampling(1).pick(time_s, 0.0, 10.0).tolist() == [50]
    # time counts, not the number of frames: nine in the first second, one after it
    assert Sampling(2).pick(np.array([*np.arange(9) / 9, 8.0]), 0.0, 10.0).tolist() == [8, 9]


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("wanted", [1, 2, 7, 19, 20, 50])
@pytest.mark.parametrize("late_s", [0.0, 58.0])
def test_frames_are_distinct_and_rising_however_they_crowd(seed, wanted, late_s):
    picked = Sampling(wanted, seed=seed).pick(np.array(VARIABLE_MS) / 1000 + late_s, 0.0, 60.0, "key")
    assert len(picked) == min(wanted, 20)
    assert (np.diff(picked) > 0).all()
    assert picked[-1] < 20


def test_a_draw_depends_on_seed_and_interval_only():
    time_s = np.arange(500) / 25
    draws = [Sampling(5, seed=s).pick(time_s, 0, 20, key).tolist() for s in (0, 1) for key in ("a", "b", "a")]
    assert draws[0] == draws[2]
    assert len({tuple(d) for d in draws}) == 4
    every = np.concatenate([Sampling(5, seed=s).pick(time_s, 0, 20) for s in range(400)])
    assert abs(every.mean() - 249.5) < 12  # 2000 uniform draws: standard error 3.2


@pytest.mark.parametrize("values", [{"per_interval": 0}, {"trim_s": -1.0}, {"trim_s": float("nan")}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(values):
    with pytest.raises(ConfigError, match="got"):
        Sampling(**values)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "3", "g": "50"}),
        ("a.mkv", "libx264", {"bf": "3", "g": "50", "x264-params": "open-gop=1"}),
        ("a.ts", "libx264", {"bf": "2", "g": "50"}),
        ("a.avi", "mpeg4", {"g": "50"}),
        ("a.webm", "libvpx-vp9", {"g": "50"}),
        ("a.mp4", "libx264", {"g": "1000"}),
    ],
)
def test_frames_far_apart_are_jumped_to_and_are_the_right_ones(tmp_path, monkeypatch, name, codec, options):
    path = write_video(tmp_path / name, range(0, 40 * 500, 40), codec=codec, stream_options=options)
    timeline = read_timeline(path)
    assert len(timeline) == 500
    decoded = []
    real = picking._decoded
    monkeypatch.setattr(picking, "_decoded", lambda *a: (decoded.append(f.pts) or f for f in real(*a)))
    wanted = [3, 130, 131, 149, 151, 340, 499]
    assert _numbers(timeline, wanted) == [(i, i) for i in wanted]
    assert _numbers(timeline, [450]) == [(450, 450)]
    if len(timeline.keys) > 5 and name != "a.ts":  # which has no index: frames are found from the beginning
        assert len(decoded) < 400


def test_a_seek_that_lands_too_late_is_made_up_for(tmp_path):
    path = write_video(tmp_path / "a.mp4", range(0, 40 * 200, 40), stream_options={"g": "50"})
    timeline = read_timeline(path)
    wrong = replace(timeline, keys=np.array([*timeline.keys, timeline.ticks[120]], np.int64))
    wrong.keys.sort()
    assert _numbers(wrong, [125, 160]) == [(125, 125), (160, 160)]
    late = replace(timeline, ticks=timeline.ticks, keys=timeline.ticks)  # every frame called a key frame
    assert _numbers(late, [60, 130, 199]) == [(60, 60), (130, 130), (199, 199)]
