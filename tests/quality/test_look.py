"""Tone and light: what is the same, what is darker, what is lit from one side."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fsa_data.merge import rgb_to_lab
from fsa_data.merge.colour import lab_to_rgb
from fsa_data.quality import light_distance, look_of, tone_distance


def shaded(image, face, across=0.0, down=0.0, all_over=0.0):
    """The picture with its lightness changed by so much from one edge of the face to the other."""
    box = face.box
    x = (np.arange(image.shape[1]) - box.x) / box.w - 0.5
    y = (np.arange(image.shape[0]) - box.y) / box.h - 0.5
    lab = rgb_to_lab(image)
    lab[..., 0] += all_over + across * x[None, :] + down * y[:, None]
    return lab_to_rgb(lab)


def test_the_same_face_is_no_distance_apart(portrait):
    one, other = look_of(*portrait), look_of(*portrait)
    assert tone_distance(one, other) == light_distance(one, other) == 0


def test_darker_skin_is_another_tone_and_the_same_light(portrait):
    image, face = portrait
    plain, darker = look_of(image, face), look_of(shaded(image, face, all_over=-10), face)
    assert tone_distance(plain, darker) == pytest.approx(10, abs=1)
    assert light_distance(plain, darker) < 2


@pytest.mark.parametrize(("across", "down"), [(14.0, 0.0), (0.0, -14.0)])
def test_light_from_one_side_is_told_with_its_direction(portrait, across, down):
    image, face = portrait
    plain, lit = look_of(image, face), look_of(shaded(image, face, across, down), face)
    change = lit.light - plain.light
    assert change == pytest.approx([across, down], abs=4)
    assert light_distance(plain, lit) == pytest.approx(14, abs=4)
    assert tone_distance(plain, lit) < 3


def test_light_does_not_depend_on_the_size_of_the_picture(portrait):
    image, face = portrait
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert light_distance(look_of(image, face), look_of(half, face.scaled(0.5, 0.5))) < 1.5


def test_a_face_that_leaves_the_picture_still_has_a_look(portrait):
    image, face = portrait
    box = face.box
    cut = np.ascontiguousarray(image[: box.y + box.h // 2])
    look = look_of(cut, replace(face))
    assert np.isfinite([*look.tone, *look.light]).all()
