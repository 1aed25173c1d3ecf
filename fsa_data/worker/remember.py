"""A landmarker with a memory: faces of the source's photos, kept in the store."""

from __future__ import annotations

import hashlib

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

    def __call__(self, image: Image) -> list[Face]:
        """Faces of an ``(H, W, 3)`` uint8 RGB image, the largest first."""
        pixels = hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest()
        key = digest({"pixels": pixels, "shape": list(image.shape), "landmarker": self.fingerprint})
        if self._store.locate("faces", [key])["shard"][0] >= 0:
            return self._store.get_faces(key).faces
        faces = self._landmarker(image)
        self._writer.put_faces(key, FrameFaces(faces, *image.shape[:2]), "")
        return faces
