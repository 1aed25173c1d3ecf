"""Small stores of random rows for tests, and what they hold."""

import numpy as np

from fsa_data.store import FrameFaces, SwapStore, digest
from fsa_data.store.keys import as_hex
from fsa_data.types import Box, Face, FaceReference, Reason, Swap


def key(n):
    return digest({"n": n})


def some_swap(n, w=7, h=5, sources=3):
    rng = np.random.default_rng(n)
    if n % 5 == 4:
        return Swap(Reason.NO_FACE, notes={"n": n})
    patch = rng.integers(0, 256, (h, w, 3), np.uint8)
    return Swap(Reason.SWAPPED, f"who{n % sources}", Box(n, 2 * n, w, h), patch, {"n": n})


def some_frame(n):
    return np.random.default_rng(1000 + n).integers(0, 256, (9, 11, 3), np.uint8)


def some_faces(count, seed=0):
    rng = np.random.default_rng(seed)
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


def some_reference(seed):
    rng = np.random.default_rng(seed)
    return FaceReference(rng.random((8, 8, 3), np.float32), rng.random((8, 8, 3), np.float32))


def fill(store, numbers, subjects=4, shard_rows=6, engine="test", trained_on=(), sources=3):
    """Swaps, frames and faces of these numbers, a few to a shard, and a reference of each subject."""
    store = store if isinstance(store, SwapStore) else SwapStore(store)
    numbers = list(numbers)
    for at in range(0, len(numbers), shard_rows):
        with store.writer({"engine": {"engine": engine}}, trained_on) as writer:
            for n in numbers[at : at + shard_rows]:
                writer.put_swap(key(n), some_swap(n, sources=sources), f"subject{n % subjects}")
                writer.put_frame(key(n), some_frame(n), f"subject{n % subjects}")
                writer.put_faces(key(n), some_faces(1, n), f"subject{n % subjects}")
    with store.writer() as writer:
        for n in range(subjects):
            writer.put_reference(key(f"r{n}"), some_reference(n), f"subject{n}", {"usable": True})
        writer.put_faces(key("photo"), some_faces(1, 10**6), "")
    store.refresh()
    return store


def content(store):
    """Every row as a user reads it, by kind and key."""
    store = SwapStore(getattr(store, "path", store))
    found = {}
    for kind, keys in store.index.keys.items():
        entries = store.locate(kind, keys)
        for name, entry in zip(as_hex(keys), entries, strict=True):
            found[kind, name] = (
                int(entry["status"]),
                store.index.names[entry["source"]],
                store.index.names[entry["subject"]],
                entry["box"].tolist(),
                store.reader.payload(entry).tobytes(),
                store.get_notes(kind, name),
            )
    return found


def raw(path):
    """Every byte of every file of a directory."""
    return b"\0".join(file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file())
