"""Stores of every format that was ever released are read, merged and cleaned."""

import json
import shutil

import h5py
import pytest
from make_released import RELEASED, reasons, summary
from store_parts import content, key

from fsa_data.cli import main
from fsa_data.errors import DamagedShardError
from fsa_data.store import FORMAT_VERSION, Criteria, SwapStore, collect, merge_stores
from fsa_data.store.shard import _READERS, read_columns

VERSIONS = sorted(int(folder.name) for folder in RELEASED.iterdir())


def test_every_format_has_a_reader_and_a_store_of_its_own():
    assert VERSIONS == sorted(_READERS) == list(range(1, FORMAT_VERSION + 1))


@pytest.fixture(params=VERSIONS)
def old(request, tmp_path):
    """A released store, copied; and what it is known to hold."""
    shutil.copytree(RELEASED / str(request.param) / "store", tmp_path / "store")
    return tmp_path / "store", json.loads((RELEASED / str(request.param) / "expected.json").read_text())


def test_it_holds_what_it_held(old, capsys):
    path, facts = old
    assert {"rows": summary(path), "reasons": reasons(path)} == facts
    assert main(["cache", "verify", str(path)]) == 0
    store = SwapStore(path)
    assert len(store.get_faces(key(3)).faces) == 1
    assert store.get_reference(key("r1")).colour.shape == (8, 8, 3)
    assert store.get_frame(key(2)).shape == (9, 11, 3)


def test_it_is_merged_and_rows_go(old, tmp_path):
    path, facts = old
    merge_stores([SwapStore(path)], SwapStore(tmp_path / "new"))
    assert summary(tmp_path / "new") == facts["rows"]
    before = content(path)
    collect(SwapStore(path), Criteria(subjects=frozenset(["subject1"])))
    assert content(path) == {at: row for at, row in before.items() if row[2] != "subject1"}


def test_a_shard_without_a_version_is_no_shard(old):
    path = next(old[0].glob("frames-*.h5"))
    with h5py.File(path, "r+") as file:
        del file.attrs["format_version"]
    with pytest.raises(DamagedShardError, match="no format 0"):
        read_columns(path)
