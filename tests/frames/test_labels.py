import pytest

from fsa_data.errors import ConfigError
from fsa_data.frames import MASKDAR, MASKDAR_CODES, STATE_FARM, STATE_FARM_CODES, LabelMap, mirror_pairs


def test_maskdar_mirrors_exactly_the_four_left_right_pairs() -> None:
    mirror = MASKDAR.mirror_index
    exchanged = {frozenset((i, j)) for i, j in enumerate(mirror) if j not in (i, -1)}
    assert exchanged == {frozenset(p) for p in ((1, 3), (2, 4), (9, 10), (12, 13))}
    assert all(mirror[mirror[i]] == i for i in range(15) if mirror[i] >= 0)
    assert mirror[MASKDAR.index["OperateRadio"]] == -1
    assert len(MASKDAR.names) == len(MASKDAR_CODES) == 15


def test_state_farm_mirrors_the_hands_and_nothing_that_turns_to_the_passengers_side() -> None:
    assert dict(zip(STATE_FARM_CODES, STATE_FARM.mirror_index, strict=True)) == {
        **{"c0": 0, "c1": 3, "c2": 4, "c3": 1, "c4": 2, "c5": -1, "c6": 6, "c7": -1, "c8": 8, "c9": -1},
    }


def test_a_map_without_pairs_mirrors_nothing() -> None:
    assert LabelMap(("a", "b")).mirror_index == (-1, -1)


def test_the_hash_sees_names_order_and_pairs() -> None:
    maps = [
        LabelMap(("a", "b")),
        LabelMap(("b", "a")),
        LabelMap(("a", "c")),
        LabelMap(("a", "b"), mirror_pairs(("a", "b"))),
        LabelMap(("a", "b"), mirror_pairs(symmetric=("a", "b"))),
    ]
    assert len({m.hash for m in maps}) == len(maps)
    assert LabelMap(("a", "b"), {"a": "b", "b": "a"}).hash == maps[3].hash


@pytest.mark.parametrize("mirror", [{"a": "b"}, {"a": "x", "x": "a"}, {"a": "b", "b": "b"}])
def test_a_mirror_that_does_not_lead_back_is_refused(mirror: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="is not a pair of classes"):
        LabelMap(("a", "b"), mirror)


def test_a_name_may_occur_once() -> None:
    with pytest.raises(ConfigError, match="occurs twice"):
        LabelMap(("a", "a"))
