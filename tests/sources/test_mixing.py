"""Several sources at once: options find their flow, and nobody is taken for somebody else."""

import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError
from fsa_data.sources import load_source, tpdne
from fsa_data.sources.mixing import options_of
from tests.frames.clips import write_clip
from tests.sources.misbehaving_site import Site
from tests.worker.clip_parts import heads


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FSA_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A video with two people in it, as ``a/anna.mp4`` and ``b/anna.mp4`` (not the same file)."""
    root = tmp_path_factory.mktemp("videos")
    images = [np.concatenate(both, axis=1) for both in zip(heads(50, 5), heads(51, 5), strict=True)]
    for folder, pictures in (("a", images), ("b", images[::-1])):
        (root / folder).mkdir()
        write_clip(root / folder / "anna.mp4", pictures, [40 * i for i in range(5)])
    return root


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((8, 8, 3), 50, np.uint8))


FIELDS = {"tpdne": ["count", "cache"], "draw": ["count", "seed"], "folder": []}


def test_an_option_goes_to_every_flow_that_knows_it_and_to_one_alone_by_name():
    assert options_of({"count": 5, "seed": 1}, FIELDS) == {
        **{"tpdne": {"count": 5}, "draw": {"count": 5, "seed": 1}},
        "folder": {},
    }
    split = options_of({"tpdne.count": 3, "count": 5}, FIELDS)
    assert (split["tpdne"]["count"], split["draw"]["count"]) == (3, 5)
    assert options_of({"tpdne": {"count": 3, "cache": "x"}}, FIELDS)["tpdne"] == {"count": 3, "cache": "x"}


@pytest.mark.parametrize("given", [{"size": 1}, {"tpdne.seed": 1}, {"tpdne": {"seed": 1}}, {"kdef.count": 1}])
def test_an_option_that_nobody_knows(given):
    with pytest.raises(ConfigError, match=r"Source tpdne, draw, folder has no option '.*'. Known: cache, count, seed"):
        options_of(given, FIELDS)


def test_a_text_where_a_number_belongs():
    with pytest.raises(ConfigError, match=r"Options of the source 'simdrive': .*got \{'identities': 'many'\}"):
        load_source("simdrive", {"identities": "many"})


def test_half_faces_of_nobody_half_people_of_videos(two, tmp_path, monkeypatch):
    """T1's classifier study: 15 + 15."""
    monkeypatch.setattr(tpdne, "count_faces", lambda image: 1)
    with Site() as site:
        options = {"count": 3, "addresses": site.address, "interval_s": 0, "frames_per_person": 2}
        source = load_source(["tpdne", f"video:{two}/a"], options)
    identities = [photo.identity for photo in source.photos]
    assert [name[:6] for name in identities[:3]] == ["tpdne-"] * 3
    assert identities[3:] == ["anna", "anna", "anna-2", "anna-2"]


def test_names_that_the_user_gave_are_the_same_person(two, tmp_path):
    write(tmp_path / "faces" / "anna" / "1.png")
    source = load_source([f"folder:{tmp_path}/faces", f"video:{two}/a", f"image:{tmp_path}/faces/anna/1.png"])
    assert {photo.identity for photo in source.photos} == {"anna", "anna-2", "1"}
    assert {photo.provenance["flow"] for photo in source.photos if photo.identity == "anna"} == {"folder", "video"}


@pytest.mark.parametrize("turn", [1, -1])
def test_the_second_person_of_a_video_is_nobody_elses_namesake(two, tmp_path, turn):
    write(tmp_path / "faces" / "anna-2" / "1.png")
    with pytest.raises(ConfigError, match=r"both offer somebody called 'anna-2'.*Rename a file or folder"):
        load_source([f"folder:{tmp_path}/faces", f"video:{two}/a"][::turn])
    with pytest.raises(ConfigError, match="both offer somebody called 'anna-2'"):
        load_source([f"video:{two}/a", f"video:{two}/b"])


def test_the_same_source_twice_is_once(two):
    once = load_source(f"video:{two}/a").photos
    both = load_source([f"video:{two}/a", f"video:{two}/a/anna.mp4"]).photos
    assert [(p.identity, p.digest) for p in both] == [(p.identity, p.digest) for p in once]


def test_a_folder_called_like_somebody_of_another_flow(tmp_path):
    write(tmp_path / "portrait-1" / "1.png")
    write(tmp_path / "sim0-50" / "1.png")
    with pytest.raises(ConfigError, match=r"'portraits' and 'folder:.*both offer somebody called 'portrait-1'"):
        load_source(["portraits", f"folder:{tmp_path}"])
    with pytest.raises(ConfigError, match="sim0-50"):
        load_source([f"folder:{tmp_path}", "simdrive"])
