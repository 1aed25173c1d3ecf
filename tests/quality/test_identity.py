"""Who is on a picture: real portraits, and a small network whose answer is known."""

import importlib.util
import pickle

import numpy as np
import pytest

from fsa_data import load_source
from fsa_data.errors import MissingWeightsError, UnknownNameError, WrongWeightsError
from fsa_data.faces import load_landmarker
from fsa_data.quality.identity import distance, load_embedder, lookalikes
from fsa_data.sources import find_faces

needs_dlib = pytest.mark.skipif(importlib.util.find_spec("dlib") is None, reason="needs dlib: the extra identity")


@pytest.fixture(scope="module")
def portraits():
    return find_faces(load_source("portraits").photos, load_landmarker())


@needs_dlib
def test_dlib_knows_a_person_in_other_light_and_tells_two_apart(portraits):
    embed = load_embedder("dlib")
    one, other = portraits[:2]
    dim = np.clip(one.image * 0.75 + 10, 0, 255).astype(np.uint8)
    same = distance(embed(one.image, one.face), embed(dim, one.face))
    apart = distance(embed(one.image, one.face), embed(other.image, other.face))
    assert same < embed.same < apart
    assert np.array_equal(pickle.loads(pickle.dumps(embed))(one.image, one.face), embed(one.image, one.face))


@pytest.fixture
def colours(tmp_path):
    """A network of three numbers: the mean of each channel."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("GlobalAveragePool", ["face"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["out"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("face", [1, 3, 112, 112]), ("out", [1, 3]))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "colours", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    path = tmp_path / "colours.onnx"
    onnx.save(model, str(path))
    return path


def test_an_onnx_network_sees_the_aligned_face_in_rgb(colours, portraits):
    embed = load_embedder(f"onnx:{colours}")
    face = portraits[0].face
    red = np.zeros_like(portraits[0].image)
    red[..., 0] = 255
    found = pickle.loads(pickle.dumps(embed))(red, face)
    assert found == pytest.approx(np.array([1, -1, -1]) / np.sqrt(3), abs=1e-3)
    # beyond the crop nothing is seen
    x, y = face.points_px[:, :2].mean(axis=0).astype(int)
    far = red.copy()
    reach = int(1.5 * max(face.box.w, face.box.h))
    far[: max(0, y - reach)] = 0
    far[:, : max(0, x - reach)] = 0
    assert embed(far, face) == pytest.approx(found, abs=1e-3)


def test_what_is_no_embedder(tmp_path, portraits):
    with pytest.raises(UnknownNameError, match="embedder"):
        load_embedder("arcface")
    with pytest.raises(MissingWeightsError, match="no embedder"):
        load_embedder(f"onnx:{tmp_path / 'none.onnx'}")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(WrongWeightsError, match="no ONNX network"):
        load_embedder(f"onnx:{tmp_path / 'bad.onnx'}")(portraits[0].image, portraits[0].face)


def test_lookalikes_by_hand():
    east, north = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    odd = np.array([0, 0, 1], np.float32)
    worn = {"anna": [east, east, odd], "ben": [north], "nobody": []}
    found = lookalikes(worn, {"user01": [north], "user02": [odd], "user03": [east, 0.9 * east + 0.1 * north]}, 0.5)
    assert [pair[:2] for pair in found] == [("ben", "user01"), ("anna", "user03")]
