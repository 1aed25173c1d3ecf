import logging
import pickle

import cv2
import numpy as np
import pytest

from fsa_data.errors import BlenderError, ConfigError, MissingWeightsError, NoViewError, SourceError, UnknownNameError
from fsa_data.faces import load_landmarker
from fsa_data.sources import find_faces, load_source

FEW = {"yaws_deg": [-36, 0, 36], "pitches_deg": [0], "expressions": ["own", "open_mouth"]}


@pytest.fixture(scope="module")
def landmarker():
    return load_landmarker()


@pytest.fixture(scope="module")
def portrait():
    return load_source("portraits").photos[1].load()


@pytest.fixture
def save(tmp_path):
    def write(image, name="face.png"):
        path = tmp_path / name
        assert cv2.imwrite(str(path), image if image.ndim == 2 else image[..., [2, 1, 0, *range(3, image.shape[2])]])
        return f"image:{path}"

    return write


def test_one_photo_offers_77_views_of_every_expression(save, portrait):
    photos = load_source(save(portrait)).photos
    assert len(photos) == 1 + 5 * 77
    assert {photo.identity for photo in photos} == {"face"}
    assert len({photo.digest for photo in photos}) == len(photos)
    assert "view" not in photos[0].provenance
    where = photos[1].provenance["view"]
    assert (where["yaw_deg"], where["pitch_deg"], where["expression"]) == (-90, -50, "own")


def test_views_are_known_without_looking_and_drawn_alike(save, portrait):
    spec = save(portrait)
    once, again = load_source(spec, FEW).photos, load_source(spec, FEW).photos
    assert [photo.digest for photo in once] == [photo.digest for photo in again]
    assert len(once) == 1 + 2 * 3
    copy = pickle.loads(pickle.dumps(again[2]))
    np.testing.assert_array_equal(copy.load(), once[2].load())
    other = load_source(spec, FEW | {"view_px": 128}).photos
    assert other[0].digest == once[0].digest
    assert other[1].digest != once[1].digest
    assert other[1].load().shape == (128, 128, 3)


def test_faces_are_found_again_where_they_were_turned(save, portrait, landmarker):
    faces = find_faces(load_source(save(portrait), FEW).photos, landmarker)
    assert len(faces) == 7
    yaws = [face.face.yaw_deg for face in faces[1:4]]
    assert yaws == sorted(yaws)
    assert yaws[0] < -20
    assert yaws[2] > 20


def test_views_without_a_face_are_counted(save, portrait, landmarker, caplog):
    options = {"yaws_deg": [-90, 0], "pitches_deg": [-50, 0], "expressions": ["own"]}
    with caplog.at_level(logging.INFO, "fsa_data.sources.find"):
        faces = find_faces(load_source(save(portrait), options).photos, landmarker)
    lost = 5 - len(faces)
    assert lost >= 1
    assert f"{lost} of 4 views are left out" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_folder_is_turned_on_request_only(save, portrait, tmp_path):
    save(portrait)
    assert len(load_source(f"folder:{tmp_path}").photos) == 1
    assert len(load_source(f"folder:{tmp_path}", FEW | {"views": True}).photos) == 7


@pytest.mark.parametrize(
    "change",
    [
        lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
        lambda image: np.dstack([image, np.full(image.shape[:2], 200, np.uint8)]),
        lambda image: cv2.resize(image, None, fx=6, fy=6),
    ],
    ids=["grey", "alpha", "huge"],
)
def test_unusual_photos_are_turned_as_well(save, portrait, landmarker, change):
    assert len(find_faces(load_source(save(change(portrait)), FEW).photos, landmarker)) == 7


def test_the_largest_of_several_faces_is_turned(save, portrait, landmarker, caplog):
    small = cv2.resize(portrait, None, fx=0.5, fy=0.5)
    both = np.full((portrait.shape[0], portrait.shape[1] + small.shape[1], 3), 90, np.uint8)
    both[:, : portrait.shape[1]] = portrait
    both[: small.shape[0], portrait.shape[1] :] = small
    with caplog.at_level(logging.INFO, "fsa_data.sources.find"):
        faces = find_faces(load_source(save(both), FEW).photos, landmarker)
    assert "face.png shows 2 faces; the largest is taken" in caplog.text
    (alone,) = find_faces(load_source(save(portrait, "alone.png"), {"views": False}).photos, landmarker)
    assert faces[0].face.box.w == pytest.approx(alone.face.box.w, rel=0.05)
    assert len(faces) == 7


def test_a_photo_without_a_face_says_so_once(save, landmarker):
    photos = load_source(save(np.full((200, 300, 3), 120, np.uint8), "wall.png")).photos
    with pytest.raises(SourceError, match=r"None of 1 photos .* wall \(wall.png\): no face found in 300 x 200 px$"):
        find_faces(photos, landmarker)
    with pytest.raises(NoViewError, match="shows no face"):
        photos[5].load()


def test_a_tiny_face_is_not_turned(save, portrait, landmarker):
    tiny = np.full((300, 300, 3), 120, np.uint8)
    tiny[100:160, 100:150] = cv2.resize(portrait, (50, 60), interpolation=cv2.INTER_AREA)
    with pytest.raises(SourceError, match=r"None of 1 photos .*: (no face found|face too small)"):
        find_faces(load_source(save(tiny), FEW).photos, landmarker)


def test_a_profile_is_used_as_it_is(save, landmarker, caplog):
    from fsa_data.simdrive import identity_photo

    faces = find_faces(load_source(save(identity_photo(0, 51, 56.0, 0.0, 256)), FEW).photos, landmarker)
    assert len(faces) == 1
    assert "1 photos are used as they are, without views: face (face.png): its face is turned by about" in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"views": "yes"}, ConfigError, "views must be true or false"),
        ({"yaws_deg": [0, 100]}, ConfigError, "yaws_deg must be a list of angles between -90 and 90"),
        ({"pitches_deg": 3}, ConfigError, "pitches_deg must be a list"),
        ({"expressions": ["smiel"]}, UnknownNameError, "smile"),
        ({"expressions": [[2, 0]]}, ConfigError, "valence must lie between"),
        ({"expressions": "smile"}, ConfigError, "expressions must be a list"),
        ({"view_px": 10}, ConfigError, "view_px must be a number from 64 to 1024"),
    ],
)
def test_options_out_of_range(save, portrait, options, error, message):
    with pytest.raises(error, match=message):
        load_source(save(portrait), options)


def test_the_published_reconstruction_says_what_it_needs(save, portrait, monkeypatch):
    monkeypatch.delenv("FSA_WEIGHTS", raising=False)
    with pytest.raises(MissingWeightsError, match=r"deep3d/epoch_20.pth is missing .* embedded reconstruction"):
        load_source(save(portrait), {"recon": "deep3d"})
    with pytest.raises(ConfigError, match="expression 'own' only"):
        load_source(save(portrait), {"recon": "deep3d", "expressions": ["smile"]})


def test_blender_says_what_it_needs(save, portrait, monkeypatch, tmp_path):
    monkeypatch.setenv("FSA_BLENDER", str(tmp_path / "none"))
    photos = load_source(save(portrait), FEW | {"renderer": "blender"}).photos
    with pytest.raises(BlenderError, match="no program that can be run"):
        photos[1].load()
