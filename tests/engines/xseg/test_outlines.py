"""Outlines become masks, and what makes no sense is said."""

import json

import cv2
import numpy as np
import pytest

from fsa_data.engines.xseg.labels import read_outlines
from fsa_data.errors import DatasetNotFoundError, FaceSetError
from tests.engines.xseg.outlines import labelme, write_outlines

SQUARE = [[10, 10], [50, 10], [50, 50], [10, 50]]


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64, 3), 7, np.uint8))
    return tmp_path


def _write(folder, *shapes, image="a.png"):
    (folder / "a.json").write_text(json.dumps(labelme(image, *shapes)))
    return folder


def test_a_polygon_is_its_pixels_less_what_is_excluded(folder):
    hole = [[20, 20], [30, 20], [30, 30], [20, 30]]
    (one,) = read_outlines(_write(folder, ("exclude", hole), ("face", SQUARE)))
    image, mask = one.load(64)
    assert (image.shape, mask.shape, mask.dtype) == ((64, 64, 3), (64, 64), np.uint8)
    assert set(np.unique(mask)) == {0, 255}
    wanted = 40 * 40 - 10 * 10
    assert abs(int((mask > 0).sum()) - wanted) <= 4 * 40  # a border belongs to whoever draws it
    assert mask[25, 25] == 0
    assert mask[40, 40] == 255
    assert mask[5, 40] == 0


def test_a_smaller_mask_lies_where_the_larger_did(folder):
    (one,) = read_outlines(_write(folder, ("include", SQUARE)))
    _, mask = one.load(32)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), columns.max()) == pytest.approx((5, 25), abs=1)


def test_files_of_a_set_of_faces_are_passed_over_and_say_who_it_is(tmp_path):
    outlines = read_outlines(write_outlines(tmp_path, 3))
    assert [one.image.name for one in outlines] == ["00.png", "01.png", "02.png"]
    assert [one.identity for one in outlines] == ["ben", "anna", "ben"]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([("hand", SQUARE)], "shape 0 is labelled 'hand'"),
        ([("face", SQUARE[:2])], "polygon of 2 points; expected a polygon of three"),
        ([("face", [[1, float("nan")], [2, 2], [3, 1]])], "a point that is no number"),
        ([("exclude", SQUARE)], "no polygon labelled 'face'"),
    ],
)
def test_what_makes_no_sense(folder, shapes, message):
    with pytest.raises(FaceSetError, match=message):
        read_outlines(_write(folder, *shapes))


def test_what_is_not_there(folder, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="holds no outlines"):
        read_outlines(folder)
    with pytest.raises(DatasetNotFoundError, match=r"belongs to 'gone\.png', which is not there"):
        read_outlines(_write(folder, ("face", SQUARE), image="gone.png"))
    (folder / "a.json").write_text("{")
    with pytest.raises(FaceSetError, match="cannot be read"):
        read_outlines(folder)


def test_a_picture_that_is_no_crop(folder):
    cv2.imwrite(str(folder / "a.png"), np.zeros((64, 80, 3), np.uint8))
    (one,) = read_outlines(_write(folder, ("face", SQUARE)))
    with pytest.raises(FaceSetError, match="80 x 64 px, but a crop of a face is a square"):
        one.load(64)
