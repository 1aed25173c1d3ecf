import json
import os
import pickle
import socket
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsa_data.errors import CacheMissError, ConfigError, DamagedShardError, StoreFormatError, StoreWriteError
from fsa_data.store import FrameFaces, SwapStore, digest, index, reader
from fsa_data.store import writer as writing
from fsa_data.store.index import MANIFEST
from fsa_data.types import Box, Face, Reason, Swap

RNG = np.random.default_rng


def key(n):
    return digest({"n": n})


def some_swap(n, w=7, h=5):
    rng = RNG(n)
    if n % 5 == 4:
        return Swap(Reason.NO_FACE, notes={"n": n})
    return Swap(Reason.SWAPPED, f"who{n % 3}", Box(n, 2 * n, w, h), rng.integers(0, 256, (h, w, 3), np.uint8), {"n": n})


def some_faces(count):
    rng = RNG(count)
    faces = [
        Face(
            rng.normal(size=(478, 3)).astype(np.float32),
            *(float(a) for a in rng.normal(size=3)),
            rng.random(52, np.float32),
            float(rng.random()),
        )
        for _ in range(count)
    ]
    return FrameFaces(faces, 480, 640)


def same(a, b):
    if (a.patch is None) != (b.patch is None) or (a.reason, a.source_identity, a.box) != (
        b.reason,
        b.source_identity,
        b.box,
    ):
        return False
    return dict(a.notes) == dict(b.notes) and (a.patch is None or np.array_equal(a.patch, b.patch))


@pytest.fixture
def store(tmp_path):
    return SwapStore(tmp_path / "store")


@pytest.fixture
def filled(store):
    """Four shards: two of swaps, one of frames, one of faces."""
    for part in (range(12), range(12, 20)):
        with store.writer({"engine": {"name": "test"}}, ["learnt"]) as writer:
            for n in part:
                writer.put_swap(key(n), some_swap(n), f"subject{n % 4}")
    with store.writer() as writer:
        for n in range(3):
            writer.put_frame(key(n), RNG(n).integers(0, 256, (9 + n, 11, 3), np.uint8), "subject0")
            writer.put_faces(key(n), some_faces(n), "subject0")
    store.refresh()
    return store


def test_rows_come_back_exactly(filled):
    for n in range(20):
        assert same(filled.get_swap(key(n)), some_swap(n))
    for n in range(3):
        assert np.array_equal(filled.get_frame(key(n)), RNG(n).integers(0, 256, (9 + n, 11, 3), np.uint8))
        back, put = filled.get_faces(key(n)), some_faces(n)
        assert (back.height, back.width, len(back.faces)) == (480, 640, n)
        for a, b in zip(back.faces, put.faces, strict=True):
            assert np.array_equal(a.points_px, b.points_px)
            assert np.array_equal(a.blendshapes, b.blendshapes)
            assert (a.yaw_deg, a.pitch_deg, a.roll_deg, a.confidence) == (
                b.yaw_deg,
                b.pitch_deg,
                b.roll_deg,
                b.confidence,
            )
    assert filled.get_notes("swaps", key(4)) == {"n": 4}


@given(held=st.sets(st.integers(0, 60)), asked=st.lists(st.integers(0, 80)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_lookup_agrees_with_a_dictionary(tmp_path_factory, held, asked):
    store = SwapStore(tmp_path_factory.mktemp("s") / "store")
    with store.writer() as writer:
        for n in held:
            writer.put_swap(key(n), some_swap(n), "s")
    found = store.locate("swaps", [key(n) for n in asked])
    assert [entry["shard"] >= 0 for entry in found] == [n in held for n in asked]
    for n, entry in zip(asked, found, strict=True):
        if n in held and n % 5 != 4:
            assert np.array_equal(store.reader.image(entry), some_swap(n).patch)


def test_missing_key_says_so(filled):
    with pytest.raises(CacheMissError, match=key(99)):
        filled.get_swap(key(99))
    with pytest.raises(CacheMissError, match="frames"):
        filled.get_frame(key(19))


def test_nothing_is_seen_before_it_is_sealed(store):
    writer = store.writer()
    writer.put_swap(key(0), some_swap(0), "s")
    store.refresh()
    assert store.locate("swaps", [key(0)])["shard"][0] == -1
    assert not list(store.path.glob("*.h5*"))
    writer.close()
    store.refresh()
    assert same(store.get_swap(key(0)), some_swap(0))


@pytest.mark.parametrize(
    ("name", "value", "rows"), [("SEAL_ROWS", 3, 3), ("SEAL_BYTES", 250, 3), ("SEAL_SECONDS", 0, 1)]
)
def test_seals_by_count_size_and_age(store, monkeypatch, name, value, rows):
    monkeypatch.setattr(writing, name, value)
    writer = store.writer()
    for n in range(rows):
        assert not list(store.path.glob("*.h5"))
        writer.put_swap(key(n), some_swap(n), "s")
    assert len(list(store.path.glob("*.h5"))) == 1


def test_an_exception_in_the_block_still_seals(store):
    def interrupted():
        with store.writer() as writer:
            writer.put_swap(key(1), some_swap(1), "s")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert same(store.get_swap(key(1)), some_swap(1))


def test_info_counts(filled):
    info = filled.info()
    assert (info.shards, info.swaps, info.frames, info.faces) == (4, 20, 3, 3)
    assert info.by_status == {"swapped": 16, "no_face": 4}
    assert info.sources == ("who0", "who1", "who2")
    assert info.size_bytes == sum(path.stat().st_size for path in filled.path.glob("*.h5"))


def test_names_need_not_be_utf8(store):
    name = os.fsdecode(b"caf\xe9 \xf0\x9f\x98\x80")
    swap = some_swap(0)
    with store.writer() as writer:
        writer.put_swap(key(0), Swap(swap.reason, name, swap.box, swap.patch), name)
    assert store.get_swap(key(0)).source_identity == name


def test_a_result_wins_over_a_failure(store):
    for swap in (Swap(Reason.FAILED, notes={"error": "x"}), some_swap(0), Swap(Reason.FAILED)):
        with store.writer() as writer:
            writer.put_swap(key(0), swap, "s")
    assert same(SwapStore(store.path).get_swap(key(0)), some_swap(0))


@pytest.mark.parametrize(
    ("swap", "match"),
    [
        (Swap(Reason.SWAPPED, "who"), "no box"),
        (Swap(Reason.SWAPPED, "who", Box(0, 0, 3, 2), np.zeros((3, 2, 3), np.uint8)), r"\(2, 3, 3\)"),
        (Swap(Reason.SWAPPED, "who", Box(0, 0, 3, 2), np.zeros((2, 3, 3), np.float32)), "float32"),
        (Swap(Reason.NO_FACE, notes={"a": np.float32(1)}), "numpy.float32"),
    ],
)
def test_refuses_rows_that_make_no_sense(store, swap, match):
    with pytest.raises(ConfigError, match=match):
        store.writer().put_swap(key(0), swap, "s")


# --- damage


def shard_with(store, kind):
    return max(store.path.glob(f"{kind}-*.h5"), key=lambda path: path.stat().st_size)


def test_an_undamaged_store_verifies(filled):
    assert filled.verify() == []


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_shard_is_named_and_the_rest_serves(filled, share):
    path = shard_with(filled, "swaps")
    os.truncate(path, int(path.stat().st_size * share))
    assert [(damage.shard, damage.row) for damage in filled.verify()] == [(path.name, -1)]
    with pytest.warns(RuntimeWarning, match=path.name):
        left = SwapStore(filled.path).locate("swaps", [key(n) for n in range(20)])["shard"] >= 0
    lost = 12 if path.name == filled.index.shards[filled.locate("swaps", [key(0)])["shard"][0]] else 8
    assert int((~left).sum()) == lost


def test_a_flipped_bit_of_a_payload_names_its_row(filled):
    entry = filled.locate("swaps", [key(7)])[0]
    path = filled.path / filled.index.shards[entry["shard"]]
    content = bytearray(path.read_bytes())
    content[int(entry["start"]) + 3] ^= 4
    path.write_bytes(content)
    assert [(d.shard, d.row, d.key) for d in filled.verify()] == [(path.name, int(entry["row"]), key(7))]
    with pytest.raises(DamagedShardError, match=key(7)):
        SwapStore(filled.path).get_swap(key(7))
    assert same(SwapStore(filled.path).get_swap(key(8)), some_swap(8))


def test_a_damaged_payload_is_refused_however_often_it_is_asked_for(filled):
    damaged, whole = filled.locate("swaps", [key(7), key(8)])
    path = filled.path / filled.index.shards[damaged["shard"]]
    content = bytearray(path.read_bytes())
    content[int(damaged["start"])] ^= 1
    path.write_bytes(content)
    for _ in range(3):
        with pytest.raises(DamagedShardError, match=key(7)):
            filled.reader.payload(damaged)
        assert np.array_equal(filled.reader.image(whole), some_swap(8).patch)


def test_a_payload_is_checked_when_it_is_read_first_and_by_every_process(filled, monkeypatch):
    checked = []
    real = reader.zlib.crc32
    monkeypatch.setattr(reader.zlib, "crc32", lambda data: checked.append(1) or real(data))
    entries = filled.locate("swaps", [key(n) for n in (7, 2, 8, 15)])
    for _ in range(3):
        for entry in entries:
            filled.reader.payload(entry)
    assert len(checked) == 4
    pickle.loads(pickle.dumps(filled.reader)).payload(entries[0])
    assert len(checked) == 5
    monkeypatch.setattr(reader.os, "getpid", lambda: -5)  # after a fork nothing is taken over
    filled.reader.payload(entries[0])
    assert len(checked) == 6
    monkeypatch.setattr(reader, "MAX_OPEN", 1)
    filled.reader.payload(entries[3])  # of another shard: the first one is let go
    filled.reader.payload(entries[0])
    assert len(checked) == 8


def test_no_flipped_bit_changes_what_is_read_unnoticed(filled):
    path = shard_with(filled, "swaps")
    whole = path.read_bytes()
    noticed = 0
    for at in RNG(0).integers(0, len(whole), 60).tolist():
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        if filled.verify():
            noticed += 1
        else:
            fresh = SwapStore(filled.path)
            assert all(same(fresh.get_swap(key(n)), some_swap(n)) for n in (0, 4, 11, 12, 19))
    path.write_bytes(whole)
    assert 5 < noticed < 60  # the rest fell into bytes that HDF5 does not use
    assert filled.verify() == []


def test_a_flipped_bit_of_any_column_is_named(filled):
    path = shard_with(filled, "swaps")
    whole = path.read_bytes()
    with h5py.File(path) as file:
        places = {name: file[name].id.get_offset() for name in file if name != "blob"}
    assert {"box", "key", "subject", "notes", "source_name", "trained_on", "about"} <= places.keys()
    for name, start in places.items():
        path.write_bytes(whole[:start] + bytes([whole[start] ^ 1]) + whole[start + 1 :])
        assert [(damage.shard, damage.row) for damage in filled.verify()] == [(path.name, -1)], name


def test_a_deleted_shard_is_a_miss(filled):
    entry = filled.locate("swaps", [key(0)])[0]
    (filled.path / filled.index.shards[entry["shard"]]).unlink()
    with pytest.raises(CacheMissError, match="materialise"):
        filled.get_swap(key(0))
    filled.refresh()
    assert filled.locate("swaps", [key(0)])["shard"][0] == -1
    assert same(filled.get_swap(key(15)), some_swap(15))


# --- manifest


@pytest.mark.parametrize("harm", ["none", "deleted", "cut", "flipped", "foreign", "stale"])
def test_the_manifest_is_only_an_accelerator(filled, monkeypatch, harm):
    monkeypatch.setattr("fsa_data.store.index._WORTH_WRITING", 1)
    expected = SwapStore(filled.path).locate("swaps", [key(n) for n in range(25)])
    manifest = filled.path / MANIFEST
    content = manifest.read_bytes()
    if harm == "deleted":
        manifest.unlink()
    elif harm == "cut":
        manifest.write_bytes(content[:-40])
    elif harm == "flipped":
        at = content.index(b"\x01\x00\x00\x00", 2000)
        manifest.write_bytes(content[:at] + b"\x09" + content[at + 1 :])
    elif harm == "foreign":
        manifest.write_bytes(b"not an archive")
    elif harm == "stale":
        with filled.writer() as writer:
            writer.put_swap(key(24), some_swap(23), "s")
    found = SwapStore(filled.path)
    now = found.locate("swaps", [key(n) for n in range(25)])
    assert (now["shard"][:20] >= 0).all()
    assert (now["shard"][24] >= 0) == (harm == "stale")
    for field in ("row", "status", "crc", "start", "size", "box"):
        assert np.array_equal(now[field][:20], expected[field][:20])
    assert all(same(found.get_swap(key(n)), some_swap(n)) for n in range(20))


def test_with_a_manifest_no_shard_is_opened(filled, monkeypatch):
    monkeypatch.setattr("fsa_data.store.index._WORTH_WRITING", 1)
    assert len(SwapStore(filled.path).index.shards) == 4
    monkeypatch.setattr("fsa_data.store.index.read_columns", None)
    assert (SwapStore(filled.path).locate("swaps", [key(n) for n in range(20)])["shard"] >= 0).all()


# --- formats and directories


def test_a_newer_shard_is_refused(filled):
    with h5py.File(shard_with(filled, "frames"), "r+") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(StoreFormatError, match=r"format 2.*Update fsa-data"):
        SwapStore(filled.path).locate("frames", [key(0)])


def test_a_newer_store_is_refused(filled):
    (filled.path / "store.json").write_text(json.dumps({"format_version": 7}))
    with pytest.raises(StoreFormatError, match=r"format 7.*Update fsa-data"):
        SwapStore(filled.path)


@pytest.mark.parametrize("content", ["", "[]", '{"format_version": "x"}', "{"])
def test_an_unreadable_marker_is_refused(filled, content):
    (filled.path / "store.json").write_text(content)
    with pytest.raises(StoreFormatError, match=r"store\.json"):
        SwapStore(filled.path)


def test_a_lost_marker_is_no_loss(filled):
    (filled.path / "store.json").unlink()
    assert same(SwapStore(filled.path).get_swap(key(3)), some_swap(3))


def test_a_folder_of_other_things_is_no_store(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreFormatError, match=r"thesis\.tex"):
        SwapStore(tmp_path)
    with pytest.raises(StoreFormatError, match="is a file"):
        SwapStore(tmp_path / "thesis.tex")


def test_a_store_cannot_be_made_just_anywhere():
    with pytest.raises(StoreWriteError, match="writable"):
        SwapStore("/proc/nowhere/store")


def test_a_read_only_store_is_read_and_not_written(filled, tmp_path, request):
    filled.path.chmod(0o555)
    tmp_path.chmod(0o755)
    request.getfixturevalue("unprivileged")
    held = SwapStore(filled.path)
    before = sorted(path.name for path in filled.path.iterdir())
    assert same(held.get_swap(key(2)), some_swap(2))
    assert held.verify() == []
    with pytest.raises(StoreWriteError, match="read-only"):
        held.writer()
    with pytest.raises(StoreWriteError, match=r"writable"):
        SwapStore(filled.path / "inner")
    assert sorted(path.name for path in filled.path.iterdir()) == before


def test_a_full_disk_leaves_nothing_half_written_and_loses_nothing(store):
    import resource

    writer = store.writer()
    writer.put_frame(key(0), RNG(0).integers(0, 256, (200, 200, 3), np.uint8), "s")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StoreWriteError, match=r"Cannot write 1\d\d,\d{3} bytes"):
            writer.seal()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in store.path.iterdir()] == ["store.json"]
    writer.seal()  # there is space again: the rows were kept
    store.refresh()
    assert store.get_frame(key(0)).shape == (200, 200, 3)


def test_many_writers_at_once(store):
    def work(start):
        with store.writer() as writer:
            for n in range(start, start + 30):
                writer.put_swap(key(n), some_swap(n), "s")
                if n % 7 == 0:
                    writer.seal()

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 15, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SwapStore(store.path).info().swaps == 60  # rows made twice count once
    assert all(same(SwapStore(store.path).get_swap(key(n)), some_swap(n)) for n in (0, 20, 59))


def test_what_a_killed_writer_left_is_swept_away_and_a_living_one_is_left_alone(store):
    host, dead = socket.gethostname(), 2**22 + 1  # beyond the largest process id
    names = {
        "old": f"swaps-0123456789abcdef.h5.{host}-{dead}-00000000.tmp",
        "young": f"swaps-0123456789abcdef.h5.{host}-{dead}-00000001.tmp",
        "alive": f"swaps-0123456789abcdef.h5.{host}-{os.getpid()}-00000002.tmp",
        "elsewhere": f"swaps-0123456789abcdef.h5.not-{host}-{dead}-00000003.tmp",
    }
    for name, file in names.items():
        (store.path / file).write_bytes(b"half")
        if name != "young":
            os.utime(store.path / file, (0, 0))
    assert len(store.info().unfinished) == 4
    store.writer()
    assert {name for name, file in names.items() if (store.path / file).exists()} == {"young", "alive", "elsewhere"}


def test_store_and_reader_are_pickled_without_handles(filled):
    entry = filled.locate("swaps", [key(5)])[0]
    assert np.array_equal(filled.reader.image(entry), some_swap(5).patch)
    copies = pickle.dumps((filled, filled.reader))
    assert len(copies) < 1500
    store, reader = pickle.loads(copies)
    assert same(store.get_swap(key(5)), some_swap(5))
    assert np.array_equal(reader.image(entry), some_swap(5).patch)


def test_the_index_is_small(filled):
    index = filled.index
    assert index.keys["swaps"].itemsize + index.entries["swaps"].itemsize <= 100


def test_pasting_changes_nothing_outside_the_box(filled):
    frame = RNG(1).integers(0, 256, (60, 50, 3), np.uint8)
    with filled.writer() as writer:
        writer.put_frame(key("frame"), frame, "s")
    filled.refresh()
    swap = some_swap(6)
    out = filled.reader.pasted(filled.locate("frames", [key("frame")])[0], filled.locate("swaps", [key(6)])[0])
    assert np.array_equal(out[swap.box.slices], swap.patch)
    changed = np.zeros((60, 50), bool)
    changed[swap.box.slices] = True
    assert np.array_equal(out[~changed], frame[~changed])
    assert not np.array_equal(out, frame)


def test_a_manifest_with_other_statuses_is_not_believed(filled, monkeypatch):
    monkeypatch.setattr("fsa_data.store.index._WORTH_WRITING", 1)
    # written by a version that numbers the reasons differently
    other = ("failed", *[name for name in index.STATUSES if name != "failed"])
    with monkeypatch.context() as patched:
        patched.setattr(index, "STATUSES", other)
        SwapStore(filled.path).refresh()
    assert (filled.path / MANIFEST).is_file()
    assert all(same(SwapStore(filled.path).get_swap(key(n)), some_swap(n)) for n in range(20))


def test_two_processes_may_make_one_store(tmp_path, monkeypatch):
    path = tmp_path / "store"
    real = Path.iterdir

    def meanwhile(self):
        if self == path:
            (path / "store.json").write_text(json.dumps({"format_version": 1}))  # somebody else was faster
        return real(self)

    path.mkdir()
    monkeypatch.setattr(Path, "iterdir", meanwhile)
    assert SwapStore(path).info().swaps == 0
