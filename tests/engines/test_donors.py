from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from donor_parts import renamed

from fsa_data.engines import Looks, choose_donor, make_panel
from fsa_data.engines.donors import PanelCache, gumbel

TONE = np.array([60, 10, 12], np.float32)


def even(donor):
    return Looks(TONE, 1.0)


@pytest.fixture
def people(portraits):
    return [renamed(portraits[0], f"p{k}", yaw_deg=yaw) for k in range(6) for yaw in (-30.0, 0.0, 30.0)]


def chosen(target, panel, seed=0, slot=0, **options):
    return choose_donor(target, panel, {"seed": seed, "slot": slot}, TONE, **options)


def test_gumbel_numbers_are_gumbel():
    codes = np.arange(50, dtype=np.uint64)
    draws = np.array([gumbel(seed, codes) for seed in range(400)])
    assert draws.mean() == pytest.approx(0.5772, abs=0.03)  # Euler's constant
    assert draws.std() == pytest.approx(np.pi / np.sqrt(6), rel=0.03)
    assert np.abs(np.corrcoef(draws[1:].ravel(), draws[:-1].ravel())[0, 1]) < 0.03
    assert np.abs(np.corrcoef(draws[:, 1:].ravel(), draws[:, :-1].ravel())[0, 1]) < 0.03
    np.testing.assert_array_equal(gumbel(-1, codes), gumbel(2**64 - 1, codes))


def test_slots_wear_different_people_while_there_are_any(people, driver):
    panel = make_panel(people, even)
    for seed in range(20):
        worn = [chosen(driver[1], panel, seed, slot).donor.identity for slot in range(6)]
        assert len(set(worn)) == 6
        again = chosen(driver[1], panel, seed, 6).donor
        assert again.identity == worn[0]
        assert again.digest != chosen(driver[1], panel, seed, 0).donor.digest  # next photo of the same person


def test_every_person_is_chosen_about_as_often(people, driver):
    panel = make_panel(people, even)
    counts = Counter(chosen(driver[1], panel, seed).donor.identity for seed in range(1200))
    assert set(counts) == {f"p{k}" for k in range(6)}
    assert max(counts.values()) < 260 > 140 < min(counts.values())


@pytest.mark.parametrize(("yaw_deg", "nearest"), [(-25, -30), (3, 0), (50, 30)])
def test_within_a_person_the_nearest_pose(people, driver, yaw_deg, nearest):
    target = replace(driver[1], yaw_deg=float(yaw_deg))
    choice = chosen(target, make_panel(people, even))
    assert choice.donor.face.yaw_deg == nearest
    pitch = target.pitch_deg - choice.donor.face.pitch_deg
    assert choice.pose_distance_deg == pytest.approx(np.hypot(yaw_deg - nearest, pitch), rel=1e-4)


def test_the_order_of_the_donors_does_not_matter(people, driver):
    there, back = make_panel(people, even), make_panel(people[::-1], even)
    for seed in range(30):
        assert chosen(driver[1], there, seed).donor.digest == chosen(driver[1], back, seed).donor.digest


def test_another_person_changes_nothing_for_those_who_do_not_get_it(people, driver):
    small, large = make_panel(people[3:], even), make_panel(people, even)
    for seed in range(60):
        before, after = (chosen(driver[1], panel, seed).donor.identity for panel in (small, large))
        assert after in (before, "p0")


def test_near_tones_and_free_foreheads_come_first(people, driver):
    def looks(donor):
        far = donor.identity in ("p0", "p1", "p2")
        return Looks(TONE - [40 * far, 0, 0], 0.0 if donor.identity == "p5" else 1.0)

    panel = make_panel(people, looks)
    near = Counter(chosen(driver[1], panel, seed).donor.identity for seed in range(300))
    assert near["p3"] + near["p4"] > 280
    free = Counter(chosen(driver[1], panel, seed, tone="any").donor.identity for seed in range(300))
    assert min(free[f"p{k}"] for k in range(5)) > 30 > free["p5"]


def test_nobody_to_choose_from(driver):
    assert chosen(driver[1], make_panel([], even)) is None


def test_panels_are_kept_for_the_same_donors_only(people):
    cache = PanelCache(capacity=2)
    first = cache(people, even)
    assert cache(list(people), even) is first
    assert cache(people[3:], even) is not first
    assert [identity.name for identity in cache(people[:3], even).identities] == ["p0"]
