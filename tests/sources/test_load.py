import pickle

import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError, SourceError, UnknownNameError
from fsa_data.sources import load_source
from fsa_data.types import Photo, Source


def write(path, value=100, size=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size, size, 3), value, np.uint8))


def identities(source):
    return [photo.identity for photo in source.photos]


def test_portraits():
    source = load_source("portraits")
    assert isinstance(source, Source)
    assert source.name == "portraits"
    assert identities(source) == ["portrait-1", "portrait-2"]
    for photo in source.photos:
        assert isinstance(photo, Photo)
        assert photo.provenance["licence"] == "public domain"
        image = photo.load()
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
    assert len({photo.digest for photo in source.photos}) == 2


def test_an_image_is_the_identity_of_its_stem(tmp_path):
    write(tmp_path / "user03.png")
    source = load_source(f"image:{tmp_path}/user03.png")
    assert set(identities(source)) == {"user03"}
    assert len(source.photos) == 1 + 77 * 5
    source = load_source(f"image:{tmp_path}/user03.png", {"views": False})
    assert identities(source) == ["user03"]
    assert source.photos[0].load().shape == (8, 8, 3)


def test_a_folder_in_a_fixed_order(tmp_path):
    for value, name in enumerate(
        ("b.png", "a/2.jpg", "a/1.png", "a/deep/3.png", "c.JPG", ".hidden.png", ".cache/x.png")
    ):
        write(tmp_path / name, value=20 * value)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    source = load_source(f"folder:{tmp_path}")
    assert identities(source) == ["a", "a", "a", "b", "c"]
    assert [photo.provenance["file"] for photo in source.photos] == ["1.png", "2.jpg", "3.png", "b.png", "c.JPG"]


def test_digests_follow_the_content_not_the_name(tmp_path):
    write(tmp_path / "one" / "x.png", 1)
    write(tmp_path / "two" / "y.png", 1)
    write(tmp_path / "three" / "x.png", 2)
    one, three, two = (photo.digest for photo in load_source(f"folder:{tmp_path}").photos)
    assert one == two != three


def test_a_mix_keeps_the_order_and_leaves_out_what_is_there_twice(tmp_path):
    write(tmp_path / "a.png")
    source = load_source(["portraits", f"folder:{tmp_path}", f"image:{tmp_path}/a.png"], {"views": False})
    assert identities(source) == ["portrait-1", "portrait-2", "a"]
    assert source.name == f"portraits+folder:{tmp_path}+image:{tmp_path}/a.png"


def test_colons_in_paths(tmp_path):
    write(tmp_path / "a:b" / "c=1, d?.png")
    assert identities(load_source(f"folder:{tmp_path}/a:b")) == ["c=1, d?"]


def test_photos_travel_between_processes(tmp_path):
    write(tmp_path / "a.png", 77)
    for photo in load_source(["portraits", f"folder:{tmp_path}", "simdrive"]).photos[:3]:
        copy = pickle.loads(pickle.dumps(photo))
        assert (copy.identity, copy.digest) == (photo.identity, photo.digest)
        np.testing.assert_array_equal(copy.load(), photo.load())


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("portrait", UnknownNameError, "Did you mean 'portraits'"),
        ("kdf:faces", UnknownNameError, "Unknown source 'kdf'"),
        ("portraits:x", ConfigError, "expected 'portraits'"),
        ("folder", ConfigError, "expected 'folder:DIR'"),
        ("image:", ConfigError, "expected 'image:PATH'"),
        ("folder:/no/such/folder", SourceError, "there is no folder /no/such/folder"),
        ("image:/no/such.png", SourceError, "there is no file /no/such.png"),
        ([], ConfigError, "A source is needed"),
    ],
)
def test_what_cannot_be_a_source(spec, error, message):
    with pytest.raises(error, match=message):
        load_source(spec)


def test_a_folder_without_images(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match="no image in"):
        load_source(f"folder:{tmp_path}")


def test_options_must_be_known_to_one_of_the_flows():
    assert len(load_source(["portraits", "simdrive"], {"identities": 2}).photos) == 2 + 2 * 16
    with pytest.raises(ConfigError, match=r"no option 'identities'. Known: expressions, "):
        load_source("portraits", {"identities": 2})
    with pytest.raises(ConfigError, match=r"no option 'people'. Known: identities, seed"):
        load_source("simdrive", {"people": 2})
    with pytest.raises(ConfigError, match="identities must be at least 1"):
        load_source("simdrive", {"identities": 0})
