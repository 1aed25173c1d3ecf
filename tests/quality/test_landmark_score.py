"""T1's landmark score: the published numbers, the formula written out another way, what it ignores and what not."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_data.quality import landmark_score, landmark_scores, level68
from tests.parity.checks import check_fixture
from tests.parity.recipe import read_fixture

FIXTURE = Path(__file__).parents[1] / "parity" / "data" / "t1_score_40x77.npz"
RNG = np.random.default_rng(5)


def faces(count, rng=RNG):
    return rng.normal(size=(count, 68, 2)) * [30, 50] + [100, 200]


def by_hand(target, source):
    """Distance of two faces, one point after the other, in plain Python."""

    def stretched(face):
        columns = [[float(point[axis]) for point in face] for axis in (0, 1)]
        return [[(v - min(column)) / (max(column) - min(column)) for v in column] for column in columns]

    (ax, ay), (bx, by) = stretched(target), stretched(source)
    return math.fsum(math.dist((ax[k], ay[k]), (bx[k], by[k])) for k in range(68))


def percentile_by_hand(values):
    """Linear interpolation between the two ranks around 0.95 (n - 1)."""
    ordered = sorted(values)
    low = math.floor(place := 0.95 * (len(ordered) - 1))
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def test_the_published_numbers():
    lines = check_fixture(read_fixture(FIXTURE))
    assert {line.output for line in lines} == {"score", "best", "q95", "valid"}
    assert [str(line) for line in lines if line.verdict != "ok"] == []


def test_the_formula_written_out():
    targets, sources = faces(23), faces(7)
    targets[[4, 11]] = np.nan
    got = landmark_scores(targets, sources)
    for frame, target in enumerate(targets):
        if frame in (4, 11):
            assert math.isnan(got.score[frame])
            assert (got.nearest[frame], got.valid[frame]) == (-1, False)
            continue
        away = [by_hand(target, source) for source in sources]
        assert got.score[frame] == pytest.approx(min(away), rel=1e-12)
        assert got.nearest[frame] == away.index(min(away))
    seen = [score for score in got.score.tolist() if not math.isnan(score)]
    assert got.q95 == pytest.approx(percentile_by_hand(seen), rel=1e-12)
    assert got.valid.tolist() == [not math.isnan(s) and s < got.q95 for s in got.score.tolist()]
    assert got.score.dtype == np.float64


@pytest.mark.parametrize("at_once", [1, 10, 64])
def test_how_many_are_compared_at_once_changes_nothing(monkeypatch, at_once):
    targets, sources = faces(31), faces(9)
    whole = landmark_scores(targets, sources)
    monkeypatch.setattr(landmark_score, "_AT_ONCE", at_once)
    parts = landmark_scores(targets, sources)
    assert np.array_equal(whole.score, parts.score)
    assert np.array_equal(whole.nearest, parts.nearest)


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(0.01, 100)] * 4), st.tuples(*[st.floats(-1e3, 1e3)] * 4), st.integers(0, 2**31))
def test_place_size_and_proportions_do_not_matter(scales, shifts, seed):
    targets, sources = faces(5, np.random.default_rng(seed)), faces(4, np.random.default_rng(seed + 1))
    plain = landmark_scores(targets, sources)
    moved = landmark_scores(targets * scales[:2] + shifts[:2], sources * scales[2:] + shifts[2:])
    assert moved.score == pytest.approx(plain.score, rel=1e-6)
    assert np.array_equal(moved.nearest, plain.nearest)


def test_rotation_does_matter(portrait):
    upright = level68(portrait[1])[None].astype(float)
    cos, sin = math.cos(0.3), math.sin(0.3)
    turned = upright @ np.array([[cos, -sin], [sin, cos]])
    assert landmark_scores(upright, upright).score[0] == 0
    assert landmark_scores(turned, upright).score[0] > 1


def test_faces_are_levelled_by_their_roll(portrait):
    """A picture turned by 25 degrees has other landmarks, but the same levelled ones."""
    _, face = portrait
    for roll in (25.0, -60.0):
        cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
        points = face.points_px.copy()
        # clockwise as seen: a point on the right goes down
        points[:, 0], points[:, 1] = (
            cos * face.points_px[:, 0] - sin * face.points_px[:, 1],
            sin * face.points_px[:, 0] + cos * face.points_px[:, 1],
        )
        tilted = replace(face, points_px=points, roll_deg=face.roll_deg + roll)
        assert level68(tilted) == pytest.approx(level68(face), abs=2e-3)


def test_another_source_never_raises_a_score():
    targets, sources = faces(40), faces(12)
    few, many = landmark_scores(targets, sources[:6]), landmark_scores(targets, sources)
    assert (many.score <= few.score).all()
    assert many.score.mean() < few.score.mean()


def test_a_twentieth_is_always_invalid_and_a_lone_frame_too():
    assert landmark_scores(faces(100), faces(3)).valid.sum() == 95
    lone = landmark_scores(faces(1), faces(3))
    assert lone.q95 == lone.score[0]
    assert not lone.valid.any()


def test_a_clip_without_any_face():
    got = landmark_scores(np.full((3, 68, 2), np.nan), faces(2))
    assert np.isnan(got.score).all()
    assert math.isnan(got.q95)
    assert not got.valid.any()
    assert len(landmark_scores(np.empty((0, 68, 2)), faces(2)).score) == 0


@pytest.mark.parametrize(
    ("targets", "sources", "message"),
    [
        (np.ones((3, 67, 2)), faces(1), r"targets must be \(N, 68, 2\)"),
        (faces(1), faces(1)[0], r"sources must be \(N, 68, 2\)"),
        (faces(1), np.empty((0, 68, 2)), "At least one source face"),
        (faces(1), np.full((1, 68, 2), np.nan), "none with NaN"),
        (faces(1) * [0, 1], faces(1), "horizontal or vertical line"),
    ],
)
def test_what_are_no_faces(targets, sources, message):
    with pytest.raises(ValueError, match=message):
        landmark_scores(targets, sources)
