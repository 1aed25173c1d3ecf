import numpy as np

from fsa_data.merge import Moments
from fsa_data.worker.moments import smooth_moments

TIMES = np.arange(40) / 25


def pairs(mean, spread):
    return [(Moments(m, s), Moments(m + 1, 2 * s)) for m, s in zip(mean, spread, strict=True)]


def test_trembling_falls_and_steady_change_stays():
    rng = np.random.default_rng(0)
    line = np.linspace(0, 10, 40)[:, None] + np.zeros(3)
    spread = np.broadcast_to(np.diag([1.0, 2, 3]), (40, 3, 3))
    steady = smooth_moments(pairs(line, spread), TIMES)
    np.testing.assert_allclose([own.mean for own, _ in steady], line, atol=1e-9)
    np.testing.assert_allclose([goal.covariance for _, goal in steady], 2 * spread, atol=1e-9)
    noisy = line + rng.normal(0, 1, line.shape)
    calm = np.array([own.mean for own, _ in smooth_moments(pairs(noisy, spread), TIMES)])
    assert (calm - line)[5:-5].std() < 0.5


def test_covariances_stay_covariances():
    rng = np.random.default_rng(1)
    roots = rng.normal(0, 1, (40, 3, 1))
    flat = roots @ roots.swapaxes(1, 2)  # of rank one: any negative weight would show
    for own, goal in smooth_moments(pairs(np.zeros((40, 3)), flat), TIMES):
        assert np.linalg.eigvalsh(own.covariance).min() > -1e-9
        assert np.linalg.eigvalsh(goal.covariance).min() > -1e-9


def test_one_frame_is_left_alone():
    ((own, goal),) = smooth_moments(pairs(np.ones((1, 3)), np.eye(3)[None]), [0.5])
    assert np.array_equal(own.mean, np.ones(3))
    assert np.array_equal(goal.covariance, 2 * np.eye(3))
