import numpy as np
import pytest

from fsa_data import mesh
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import BLENDSHAPE_NAMES, load_landmarker
from fsa_data.mesh.expression import Expression
from fsa_data.recon import EXPRESSIONS, expressed, find_expression, reconstruct, render_view, valence_arousal
from fsa_data.recon.expressions import mouth_gap_cm
from fsa_data.sources import load_source


@pytest.fixture(scope="module")
def landmarker():
    return load_landmarker()


@pytest.fixture(scope="module")
def officer(landmarker):
    """A person whose portrait shows a shut mouth."""
    image = load_source("portraits").photos[1].load()
    return reconstruct(image, landmarker(image)[0])


def test_own_expression_is_the_photos(officer):
    same = expressed(officer, EXPRESSIONS["own"])
    np.testing.assert_allclose(same.vertices[:468], officer.shape_cm / 10, atol=1e-6)
    np.testing.assert_array_equal(same.colours, officer.colours)


def test_movements_move_what_they_say(officer):
    rest = officer.shape_cm
    moved = {name: expressed(officer, each).vertices[:468] * 10 for name, each in EXPRESSIONS.items()}
    assert mouth_gap_cm(moved["open_mouth"]) > mouth_gap_cm(rest) + 1
    lids = [list(mesh.RIGHT_EYE)[4], list(mesh.RIGHT_EYE)[12]]
    before, after = (np.ptp(points[lids, 1]) for points in (rest, moved["closed_eyes"]))
    assert after < 0.25 * before
    corners = [61, 291]
    assert np.ptp(moved["smile"][corners, 0]) > np.ptp(rest[corners, 0]) + 0.5
    assert (moved["smile"][corners, 1] > rest[corners, 1] + 0.3).all()
    brows = list(mesh.LEFT_EYEBROW)
    assert (moved["raised_brows"][brows, 1] > rest[brows, 1] + 0.2).all()


def test_an_open_mouth_shows_an_inside_where_the_photo_has_none(officer):
    open_ = expressed(officer, EXPRESSIONS["open_mouth"])
    changed = (open_.colours != officer.colours).any(axis=1)
    assert 0.002 < changed.mean() < 0.05
    assert not changed[:468].any()


def test_a_landmarker_sees_the_expressions(officer, landmarker):
    """The oracle is a network that has never seen the house's weights."""
    names = list(BLENDSHAPE_NAMES)
    felt = {}
    for name, each in EXPRESSIONS.items():
        (face,) = landmarker(render_view(expressed(officer, each), 0, 0))
        felt[name] = face.blendshapes
    for name, shape, least in (
        ("open_mouth", "jawOpen", 0.2),
        ("smile", "mouthSmileLeft", 0.3),
        ("closed_eyes", "eyeBlinkLeft", 0.25),
    ):
        at = names.index(shape)
        assert felt[name][at] > felt["own"][at] + least, name


def test_valence_and_arousal():
    assert valence_arousal(0, 0) == Expression()
    glad, sad, asleep = valence_arousal(1, 0.5), valence_arousal(-1, 0), valence_arousal(0, -1)
    assert glad.smile > 0 > sad.smile
    assert glad.jaw > 0 == sad.jaw
    assert sad.brow < 0 < glad.brow
    assert asleep.blink > 0.5
    for wrong in ((1.5, 0), (0, -2), (float("nan"), 0)):
        with pytest.raises(ConfigError, match="between -1 and 1"):
            valence_arousal(*wrong)


def test_expressions_are_found_by_name_or_by_numbers():
    assert find_expression("smile") == ("smile", EXPRESSIONS["smile"])
    assert find_expression([0.5, -0.25]) == ("valence+0.5arousal-0.25", valence_arousal(0.5, -0.25))
    with pytest.raises(UnknownNameError, match="smile"):
        find_expression("smiel")
    with pytest.raises(ConfigError, match="valence, arousal"):
        find_expression([1, 2, 3])
