"""The KDEF set: what names say, who is whom, and what is told of files that cannot be used."""

import logging
import pickle

import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError, SourceError
from fsa_data.sources import load_source
from fsa_data.sources.kdef import ANGLES, EXPRESSIONS, HEIGHT_PX, WIDTH_PX


def write(path, value, size=(HEIGHT_PX, WIDTH_PX)):
    """A picture of its own for every value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((*size, 3), 120, np.uint8)
    image[: size[0] // 2, : size[1] // 2] = (value % 12 * 20, value // 12 * 20, 200)
    assert cv2.imwrite(str(path.with_suffix(".jpg")), image)
    path.with_suffix(".jpg").rename(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two people, both sessions, everything: 140 files."""
    root = tmp_path_factory.mktemp("KDEF_and_AKDEF")
    count = 0
    for folder in ("AF01", "BF01", "AM35", "BM35"):
        for expression in EXPRESSIONS:
            for angle in ANGLES:
                write(root / "KDEF" / folder / f"{folder}{expression}{angle}.JPG", count)
                count += 1
    return root


def names(source):
    return [photo.provenance["file"] for photo in source.photos]


def test_both_sessions_are_one_person_and_everybody_is_their_own(whole):
    photos = load_source(f"kdef:{whole}").photos
    assert len(photos) == 140
    by_person = {
        photo.identity: {p.provenance["session"] for p in photos if p.identity == photo.identity} for photo in photos
    }
    assert by_person == {"kdef-F01": {"A", "B"}, "kdef-M35": {"A", "B"}}
    assert [photo.identity for photo in photos] == ["kdef-F01"] * 70 + ["kdef-M35"] * 70
    assert len({photo.digest for photo in photos}) == 140


def test_one_persons_folder(whole):
    photos = load_source(f"kdef:{whole}/KDEF/BM35").photos
    assert len(photos) == 35
    assert {photo.identity for photo in photos} == {"kdef-M35"}
    assert {photo.provenance["session"] for photo in photos} == {"B"}


def test_the_name_says_everything(whole):
    photos = load_source(
        f"kdef:{whole}", {"people": "f01", "expressions": ["SU"], "angles": ["S"], "sessions": "A"}
    ).photos
    (photo,) = photos
    told = {key: photo.provenance[key] for key in ("session", "gender", "number", "expression", "angle", "file")}
    assert told == {
        **{"session": "A", "gender": "F", "number": 1, "expression": "SU", "angle": "S"},
        "file": "AF01SUS.JPG",
    }
    assert photo.load().shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert pickle.loads(pickle.dumps(photo)).digest == photo.digest


def test_straight_is_one_letter_and_left_is_not_right(whole):
    """SA and SU end as S begins: sad straight, surprised full left and so on are told apart."""
    options = {"people": ["F01"], "sessions": ["A"], "expressions": ["SA", "SU"], "angles": ["S", "FL"]}
    assert names(load_source(f"kdef:{whole}", options)) == [
        "AF01SAFL.JPG",
        "AF01SAS.JPG",
        "AF01SUFL.JPG",
        "AF01SUS.JPG",
    ]


def test_endings_and_letters_of_any_case(tmp_path):
    write(tmp_path / "af02has.jpg", 1)
    write(tmp_path / "BF02HAS.Jpeg", 2)
    assert [photo.identity for photo in load_source(f"kdef:{tmp_path}").photos] == ["kdef-F02"] * 2


def test_what_cannot_be_used_is_told_once_with_reasons_and_the_rest_is_there(tmp_path, caplog):
    write(tmp_path / "AF01" / "AF01ANFL.JPG", 1)
    for name in ("AF01ANF.JPG", "AF36ANFL.JPG", "CF01ANFL.JPG", "AF01XXFL.JPG", "AF01ANFL2.JPG"):
        write(tmp_path / "AF01" / name, 2)
    write(tmp_path / "AF01" / "AF02ANFL.JPG", 3)  # in the folder of another
    write(tmp_path / "AF01" / "AF01DIFL.JPG", 4, size=(HEIGHT_PX, WIDTH_PX - 1))
    cv2.imwrite(str(tmp_path / "AF01" / "AF01HAFL.JPG"), np.full((HEIGHT_PX, WIDTH_PX, 3), 3, np.uint8))
    write(tmp_path / "AF01" / "AF01NEFL.JPG", 5)
    whole_file = (tmp_path / "AF01" / "AF01NEFL.JPG").read_bytes()
    (tmp_path / "AF01" / "AF01NEFL.JPG").write_bytes(whole_file[: len(whole_file) * 9 // 10])
    (tmp_path / "AF01" / "AF01SAFL.JPG").write_bytes(b"")
    (tmp_path / "AF01" / "AF01SUFL.JPG").write_bytes(b"no picture")
    (tmp_path / "AF01" / "._AF01AFFL.JPG").write_bytes(b"left by another system")
    (tmp_path / "AF01" / "Thumbs.db").write_bytes(b"not a picture by its ending")
    with caplog.at_level(logging.WARNING):
        assert names(load_source(f"kdef:{tmp_path}")) == ["AF01ANFL.JPG"]
    (record,) = caplog.records
    told = record.getMessage()
    assert "11 of 12 files are left out" in told
    for part in (
        "5 another name (AF01ANF.JPG, AF01ANFL2.JPG, AF01XXFL.JPG, ...)",
        "1 in the folder of another person or session (AF02ANFL.JPG)",
        "1 another size than 562 x 762 px (AF01DIFL.JPG)",
        "1 black (AF01HAFL.JPG)",
        "1 cut off (AF01NEFL.JPG)",
        "1 empty (AF01SAFL.JPG)",
        "1 cannot be decoded (AF01SUFL.JPG)",
    ):
        assert part in told


def test_a_dark_photo_is_not_black(tmp_path):
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 2, np.uint8)
    image[200:500, 200:350] = 60
    cv2.imwrite(str(tmp_path / "AF01HAFL.JPG"), image)
    assert names(load_source(f"kdef:{tmp_path}")) == ["AF01HAFL.JPG"]


def test_a_folder_without_the_set(tmp_path):
    with pytest.raises(SourceError, match="there is no folder"):
        load_source(f"kdef:{tmp_path}/nowhere")
    with pytest.raises(SourceError, match=r"no photo of the set .* 562 x 762 px .* AF01ANFL.JPG.*folder:DIR"):
        load_source(f"kdef:{tmp_path}")
    write(tmp_path / "face.jpg", 1)
    with pytest.raises(SourceError, match=r"Left out: 1 another name \(face.jpg\)"):
        load_source(f"kdef:{tmp_path}")


def test_options_name_codes_of_the_set(whole):
    with pytest.raises(ConfigError, match=r"expressions of the source kdef: unknown HAPPY. Known: AF, AN, DI"):
        load_source(f"kdef:{whole}", {"expressions": ["happy"]})
    with pytest.raises(ConfigError, match=r"people of the source kdef: unknown F36. Known: F01 .. F35"):
        load_source(f"kdef:{whole}", {"people": ["F36"]})
    with pytest.raises(SourceError, match="that the options admit"):
        load_source(f"kdef:{whole}", {"people": ["F07"]})
