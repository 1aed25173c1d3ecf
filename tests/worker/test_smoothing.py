"""Calm over time: trembling goes, motion stays."""

from dataclasses import replace

import numpy as np
import pytest

from fsa_data.merge import rgb_to_lab
from fsa_data.worker.smoothing import ColourSmoother, changed, fit_at, mean_offset, region, shift_colour, smooth_faces
from tests.worker.test_tracks import face

TIMES = np.arange(40) / 25


def track(x, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    faces = [face(float(at)) for at in x]
    return [replace(f, points_px=f.points_px + rng.normal(0, noise, (478, 3)).astype(np.float32)) for f in faces]


def points(faces):
    return np.stack([f.points_px for f in faces])[..., :2]


def test_a_parabola_passes_whatever_the_times():
    times = np.sort(np.random.default_rng(0).random(30))
    values = np.stack([3 - 2 * times + 5 * times**2, times], axis=1)
    for at in (0, 7, 29):
        np.testing.assert_allclose(fit_at(times, values, times[at], 0.1, 2), values[at], atol=1e-8)


def test_a_still_face_stops_trembling():
    noisy = track(np.full(40, 100), noise=0.15)
    calm = points(smooth_faces(noisy, TIMES))
    jitter = [np.abs(np.diff(each, 2, axis=0)).mean() for each in (points(noisy), calm)]
    assert jitter[1] < 0.2 * jitter[0]
    assert (
        np.abs(calm - points(track(np.full(40, 100)))).mean() < np.abs(points(noisy) - points(track([100] * 40))).mean()
    )


def test_steady_motion_is_not_delayed_and_a_blink_is_not_lost():
    x = 100 + 30 * np.sin(2 * np.pi * TIMES)
    moving = track(x)
    assert np.abs(points(smooth_faces(moving, TIMES)) - points(moving)).max() < 0.3
    blinking = track(np.full(40, 100))
    for i in (20, 21):
        blinking[i] = replace(blinking[i], points_px=blinking[i].points_px.copy())
        blinking[i].points_px[159, 1] += 5
    kept = points(smooth_faces(blinking, TIMES))
    assert kept[20, 159, 1] - kept[10, 159, 1] > 4.5
    assert np.abs(kept[[17, 24], 159] - kept[10, 159]).max() < 0.5


def test_few_frames_and_far_ones_stay_as_they_are():
    two = track([100, 101], noise=1)
    assert smooth_faces(two, [0, 0.04]) == two
    far = track([100, 104, 99, 102], noise=1)
    np.testing.assert_allclose(points(smooth_faces(far, [0, 5, 10, 15])), points(far), atol=1e-3)


def test_head_pose_is_calmed_too():
    turning = [face(100, yaw=float(20 * t + (-1) ** i)) for i, t in enumerate(TIMES)]
    yaws = np.array([f.yaw_deg for f in smooth_faces(turning, TIMES)])[5:-5]
    assert np.abs(yaws - 20 * TIMES[5:-5]).max() < 0.3


@pytest.fixture
def patch():
    """A picture, and a patch that changes its middle."""
    below = np.random.default_rng(0).integers(90, 130, (60, 50, 3), np.uint8)
    above = below.copy()
    above[10:50, 10:40] = above[10:50, 10:40] + np.array([20, 8, 5], np.uint8)
    return below, above


def test_a_shift_moves_the_mean_and_no_pixel_that_was_unchanged(patch):
    below, above = patch
    above[30, 25] = below[30, 25]  # equal by chance, in the middle of the change
    shifted = shift_colour(below, above, np.array([4, 0, 0], np.float32))
    np.testing.assert_array_equal(shifted[~changed(below, above)], below[~changed(below, above)])
    assert 2.5 < (mean_offset(below, shifted) - mean_offset(below, above))[0] < 4.2
    middle = np.s_[25:35, 20:30]
    moved = rgb_to_lab(shifted[middle]) - rgb_to_lab(above[middle])
    np.testing.assert_allclose(moved.mean(axis=(0, 1)), [4, 0, 0], atol=0.3)


def test_what_cannot_be_seen_is_left_out(patch):
    below, above = patch
    assert shift_colour(below, above, np.full(3, 0.01, np.float32)) is above
    assert shift_colour(below, below, np.full(3, 5, np.float32)) is below
    assert (mean_offset(below, below) == 0).all()


def test_a_region_covers_the_change_and_its_gaps(patch):
    below, above = patch
    above[30, 25] = below[30, 25]
    mask = region(changed(below, above))
    assert mask[30, 25] == 255
    assert (mask[changed(below, above)] == 255).all()
    assert mask.sum() == 255 * 40 * 30


def test_flicker_falls_and_a_lasting_change_of_light_is_followed():
    offsets = np.array([[(-1) ** i, 0, 0] for i in range(40)], np.float32)
    offsets[20:] += 10
    smoother, shifts, waiting = ColourSmoother(), [], []
    for time_s, offset in zip(TIMES, offsets, strict=True):
        smoother.add(time_s, offset)
        waiting.append(time_s)
        if len(waiting) > 8:
            shifts.append(smoother.shift(waiting.pop(0)))
    shifts += [smoother.shift(time_s) for time_s in waiting]
    calm = (offsets + np.array(shifts))[:, 0]
    assert np.abs(np.diff(calm[3:13])).max() < 0.4
    assert abs(calm[:13].mean()) < 0.3
    assert abs(calm[28:].mean() - 10) < 0.3
