"""Aligned faces of DeepFaceLab: files as it writes them are read, hostile ones are refused, nothing of them is run."""

import pickle
import struct

import cv2
import numpy as np
import pytest

from fsa_data.errors import BadImageError, ConfigError, DatasetNotFoundError, FaceSetError, UnsafeFileError
from fsa_data.faces.align import apply, face_matrix
from fsa_data.faces.deepfacelab import import_aligned, read_aligned
from fsa_data.faces.face_set import read_face_set
from fsa_data.faces.points68 import INDEX_68, points68
from tests.faces.test_masks import canonical
from tests.nets.hostile_pickle import Deed, run, text
from tests.parity.canary import watched

POINTS = canonical()[list(INDEX_68), :2].astype(np.float64)
MATRIX = face_matrix(POINTS, "whole_face", 64)
CENTRED = MATRIX.copy()
CENTRED[:, 2] += MATRIX[:, :2] @ (0.5, 0.5) - 0.5


def facts(**changes):
    """The dictionary of an aligned face."""
    usual = {
        "face_type": "whole_face",
        "landmarks": apply(MATRIX, POINTS).tolist(),
        "source_filename": "00012.png",
        "source_rect": [10, 20, 110, 140],
        "source_landmarks": POINTS.tolist(),
        "image_to_face_mat": CENTRED.tolist(),
        "eyebrows_expand_mod": 1.0,
        "xseg_mask": b"\x89PNG",
        "seg_ie_polys": {"polys": [{"type": 1, "pts": np.zeros((3, 2), np.float32)}]},
    }
    return {key: value for key, value in {**usual, **changes}.items() if value is not None}


def jpeg(size=64):
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", cv2.GaussianBlur(picture, (0, 0), 3), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def with_segment(picture: bytes, content: bytes) -> bytes:
    """The content as APP15 behind the first segment, where DeepFaceLab puts it."""
    end = 4 + struct.unpack_from(">H", picture, 4)[0]
    return picture[:end] + b"\xff\xef" + struct.pack(">H", len(content) + 2) + content + picture[end:]


def aligned(protocol=3, **changes) -> bytes:
    return with_segment(jpeg(), pickle.dumps(facts(**changes), protocol))


def read(data, tmp_path):
    return read_aligned(data, tmp_path / "x.jpg", "ann")


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("kind", [list, np.float32, np.float64, "fortran", "old"])
def test_a_face_as_it_is_written(protocol, kind, tmp_path):
    def held(values):
        if kind is list:
            return np.asarray(values).tolist()
        array = np.asarray(values, np.float64 if kind in ("fortran", "old") else kind)
        return np.asfortranarray(array) if kind == "fortran" else array

    data = aligned(protocol, source_landmarks=held(POINTS), image_to_face_mat=held(CENTRED))
    if kind == "old":  # numpy before version 2 called its own module so
        content = pickle.dumps(facts(source_landmarks=POINTS, image_to_face_mat=CENTRED), 3)
        data = with_segment(jpeg(), content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    record, picture = read(data, tmp_path)
    np.testing.assert_allclose(points68(record.face.points_px), POINTS, atol=0.1)
    np.testing.assert_allclose(record.matrix, MATRIX, atol=1e-6)
    np.testing.assert_allclose(points68(record.points_px), apply(MATRIX, POINTS), atol=0.1)
    assert (record.face_type, record.size, record.source, record.identity) == ("whole_face", 64, "00012.png", "ann")
    assert picture == jpeg()
    assert not record.face.blendshapes.any()


def test_without_its_source_a_crop_stands_for_itself(tmp_path):
    record, _ = read(aligned(source_landmarks=None), tmp_path)
    np.testing.assert_array_equal(record.matrix, np.eye(3)[:2])
    np.testing.assert_allclose(points68(record.points_px), apply(MATRIX, POINTS), atol=0.1)


def test_a_folder(tmp_path):
    folder = tmp_path / "ann" / "aligned"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"0000{number}_0.jpg").write_bytes(aligned(source_filename=f"0000{number}.png"))
    (folder / "plain.jpg").write_bytes(jpeg())
    (folder / "evil.jpg").write_bytes(with_segment(jpeg(), pickle.dumps(Deed(print, "sung"), 3)))
    (folder / "cut.jpg").write_bytes(aligned()[:500])
    report = import_aligned(folder, tmp_path / "set")
    assert (report.faces, report.pictures) == (3, 6)
    assert [line.split(": ")[0].rpartition("/")[2] for line in report.failures] == ["cut.jpg", "evil.jpg", "plain.jpg"]
    assert "asks for builtins.print, which no face needs" in report.failures[1]
    assert "no segment APP15" in report.failures[2]
    found = read_face_set(tmp_path / "set")
    assert [one.source for one in found.records] == ["00000.png", "00001.png", "00002.png"]
    assert {one.identity for one in found.records} == {"ann"}
    assert found.records[0].load().shape == (64, 64, 3)
    with pytest.raises(ConfigError, match="not empty"):
        import_aligned(folder, tmp_path / "set")
    with pytest.raises(DatasetNotFoundError, match="No aligned faces"):
        import_aligned(tmp_path / "none", tmp_path / "new")


def hostile(command):
    """Pickles that do something in an ordinary interpreter, or try to exhaust one."""
    end = b"."
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    kind = (
        b"cnumpy\ndtype\n"
        + text("f8")
        + b"\x89\x88\x87R(K\x03"
        + text("<")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    huge = b"(K\x01(J\x00\x00\x01\x00J\x00\x00\x01\x00t" + kind + b"\x89C\x00tb"
    return {
        "a command": b"\x80\x03" + run(command) + end,
        "a command in a good file": pickle.dumps(facts(source_filename=Deed(eval, "1")), 3),
        "an import": b"\x80\x03cantigravity\nfly\n" + end,
        "a name, put together": b"\x80\x04" + text("posix") + text("system") + b"\x93" + text(command) + b"\x85R" + end,
        "an object": b"\x80\x03cbuiltins\nobject\n)\x81}b" + end,
        "an instance": b"(icollections\nOrderedDict\n" + end,
        "a type of objects": b"\x80\x03cnumpy\ndtype\n" + text("O8") + b"\x85R" + end,
        "an array of nothing": b"\x80\x03" + array + huge + end,
        "an array of text": b"\x80\x03" + array + b"K\x01b" + end,
        "a call of a call": b"\x80\x03" + array + b")R" + end,
        "a wrong encoding": b"\x80\x03c_codecs\nencode\n" + text("x") + text("punycode") + b"\x86R" + end,
        "a persistent id": b"\x80\x03" + text("x") + b"Q" + end,
        "no end": b"\x80\x03]" + b"]a" * 10,
        "too many steps": b"\x80\x03]" + b"]0" * 30_000 + end,
        "nothing": b"",
    }


@pytest.mark.parametrize("name", hostile("true"))
def test_hostile_files_are_refused_and_nothing_is_run(name, tmp_path):
    read(aligned(), tmp_path)  # whatever is to be imported has been
    data = with_segment(jpeg(), hostile(f"echo > {tmp_path / 'canary'}")[name])
    with watched() as deeds, pytest.raises(UnsafeFileError):
        read(data, tmp_path)
    assert deeds == []
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"face_type": "mark_only"}, "'mark_only' is none of half_face"),
        ({"face_type": ["x"]}, r"the face type \['x'\] is none of"),
        ({"source_landmarks": POINTS[:60].tolist()}, r"'source_landmarks' .* of shape \(68, 2\), got \(60, 2\)"),
        ({"source_landmarks": "abc"}, "'source_landmarks' in its dictionary are no numbers"),
        ({"source_landmarks": [[1.0, float("nan")]] * 68}, "not finite"),
        ({"source_landmarks": [[1.0, 2.0]] * 68}, "lie on one line"),
        ({"image_to_face_mat": np.zeros((2, 3))}, "cannot be inverted"),
        ({"image_to_face_mat": None, "landmarks": None}, "no 'landmarks'"),
    ],
)
def test_what_is_missing_or_wrong_is_named(changes, told, tmp_path):
    with pytest.raises(FaceSetError, match=told):
        read(aligned(**changes), tmp_path)


def test_lists_that_contain_themselves(tmp_path):
    endless = []
    endless.append(endless)
    with pytest.raises(FaceSetError, match="no numbers"):
        read(aligned(source_landmarks=endless), tmp_path)


def test_other_pictures(tmp_path):
    with pytest.raises(FaceSetError, match="no segment APP15"):
        read(jpeg(), tmp_path)
    with pytest.raises(FaceSetError, match="holds a list"):
        read(with_segment(jpeg(), pickle.dumps([1], 3)), tmp_path)
    with pytest.raises(BadImageError, match="not a JPEG"):
        read(b"\x89PNG", tmp_path)
    with pytest.raises(BadImageError, match="ends before its picture"):
        read(jpeg()[:20], tmp_path)
    with pytest.raises(BadImageError, match="has no end"):
        read(jpeg()[:4] + b"\xff\xff" + jpeg()[6:], tmp_path)
    wide = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    with pytest.raises(FaceSetError, match="a crop is square, this is 30 x 20 px"):
        read(with_segment(wide, pickle.dumps(facts(), 3)), tmp_path)
