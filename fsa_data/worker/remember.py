"""A landmarker with a memory: faces of the source's photos, kept in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fsa_data.errors import DamagedShardError, StoreFormatError, StoreWriteError
from fsa_data.paths import cache_dir
from fsa_data.store import FrameFaces, StoreWriter, SwapStore, digest
from fsa_data.types import Face, Image, Landmarker


class Remembering:
    """Looks into the store before it asks a landmarker, and keeps what that finds.

    The key is made of the picture's pixels, so it holds for every source that shows the same photo.

    Args:
        landmarker: finds faces.
        store: where found faces are looked for.
        writer: where newly found ones go.
    """

    def __init__(self, landmarker: Landmarker, store: SwapStore, writer: StoreWriter) -> None:
        self._landmarker, self._store, self._writer = landmarker, store, writer

    @property
    def fingerprint(self) -> str:
        """That of the landmarker."""
        return self._landmarker.fingerprint

    def __call__(self, image: Image, closely: bool = True) -> list[Face]:
        """See :class:`fsa_data.types.Landmarker`."""
        pixels = hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest()
        looked = {"pixels": pixels, "shape": list(image.shape), "landmarker": self.fingerprint}
        key = digest(looked if closely else looked | {"closely": False})
        if self._store.locate("faces", [key])["shard"][0] >= 0:
            return self._store.get_faces(key).faces
        faces = self._landmarker(image, closely)
        self._writer.put_faces(key, FrameFaces(faces, *image.shape[:2]), "")
        return faces


@contextmanager
def remembering(landmarker: Landmarker) -> Iterator[Landmarker]:
    """A landmarker with a memory in the cache directory, for photos that are looked at outside any store.

    A memory that cannot be read or written costs time, nothing else.
    """
    try:
        store = SwapStore(cache_dir() / "photos")
        writer = store.writer()
    except (OSError, StoreFormatError):
        yield landmarker
        return
    yield _Lenient(landmarker, store, writer)
    with suppress(StoreWriteError):
        writer.close()


class _Lenient(Remembering):
    """Goes on without a memory when that fails."""

    def __call__(self, image: Image, closely: bool = True) -> list[Face]:
        try:
            return super().__call__(image, closely)
        except (StoreWriteError, DamagedShardError):
            return self._landmarker(image, closely)
