"""The usual look of a person, and what is found in front of it, on pictures whose truth is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fsa_data import simdrive
from fsa_data.faces import load_landmarker, oval_mask
from fsa_data.merge import find_in_front, make_reference
from fsa_data.merge.face_mask import find_face_mask
from fsa_data.merge.occluders import _grow, plain_skin
from fsa_data.merge.reference import FEWEST, SIDE, Texels, some_texels
from fsa_data.sources import load_source
from fsa_data.types import Box

POSES = [(0, 0), (-25, 0), (25, 0), (-12, 8), (12, 8), (0, -10), (-18, -5), (18, 5), (6, 12)]


@pytest.fixture(scope="module")
def landmarker():
    return load_landmarker()


@pytest.fixture(scope="module")
def person(landmarker):
    """One procedural person in nine poses: pictures with the face in each."""
    pictures = [simdrive.identity_photo(0, 74, yaw, pitch, 180) for yaw, pitch in POSES]
    return [(picture, landmarker(picture)[0]) for picture in pictures]


@pytest.fixture(scope="module")
def reference(person):
    return make_reference(person[1:])


def rectangle(image, face):
    """The face's rectangle and its points in it, as an engine passes them."""
    box = Box.around(face.points_px, 0.03).clipped(*image.shape[:2])
    points = (face.points_px[:468] - np.array([box.x, box.y, 0])).astype(np.float32)
    return np.ascontiguousarray(image[box.slices]), points, oval_mask(face.points_px, box) > 127


def hand(crop, points):
    """Paint something of the face's own skin colour over mouth and chin; returns the picture and where it is."""
    where = np.zeros(crop.shape[:2], np.uint8)
    chin, mouth = points[152, :2], points[13, :2]
    centre = tuple(np.round((chin + mouth) / 2).astype(int).tolist())
    size = int(0.2 * np.ptp(points[:, 0]))
    cv2.ellipse(where, centre, (2 * size, size), 20, 0, 360, 255, -1)
    skin = crop[tuple(points[50, [1, 0]].astype(int))].astype(float)
    stripes = 1 + 0.06 * np.sign(np.sin(np.arange(crop.shape[1]) / 4))  # fingers
    painted = crop.copy()
    painted[where > 0] = np.clip(skin * stripes[None, :, None] * np.ones(crop.shape), 0, 255)[where > 0]
    return painted, where > 0


def test_too_few_frames_are_no_reference(person):
    assert make_reference(person[: FEWEST - 1]) is None
    assert make_reference(person[:FEWEST]) is not None
    turned = [(image, replace(face, yaw_deg=70.0)) for image, face in person]
    assert make_reference(turned) is None


def test_the_order_of_frames_does_not_matter(person, reference):
    other = make_reference(person[:0:-1])
    np.testing.assert_array_equal(other.colour, reference.colour)
    np.testing.assert_array_equal(other.tolerance, reference.tolerance)


def test_a_reference_holds_the_skin_and_knows_where_it_varies(person, reference):
    image, face = person[0]
    texels = Texels.all()
    cheek = np.argmin(np.square(texels.where_cm - [4.2, 0.5, 3.5]).sum(axis=1))
    seen = reference.colour[texels.rows[cheek], texels.columns[cheek]]
    column, row = face.points_px[280, :2].astype(int)
    patch = np.ascontiguousarray(image[row - 2 : row + 3, column - 2 : column + 3])
    assert np.abs(seen - cv2.cvtColor(patch, cv2.COLOR_RGB2YCrCb).mean(axis=(0, 1))).max() < 25
    eye = np.argmin(np.square(texels.where_cm[:, :2] - [3.2, 2.7]).sum(axis=1))
    at = texels.rows, texels.columns
    assert reference.tolerance[at][eye, 0] > 2 * reference.tolerance[at][cheek, 0]
    assert reference.colour.shape == reference.tolerance.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("at", range(len(POSES)))
def test_nothing_is_in_front_of_a_bare_face(person, reference, at):
    crop, points, hull = rectangle(*person[at])
    found = find_in_front(crop, points, reference)
    assert found.by == "reference"
    assert not found.face_mask
    assert (found.mask[hull] > 0).mean() < 0.06


def test_a_hand_of_the_same_colour_is_seen_by_the_usual_look_only(person, reference):
    crop, points, hull = rectangle(*person[0])
    painted, where = hand(crop, points)
    known, unknown = (find_in_front(painted, points, told) for told in (reference, None))
    assert (known.mask[where & hull] > 0).mean() > 0.8
    grown = cv2.dilate(where.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert (known.mask[hull & ~grown] > 0).mean() < 0.06
    assert known.vertices[[152, 17]].all()  # chin and lower lip
    assert not known.vertices[[10, 9, 151]].any()  # forehead
    assert unknown.by == "colour"
    assert (unknown.mask[where & hull] > 0).mean() < 0.5


def test_light_is_not_taken_for_something_in_front(person, reference):
    image, face = person[2]
    ramp = np.linspace(0.6, 1.25, image.shape[1])[None, :, None]
    crop, points, hull = rectangle(np.clip(image * ramp, 0, 255).astype(np.uint8), face)
    assert (find_in_front(crop, points, reference).mask[hull] > 0).mean() < 0.08


def test_a_blue_thing_is_seen_by_its_colour(person):
    crop, points, hull = rectangle(*person[0])
    where = np.zeros(crop.shape[:2], np.uint8)
    cv2.circle(where, tuple(points[50, :2].astype(int).tolist()), int(0.16 * np.ptp(points[:, 0])), 255, -1)
    painted = crop.copy()
    painted[where > 0] = [40, 70, 200]
    found = find_in_front(painted, points, None)
    assert (found.mask[(where > 0) & hull] > 0).mean() > 0.9
    assert (found.mask[(where == 0) & hull] > 0).mean() < 0.12


@pytest.mark.parametrize("colour", [(225, 230, 235), (120, 170, 220), (40, 40, 45), (215, 170, 190)])
def test_a_face_mask_is_found_and_everything_below_its_edge_kept(person, colour):
    crop, points, hull = rectangle(*person[0])
    outline = points[[6, 234, 58, 152, 288, 454], :2]
    cloth = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillConvexPoly(cloth, np.round(cv2.convexHull(outline)).astype(np.int32), 255)
    cloth[: int(points[197, 1])] = 0
    painted = crop.copy()
    painted[cloth > 0] = colour
    found = find_in_front(painted, points, None)
    assert found.face_mask
    assert (found.mask[(cloth > 0) & hull] > 0).mean() > 0.99
    assert (found.mask[(cloth == 0) & hull] > 0).mean() < 0.4


def test_faces_without_a_mask_have_none(landmarker):
    for photo in load_source("portraits").photos:
        image = photo.load()
        crop, points, _ = rectangle(image, landmarker(image)[0])
        assert not find_in_front(crop, points, None).face_mask


def test_too_little_to_see_is_no_mask():
    texels = some_texels()
    colour = np.full((len(texels.rows), 3), 128, np.float32)
    assert find_face_mask(colour, np.zeros(len(colour), bool), texels) is None


def test_anything_goes_where_features_are():
    plain = plain_skin()
    texels = Texels.all()
    tolerance = plain.tolerance[texels.rows, texels.columns, 0]
    lips = np.square(texels.where_cm[:, :2] - [0, -4]).sum(axis=1) < 1
    assert (tolerance[lips] > 50).all()
    assert (tolerance < 20).mean() > 0.5


def test_rims_of_spectacles_stay(person, landmarker):
    image, face = person[0]
    crop, points, hull = rectangle(image, face)
    painted, rims = crop.copy(), np.zeros(crop.shape[:2], np.uint8)
    width = np.ptp(points[:, 0])
    for outer, inner in ((33, 133), (263, 362)):
        centre = tuple(np.round((points[outer, :2] + points[inner, :2]) / 2).astype(int).tolist())
        cv2.ellipse(rims, centre, (int(0.17 * width), int(0.14 * width)), 0, 0, 360, 255, 2)
    cv2.line(rims, *(tuple(points[vertex, :2].astype(int).tolist()) for vertex in (122, 351)), 255, 2)
    painted[rims > 0] = [25, 22, 30]
    bare, worn = (find_in_front(picture, points, None) for picture in (crop, painted))
    assert (bare.glasses, worn.glasses) == (False, True)
    under_the_eyes = np.zeros_like(rims)
    under_the_eyes[int(points[145, 1]) + 3 :] = 255  # above, rims and brows cannot be told apart
    where = (rims > 0) & (under_the_eyes > 0) & hull
    assert where.sum() > 50
    assert (worn.mask[where] > 0).mean() > 0.8
    assert (worn.mask[hull & (cv2.dilate(rims, np.ones((5, 5), np.uint8)) == 0)] > 0).mean() < 0.1


def test_who_wears_spectacles_among_the_portraits(landmarker):
    told = {}
    for photo in load_source("portraits").photos:
        image = photo.load()
        told[photo.identity] = find_in_front(*rectangle(image, landmarker(image)[0])[:2], None).glasses
    assert told == {"portrait-1": False, "portrait-2": True}


@pytest.mark.parametrize("seed", range(20))
def test_parts_grow_from_their_strong_pixels(seed):
    """As connected components by edges, of which those are kept that are large and strong somewhere."""
    rng = np.random.default_rng(seed)
    weak = rng.random((23, 31)) < rng.uniform(0.3, 0.8)
    strong = weak & (rng.random(weak.shape) < 0.03)
    least = float(rng.integers(0, 40))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(weak.astype(np.uint8), connectivity=4)
    kept = set(labels[strong].tolist()) & set(np.flatnonzero(stats[:, cv2.CC_STAT_AREA] > least).tolist())
    region = np.zeros(weak.shape, np.uint8)
    assert _grow(strong, weak, np.float32(least), region) == bool(kept)
    np.testing.assert_array_equal(region, np.isin(labels, list(kept)))
