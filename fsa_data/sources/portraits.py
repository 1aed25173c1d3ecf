"""Flow ``portraits``: two public-domain portraits that come with installed packages."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

from fsa_data.errors import SourceError
from fsa_data.frames import FrameRef, hash_frame, read_image
from fsa_data.sources.views import StillOptions
from fsa_data.types import Photo

# identity, import name, file within the module, what it shows
_PORTRAITS = (
    ("portrait-1", "skimage", "data/astronaut.png", "Eileen Collins, NASA, 1999 (scikit-image)"),
    ("portrait-2", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "Grace Hopper, US Navy, 1984 (matplotlib)"),
)


def portrait_photos(argument: str, options: StillOptions) -> list[Photo]:
    """One photo each of two people, both works of the United States government in the public domain.

    Args:
        argument: empty.
        options: of the views, which are added by the caller.

    Raises:
        SourceError: a package that carries one is missing.
    """
    del argument, options
    return [_photo(*portrait) for portrait in _PORTRAITS]


def _photo(identity: str, module: str, inside: str, title: str) -> Photo:
    spec = importlib.util.find_spec(module)  # does not import the package
    folders = (spec.submodule_search_locations or []) if spec else []
    path = next((Path(folder) / inside for folder in folders if (Path(folder) / inside).is_file()), None)
    if path is None:
        raise SourceError(f"Source 'portraits' needs {inside} of the package {module}, which is not installed.")
    return Photo(
        identity=identity,
        digest=hash_frame(FrameRef(str(path))),
        load=partial(read_image, str(path)),
        provenance={"flow": "portraits", "title": title, "licence": "public domain"},
    )
