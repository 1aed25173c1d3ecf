"""The model's file: what is in it comes back, and what is wrong with it is said."""

import numpy as np
import pytest
import scipy.io
import torch

from fsa_data.errors import WrongWeightsError
from fsa_data.recon.model_file import KEYS, load_morphable
from tests.recon import synthetic


def saved(folder, **changes):
    arrays = {**synthetic.arrays(), **changes}
    path = folder / "BFM_model_front.mat"
    scipy.io.savemat(path, {key: array for key, array in arrays.items() if array is not None})
    return path


def test_what_is_written_is_read(tmp_path):
    read, made = load_morphable(saved(tmp_path)), synthetic.model()
    for name in made.__dataclass_fields__:
        tensor = getattr(read, name)
        assert tensor.dtype in (torch.float32, torch.int64)
        torch.testing.assert_close(tensor, getattr(made, name), rtol=0, atol=0)
    assert read.sizes == (80, 64, 80)
    arrays = synthetic.arrays()
    np.testing.assert_array_equal(read.triangles.numpy() + 1, arrays["tri"])
    np.testing.assert_array_equal(read.keypoints.numpy() + 1, arrays["keypoints"][0])
    assert int(read.vertex_faces.max()) == len(read.triangles)  # where a vertex has fewer than eight triangles


@pytest.mark.parametrize("key", KEYS)
def test_every_missing_array_is_named(tmp_path, key):
    with pytest.raises(WrongWeightsError, match=rf"BFM_model_front\.mat has no {key} \(it has: "):
        load_morphable(saved(tmp_path, **{key: None}))


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("meanshape", np.zeros((600, 1)), r"meanshape has the shape \(600, 1\); expected 1 x any"),
        ("meanshape", np.zeros((1, 601)), r"meanshape has 601 numbers; expected 3 for each vertex"),
        ("idBase", np.zeros((300, 80)), r"idBase has the shape \(300, 80\); expected 600 x any"),
        ("exBase", np.full((600, 64), np.nan), "exBase holds numbers that are not finite"),
        ("meantex", np.zeros((1, 3)), r"meantex has the shape \(1, 3\); expected 1 x 600"),
        ("texBase", np.zeros((600, 80), complex), "texBase is no array of real numbers"),
        ("tri", np.zeros((10, 3)), "tri goes from 0 to 0; expected whole numbers from 1 to 200"),
        ("tri", np.full((10, 3), 1.5), "tri goes from 1.5 to 1.5"),
        ("point_buf", np.full((200, 8), 344), "point_buf goes from 344 to 344; expected whole numbers from 1 to 343"),
        ("keypoints", np.ones((1, 5)), r"keypoints has the shape \(1, 5\); expected 1 x 68"),
        ("keypoints", np.full((1, 68), 201), "keypoints goes from 201 to 201"),
        ("skinmask", np.zeros((1, 7)), r"skinmask has the shape \(1, 7\); expected 1 x 200"),
        ("frontmask2_idx", np.zeros((0, 1)), r"frontmask2_idx has the shape \(0, 1\)"),
        ("tri_mask2", np.ones((4, 2)), r"tri_mask2 has the shape \(4, 2\); expected any x 3"),
    ],
)
def test_every_wrong_array_is_named(tmp_path, key, array, message):
    with pytest.raises(WrongWeightsError, match=message):
        load_morphable(saved(tmp_path, **{key: array}))


@pytest.mark.parametrize("content", [b"", b"no mat file, whatever its name says" * 20])
def test_other_files(tmp_path, content):
    path = tmp_path / "model.mat"
    path.write_bytes(content)
    with pytest.raises(WrongWeightsError, match=r"model\.mat cannot be read as a MATLAB file"):
        load_morphable(path)


def test_the_newer_format_of_matlab(tmp_path):
    path = tmp_path / "model.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + bytes([0, 2]) + b"IM" + bytes(100))
    with pytest.raises(WrongWeightsError, match=r"model\.mat is a MATLAB 7\.3 file; save it with"):
        load_morphable(path)
