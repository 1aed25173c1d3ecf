import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_data import mesh
from fsa_data.merge.light import apply_light, fit_light, light_basis

RNG = np.random.default_rng(0)
BASIS = light_basis(mesh.face_mesh().vertices_cm)
COUNT = len(BASIS)
SCALE, EVERYWHERE = np.full((COUNT, 3), 2.0, np.float32), np.ones(COUNT, np.float32)


def test_no_difference_is_no_light():
    field = fit_light(np.zeros((COUNT, 3), np.float32), SCALE, EVERYWHERE, BASIS)
    assert np.abs(field).max() == 0


def test_nothing_seen_is_no_light():
    field = fit_light(RNG.random((COUNT, 3), np.float32), SCALE, np.zeros(COUNT, np.float32), BASIS)
    assert np.abs(field).max() == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["below", "left", "right"]))
def test_light_is_found_behind_what_covers_a_quarter_of_the_face(seed, side):
    rng = np.random.default_rng(seed)
    true = (rng.normal(0, 1, (6, 3)) * np.array([20, 8, 8, 2, 2, 2])[:, None]).astype(np.float32)
    light = apply_light(true, BASIS)
    noise = rng.normal(0, 1.5, light.shape)
    x, y = BASIS[:, 1], BASIS[:, 2]
    order = np.argsort({"below": y, "left": x, "right": -x}[side])
    covered = np.zeros(COUNT, bool)
    covered[order[: COUNT // 4]] = True
    seen = (light + noise + np.where(covered[:, None], rng.normal(0, 40, 3), 0)).astype(np.float32)
    found = apply_light(fit_light(seen, SCALE, EVERYWHERE, BASIS), BASIS)
    # what is covered has to be guessed from its surroundings, so it is not judged
    assert np.median(np.abs(found - light)[~covered]) < 2.5


def test_what_may_differ_much_counts_little():
    """Half of the points, spread evenly, are wrong; they are also said to be uncertain."""
    light = apply_light(np.array([[10, 0, 0], [8, 1, 1], *([[0, 0, 0]] * 4)], np.float32), BASIS)
    wrong = RNG.random(COUNT) < 0.5
    seen = np.where(wrong[:, None], light + 25, light).astype(np.float32)
    scale = np.where(wrong[:, None], 60, 2).astype(np.float32) * np.ones(3, np.float32)
    found = apply_light(fit_light(seen, scale, EVERYWHERE, BASIS), BASIS)
    assert np.abs(found - light).mean() == pytest.approx(0, abs=0.5)
