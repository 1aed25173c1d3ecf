"""The flow and its cache, against a site on this machine."""

import json
import logging
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError, SourceError
from fsa_data.frames import decode_image
from fsa_data.sources import load_source, tpdne, tpdne_client
from fsa_data.sources.tpdne_cache import dhash
from tests.sources.misbehaving_site import Site, picture, redirect, refuse, serve

LOOK = tpdne.count_faces


@pytest.fixture(autouse=True)
def _every_picture_is_a_face(monkeypatch):
    """Except where a test looks for faces itself."""
    monkeypatch.setattr(tpdne, "count_faces", lambda image: 1)
    monkeypatch.setattr(tpdne_client, "BACKOFF_S", 0.01)


def options(site, folder, **more):
    return {"addresses": site.address, "cache": str(folder), "interval_s": 0, "timeout_s": 2, **more}


def test_the_cache_is_filled_and_then_nobody_is_asked(tmp_path):
    with Site() as site:
        source = load_source("tpdne", options(site, tmp_path, count=3))
        assert len(site.asked) == 3
        again = load_source("tpdne", options(site, tmp_path, count=3))
        assert len(site.asked) == 3
    assert [p.digest for p in again.photos] == [p.digest for p in source.photos]
    for photo in source.photos:
        told = json.loads((tmp_path / photo.provenance["file"]).with_suffix(".json").read_text())
        assert photo.identity == f"tpdne-{told['sha256'][:8]}"
        assert told["address"] == photo.provenance["address"] == site.address
        assert told["content_type"] == "image/jpeg"
        assert told["size"] == (tmp_path / photo.provenance["file"]).stat().st_size
        assert told["time_utc"] == photo.provenance["time_utc"]
        assert "none stated" in photo.provenance["licence"]
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(photo)).load(), photo.load())


def test_only_what_is_missing_is_asked_for_and_those_there_stay(tmp_path):
    with Site() as site:
        two = [photo.identity for photo in load_source("tpdne", options(site, tmp_path, count=2)).photos]
        five = [photo.identity for photo in load_source("tpdne", options(site, tmp_path, count=5)).photos]
        assert len(site.asked) == 5
        one = [photo.identity for photo in load_source("tpdne", options(site, tmp_path, count=1)).photos]
    assert (five[:2], one) == (two, two[:1])


def test_the_default_cache_is_the_projects(tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_CACHE", str(tmp_path))
    with Site() as site:
        load_source("tpdne", {"addresses": [site.address], "interval_s": 0, "count": 1})
    assert len(list((tmp_path / "tpdne").glob("*.jpg"))) == 1


def test_the_same_face_is_never_kept_twice(tmp_path):
    small = cv2.resize(decode_image(picture(1), ""), (200, 200), interpolation=cv2.INTER_AREA)
    small = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    again, worse, as_png = picture(1), picture(1, quality=60), picture(1, ending=".png")
    script = [serve(data) for data in (picture(1), again, worse, as_png, small, picture(2))]
    with Site(*script) as site:
        photos = load_source("tpdne", options(site, tmp_path, count=2)).photos
        assert len(site.asked) == 6
    assert len(photos) == 2
    assert decode_image(picture(2), "")[0, 0].tolist() == photos[1].load()[0, 0].tolist()


def test_a_site_that_serves_one_picture_only_is_given_up(tmp_path):
    with Site(*[serve(picture(1))] * 40) as site, pytest.raises(SourceError) as told:
        load_source("tpdne", options(site, tmp_path, count=2))
    assert len(site.asked) == 1 + tpdne.PATIENCE
    assert "brought nothing new 10 times in a row (10 x the same picture again)" in str(told.value)


def test_an_error_says_what_was_asked_what_came_and_what_serves_meanwhile(tmp_path):
    with Site(serve(picture(1)), refuse(403), refuse(403)) as site:
        addresses = [site.address, f"{site.address}image"]
        with pytest.raises(SourceError) as told:
            load_source("tpdne", options(site, tmp_path, count=3, addresses=addresses))
    message = str(told.value)
    for part in (
        f"3 pictures were asked for, 1 are in {tmp_path}.",
        f"{site.address} answers 403 Forbidden; {site.address}image answers 403 Forbidden.",
        "offline=true uses the 1 that are there",
        "folder:DIR",
        "stylegan2:PATH",
        "goes on from what is there",
    ):
        assert part in message


def test_the_second_address_serves_when_the_first_does_not(tmp_path):
    with Site() as site, Site(redirect("https://example.org/")) as gone:
        photos = load_source("tpdne", options(site, tmp_path, count=2, addresses=[gone.address, site.address])).photos
        assert (len(gone.asked), len(site.asked)) == (1, 2)
    assert {photo.provenance["address"] for photo in photos} == {site.address}


def test_an_overloaded_site_is_asked_again(tmp_path):
    with Site(refuse(500), refuse(429, Retry_After="0"), serve(picture(1)), serve(picture(2)[:-99])) as site:
        assert len(load_source("tpdne", options(site, tmp_path, count=2)).photos) == 2
        assert len(site.asked) == 5


def test_offline_asks_nobody(tmp_path, caplog):
    with Site() as site:
        load_source("tpdne", options(site, tmp_path, count=2))
        with caplog.at_level(logging.WARNING):
            assert len(load_source("tpdne", options(site, tmp_path, count=9, offline=True)).photos) == 2
        assert "holds 2 pictures; 9 were asked for" in caplog.text
        with pytest.raises(SourceError, match=r"no picture in .*empty.*folder:DIR or stylegan2:PATH"):
            load_source("tpdne", options(site, tmp_path / "empty", offline=True))
        assert len(site.asked) == 2
    assert not (tmp_path / "empty").exists()


def test_damage_is_told_and_mended(tmp_path, caplog):
    with Site() as site:
        first = load_source("tpdne", options(site, tmp_path, count=3)).photos
        files = [tmp_path / photo.provenance["file"] for photo in first]
        files[0].write_bytes(files[0].read_bytes()[:-1] + b"x")
        files[1].with_suffix(".json").write_text("{")
        (tmp_path / "0000.jpg").write_bytes(picture(5))  # without a JSON file: as if killed before it was written
        with caplog.at_level(logging.WARNING):
            second = load_source("tpdne", options(site, tmp_path, count=3)).photos
        assert len(site.asked) == 5
    assert "damaged and left out" in caplog.text
    assert len({photo.identity for photo in second} & {photo.identity for photo in first}) == 1
    assert not list(tmp_path.glob("*.part"))


def test_requests_keep_their_distance_across_processes(tmp_path):
    waits = []
    mark = tmp_path / "last-request"
    tpdne._wait_for_turn(mark, 2.0, waits.append)
    assert waits == []
    tpdne._wait_for_turn(mark, 2.0, waits.append)  # as another process would find it
    assert 1.9 < waits[0] <= 2.0
    os.utime(mark, (time.time() - 1.5, time.time() - 1.5))
    tpdne._wait_for_turn(mark, 2.0, waits.append)
    assert 0.4 < waits[1] <= 0.5
    os.utime(mark, (time.time() + 1e6, time.time() + 1e6))  # a clock that was wrong
    tpdne._wait_for_turn(mark, 2.0, waits.append)
    assert waits[2] == 2.0
    started = time.monotonic()
    with Site() as site:
        load_source("tpdne", options(site, tmp_path, count=3, interval_s=0.2))
    assert time.monotonic() - started > 0.4


def test_one_face_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(tpdne, "count_faces", LOOK)
    head = load_source("portraits").photos[0].load()[0:256, 96:352]
    two = np.concatenate([head, head[:, ::-1]], axis=1)
    script = [serve(cv2.imencode(".png", image[:, :, ::-1])[1].tobytes()) for image in (two, head)]
    with Site(serve(picture(1)), *script) as site:
        (photo,) = load_source("tpdne", options(site, tmp_path, count=1)).photos
        assert len(site.asked) == 3
    np.testing.assert_array_equal(photo.load(), head)


def test_what_is_no_photo_inside(tmp_path):
    bomb = bytearray(picture(1, ending=".png"))
    bomb[16:24] = (60000).to_bytes(4, "big") * 2  # so many pixels, it says
    script = [
        serve(bytes(bomb)),
        serve(b"\xff\xd8\xff" + bytes(9000) + b"\xff\xd9"),
        serve(picture(1, size=100, quality=100)),
    ]
    with Site(*script) as site:
        assert len(load_source("tpdne", options(site, tmp_path, count=1)).photos) == 1
        assert len(site.asked) == 4


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with Site() as site, pytest.raises(SourceError, match=r"cannot be written: .*Give cache=DIR"):
        load_source("tpdne", options(site, tmp_path / "file", count=1))


def test_other_people_before_the_same_wall_have_other_hashes(media):
    from fsa_data.frames import read_image

    shown = [int(dhash(read_image(path)), 16) for path in sorted((media / "london" / "neutral").glob("*.jpg"))]
    apart = [(one ^ two).bit_count() for i, one in enumerate(shown) for two in shown[:i]]
    assert min(apart) > 64


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 0}, "count must be at least 1"),
        ({"timeout_s": 0}, "timeout_s must be greater than 0"),
        ({"interval_s": -1}, "interval_s must be 0 or greater"),
        ({"retries": -1}, "retries must be 0 or greater"),
        ({"addresses": ["file:///etc/passwd"]}, "must begin with http:// or https://"),
        ({"addresses": []}, "addresses is empty"),
    ],
)
def test_options(given, message):
    with pytest.raises(ConfigError, match=message):
        load_source("tpdne", given)


def test_two_at_once_download_once(tmp_path):
    with Site() as site, ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: load_source("tpdne", options(site, tmp_path, count=4)).photos, range(2)))
        assert len(site.asked) == 4
    assert [photo.digest for photo in both[0]] == [photo.digest for photo in both[1]]
