"""Sets on disk: what is written is read, from the index or without it; what is broken is named."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsa_data.errors import BadImageError, ConfigError, FaceSetError, OutputError
from fsa_data.faces import face_index
from fsa_data.faces.align import face_matrix
from fsa_data.faces.face_set import FaceRecord, from_json, read_face_set, set_aside, to_json, write_face
from fsa_data.types import Face
from tests.faces.test_masks import canonical

RNG = np.random.default_rng(0)


def record(folder: Path, name: str, ending=".png", size=32, **changes) -> FaceRecord:
    points = canonical() + RNG.standard_normal((478, 3)).astype(np.float32)
    face = Face(points, *RNG.random(3).tolist(), RNG.random(52).astype(np.float32), 0.875)
    matrix = face_matrix(points, "whole_face", size)
    made = FaceRecord(
        name, folder / f"{name}{ending}", "clip ü.mp4", 7, "ab" * 32, "ann", face, matrix, "whole_face", size, 1.5, "{}"
    )
    return replace(made, **changes)


def picture(size=32):
    return RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)


def same(one: FaceRecord, other: FaceRecord) -> None:
    for name in ("name", "image", "source", "frame", "source_sha256", "identity", "face_type", "size", "landmarker"):
        assert getattr(one, name) == getattr(other, name)
    np.testing.assert_allclose(one.face.points_px, other.face.points_px, atol=6e-4)
    np.testing.assert_allclose(one.face.blendshapes, other.face.blendshapes, atol=6e-6)
    np.testing.assert_array_equal(one.matrix, other.matrix)
    for name in ("yaw_deg", "pitch_deg", "roll_deg", "confidence"):
        assert getattr(one.face, name) == getattr(other.face, name)


@pytest.fixture
def faces(tmp_path):
    made = [record(tmp_path, "b"), record(tmp_path, "a.1", ending=".jpg"), record(tmp_path, "c", frame=-1)]
    pictures = [picture() for _ in made]
    for one, image in zip(made, pictures, strict=True):
        write_face(one, image)
    return tmp_path, {one.name: one for one in made}, dict(zip("bac", pictures, strict=True))


def test_what_is_written_is_read(faces):
    folder, made, pictures = faces
    for _ in range(2):  # from the files, then from the index
        found = read_face_set(folder)
        assert [one.name for one in found.records] == ["a.1", "b", "c"]
        assert not found.problems
        assert len(found) == 3
        for one in found.records:
            same(one, made[one.name])
    np.testing.assert_array_equal(found.records[1].load(), pictures["b"])
    assert np.abs(found.records[0].load().astype(int) - pictures["a"]).mean() < 30


def test_the_second_time_no_json_is_read(faces, monkeypatch):
    folder, made, _ = faces
    read_face_set(folder)
    read = []
    monkeypatch.setattr(face_index, "from_json", lambda text, path: read.append(path.name) or from_json(text, path))
    read_face_set(folder)
    assert read == []
    write_face(replace(made["b"], identity="somebody else"), picture())
    found = read_face_set(folder)
    assert read == ["b.json"]
    assert found.records[1].identity == "somebody else"


@pytest.mark.parametrize("harm", [b"", b"nonsense", b"PK\x03\x04", "cut"])
def test_a_broken_index_is_made_again(faces, harm):
    folder, *_ = faces
    read_face_set(folder)
    index = folder / "index.npz"
    index.write_bytes(index.read_bytes()[:-300] if harm == "cut" else harm)
    assert len(read_face_set(folder)) == 3
    assert len(np.load(index)["name"]) == 3


def test_an_index_with_objects_in_it_is_not_opened(faces, tmp_path):
    class Deed:
        def __reduce__(self):
            return Path.touch, (tmp_path / "canary",)

    folder, *_ = faces
    np.savez(folder / "index.npz", version=np.array(1), name=np.array([Deed()], object))
    assert len(read_face_set(folder)) == 3
    assert not (tmp_path / "canary").exists()


def test_removed_pairs_are_gone_and_half_pairs_are_named(faces):
    folder, made, _ = faces
    read_face_set(folder)
    made["b"].image.unlink()
    made["b"].sidecar.unlink()
    assert [one.name for one in read_face_set(folder).records] == ["a.1", "c"]
    made["c"].image.unlink()
    found = read_face_set(folder)
    assert found.problems == ("c.json: its picture c.png is not there",)


def change(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda path: path.write_text("{"), "b.json: no JSON"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "b.json: no JSON"),
        (lambda path: path.write_text("[]"), "b.json: not the description of a face"),
        (lambda path: change(path, version=2), "b.json: version 2, where 1 is known here"),
        (
            lambda path: change(path, landmarks=[[1, 2, 3]]),
            "b.json: landmarks are not finite numbers of shape (478, 3)",
        ),
        (lambda path: change(path, matrix=[[1, 2, 3], [1]]), "b.json: matrix are no numbers in rows of equal length"),
        (lambda path: change(path, matrix="abc"), "b.json: matrix are no numbers"),
        (lambda path: change(path, image="../b.png"), "b.json: the picture is '../b.png' instead of b.png or .jpg"),
        (lambda path: change(path, face_type="foot"), "b.json: unknown face type 'foot'"),
        (lambda path: change(path, face_type=[]), "b.json: "),
        (lambda path: change(path, size=0), "b.json: a size of 0"),
        (lambda path: change(path, pose={}), "b.json: no 'yaw_deg'"),
        (lambda path: change(path, source=None), "b.json: "),
        (lambda path: path.write_text(path.read_text().replace("0.875", "1e999")), "b.json: confidence is inf"),
    ],
)
def test_a_broken_description_is_named_and_the_others_serve(faces, harm, told):
    folder, made, _ = faces
    harm(made["b"].sidecar)
    found = read_face_set(folder)
    assert [one.name for one in found.records] == ["a.1", "c"]
    (problem,) = found.problems
    assert told in problem


def test_no_set(tmp_path):
    with pytest.raises(FaceSetError, match="no such folder"):
        read_face_set(tmp_path / "none")
    with pytest.raises(FaceSetError, match="no face that can be used"):
        read_face_set(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(FaceSetError, match=r"used\. x\.json: not the description"):
        read_face_set(tmp_path)


def test_a_picture_of_another_size(faces):
    folder, made, _ = faces
    write_face(made["b"], picture(16))
    with pytest.raises(BadImageError, match=r"b\.png is 16 x 16 px; b\.json says 32 px"):
        read_face_set(folder).records[1].load()


def test_pictures_that_are_not_kept(tmp_path):
    with pytest.raises(ConfigError, match=r"as \.png or \.jpg, got '\.webp'"):
        write_face(record(tmp_path, "x", ending=".webp"), picture())
    with pytest.raises(ConfigError, match=r"lies in 95\.\.100, got 80"):
        write_face(record(tmp_path, "x", ending=".jpg"), picture(), quality=80)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_face(record(tmp_path / "file", "x"), picture())
    assert not list(tmp_path.glob("*.json"))


def test_landmarks_of_the_crop(tmp_path):
    made = record(tmp_path, "x", size=64)
    np.testing.assert_allclose(face_matrix(made.points_px, "whole_face", 64), np.eye(3)[:2], atol=1e-2)
    assert made.points_px.dtype == np.float32


def test_set_aside_deletes_nothing(faces):
    folder, made, _ = faces
    set_aside([made["b"], made["a.1"]])
    assert [one.name for one in read_face_set(folder).records] == ["c"]
    assert [one.name for one in read_face_set(folder / "set_aside").records] == ["a.1", "b"]


def test_json_goes_round(tmp_path):
    made = record(tmp_path, "x")
    again = from_json(json.dumps(to_json(made)), made.sidecar)
    same(again, made)
    assert to_json(again) == to_json(made)


def test_a_folder_that_cannot_be_written_can_be_read(faces, request):
    folder, *_ = faces
    folder.chmod(0o555)
    request.getfixturevalue("unprivileged")
    assert len(read_face_set(folder)) == 3
    assert not (folder / "index.npz").exists()
