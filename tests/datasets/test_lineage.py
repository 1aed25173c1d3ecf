import csv
import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsa_data.datasets import Audit, check_fold, lineages
from fsa_data.datasets.lineage import WHY, Excluded, carries, excluded_rows
from fsa_data.errors import ConfigError, LineageError

NAMES = ("ann", "bob", "cat", "dan", "eve")
PEOPLE = ("P1", "P2", "ann", "cat")


@dataclass
class Table:
    groups: np.ndarray
    source_identity: np.ndarray
    is_fake: np.ndarray
    trained_on: frozenset = frozenset()
    identities: dict = field(default_factory=dict)

    @property
    def frame_ids(self):
        return np.array([f"frame{i}" for i in range(len(self.groups))], np.str_)

    def at(self, chosen):
        columns = (self.groups[chosen], self.source_identity[chosen], self.is_fake[chosen])
        return Table(*columns, self.trained_on, self.identities)


def table(rows, trained_on=(), identities=None):
    """Rows of (subject, source or None)."""
    return Table(
        np.array([subject for subject, _ in rows], np.str_).reshape(len(rows)),
        np.array([source or "" for _, source in rows], np.str_).reshape(len(rows)),
        np.array([source is not None for _, source in rows], bool),
        frozenset(trained_on),
        dict(identities or {}),
    )


@st.composite
def tables(draw):
    name = st.sampled_from(NAMES)
    rows = draw(st.lists(st.tuples(name, st.none() | name), max_size=25))
    trained = draw(st.sets(name, max_size=2))
    return table(rows, trained, draw(st.dictionaries(name, st.sampled_from(PEOPLE), max_size=4)))


def people_of(rows, at):
    """Everybody that a row carries, spelt out row by row: the oracle."""

    def person(name):
        return rows.identities.get(name, name)

    found = {person(rows.groups[at])}
    if rows.is_fake[at]:
        found |= {person(rows.source_identity[at])} | {person(name) for name in rows.trained_on}
    return found


@given(tables(), st.sets(st.sampled_from(NAMES), min_size=1))
def test_what_is_left_carries_no_test_subject_and_nothing_else_is_lost(rows, tested):
    forbidden = {rows.identities.get(name, name) for name in tested}
    why = carries(rows, tested)
    for at in range(len(rows.groups)):
        assert (why[at] > 0) == bool(people_of(rows, at) & forbidden)
    check_fold(rows.at(why == 0), sorted(tested))


@given(tables())
def test_lineage_of_every_row(rows):
    assert [set(one) for one in lineages(rows)] == [people_of(rows, at) for at in range(len(rows.groups))]


@given(tables(), st.sampled_from(NAMES), st.sampled_from(["target", "source", "trained_on"]))
def test_a_planted_leak_is_refused(rows, tested, through):
    clean = rows.at(carries(rows, [tested]) == 0)
    other = "somebody else"
    planted = {"target": (tested, None), "source": (other, tested), "trained_on": (other, other)}[through]
    trained = clean.trained_on | ({tested} if through == "trained_on" else set())
    leak = Table(
        np.append(clean.groups, planted[0]),
        np.append(clean.source_identity, planted[1] or ""),
        np.append(clean.is_fake, planted[1] is not None),
        trained,
        clean.identities,
    )
    with pytest.raises(LineageError, match=tested):
        check_fold(leak, [tested])


def test_the_error_names_rows_and_the_way_out():
    rows = table([("ann", None), ("bob", None), ("ann", "bob"), ("bob", "ann")])
    with pytest.raises(LineageError) as caught:
        check_fold(rows, ["bob"])
    said = str(caught.value)
    for part in ("3 of 4", "row 1: frame1 (subject bob", "row 2: frame2 (subject ann, wears bob; through its source)"):
        assert part in said
    assert "ds.split" in said


def test_people_meet_through_the_identity_map():
    rows = table([("user1", None), ("user2", "photo9"), ("user3", "photo8")], identities={"user1": "P", "photo9": "P"})
    assert [WHY[code] for code in carries(rows, ["user1"])] == ["target", "source", ""]
    assert [WHY[code] for code in carries(rows, ["photo9"])] == ["target", "source", ""]


def test_weights_carry_people_too():
    rows = table([("ann", None), ("ann", "cat")], trained_on=["bob"])
    assert [WHY[code] for code in carries(rows, ["bob"])] == ["", "trained_on"]
    assert lineages(rows) == [{"ann"}, {"ann", "bob", "cat"}]


def test_audit_is_written(tmp_path):
    rows = table([("ann", None), ("bob", "ann"), ("bob", None)])
    audit = Audit(("ann",), ("ann",), 1, 0, 1, excluded_rows(rows, carries(rows, ["ann"])))
    assert audit.excluded_by_why == {"target": 1, "source": 1}
    audit.to_json(tmp_path / "audit.json")
    said = json.loads((tmp_path / "audit.json").read_text())
    assert said["violations"] == 0
    assert said["excluded"][1] == {
        "frame": "frame1",
        "subject": "bob",
        "source_identity": "ann",
        "is_fake": True,
        "why": "source",
    }
    audit.to_csv(tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(newline="") as file:
        assert [row["why"] for row in csv.DictReader(file)] == ["target", "source"]
    assert isinstance(audit.excluded[0], Excluded)


@pytest.mark.parametrize("none", ["ann", [], ()])
def test_a_text_is_no_list_of_subjects(none):
    with pytest.raises(ConfigError, match="needs a list of test subjects"):
        check_fold(Table(["ann"], [""], [False]), none)
