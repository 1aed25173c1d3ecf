import pytest

from fsa_data.errors import BadTableError, DatasetNotFoundError
from fsa_data.worker import load_identity_map, person_of


def test_reads_a_csv(tmp_path):
    path = tmp_path / "who.csv"
    path.write_text("identity,person,note\nuser03,P3,\nphoto-7,P3,studio\nuser03,P3,again\n")
    found = load_identity_map(path)
    assert found == {"user03": "P3", "photo-7": "P3"}
    assert [person_of(name, found) for name in ("photo-7", "user04")] == ["P3", "user04"]


def test_takes_mappings_and_nothing():
    assert load_identity_map(None) == {}
    assert load_identity_map({"a": "b"}) == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("identity,person\na,\n", "line 2"),
        ("name,person\na,b\n", "identity and person"),
        ("identity,person\na,b\na,c\n", "line 3.*'b' already"),
    ],
)
def test_refuses_what_is_no_map(tmp_path, content, match):
    path = tmp_path / "who.csv"
    path.write_text(content)
    with pytest.raises(BadTableError, match=match):
        load_identity_map(path)


def test_says_which_file_is_not_there(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"who\.csv"):
        load_identity_map(tmp_path / "who.csv")


def test_says_that_a_file_is_not_utf8(tmp_path):
    (tmp_path / "who.csv").write_bytes(b"identity,person\n\xff,a\n")
    with pytest.raises(BadTableError, match="UTF-8"):
        load_identity_map(tmp_path / "who.csv")


def test_spaces_around_names_do_not_count(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("identity,person\nquin, ann\n")
    assert load_identity_map(path) == load_identity_map({" quin": "ann "}) == {"quin": "ann"}


@pytest.mark.parametrize("chain", [{"quin": "ann", "ann": "alice"}, {"a": "b", "b": "a"}])
def test_a_chain_of_names_is_refused(chain):
    with pytest.raises(BadTableError, match="Let both stand for the same person"):
        load_identity_map(chain)


def test_a_person_may_stand_for_themselves():
    assert load_identity_map({"quin": "ann", "ann": "ann"})["quin"] == "ann"
