import logging

import cv2
import numpy as np
import pytest

from fsa_data.errors import BadImageError, SourceError
from fsa_data.faces import load_landmarker
from fsa_data.sources import find_faces, load_source
from fsa_data.sources.find import LARGEST_PX
from fsa_data.types import Photo


@pytest.fixture(scope="module")
def landmarker():
    return load_landmarker()


def photo(image, identity="p", name="p.png"):
    def load():
        if image is None:
            raise BadImageError("cannot be decoded")
        return image

    return Photo(identity, "00" * 16, load, {"flow": "test", "file": name})


@pytest.fixture(scope="module")
def portrait():
    return load_source("portraits").photos[0].load()


def test_portraits_are_cut_out_with_their_landmarks(landmarker):
    photos = load_source("portraits").photos
    faces = find_faces(photos, landmarker)
    assert [face.identity for face in faces] == ["portrait-1", "portrait-2"]
    for original, found in zip(photos, faces, strict=True):
        assert found.digest == original.digest
        assert found.provenance == original.provenance
        box = found.face.box
        assert box.clipped(*found.image.shape[:2]) == box
        # the cut-out is a piece of the photo: landmarks found in it anew are the same
        (again,) = landmarker(found.image)
        assert np.abs(again.points_px[:, :2] - found.face.points_px[:, :2]).max() < 0.05 * box.w


def test_the_largest_of_several_faces(landmarker, portrait):
    head = portrait[0:256, 96:352]
    both = np.zeros((512, 800, 3), np.uint8)
    both[56:456, 0:400] = cv2.resize(head, (400, 400))
    both[100:356, 500:756] = head
    (face,) = find_faces([photo(both)], landmarker)
    assert face.face.box.w > 110
    assert face.image.shape[1] < 400


def test_a_very_large_face_is_reduced(landmarker, portrait):
    large = cv2.resize(portrait[0:256, 96:352], (1600, 1600), interpolation=cv2.INTER_CUBIC)
    (face,) = find_faces([photo(large)], landmarker)
    assert np.sqrt(face.face.box.area) == pytest.approx(LARGEST_PX, rel=0.02)


def test_photos_without_a_face_are_left_out_and_named(landmarker, portrait, caplog):
    nothing = np.zeros((64, 64, 3), np.uint8)
    tiny = cv2.resize(portrait, (100, 100), interpolation=cv2.INTER_AREA)
    photos = [
        photo(nothing, "u1", "black.png"),
        photo(portrait, "u2"),
        photo(tiny, "u3", "tiny.png"),
        photo(None, "u4"),
    ]
    with caplog.at_level(logging.WARNING):
        faces = find_faces(photos, landmarker)
    assert [face.identity for face in faces] == ["u2"]
    assert "3 of 4 photos are left out" in caplog.text
    assert "u1 (black.png): no face found in 64 x 64 px" in caplog.text
    assert "u3 (tiny.png)" in caplog.text
    assert "u4 (p.png): cannot be decoded" in caplog.text


def test_no_usable_face_at_all_is_an_error(landmarker):
    with pytest.raises(SourceError, match=r"None of 1 photos shows a usable face; give photos .* u1 \(black.png\)"):
        find_faces([photo(np.zeros((64, 64, 3), np.uint8), "u1", "black.png")], landmarker)
