"""Faces joined to tracks."""

from fsa_data.faces.tracks import find_tracks
from tests.faces.made_up import face


def where(track):
    return [round(float(f.points_px[:, 0].mean())) for f in track.faces]


def test_two_who_stay_apart_are_two_tracks_in_whatever_order_they_are_found():
    found = [[face(100 + 5 * i), face(300 - 5 * i)][:: 1 if i % 2 else -1] for i in range(10)]
    tracks = find_tracks(found)
    assert [track.frames for track in tracks] == [tuple(range(10))] * 2
    assert [abs(where(track)[-1] - end) < 5 for track, end in zip(tracks, (145, 255), strict=True)] == [True, True]


def test_a_gap_ends_no_track_but_a_jump_or_another_size_does():
    found = [[face(100)], [], [], [face(120)], [face(400)], [face(400, size=200)]]
    assert [track.frames for track in find_tracks(found)] == [(0, 3), (4,), (5,)]


def test_the_nearer_of_two_goes_on():
    tracks = find_tracks([[face(100)], [face(150), face(110)]])
    assert [track.frames for track in tracks] == [(0, 1), (1,)]
    assert where(tracks[0])[1] < 120
