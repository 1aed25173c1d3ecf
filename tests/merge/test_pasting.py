"""A made-up pair with a known mask: a textured frame, and a crop of another colour turned and scaled into it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.merge import PasteOptions, Prediction, Showing, paste_face, paste_options
from fsa_data.merge.paste_masks import hull_mask, kernel_sigma, limits, shaped
from fsa_data.merge.paste_options import MASK_MODES, MODES, THESIS
from fsa_data.merge.pasting import cloned
from fsa_data.mesh import face_mesh
from fsa_data.types import Box, Face, paste

SIDE = 128


def smooth_noise(seed, shape, mean, spread):
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (8, 8, 3))
    picture = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC) * spread + mean
    return np.clip(picture + rng.normal(0, 2, (*shape, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def face():
    """A face of about 100 x 120 px that looks at the camera."""
    flat = face_mesh().vertices_cm * np.array([1, -1, -1])
    points = np.zeros((478, 3), np.float32)
    points[:468] = (flat - flat.mean(axis=0)) * 6.5 + [160, 130, 0]
    points[468:] = points[0]
    return Face(points, 0.0, 0.0, 0.0, np.zeros(52, np.float32), 1.0)


@pytest.fixture(scope="module")
def frame():
    return smooth_noise(1, (270, 320), [150, 110, 90], 25)


@pytest.fixture(scope="module")
def predicted():
    """A crop of 160 px of the frame, turned by 10 degrees; its mask is an ellipse."""
    turn, scale = np.deg2rad(10), SIDE / 160
    matrix = scale * np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0]])
    matrix[:, 2] = SIDE / 2 - matrix[:, :2] @ [160, 130]
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    ellipse = np.hypot((x - 64) / 36, (y - 64) / 44)
    mask = np.clip((1 - ellipse) * 36, 0, 1).astype(np.float32)
    wider = np.clip((1.15 - ellipse) * 36, 0, 1).astype(np.float32)
    return Prediction(smooth_noise(2, (SIDE, SIDE), [90, 120, 160], 30), matrix, mask, wider)


OPTIONS = {
    **{mode: {"mode": mode} for mode in MODES},
    **{f"mask {n}": {"mask_mode": n} for n in MASK_MODES},
    "thesis": {"preset": "thesis"},
    "dilated": {"erode": -60, "blur": 30},
    "larger": {"face_scale": 20},
    "sharpened": {"sharpen": "box", "sharpen_amount": 2},
    "softened": {"sharpen": "gaussian", "sharpen_amount": -25},
    "denoised": {"denoise": 150},
    "bicubic": {"bicubic_degrade": 60},
    "palette": {"colour_degrade": 50},
    "moving": {"motion_blur": 100},
    **{f"colour {c}": {"mode": "overlay", "colour": c} for c in ("none", "auto", "lct", "idt-m", "hist", "mkl-l")},
}
del OPTIONS["colour hist"]


@pytest.mark.parametrize("name", OPTIONS)
def test_nothing_outside_the_mask_changes(name, frame, face, predicted):
    options = paste_options(OPTIONS[name])
    segment = lambda crop: np.full(crop.shape[:2], 0.9, np.float32)  # noqa: E731
    before = frame.copy()
    pasted = paste_face(frame, face, predicted, options, segment=segment, motion_px=(6.0, 3.0))
    assert np.array_equal(frame, before)
    assert pasted.box.area <= 2 * face.box.area
    assert pasted.box.clipped(*frame.shape[:2]) == pasted.box
    assert pasted.patch.shape == (pasted.box.h, pasted.box.w, 3)
    assert pasted.patch.dtype == np.uint8
    differs = (pasted.patch != frame[pasted.box.slices]).any(axis=2)
    assert not differs[pasted.mask == 0].any()
    assert differs[pasted.mask > 0.6].mean() > 0.8
    again = paste_face(frame, face, predicted, options, segment=segment, motion_px=(6.0, 3.0))
    assert np.array_equal(pasted.patch, again.patch)


def true_mask(predicted, box, values):
    """The crop's mask as the frame shows it, by asking each pixel of the frame where it lies in the crop."""
    y, x = np.mgrid[box.y : box.y + box.h, box.x : box.x + box.w] + 0.5
    u, v = np.einsum("ij,jhw->ihw", predicted.matrix[:, :2], np.stack([x, y])) + predicted.matrix[:, 2, None, None]
    inside = (u > 0) & (u < SIDE) & (v > 0) & (v < SIDE)
    ellipse = np.hypot((u - 64) / 36, (v - 64) / 44)
    return {"new": (1 - ellipse) * 36 > 0.5, "target": (1.15 - ellipse) * 36 > 0.5, "all": inside}[values]


@pytest.mark.parametrize(
    ("mode", "values"), [(0, "all"), (2, "new"), (3, "target"), (4, "new"), (5, "target"), (6, "all"), (9, "new")]
)
def test_masks_lie_where_the_crop_says(mode, values, frame, face, predicted):
    segment = lambda crop: np.ones(crop.shape[:2], np.float32)  # noqa: E731
    pasted = paste_face(frame, face, predicted, PasteOptions(mask_mode=mode), segment=segment)
    expected = true_mask(predicted, pasted.box, values)
    allowed = limits(face, *frame.shape[:2])
    inner = Box(allowed.x + 8, allowed.y + 8, allowed.w - 16, allowed.h - 16)  # beyond it the mask fades
    at = Box(inner.x - pasted.box.x, inner.y - pasted.box.y, inner.w, inner.h).clipped(*expected.shape)
    wrong = (pasted.mask > 0.5)[at.slices] != expected[at.slices]
    assert wrong.mean() < 0.01


def test_the_landmark_mask_is_the_face(frame, face, predicted):
    box = limits(face, *frame.shape[:2])
    mask = hull_mask(face.points_px, box)
    at = lambda n: mask[int(face.points_px[n, 1]) - box.y, int(face.points_px[n, 0]) - box.x]  # noqa: E731
    assert all(at(n) == 1 for n in (1, 50, 280, 17, 159, 386, 66, 296))
    assert mask[0].max() == 0
    pasted = paste_face(frame, face, predicted, PasteOptions(mask_mode=1))
    inside = mask[pasted.box.y - box.y :][: pasted.box.h, pasted.box.x - box.x :][:, : pasted.box.w]
    crop = true_mask(predicted, pasted.box, "all")
    assert np.abs(pasted.mask - inside)[crop].mean() < 0.01


def test_segmentation_sees_both_faces(frame, face, predicted):
    seen = []
    paste_face(
        frame,
        face,
        predicted,
        PasteOptions(mask_mode=8),
        segment=lambda c: seen.append(c) or np.ones((SIDE, SIDE), np.float32),
    )
    mine, other = seen
    assert np.array_equal(mine, predicted.image)
    # the target's crop is the frame, turned: its middle has the frame's colour there
    np.testing.assert_allclose(other[60:68, 60:68].mean((0, 1)), frame[125:135, 155:165].mean((0, 1)), atol=6)


@pytest.mark.parametrize("mode", [6, 7, 8, 9])
def test_no_segmentation_network(mode, frame, face, predicted):
    with pytest.raises(ConfigError, match=rf"mask_mode={mode} .* needs an XSeg model.*choose a mask mode of 0..5"):
        paste_face(frame, face, predicted, PasteOptions(mask_mode=mode))


def test_plain_overlay_is_the_crop_itself(frame, face):
    """A crop that lies straight in the frame at its scale comes back pixel for pixel."""
    image = smooth_noise(3, (100, 100), [100, 100, 200], 20)
    ones = np.ones((100, 100), np.float32)
    straight = Prediction(image, np.array([[1, 0, -110], [0, 1, -80]], float), ones, ones)
    pasted = paste_face(frame, face, straight, PasteOptions(colour="none", mask_mode=0))
    out = paste(frame, pasted.box, pasted.patch)
    assert np.array_equal(out[90:170, 120:200], image[10:90, 10:90])
    # and a float prediction is the same
    floats = replace(straight, image=(image / np.float32(255)))
    assert np.array_equal(paste_face(frame, face, floats, PasteOptions(colour="none", mask_mode=0)).patch, pasted.patch)


def test_a_coarser_crop_lies_where_its_matrix_says(frame, face):
    """Each pixel of the frame gets the colour of the place in the crop where its centre lies."""
    ramp = np.repeat(((np.arange(40) + 0.5) / 40).astype(np.float32)[None, :, None], 40, axis=0).repeat(3, axis=2)
    matrix = np.array([[0.4, 0, -0.4 * 110], [0, 0.4, -0.4 * 80]])
    ones = np.ones((40, 40), np.float32)
    pasted = paste_face(frame, face, Prediction(ramp, matrix, ones, ones), PasteOptions(colour="none", mask_mode=0))
    row = paste(frame, pasted.box, pasted.patch)[130, 125:195, 0].astype(float)
    np.testing.assert_allclose(row, 255 * (np.arange(125, 195) + 0.5 - 110) / 100, atol=0.75)


def test_the_full_mask_is_eroded_from_the_crops_edge(frame, face):
    image = smooth_noise(3, (100, 100), [100, 100, 200], 20)
    ones = np.ones((100, 100), np.float32)
    straight = Prediction(image, np.array([[1, 0, -110], [0, 1, -80]], float), ones, ones)
    mask = paste_face(frame, face, straight, PasteOptions(mask_mode=0, erode=102)).mask
    assert (mask > 0.5).sum() == pytest.approx(80 * 80, rel=0.03)  # 51 of 512 parts on each side


def test_a_finer_crop_is_averaged(frame, face):
    """Stripes finer than the frame's pixels give their mean, no moire."""
    fine = np.zeros((800, 800, 3), np.uint8)
    fine[:, ::4] = fine[:, 1::4] = 200
    matrix = np.array([[8, 0, -880], [0, 8, -640]], float)
    ones = np.ones((800, 800), np.float32)
    pasted = paste_face(frame, face, Prediction(fine, matrix, ones, ones), PasteOptions(colour="none", mask_mode=0))
    middle = paste(frame, pasted.box, pasted.patch)[100:160, 130:190]
    assert np.abs(middle.astype(int) - 100).max() <= 2


def test_erode_and_blur_are_diameters_on_512_pixels(frame, face, predicted):
    """80 takes 7.8% of the crop's width off each side; the same whatever the crop's resolution."""
    widths = {}
    for erode in (0, 80, -80):
        mask = paste_face(frame, face, predicted, PasteOptions(mask_mode=2, erode=erode)).mask
        widths[erode] = np.sqrt((mask > 0.5).sum())
    inset = 40 / 512 * 160
    axes = np.array([36, 44]) * (1 - 0.5 / 36) * 160 / SIDE  # where the mask passes a half
    assert widths[0] ** 2 == pytest.approx(np.pi * np.prod(axes), rel=0.03)
    assert widths[80] ** 2 == pytest.approx(np.pi * np.prod(axes - inset), rel=0.06)
    double = Prediction(
        cv2.resize(predicted.image, (256, 256)),
        2 * predicted.matrix,
        cv2.resize(predicted.mask, (256, 256)),
        cv2.resize(predicted.target_mask, (256, 256)),
    )
    other = paste_face(frame, face, double, PasteOptions(mask_mode=2, erode=80)).mask
    assert np.sqrt((other > 0.5).sum()) == pytest.approx(widths[80], rel=0.02)
    assert kernel_sigma(0) == 0
    assert kernel_sigma(100) == kernel_sigma(101) == pytest.approx(15.5)


def test_dilating_undoes_eroding():
    mask = np.zeros((80, 80), np.float32)
    cv2.circle(mask, (40, 40), 25, 1, -1)
    square = np.ones_like(mask)
    again = shaped(shaped(mask, square, 6, 0), square, -6, 0)
    assert np.abs(again - mask).sum() < 0.06 * mask.sum()


def test_larger_and_smaller_faces(frame, face, predicted):
    area = {s: (paste_face(frame, face, predicted, PasteOptions(face_scale=s)).mask > 0.5).sum() for s in (-30, 0, 10)}
    assert area[10] == pytest.approx(1.21 * area[0], rel=0.03)
    assert area[-30] == pytest.approx(0.49 * area[0], rel=0.03)


@pytest.mark.parametrize("mode", ["overlay", "hist-match", "seamless", "seamless-hist-match"])
def test_colours_become_the_targets(mode, frame, face, predicted):
    pasted = paste_face(frame, face, predicted, PasteOptions(mode=mode))
    deep = pasted.mask > 0.95
    new, old = (each[deep].mean(axis=0) for each in (pasted.patch, frame[pasted.box.slices]))
    assert np.abs(new - old).max() < 12
    raw = paste_face(frame, face, predicted, PasteOptions(mode="raw")).patch
    assert (
        np.abs(raw[deep[: raw.shape[0], : raw.shape[1]]].mean(axis=0) - old).max() > 30
        if raw.shape == pasted.patch.shape
        else True
    )


def test_cloning_keeps_its_place(frame):
    """A picture cloned into itself is itself; one that is only brighter loses its brightness."""
    target = frame[50:150, 60:170].copy()
    alpha = np.zeros(target.shape[:2], np.float32)
    cv2.ellipse(alpha, (50, 47), (31, 36), 0, 0, 360, 1, -1)
    assert np.abs(cloned(target, target, alpha).astype(int) - target).max() <= 2
    brighter = cv2.add(target, (40, 40, 40, 0))
    assert np.abs(cloned(target, brighter, alpha).astype(int) - target).mean() < 3
    assert np.array_equal(cloned(target, brighter, 0 * alpha), target)


def test_what_lies_in_front_stays(frame, face, predicted):
    box = Box(150, 80, 60, 100)
    share = np.zeros((100, 60), np.float32)
    pasted = paste_face(frame, face, predicted, PasteOptions(), Showing(box, share))
    out = paste(frame, pasted.box, pasted.patch)
    assert np.array_equal(out[box.slices], frame[box.slices])
    assert (out != frame).any()
    everything = Showing(Box(0, 0, 320, 270), np.zeros((270, 320), np.float32))
    assert paste_face(frame, face, predicted, PasteOptions(), everything) is None


def test_what_lies_in_front_does_not_count_for_colours(frame, face, predicted):
    painted = frame.copy()
    painted[130:] = (0, 255, 0)
    share = np.ones((270, 320), np.float32)
    share[130:] = 0
    showing = Showing(Box(0, 0, 320, 270), share)
    clean, dirty = (paste_face(f, face, predicted, PasteOptions(), showing) for f in (frame, painted))
    rows = slice(0, 130 - clean.box.y)
    assert np.array_equal(clean.patch[rows], dirty.patch[rows])


def test_a_mask_that_leaves_nothing(frame, face, predicted):
    assert paste_face(frame, face, predicted, PasteOptions(erode=400)) is None


def test_degrading(frame, face, predicted):
    def roughness(**options):
        pasted = paste_face(frame, face, predicted, PasteOptions(colour="none", **options), motion_px=(8, 0))
        return np.abs(cv2.Laplacian(pasted.patch.astype(np.float32), -1)[pasted.mask > 0.95]).mean()

    plain = roughness()
    assert roughness(sharpen="box", sharpen_amount=1) > 1.3 * plain
    assert roughness(sharpen="gaussian", sharpen_amount=1) > 1.1 * plain
    for softer in (
        {"denoise": 100},
        {"bicubic_degrade": 70},
        {"sharpen": "box", "sharpen_amount": -20},
        {"motion_blur": 100},
    ):
        assert roughness(**softer) < 0.8 * plain
    assert roughness(motion_blur=10) == plain  # less than a pixel
    pasted = paste_face(frame, face, predicted, PasteOptions(colour="none", colour_degrade=100))
    assert len(np.unique(pasted.patch[pasted.mask == 1], axis=0)) <= 256


def test_t1s_settings():
    assert paste_options({"preset": "thesis"}) == THESIS == PasteOptions(erode=80, blur=100)
    assert paste_options({"preset": "thesis", "colour": "auto"}) == replace(THESIS, colour="auto")
    assert paste_options(THESIS.json) == THESIS
    assert PasteOptions(erode=80.0) == PasteOptions(erode=80)
    assert type(PasteOptions(erode=80.0).erode) is int


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"mode": "overlap"}, ConfigError, "merge.mode must be one of overlay, hist-match"),
        ({"colour": "rtc"}, ConfigError, "merge.colour must be one of none, auto, rct"),
        ({"mask_mode": 10}, ConfigError, "merge.mask_mode must be a number of 0 full, 1 dst"),
        ({"mask_mode": True}, ConfigError, "merge.mask_mode"),
        ({"erode": 401}, ConfigError, r"merge.erode must lie in -400..400, got 401"),
        ({"blur": 0.5}, ConfigError, "merge.blur must be a whole number, got 0.5"),
        ({"denoise": float("nan")}, ConfigError, "merge.denoise must be a whole number, got nan"),
        ({"occluders": 2}, ConfigError, "merge.occluders must be true or false"),
        ({"feather": 0.1}, ConfigError, "no option 'feather' beside a mode"),
        ({"preset": "theses"}, UnknownNameError, "Did you mean 'thesis'"),
    ],
)
def test_wrong_options(given, error, message):
    with pytest.raises(error, match=message):
        paste_options(given)
