"""Which sights are kept: sharp ones, as different as can be."""

import cv2
import numpy as np
import pytest

from fsa_data.sources.spread import looks_of, sharp_ones, sharpness, spread
from tests.faces.made_up import face


def test_the_first_looks_calmly_into_the_camera_and_the_rest_reaches_out():
    looks = np.array([[40, 0], [2, 1], [-38, 0], [1, 0], [39, 1], [0, 30]], np.float32)
    assert spread(looks, 4, 3.0) == [3, 0, 2, 5]
    assert sorted(spread(looks, 99, 3.0)) == [0, 2, 3, 5]  # the others are too near to one that is taken


@pytest.mark.parametrize("seed", range(5))
def test_no_sight_is_farther_from_those_taken_than_twice_the_best_there_is(seed):
    """Gonzalez's bound without the optimum: those taken are as far apart as any other is from them, or farther."""
    looks = np.random.default_rng(seed).normal(0, 20, (60, 4)).astype(np.float32)
    taken = spread(looks, 8, 0.0)
    to_taken = np.linalg.norm(looks[:, None] - looks[taken][None], axis=2)
    among = to_taken[taken]
    np.fill_diagonal(among, np.inf)
    assert to_taken.min(axis=1).max() <= among.min() + 1e-3
    assert len(set(taken)) == 8


def test_blurred_sights_go_and_turned_ones_stay_although_they_are_blurred_more():
    yaw = np.repeat([0.0, 40.0], 20)
    sharp = np.where(yaw == 0, 100.0, 40.0)
    sharp[[3, 25]] *= 0.5
    looks = np.stack([yaw, np.arange(40) * 0.1], axis=1).astype(np.float32)
    assert sharp_ones(looks, sharp).tolist() == [i for i in range(40) if i not in (3, 25)]
    assert sharp_ones(looks[:1], sharp[:1]).tolist() == [0]


def test_blur_is_seen_at_any_size():
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    picture = cv2.resize(picture[:48, :48], (200, 200), interpolation=cv2.INTER_CUBIC)
    there = face(100, 100, 160)
    large = cv2.resize(picture, (600, 600), interpolation=cv2.INTER_CUBIC)
    sharp, blurred = sharpness(picture, there), sharpness(cv2.GaussianBlur(picture, (0, 0), 4), there)
    assert blurred < 0.5 * sharp
    assert sharpness(large, there.scaled(3, 3)) == pytest.approx(sharp, rel=0.3)
    assert sharpness(picture, face(900, 900)) == 0.0  # outside


def test_expressions_count_as_much_as_turns():
    calm, smiling = face(0), face(0)
    smiling.blendshapes[44] = 1.0
    assert np.linalg.norm(looks_of(calm) - looks_of(smiling)) == pytest.approx(30.0)
    assert np.linalg.norm(looks_of(calm) - looks_of(face(0, yaw=30.0))) == pytest.approx(30.0)
