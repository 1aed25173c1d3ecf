import cv2
import numpy as np
import pytest

from fsa_data.merge.choose_colour import ALIKE_LIGHT, ALIKE_TONE, choose_colour, rule
from fsa_data.merge.follow_light import Looks, follow_light, look
from fsa_data.merge.paste_options import COLOURS
from fsa_data.merge.transfer import to_lab, to_rgb

H, W = 90, 80
Y, X = np.mgrid[:H, :W].astype(np.float32)
COUNTS = ((X - 40) ** 2 / 30**2 + (Y - 45) ** 2 / 38**2 < 1).astype(np.float32)
INSIDE = COUNTS > 0.5


@pytest.fixture(scope="module")
def skin():
    """Lab skin with fine texture and dark brows."""
    rng = np.random.default_rng(0)
    lab = np.zeros((H, W, 3), np.float32) + np.array([62, 14, 18], np.float32)
    lab[..., 0] += 2 * cv2.GaussianBlur(rng.normal(0, 3, (H, W)).astype(np.float32), (0, 0), 1)
    lab[28:32, 20:34, 0] -= 30
    lab[28:32, 46:60, 0] -= 30
    return lab


def lit(lab, across=0.0, down=0.0, bent=0.0, tone=(0, 0, 0)):
    x, y = (X - 40) / 30, (Y - 45) / 38
    out = lab + np.asarray(tone, np.float32)
    out[..., 0] += across * x + down * y + bent * x * y
    return out


@pytest.mark.parametrize(
    "light", [{"across": 12}, {"down": -10}, {"bent": 8}, {"across": 6, "down": 6, "tone": (-15, 4, 5)}]
)
def test_light_is_followed_and_detail_stays(skin, light):
    drawn, original = to_rgb(skin), to_rgb(lit(skin, **light))
    out = follow_light(drawn, original, COUNTS)
    before, after = (np.abs(to_lab(each) - to_lab(original))[INSIDE].mean() for each in (drawn, out))
    assert after < 0.2 * before


def test_features_are_no_light(skin):
    """Brows that only one of the faces has do not make its forehead dark."""
    plain = skin.copy()
    plain[28:32] = skin[40:44]
    out = to_lab(follow_light(to_rgb(skin), to_rgb(plain), COUNTS))
    bare = INSIDE.copy()
    bare[22:38] = False
    assert np.abs(out - skin)[bare].mean() < 0.5


def test_tone_is_the_targets_in_the_median(skin):
    rng = np.random.default_rng(3)
    other = lit(skin, across=9, tone=(10, -3, 6)) + rng.normal(0, 4, skin.shape).astype(np.float32)
    out = to_lab(follow_light(to_rgb(skin), to_rgb(other), COUNTS))
    goal = to_lab(to_rgb(other))
    np.testing.assert_allclose(np.median(out[INSIDE], axis=0), np.median(goal[INSIDE], axis=0), atol=0.4)


def test_a_face_of_its_own_colours_stays(skin):
    drawn = to_rgb(skin)
    np.testing.assert_allclose(follow_light(drawn, drawn, COUNTS), drawn, atol=4e-3)


def test_distances(skin):
    same = look(to_rgb(skin), to_rgb(skin), COUNTS)
    assert same.tone_distance == pytest.approx(0, abs=1e-3)
    assert same.light_distance == pytest.approx(0, abs=1e-3)
    darker = look(to_rgb(skin), to_rgb(lit(skin, tone=(-12, 3, 4))), COUNTS)
    assert darker.tone_distance == pytest.approx(13, abs=0.3)
    assert darker.light_distance < 0.3
    aside = look(to_rgb(skin), to_rgb(lit(skin, across=10)), COUNTS)
    assert aside.tone_distance < 0.5
    assert aside.light_distance == pytest.approx(5, abs=0.5)  # rms of x over an ellipse is a half


@pytest.mark.parametrize(
    ("tone", "light", "colour", "why"),
    [
        (0, 0, "idt-l", "alike"),
        (ALIKE_TONE, ALIKE_LIGHT, "idt-l", "alike"),
        (ALIKE_TONE + 1, 0, "mkl-l", "complexions differ"),
        (0, ALIKE_LIGHT + 1, "mkl-l", "light differs"),
        (60, 20, "mkl-l", "light differs"),
    ],
)
def test_the_rule(tone, light, colour, why):
    assert rule(Looks(tone, light, 50)) == (colour, why)
    assert colour in COLOURS


def test_the_choice_says_why(skin):
    colour, notes = choose_colour(to_rgb(skin), to_rgb(lit(skin, across=20)), COUNTS)
    assert colour == "mkl-l"
    assert notes["colour_why"] == "light differs"
    assert notes["light_distance"] == pytest.approx(10, abs=1)
    assert notes["complexion_distance"] < 2


def test_too_little_to_see(skin):
    drawn, none = to_rgb(skin), np.zeros((H, W), np.float32)
    assert look(drawn, drawn, none) is None
    assert follow_light(drawn, drawn, none) is drawn
    assert choose_colour(drawn, drawn, none) == ("none", {"colour_why": "too little to see"})
