"""Flows ``image:PATH`` and ``folder:DIR``: photos of one's own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from fsa_data.errors import SourceError
from fsa_data.frames import IMAGE_SUFFIXES, FrameRef, hash_frame, read_image
from fsa_data.sources.views import StillOptions, ViewOptions
from fsa_data.types import Photo


def image_photos(argument: str, options: ViewOptions) -> list[Photo]:
    """One photo; the identity is the file's name without its ending.

    Args:
        argument: path of an image file.
        options: of the views, which are added by the caller.

    Raises:
        SourceError: no such file.
    """
    del options
    path = Path(argument).expanduser()
    if not path.is_file():
        raise SourceError(f"Source 'image:{argument}': there is no file {path.absolute()}.")
    return [_photo(path, path.stem, "image")]


def folder_photos(argument: str, options: StillOptions) -> list[Photo]:
    """Every image in a folder: a subfolder is an identity, a loose file is one named by its stem.

    Files that are no images by their ending are left out, and so is everything whose name begins with a dot.

    Args:
        argument: path of the folder.
        options: of the views, which are added by the caller.

    Returns:
        Sorted by identity, then by path.

    Raises:
        SourceError: no such folder, or no image in it.
    """
    del options
    root = Path(argument).expanduser()
    if not root.is_dir():
        raise SourceError(f"Source 'folder:{argument}': there is no folder {root.absolute()}.")
    found: list[tuple[str, str, Path]] = []
    for path in root.rglob("*"):
        inside = path.relative_to(root)
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(p.startswith(".") for p in inside.parts):
            identity = inside.parts[0] if len(inside.parts) > 1 else path.stem
            found.append((identity, inside.as_posix(), path))
    if not found:
        endings = ", ".join(sorted(IMAGE_SUFFIXES))
        raise SourceError(f"Source 'folder:{argument}': no image in {root.absolute()} (looked for {endings}).")
    return [_photo(path, identity, "folder") for identity, _, path in sorted(found)]


def _photo(path: Path, identity: str, flow: str) -> Photo:
    return Photo(
        identity=identity,
        digest=hash_frame(FrameRef(str(path))),
        load=partial(read_image, str(path)),
        provenance={"flow": flow, "file": path.name, "licence": ""},
    )
