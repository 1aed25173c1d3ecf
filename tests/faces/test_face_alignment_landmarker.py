"""The second landmarker against the package itself, with networks of the right shape and random weights."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from fsa_data import weights
from fsa_data.errors import ConfigError, MissingWeightsError, UnknownNameError, WrongWeightsError
from fsa_data.faces import load_landmarker
from fsa_data.faces.face_alignment_landmarker import _deep
from fsa_data.types import Landmarker
from tests.faces import seeded_weights as seeded


@pytest.fixture(scope="module")
def picture(portrait):
    return np.ascontiguousarray(portrait[:240, 40:328])


@pytest.fixture(scope="module")
def hub(tmp_path_factory, picture):
    """Torch's folder with the three files for 68 points with depth; the landmark network serves both kinds."""
    home = tmp_path_factory.mktemp("torch")
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    seeded.write("s3fd", seeded.detector(picture), folder)
    fan = seeded.write("fan_2d", seeded.landmarks(), folder)
    (folder / weights.USERS["fan_3d"].filename).hardlink_to(fan)
    patch = pytest.MonkeyPatch()
    patch.setenv("TORCH_HOME", str(home))
    patch.delenv("FSA_WEIGHTS", raising=False)
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def landmarker(hub):
    return load_landmarker("face_alignment", max_faces=1, device="cpu")


def package(kind="TWO_D"):
    face_alignment = pytest.importorskip("face_alignment")
    kind = getattr(face_alignment.LandmarksType, kind)
    return face_alignment.FaceAlignment(kind, device="cpu", compile=False, flip_input=True, max_batch_size=4)


def assert_cut(points, whole):
    """The package drops what is behind the point, towards zero; ours are not rounded."""
    dropped = np.abs(points) - np.abs(whole)
    assert dropped.min() > -1e-3
    assert dropped.max() < 1 + 1e-3
    assert (np.sign(points) * np.sign(whole) >= 0).all()
    assert dropped.std() > 0.2


def test_boxes_and_points_are_the_packages(hub, landmarker, picture):
    theirs = package()
    expected = np.array(theirs.face_detector.detect_from_image(picture))
    (got,) = landmarker.detect([picture], 640)
    assert 3 <= len(got) <= len(expected)
    np.testing.assert_allclose(got, expected[: len(got)], rtol=1e-4, atol=0.01)
    boxes = list(expected[:2])
    whole = np.stack(theirs.get_landmarks_from_image(picture, detected_faces=boxes))
    points = np.stack(landmarker.points([picture] * 2, boxes))
    assert_cut(points, whole)


def test_a_batch_gives_each_picture_its_own(landmarker, picture):
    other = np.ascontiguousarray(picture[:, ::-1])
    small = np.ascontiguousarray(picture[:200, :200])
    quick = load_landmarker("face_alignment", max_faces=2, device="cpu", mirror=False, batch=3)
    together = quick.many([picture, small, other])
    for image, found in zip([picture, small, other], together, strict=True):
        alone = quick(image)
        assert len(found) == len(alone) <= 2
        for one, same in zip(found, alone, strict=True):
            np.testing.assert_allclose(one.points_px, same.points_px, atol=0.01)
            assert one.confidence == pytest.approx(same.confidence, abs=1e-4)
    assert together[0]
    areas = [face.box.area for face in together[0]]
    assert areas == sorted(areas, reverse=True)


def test_a_large_picture_is_looked_at_in_a_smaller_copy(landmarker, picture):
    large = picture.repeat(4, axis=0).repeat(4, axis=1)
    reduced = load_landmarker("face_alignment", longest_px=max(picture.shape), device="cpu")
    (found,), (expected,) = reduced.detect([large], max(picture.shape)), landmarker.detect([picture], 640)
    np.testing.assert_allclose(found[:, :4], expected[:, :4] * 4, rtol=1e-3, atol=0.1)


def test_it_is_a_landmarker_that_can_be_sent_to_another_process(landmarker, picture):
    assert isinstance(landmarker, Landmarker)
    landmarker(picture)
    again = pickle.loads(pickle.dumps(landmarker))
    assert len(pickle.dumps(landmarker)) < 1000
    assert again.fingerprint == landmarker.fingerprint


def test_the_fingerprint_knows_weights_and_options(hub, landmarker):
    assert weights.file_sha256(hub / weights.USERS["s3fd"].filename) in landmarker.fingerprint
    assert load_landmarker("face_alignment", max_faces=1, mirror=False).fingerprint != landmarker.fingerprint
    assert load_landmarker("face_alignment", max_faces=1, batch=3, device="cuda").fingerprint == landmarker.fingerprint


def test_nothing_where_nothing_is(landmarker):
    assert landmarker(np.zeros((20, 300, 3), np.uint8)) == []
    assert landmarker.many([]) == []
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8 RGB; got \(8, 8\)"):
        landmarker(np.zeros((8, 8), np.uint8))


@pytest.mark.slow
def test_depths_are_the_packages(hub, picture):
    depth = seeded.write("fan_depth", seeded.depth(), hub)
    try:
        ours = load_landmarker("face_alignment", points="3d", device="cpu", batch=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            theirs = package("THREE_D")
        boxes = [
            np.array([60.0, 40, 200, 190, 0.9]),
            np.array([-20.0, 10, 120, 130, 0.9]),
            np.array([100.0, 90, 260, 250]),
        ]
        expected = np.stack(theirs.get_landmarks_from_image(picture, detected_faces=boxes))
        points = np.stack(ours.points([picture] * 3, boxes))
        assert_cut(points[:, :, :2], expected[:, :, :2])
        for got, z in zip(points[:, :, 2], expected[:, :, 2], strict=True):
            np.testing.assert_allclose(np.abs(got), np.abs(z), rtol=1e-3, atol=1e-3 * np.abs(z).max())
        assert all(np.isfinite(face.points_px).all() for face in ours(picture))
    finally:
        depth.unlink()


def test_depth_grows_away_from_the_camera():
    from fsa_data.faces.points68 import INDEX_68
    from tests.faces.test_masks import canonical

    points = canonical()[list(INDEX_68)]
    for sign in (1, -1):
        np.testing.assert_allclose(_deep(points[:, :2], sign * points[:, 2]), points, rtol=1e-6)


def test_missing_files_are_named(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("FSA_WEIGHTS", raising=False)
    landmarker = load_landmarker("face_alignment")
    with pytest.raises(MissingWeightsError, match=r"s3fd-619a316812\.pth is missing .*python-fan/s3fd.*FSA_WEIGHTS to"):
        landmarker(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(MissingWeightsError, match=r"s3fd-619a316812\.pth is missing"):
        _ = landmarker.fingerprint


def test_files_with_something_else_are_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("FSA_WEIGHTS", str(tmp_path))
    image = np.zeros((64, 64, 3), np.uint8)

    def complaint(held):
        torch.save(held, tmp_path / weights.USERS["s3fd"].filename)
        with pytest.raises(WrongWeightsError) as caught:
            load_landmarker("face_alignment")(image)
        return str(caught.value)

    assert "conv1_1.weight is missing" in complaint({"conv9.weight": torch.zeros(1)})
    assert "holds a list instead of tensors by name" in complaint([1, 2])
    assert "cannot be read as a file that holds nothing but tensors" in complaint({"a": print})
    state = seeded.build("face_alignment.s3fd").state_dict()
    assert "fc7.bias has the shape (3,); expected (1024,)" in complaint(state | {"fc7.bias": torch.zeros(3)})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"points": "4d"}, UnknownNameError),
        ({"max_faces": 0}, ConfigError),
        ({"min_confidence": 1.0}, ConfigError),
        ({"longest_px": 10}, ConfigError),
        ({"colour": 1}, ConfigError),
    ],
)
def test_options_that_make_no_sense(options, error):
    with pytest.raises(error):
        load_landmarker("face_alignment", **options)
