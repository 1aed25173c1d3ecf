import numpy as np
import pytest

from fsa_data import DeepfakeAugmentedMaskDAR, LabelledFrames
from fsa_data.datasets import check_fold
from fsa_data.errors import ConfigError, LineageError


@pytest.fixture(scope="module")
def both(world):
    """Two procedural drivers with and without masks, and their swaps."""
    masked = LabelledFrames.from_simdrive(subjects=2, frames=1, condition="masked")
    frames = LabelledFrames.joined([world.frames, masked])
    return DeepfakeAugmentedMaskDAR(frames, store=world.store)


@pytest.mark.parametrize("train_on", ["unmasked", "masked"])
@pytest.mark.parametrize("test_on", ["unmasked", "masked"])
def test_a_fold_keeps_to_its_conditions_and_nobody_is_on_both_sides(both, train_on, test_on):
    train, test, audit = both.split(["sim0-00"], train_on, test_on)
    assert set(train.conditions) == {train_on}
    assert set(train.groups) == {"sim0-01"}
    assert set(test.conditions) == {test_on}
    assert set(test.groups) == {"sim0-00"}
    assert len(test) == audit.n_test == 15
    assert (audit.n_train_real, audit.n_train_fake) == ((~train.is_fake).sum(), train.is_fake.sum())
    assert audit.n_train_real == 15
    assert set(test.fake.conditions) == {test_on}
    assert set(test.fake.groups) == {"sim0-00"}
    # every row of the tested person is kept out, of either condition
    assert {row.subject for row in audit.excluded} == {"sim0-00"}
    assert len(audit.excluded) == (both.groups == "sim0-00").sum()


def test_without_a_condition_everything_is_used(both):
    train, test, _ = both.split(["sim0-00"])
    assert set(train.conditions) == set(test.conditions) == {"masked", "unmasked"}
    assert len(test) == 30


def test_the_guard_sees_a_person_through_the_other_condition(both):
    """A masked frame of the person who is tested without a mask is a leak like any other."""
    train, _, _ = both.split(["sim0-00"], "masked", "unmasked")
    leak = both.subset(np.flatnonzero((both.groups == "sim0-00") & (both.conditions == "masked"))[:1])
    check_fold(train, ["sim0-00"])
    with pytest.raises(LineageError, match=r"1 of .* training rows carry a subject that this fold tests"):
        check_fold(train.with_rows(leak), ["sim0-00"])


def test_a_condition_that_leaves_nothing_names_those_there_are(both, world):
    bare = world.dataset(setup="real_only")
    with pytest.raises(ConfigError, match=r"'masked' is left to test on when sim0-00 .* there are unmasked \(15\)"):
        bare.split(["sim0-00"], test_condition="masked")
    with pytest.raises(ConfigError, match=r"'masked' is left to train on .* there are unmasked \(15\)"):
        bare.split(["sim0-00"], "masked")
    one_of_each = both.frames.subset(
        (both.frames.subject == "sim0-00") ^ (both.frames.condition == "unmasked")
    )  # sim0-00 masked, sim0-01 unmasked
    ds = DeepfakeAugmentedMaskDAR(one_of_each, "real_only", store=world.store)
    with pytest.raises(ConfigError, match=r"'masked' is left to train on"):
        ds.split(["sim0-00"], "masked", "masked")
