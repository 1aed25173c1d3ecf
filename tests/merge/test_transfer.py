import cv2
import numpy as np
import pytest
from skimage.exposure import match_histograms

from fsa_data.errors import UnknownNameError
from fsa_data.merge.transfer import (
    LINEAR,
    TRANSFERS,
    Moments,
    in_space,
    linear,
    moments,
    monge_kantorovich_gain,
    principal_gain,
    transfer,
)
from fsa_data.merge.transport import histogram_match, rotations, sliced_transport

LEFT = np.zeros((64, 64), np.float32)
LEFT[:, :32] = 1


def cloud(seed, mean, spread, shape=(64, 64)):
    """Smooth pictures with correlated channels, well inside 0..1."""
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(rng.normal(size=(3, 3)))[0] * spread
    fields = cv2.resize(rng.uniform(-1.7, 1.7, (9, 9, 3)), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(fields @ mixing.T + mean, 0.02, 0.98).astype(np.float32)


@pytest.fixture(scope="module")
def pair():
    return cloud(1, [0.5, 0.4, 0.35], [0.05, 0.08, 0.03]), cloud(2, [0.6, 0.55, 0.5], [0.1, 0.04, 0.05], (48, 80))


@pytest.fixture(scope="module")
def halves(pair):
    """Pictures whose right halves must not count."""
    image, reference = pair[0].copy(), pair[1][:, :64].copy()
    image[:, 32:], reference[:, 32:] = 0.9, [0.1, 0.9, 0.1]
    return image, reference, LEFT, LEFT[:48]


def sliced_distance(one, other):
    """Mean over many directions of the Wasserstein distance of the projections."""
    from scipy.stats import wasserstein_distance

    directions = np.random.default_rng(9).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.mean([wasserstein_distance(one @ d, other @ d) for d in directions])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_transfers_give_the_references_moments(name, masked, pair, halves):
    image, reference, *masks = halves if masked else (*pair, None, None)
    own, goal = moments(name, image, masks[0]), moments(name, reference, masks[1])
    out = linear(name, image, own, goal, clip=False)
    counted = out[masks[0] > 0.5] if masked else out.reshape(-1, 3)
    got = Moments.of(counted)
    scale = 100 if LINEAR[name].lab else 1
    np.testing.assert_allclose(got.mean / scale, goal.mean / scale, atol=1e-3)
    if name == "rct":  # channels apart: deviations only
        np.testing.assert_allclose(np.sqrt(np.diag(got.covariance)), np.sqrt(np.diag(goal.covariance)), rtol=1e-3)
    else:
        np.testing.assert_allclose(got.covariance, goal.covariance, atol=1e-3 * np.trace(goal.covariance))
    # the public way is the same, clipped
    public = transfer(name, image, reference, *masks)
    if not LINEAR[name].lab:
        np.testing.assert_allclose(public, np.clip(out, 0, 1), atol=1e-6)


def test_monge_kantorovich_moves_least(pair):
    """Among linear maps to the same covariance it is the symmetric positive one, the optimal transport of Gaussians."""
    own, goal = (Moments.of(each.reshape(-1, 3)) for each in pair)
    gain = monge_kantorovich_gain(own, goal)
    np.testing.assert_allclose(gain, gain.T, atol=1e-9)
    assert np.linalg.eigvalsh(gain).min() > 0
    colours = pair[0].reshape(-1, 3) - own.mean
    moved = [float(np.square(colours @ g.T - colours).mean()) for g in (gain, principal_gain(own, goal))]
    assert moved[0] < moved[1]
    # scipy's square root of the covariances' product says the same (Gelbrich's formula)
    from scipy.linalg import sqrtm

    least = np.trace(own.covariance + goal.covariance - 2 * np.real(sqrtm(own.covariance @ goal.covariance)))
    assert 3 * moved[0] == pytest.approx(least, rel=0.02)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["idt", "sot", "sot without its grain"])
def test_transport_brings_the_distributions_together(name, masked, pair, halves):
    image, reference, *masks = halves if masked else (*pair, None, None)
    if name in TRANSFERS:
        out = transfer(name, image, reference, *masks)
    else:
        own, goal = (
            each.reshape(-1, 3) if mask is None else each[mask > 0.5]
            for each, mask in zip((image, reference), masks, strict=True)
        )
        out = sliced_transport(image, own, goal, keep_grain=False)
    counted = [
        each[mask > 0.5] if masked else each.reshape(-1, 3)
        for each, mask in ((image, masks[0]), (out, masks[0]), (reference, masks[1]))
    ]
    before, after = sliced_distance(counted[0], counted[2]), sliced_distance(counted[1], counted[2])
    assert after < before / (4 if name == "sot" else 10)
    if name in TRANSFERS:
        assert np.array_equal(out, transfer(name, image, reference, *masks))


def test_mix_moves_lightness_and_chroma(pair):
    out = transfer("mix", *pair)
    got, goal = (in_space("rct", each).reshape(-1, 3).mean(axis=0) for each in (out, pair[1]))
    np.testing.assert_allclose(got, goal, atol=3)
    before = in_space("rct", pair[0]).reshape(-1, 3).mean(axis=0)
    assert np.abs(got - goal).max() < 0.2 * np.abs(before - goal).max()


def test_histograms_are_those_of_skimage(pair):
    image, reference = (np.round(each * 255).astype(np.float32) / 255 for each in pair)
    np.testing.assert_allclose(
        transfer("hist", image, reference), match_histograms(image, reference, channel_axis=2), atol=1e-5
    )


def test_a_lower_threshold_darkens(pair):
    image, reference = pair
    colours = image.reshape(-1, 3), reference.reshape(-1, 3)
    plain, dark = histogram_match(image, *colours), histogram_match(image, *colours, 238)
    assert dark.mean() < plain.mean()
    np.testing.assert_allclose(plain, transfer("hist", image, reference))


@pytest.mark.parametrize("name", TRANSFERS)
def test_the_own_colours_change_nothing(name, pair):
    eight_bit = (pair[0] * 255).astype(np.uint8)
    assert np.abs(transfer(name, eight_bit, eight_bit).astype(int) - eight_bit).max() <= 1
    assert np.abs(transfer(name, pair[0], pair[0]) - pair[0]).max() < 0.01


@pytest.mark.parametrize("name", TRANSFERS)
def test_empty_and_tiny_masks_change_nothing(name, pair):
    image, reference = pair
    tiny = np.zeros((64, 64), np.uint8)
    for mask in (tiny, np.where(np.arange(64 * 64).reshape(64, 64) < 5, 255, 0).astype(np.uint8)):
        out = transfer(name, image, reference, mask)
        assert np.array_equal(out, image)
        assert out is not image
    assert np.array_equal(transfer(name, image, reference, None, np.zeros((48, 80), np.float32)), image)


@pytest.mark.parametrize("name", TRANSFERS)
@pytest.mark.filterwarnings("error")
def test_constant_pictures(name):
    """One colour becomes one colour, and noise of rounding is not blown up."""
    grey, skin = np.full((20, 20, 3), 90, np.uint8), np.full((20, 20, 3), (200, 150, 120), np.uint8)
    out = transfer(name, grey, skin)
    assert np.abs(out.astype(int) - skin).max() <= 4
    noisy = grey.copy()
    noisy[::2, ::3] += 1
    wide = (cloud(5, [0.5, 0.5, 0.5], [0.1, 0.1, 0.1], (20, 20)) * 255).astype(np.uint8)
    for one, other in ((noisy, wide), (wide, grey)):
        assert np.isfinite(transfer(name, one / np.float32(255), other / np.float32(255))).all()


@pytest.mark.parametrize("name", TRANSFERS)
def test_kinds_and_shapes_are_kept(name, pair):
    image, reference = pair
    out = transfer(name, image, reference)
    assert (out.dtype, out.shape) == (np.float32, image.shape)
    assert out.min() >= 0
    assert out.max() <= 1
    eight_bit = transfer(name, (image * 255).astype(np.uint8), (reference * 255).astype(np.uint8))
    assert eight_bit.dtype == np.uint8
    assert np.abs(eight_bit / 255 - out).mean() < 0.02


def test_bases_are_rotations():
    np.testing.assert_allclose(
        rotations() @ rotations().swapaxes(1, 2), np.broadcast_to(np.eye(3), (20, 3, 3)), atol=1e-12
    )
    assert np.array_equal(rotations()[0], np.eye(3))


def test_an_unknown_name():
    with pytest.raises(UnknownNameError, match="colour transfer"):
        transfer("rtc", np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8))
