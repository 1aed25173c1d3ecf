"""Faces out of pictures, folders and videos; a run that stopped goes on."""

from dataclasses import dataclass, field

import av
import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError, DatasetNotFoundError, FaceSetError, UnknownNameError
from fsa_data.faces import extract
from fsa_data.faces.align import face_matrix
from fsa_data.faces.extract import ExtractOptions, Picture, extract_faces
from fsa_data.faces.face_set import read_face_set, write_face
from fsa_data.types import Face
from fsa_data.weights import file_sha256
from tests.faces.test_masks import canonical

SMALL = ExtractOptions(size=48)


@dataclass
class Marked:
    """Finds a face wherever a picture's first row says so; every other pixel is left alone."""

    fingerprint: str = "marked"
    seen: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def __call__(self, image, closely=True):
        self.seen.append(int(image[0, 0, 0]))
        points = canonical(scale=4, x=60, y=60)
        faces = [Face(points, 1.0, 2.0, 3.0, np.zeros(52, np.float32), 0.9)]
        faces.append(Face(points * [0.5, 0.5, 0.5] + np.float32(50), 0, 0, 0, np.zeros(52, np.float32), 0.8))
        return faces[: int(image[0, 1, 0])]


class Together(Marked):
    def many(self, images):
        self.batches.append(len(images))
        return [self(image) for image in images]


def shot(number, faces=1):
    image = np.full((120, 120, 3), 90, np.uint8)
    image[0, 0], image[0, 1] = number, faces
    return image


def pictures(count=3, faces=1):
    return [Picture("clip.mp4", shot(number, faces), number, "ab" * 32, "ann") for number in range(count)]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in"
    for name, image in (
        ("ann/1.png", shot(1)),
        ("ann/2.png", shot(2, 2)),
        ("ben.png", shot(3)),
        ("empty.png", shot(4, 0)),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), image)
    (root / "broken.png").write_bytes(b"none")
    (root / "notes.txt").write_text("no picture")
    return root


def test_a_folder(folder, tmp_path):
    report = extract_faces(folder, Marked(), tmp_path / "set", SMALL)
    assert (report.faces, report.pictures, report.without, report.kept) == (4, 4, 1, 0)
    (failure,) = report.failures
    assert "broken.png is not an image" in failure
    found = read_face_set(tmp_path / "set")
    assert [one.name for one in found.records] == ["ann_1_0", "ann_2_0", "ann_2_1", "ben_0"]
    assert [one.identity for one in found.records] == ["ann", "ann", "ann", "ben"]
    first = found.records[0]
    assert (first.source, first.frame, first.landmarker) == ("ann/1.png", -1, "marked")
    assert first.source_sha256 == file_sha256(folder / "ann" / "1.png")
    np.testing.assert_allclose(first.matrix, face_matrix(canonical(scale=4, x=60, y=60), "whole_face", 48))
    assert (first.face.yaw_deg, first.face.pitch_deg, first.face.roll_deg) == (1.0, 2.0, 3.0)
    assert first.load().shape == (48, 48, 3)
    assert np.median(first.load()) == 90


def test_names_do_not_meet(tmp_path):
    images = [Picture(name, shot(at), sha256=name) for at, name in enumerate(("a b.png", "a_b.png", "a_b.jpg"))]
    extract_faces(images, Marked(), tmp_path / "set", SMALL)
    assert [one.name for one in read_face_set(tmp_path / "set").records] == ["a_b-2_0", "a_b-3_0", "a_b_0"]


def test_a_run_that_stopped_goes_on(tmp_path):
    out = tmp_path / "set"

    class Stops(Marked):
        def __call__(self, image, closely=True):
            if len(self.seen) == 9:
                raise KeyboardInterrupt
            return super().__call__(image)

    with pytest.raises(KeyboardInterrupt):
        extract_faces(pictures(12, faces=2), Stops(), out, SMALL)
    assert len(read_face_set(out)) == 16
    (out / "clip_000004_0.json").unlink()  # as if it had stopped between two faces of a picture
    again = Marked()
    report = extract_faces(pictures(12, faces=2), again, out, SMALL)
    assert again.seen == [4, 8, 9, 10, 11]
    assert (report.kept, report.faces) == (7, 10)
    found = read_face_set(out)
    assert len(found) == 24
    assert len({one.name for one in found.records}) == 24


def test_a_picture_whose_faces_were_half_written_is_done_again(tmp_path, monkeypatch):
    out, written = tmp_path / "set", []

    def stops(*arguments):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(arguments[0].name)
        write_face(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(extract, "write_face", stops)
        with pytest.raises(KeyboardInterrupt):
            extract_faces(pictures(2, faces=2), Marked(), out, SMALL)
    extract_faces(pictures(2, faces=2), again := Marked(), out, SMALL)
    assert again.seen == [1]
    names = [f"clip_00000{frame}_{face}" for frame in (0, 1) for face in (0, 1)]
    assert [one.name for one in read_face_set(out).records] == names


def test_several_pictures_go_to_the_landmarker_together(tmp_path):
    landmarker = Together()
    extract_faces(pictures(11), landmarker, tmp_path / "set", SMALL)
    assert landmarker.batches == [8, 3]
    assert len(read_face_set(tmp_path / "set")) == 11


def test_what_is_left_out(tmp_path):
    few = ExtractOptions(size=32, max_faces=1, ending=".jpg", quality=98)
    assert extract_faces(pictures(2, faces=2), Marked(), tmp_path / "few", few).faces == 2
    assert read_face_set(tmp_path / "few").records[0].image.suffix == ".jpg"
    large = ExtractOptions(size=32, smallest_px=1000)
    report = extract_faces(pictures(2), Marked(), tmp_path / "large", large)
    assert (report.faces, report.without) == (0, 2)


def test_a_video(tmp_path, landmarker, portrait):
    path = tmp_path / "drive.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.height, stream.width, stream.pix_fmt = 448, 448, "yuv420p"
        for _ in range(6):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(portrait[:448, :448]))))
        out.mux(stream.encode())
    report = extract_faces(path, landmarker, tmp_path / "set", ExtractOptions(size=128, every=3), identity="p7")
    assert (report.faces, report.pictures) == (2, 2)
    found = read_face_set(tmp_path / "set").records
    assert [one.frame for one in found] == [0, 3]
    assert {one.identity for one in found} == {"p7"}
    assert found[0].source == "drive.mp4"
    # the crop shows the face where its landmarks say it is
    seen = landmarker(found[0].load())[0]
    assert np.abs(seen.points_px[:468, :2] - found[0].points_px[:468, :2]).mean() < 2


def test_a_set_of_another_kind_is_left_alone(tmp_path):
    out = tmp_path / "set"
    extract_faces(pictures(1), Marked(), out, SMALL)
    with pytest.raises(FaceSetError, match="another face type: whole_face, where head is asked for"):
        extract_faces(pictures(2), Marked(), out, ExtractOptions(face_type="head", size=48))
    with pytest.raises(FaceSetError, match="another size: 48, where 64"):
        extract_faces(pictures(2), Marked(), out, ExtractOptions(size=64))
    with pytest.raises(FaceSetError, match="another landmarker: marked, where other"):
        extract_faces(pictures(2), Marked("other"), out, SMALL)
    (out / "clip_000000_0.json").write_text("{}")
    with pytest.raises(FaceSetError, match=r"no faces: clip_000000_0\.json: not the description"):
        extract_faces(pictures(2), Marked(), out, SMALL)
    (tmp_path / "file").write_text("")
    with pytest.raises(FaceSetError, match="is a file"):
        extract_faces(pictures(1), Marked(), tmp_path / "file", SMALL)


def test_nothing_to_look_at(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="No picture and no video at"):
        extract_faces(tmp_path / "none", Marked(), tmp_path / "set", SMALL)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"face_type": "hole_face"}, UnknownNameError),
        ({"size": 3}, ConfigError),
        ({"every": 0}, ConfigError),
        ({"ending": ".bmp"}, ConfigError),
        ({"ending": ".jpg", "quality": 70}, ConfigError),
    ],
)
def test_options_that_make_no_sense(options, error):
    with pytest.raises(error):
        ExtractOptions(**options)
