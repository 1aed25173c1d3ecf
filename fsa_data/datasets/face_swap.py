"""Swapping on the fly, as a transform of any image pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchvision.transforms import v2

from fsa_data.datasets.any_image import Draws, first_image, is_image, is_plain, like, to_array
from fsa_data.engines import load_engine
from fsa_data.errors import ConfigError
from fsa_data.faces import load_landmarker
from fsa_data.sources import find_faces, load_source
from fsa_data.types import Landmarker, Source, SourceFace, SwapEngine, paste
from fsa_data.worker.remember import remembering


class FaceSwap(v2.Transform):  # type: ignore[misc]  # torchvision is untyped
    """Puts another face on the largest face of an image, with probability ``p``; everything else stays as it is.

    Takes what torchvision v2 takes for an image: ``tv_tensors.Image``, a plain uint8 ``(3, H, W)`` tensor, or an RGB
    PIL image, at native size (put it before resizing and before ``ToDtype``). An image without a usable face comes
    out unchanged.

    What is drawn depends on the seed, on the image's content and on how often this content has been seen, so each
    epoch draws anew and the number of DataLoader workers does not matter. The counts live in a table in shared memory,
    indexed by a hash of the content: two images that share an entry (about N * N / 2,000,000 pairs among N images)
    count for each other, and so do two copies of one image; their draws are then valid, but with several workers may
    differ from run to run.

    There is no cache and no lineage here: the transform does not know who is in the image. Leave test subjects out of
    the source with ``exclude``, or use :class:`fsa_data.DeepfakeAugmentedMaskDAR`, which guards its splits.

    Args:
        source: whose faces are put on (see :func:`fsa_data.load_source`).
        engine: how (see :func:`fsa_data.load_engine`).
        p: probability of a swap, 0..1.
        seed: of everything that is drawn.
        source_options: options of the source.
        engine_options: options of the engine.
        merge: options of putting the face back.
        exclude: identities of the source that are never put on.
        landmarker: finds the faces; default :func:`fsa_data.faces.load_landmarker`.

    Raises:
        ConfigError: ``p`` is no probability, or ``exclude`` leaves nobody.
    """

    _transformed_types = (is_image, is_plain)

    def __init__(
        self,
        source: str | Sequence[str] | Source = "portraits",
        engine: str | SwapEngine = "mesh_warp",
        p: float = 0.5,
        seed: int = 0,
        *,
        source_options: Mapping[str, Any] | None = None,
        engine_options: Mapping[str, Any] | None = None,
        merge: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        landmarker: Landmarker | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ConfigError(f"p must be a probability, got {p}.")
        loaded = load_source(source, source_options)
        self.source_name, self.p, self.seed = loaded.name, p, seed
        self._photos = [photo for photo in loaded.photos if photo.identity not in exclude]
        if not self._photos:
            raise ConfigError(f"Nobody of the source {loaded.name} is left: exclude={list(exclude)!r} names them all.")
        self._engine = load_engine(engine, engine_options, merge)
        self._landmarker = landmarker or load_landmarker()
        self._draws = Draws(seed)
        self._donors: list[SourceFace] = []

    def extra_repr(self) -> str:
        """Arguments for ``repr``."""
        return f"source={self.source_name!r}, p={self.p}, seed={self.seed}"

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw for one sample: whether to swap, and the engine's parameters; counts the image as seen."""
        image = first_image(flat_inputs)
        if image is None:
            return {"swap": False}
        chance, seed = self._draws.next(to_array(image, "FaceSwap"))
        return {"swap": chance < self.p, "seed": seed, "slot": 0}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Apply what was drawn; a pure function of image and params."""
        if not params["swap"]:
            return inpt
        image = to_array(inpt, "FaceSwap")
        faces = self._landmarker(image)
        if not faces:
            return inpt
        engine_params = {"seed": params["seed"], "slot": params["slot"]}
        swap = self._engine.swap(image, faces[0], self._faces_to_put_on(), engine_params)
        if swap.box is None or swap.patch is None:
            return inpt
        return like(paste(image, swap.box, swap.patch), inpt)

    def _faces_to_put_on(self) -> list[SourceFace]:
        """The donors, found when the first swap is drawn; they travel with the transform into other processes."""
        if not self._donors:
            with remembering(self._landmarker) as looking:
                found = find_faces(self._photos, looking)
            self._donors = sorted(found, key=lambda donor: (donor.identity, donor.digest))
        return self._donors
