"""Frames from disk: what is decoded, what is refused, what the content hash sees."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fsa_data.errors import BadImageError, BadVideoError, DatasetNotFoundError
from fsa_data.frames import FrameRef, hash_frame, read_frame, read_image


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (12, 17, 3), np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames; the red level of frame i is 20 i."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            image = np.full((48, 64, 3), (20 * i, 128, 60), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def _write(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def test_png_comes_back_in_rgb(tmp_path: Path, picture: np.ndarray) -> None:
    path = _write(tmp_path / "a.png", picture[:, :, ::-1])
    np.testing.assert_array_equal(read_image(path), picture)
    assert read_image(path).flags.c_contiguous


def test_alpha_one_channel_and_16_bit_are_read(tmp_path: Path, picture: np.ndarray) -> None:
    alpha = np.dstack([picture[:, :, ::-1], np.full(picture.shape[:2], 7, np.uint8)])
    np.testing.assert_array_equal(read_image(_write(tmp_path / "alpha.png", alpha)), picture)
    grey = picture[:, :, 0]
    np.testing.assert_array_equal(read_image(_write(tmp_path / "grey.png", grey)), grey[:, :, None].repeat(3, axis=2))
    deep = picture[:, :, ::-1].astype(np.uint16) * 257
    assert np.abs(read_image(_write(tmp_path / "deep.png", deep)).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("keep", [0.4, 0.97])
def test_a_cut_off_image_is_refused(tmp_path: Path, picture: np.ndarray, suffix: str, keep: float) -> None:
    path = _write(tmp_path / f"a{suffix}", picture.repeat(6, axis=0).repeat(6, axis=1))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(BadImageError, match="cut off"):
        read_image(path)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(BadImageError, match="empty"):
        read_image(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(BadImageError, match="not an image"):
        read_image(tmp_path / "text.png")
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        read_image(tmp_path / "nowhere.png")


def test_video_frames_come_by_number_in_any_order(clip: Path) -> None:
    for index in (0, 3, 9, 4, 4, 0):
        assert abs(int(read_frame(FrameRef(str(clip), index))[20, 30, 0]) - 20 * index) <= 6
    with pytest.raises(BadVideoError, match="has 10 frames; frame 10"):
        read_frame(FrameRef(str(clip), 10))


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(BadVideoError, match="cannot be decoded"):
        read_frame(FrameRef(str(tmp_path / "a.mp4"), 0))


def test_the_hash_sees_bytes_and_frame_number_and_nothing_else(tmp_path: Path, picture: np.ndarray, clip: Path) -> None:
    one, two = _write(tmp_path / "1.png", picture), _write(tmp_path / "2.png", picture)
    assert hash_frame(FrameRef(str(one))) == hash_frame(FrameRef(str(two)))
    assert len({hash_frame(FrameRef(str(clip), i)) for i in range(10)}) == 10
    before = hash_frame(FrameRef(str(one)))
    picture[0, 0, 0] ^= 1
    _write(one, picture)
    assert hash_frame(FrameRef(str(one))) != before


def test_a_video_that_is_replaced_is_read_anew(clip: Path, tmp_path: Path) -> None:
    assert read_frame(FrameRef(str(clip), 2))[20, 30, 0] < 60
    other = tmp_path / "other.mp4"
    with av.open(str(other), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            image = np.full((48, 64, 3), (250, 128, 60), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    other.replace(clip)
    assert read_frame(FrameRef(str(clip), 5))[20, 30, 0] > 230
