"""The flow `video`: who is in it, which pictures, and that it is looked at once."""

import logging
import pickle
import shutil

import cv2
import numpy as np
import pytest

from fsa_data.errors import BadVideoError, ConfigError, SourceError
from fsa_data.faces import load_landmarker
from fsa_data.frames import read_image
from fsa_data.frames.picking import read_timeline
from fsa_data.sources import find_faces, load_source, video
from fsa_data.sources.video_people import cut_out_box, frames_to_look_at
from tests.faces.made_up import face
from tests.frames.clips import write_clip
from tests.numbered_video import write_video
from tests.worker.clip_parts import heads

SIDE = 192
NOBODY = np.full((SIDE, SIDE, 3), 120, np.uint8)


@pytest.fixture(scope="module")
def people():
    """Three procedural people who turn their heads: pictures by person."""
    return [heads(50 + index, 9, yaw_deg=30.0, size_px=SIDE) for index in range(3)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_CACHE", str(tmp_path / "cache"))


def clip(path, images):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, images, [40 * i for i in range(len(images))])


def beside(left, right):
    return [np.concatenate(both, axis=1) for both in zip(left, right, strict=True)]


def by_identity(source):
    found = {}
    for photo in source.photos:
        found.setdefault(photo.identity, []).append(photo)
    return found


def refuse(*args, **kwargs):
    raise AssertionError("decoded")


def test_one_person_in_many_poses(tmp_path, people):
    source = load_source(f"video:{clip(tmp_path / 'anna b.mp4', [*people[0], *people[0][::-1]])}")
    assert {photo.identity for photo in source.photos} == {"anna b"}
    faces = find_faces(source.photos, load_landmarker())
    assert len(faces) == len(source.photos) >= 5
    yaws = sorted(found.face.yaw_deg for found in faces)
    assert yaws[0] < -15
    assert yaws[-1] > 15
    frames = [photo.provenance["frame"] for photo in source.photos]
    assert frames == sorted(set(frames))
    assert [photo.provenance["time_s"] for photo in source.photos] == [round(0.04 * frame, 3) for frame in frames]
    few = load_source(source.name, {"frames_per_person": 3}).photos
    assert len(few) == 3


def test_the_second_time_nothing_is_decoded(tmp_path, people, monkeypatch):
    path = clip(tmp_path / "a.mp4", people[0])
    first = load_source(f"video:{path}").photos
    pictures = [photo.load() for photo in first]
    for name in ("find_people", "frames_at", "read_timeline"):
        monkeypatch.setattr(video, name, refuse)
    again = load_source(f"video:{path}").photos
    assert [photo.digest for photo in again] == [photo.digest for photo in first]
    for photo, picture in zip(again, pictures, strict=True):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(photo)).load(), picture)
    with pytest.raises(AssertionError, match="decoded"):
        load_source(f"video:{path}", {"frames_per_person": 2})  # another question


def test_a_lost_picture_is_cut_out_again_and_is_the_same(tmp_path, people):
    path = clip(tmp_path / "a.mp4", people[0])
    photo = load_source(f"video:{path}").photos[2]
    picture = photo.load()
    shutil.rmtree(tmp_path / "cache")
    np.testing.assert_array_equal(photo.load(), picture)
    shutil.rmtree(tmp_path / "cache")
    clip(path, people[1])
    with pytest.raises(BadVideoError, match="was replaced since it was looked at"):
        photo.load()


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path, people, monkeypatch):
    path = clip(tmp_path / "a.mp4", people[0])
    (tmp_path / "file").touch()
    monkeypatch.setenv("FSA_CACHE", str(tmp_path / "file"))
    photos = load_source(f"video:{path}").photos
    assert len(photos) > 3
    assert photos[0].load().shape[2] == 3


def test_a_note_that_cannot_be_understood_is_written_anew(tmp_path, people):
    path = clip(tmp_path / "a.mp4", people[0])
    first = load_source(f"video:{path}").photos
    (note,) = (tmp_path / "cache").rglob("*.json")
    note.write_text('{"people": [[[1, 2]]]}')
    assert [photo.digest for photo in load_source(f"video:{path}").photos] == [photo.digest for photo in first]


def test_two_people_beside_each_other_are_two_identities(tmp_path, people):
    small = [cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA) for image in people[1]]
    small = [np.pad(image, ((48, 48), (48, 48), (0, 0)), mode="edge") for image in small]
    found = by_identity(load_source(f"video:{clip(tmp_path / 'two.mp4', beside(small, people[0]))}"))
    assert set(found) == {"two", "two-2"}  # who is larger comes first
    landmarker = load_landmarker()
    large, little = (find_faces(found[name], landmarker) for name in ("two", "two-2"))
    assert min(one.face.box.w for one in large) > 1.5 * max(one.face.box.w for one in little)
    assert {photo.provenance["person"] for photo in found["two-2"]} == {2}


def test_after_a_cut_it_is_another_person(tmp_path, people):
    """One behind the other in the same place, before one wall: the most that two shots can have in common."""
    cut = clip(tmp_path / "cut.mp4", [*people[0], *people[1]])
    found = by_identity(load_source(f"video:{cut}"))
    assert set(found) == {"cut", "cut-2"}
    assert sorted({photo.provenance["frame"] // 9 for photo in found[name]} for name in found) == [{0}, {1}]
    assert set(by_identity(load_source(f"video:{cut}", {"one_person": True}))) == {"cut"}


def test_after_a_gap_it_is_the_same_person(tmp_path, people):
    cabin = np.random.default_rng(1).integers(0, 256, (9, 16, 3)).astype(np.uint8)
    cabin = cv2.resize(cabin, (640, 360), interpolation=cv2.INTER_CUBIC)
    seated = []
    for image in people[0]:
        seated.append(cabin.copy())
        seated[-1][120:260, 250:390] = cv2.resize(image, (140, 140), interpolation=cv2.INTER_AREA)
    gap = clip(tmp_path / "gap.mp4", [*seated, *[cabin] * 3, *seated[::-1]])
    found = by_identity(load_source(f"video:{gap}"))
    assert set(found) == {"gap"}
    assert {photo.provenance["frame"] > 10 for photo in found["gap"]} == {False, True}


@pytest.mark.media
def test_photos_of_different_people_shown_one_after_the_other_are_different_people(tmp_path, media):
    names = sorted(path.name for path in (media / "london" / "neutral").glob("*.jpg"))[:6]
    pictures = [read_image(media / "london" / "neutral" / name) for name in names]
    turned = [
        [cv2.warpAffine(p, cv2.getRotationMatrix2D((256, 256), 2 * k, 1), (512, 512), borderMode=1) for k in range(4)]
        for p in pictures
    ]
    slides = clip(tmp_path / "slides.mp4", [image for shots in turned for image in shots])
    found = by_identity(load_source(f"video:{slides}"))
    assert len(found) == 6
    assert all(len({photo.provenance["frame"] // 4 for photo in photos}) == 1 for photos in found.values())


def test_a_folder_of_videos_and_what_cannot_be_used_in_it(tmp_path, people, caplog):
    root = tmp_path / "videos"
    clip(root / "u1.mp4", people[0])
    clip(root / "sub" / "u2.mkv", people[1])
    clip(root / "wall.mp4", [NOBODY] * 4)
    (root / "broken.avi").write_bytes(b"no video")
    (root / ".hidden.mp4").write_bytes(b"no video")
    (root / "notes.txt").write_text("no video")
    shutil.copy(root / "u1.mp4", root / "u9.mp4")
    with caplog.at_level(logging.WARNING):
        assert set(by_identity(load_source(f"video:{root}"))) == {"u1", "u2"}
    assert "3 of 5 videos are left out" in caplog.text
    for part in ("broken.avi cannot be read", "wall.mp4 shows no usable face", "u9.mp4 is the same file as u1.mp4"):
        assert part in caplog.text


def test_names_never_meet_by_chance(tmp_path, people):
    root = tmp_path / "videos"
    clip(root / "a.mp4", beside(people[0], people[1]))
    clip(root / "a-2.mp4", people[2])
    assert set(by_identity(load_source(f"video:{root}"))) == {"a", "a-2", "a-3"}
    assert {p.provenance["file"] for p in by_identity(load_source(f"video:{root}"))["a-2"]} == {"a-2.mp4"}
    clip(root / "x" / "a.mkv", people[2])
    with pytest.raises(SourceError, match=r"a.mp4 and x/a.mkv would be one identity, 'a'.*identity map"):
        load_source(f"video:{root}")


def test_what_is_no_source(tmp_path):
    wall = clip(tmp_path / "wall.mp4", [NOBODY] * 3)
    for _ in range(2):  # the second time from the note
        with pytest.raises(SourceError, match=r"wall.mp4 shows no usable face. Give a video"):
            load_source(f"video:{wall}")
    with pytest.raises(SourceError, match="there is no file or folder"):
        load_source("video:/no/such.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no video in"):
        load_source(f"video:{tmp_path}/empty")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(BadVideoError, match="cannot be read as a video"):
        load_source(f"video:{tmp_path}/text.mp4")
    for given in ({"frames_per_person": 0}, {"most_frames": 0}, {"every_s": -1.0}):
        with pytest.raises(ConfigError, match="must be"):
            load_source(f"video:{wall}", given)


def test_a_long_video_costs_no_more_than_a_short_one(tmp_path):
    timeline = read_timeline(write_video(tmp_path / "a.mp4", range(0, 40 * 1000, 40)))
    assert frames_to_look_at(timeline, 0.0, 2000) == list(range(1000))
    few = frames_to_look_at(timeline, 0.0, 50)
    assert len(few) == 50
    assert set(np.diff(few)) == {20}
    assert len(frames_to_look_at(timeline, 2.0, 500)) == 20
    assert frames_to_look_at(timeline, 1e9, 500) == [0]


def test_others_are_left_out_of_a_cut_out():
    image = np.zeros((400, 800, 3), np.uint8)
    one, far, near, small = face(200, 200, 100), face(600, 200, 100), face(310, 200, 100), face(280, 200, 40)
    assert cut_out_box(one, [one, far], image) == cut_out_box(one, [one], image)
    assert cut_out_box(one, [one, near], image).w < cut_out_box(one, [one], image).w
    assert cut_out_box(one, [one, small], image) == cut_out_box(one, [one], image)
    assert cut_out_box(one, [one, face(215, 200, 100)], image) is None
