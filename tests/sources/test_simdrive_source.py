import numpy as np

from fsa_data.sources import load_source
from fsa_data.sources import simdrive as flow


def test_people_whom_the_data_do_not_use():
    photos = load_source("simdrive", {"identities": 3, "seed": 4}).photos
    assert sorted({photo.identity for photo in photos}) == ["sim4-50", "sim4-51", "sim4-52"]
    assert len({photo.digest for photo in photos}) == len(photos) == 48
    poses = {(photo.provenance["yaw_deg"], photo.provenance["pitch_deg"]) for photo in photos}
    assert {(-40, -15), (40, 15), (0, 0), (0, 25)} <= poses


def test_digests_are_known_without_drawing(monkeypatch):
    def draw(*arguments):
        raise AssertionError("drawn")

    before = [photo.digest for photo in load_source("simdrive").photos]
    monkeypatch.setattr(flow.simdrive, "identity_photo", draw)
    assert [photo.digest for photo in load_source("simdrive").photos] == before
    assert [photo.digest for photo in load_source("simdrive", {"seed": 1}).photos] != before
    monkeypatch.setattr(flow.simdrive, "VERSION", -1)
    assert not set(before) & {photo.digest for photo in load_source("simdrive").photos}


def test_a_photo_is_drawn_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("FSA_CACHE", str(tmp_path))
    photo = load_source("simdrive", {"seed": 9}).photos[0]
    first = photo.load()
    assert first.shape == (256, 256, 3)
    monkeypatch.setattr(flow.simdrive, "identity_photo", None)
    np.testing.assert_array_equal(photo.load(), first)


def test_a_cache_that_cannot_be_written_only_costs_time(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FSA_CACHE", str(tmp_path / "file"))  # no folder can be made below a file
    photo = load_source("simdrive", {"seed": 9}).photos[1]
    np.testing.assert_array_equal(photo.load(), photo.load())
