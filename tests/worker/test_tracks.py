"""Who is meant: made-up faces, so that everything about them is known."""

import pytest

from fsa_data.errors import ConfigError
from fsa_data.faces.tracks import Track, find_tracks
from fsa_data.worker.tracks import main_tracks, parse_who, pick, pick_tracks, sample
from tests.faces.made_up import face


@pytest.mark.parametrize(
    ("who", "expected"),
    [("all", {0, 1, 2}), ("largest", {2}), ("left", {1}), ("right", {2}), (1, {1}), (2, {0}), (3, {2}), (4, set())],
)
def test_pick(who, expected):
    assert pick([face(200), face(100), face(300, size=80)], who) == expected
    assert pick([], who) == set()


def test_a_track_is_picked_as_a_whole_and_a_short_gap_promotes_nobody():
    found = [[face(100), face(300)] for _ in range(10)]
    found[4] = found[5] = [face(300)]
    tracks = find_tracks(found)
    assert pick_tracks(tracks, "left") == {0}
    assert pick_tracks(tracks, "right") == {1}
    assert pick_tracks(tracks, 2) == {1}
    assert pick_tracks(tracks, "all") == {0, 1}
    assert main_tracks(tracks, {1}) == dict.fromkeys(range(10), 1)
    assert pick_tracks([], "all") == set()


def test_the_main_track_is_the_largest_even_while_it_is_not_seen():
    found = [[face(100, size=90), face(300)] for _ in range(5)]
    found[2] = [face(300)]
    assert main_tracks(find_tracks(found), {0, 1}) == dict.fromkeys(range(5), 0)


def test_the_sample_is_spread_and_the_best_comes_first():
    track = Track(tuple(range(0, 200, 2)), tuple(face(100, yaw=abs(i - 60)) for i in range(100)))
    chosen = sample(track, 10)
    assert chosen[0] == 60
    assert sorted(i // 10 for i in chosen) == list(range(10))
    assert sample(Track((3,), (face(1),))) == [0]


@pytest.mark.parametrize("text", ["0", "-1", "both", "", "1.5"])
def test_words_that_name_nobody(text):
    with pytest.raises(ConfigError, match="who must be"):
        parse_who(text)
    assert [parse_who(word) for word in ("all", "Largest", "left", "right", "2")] == [
        "all",
        "largest",
        "left",
        "right",
        2,
    ]
