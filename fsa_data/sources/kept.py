"""Pictures that are drawn once and kept in the cache."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from fsa_data.frames import read_image
from fsa_data.paths import cache_dir
from fsa_data.types import Image


def kept_picture(folder: str, digest: str, draw: Callable[[], Image]) -> Image:
    """The kept picture, or a newly drawn one, which is then kept if the cache can be written.

    Args:
        folder: name of a folder in the cache.
        digest: names the picture there; equal digests are the same picture.
        draw: makes it, ``(H, W, 3)`` uint8 RGB.
    """
    path = cache_dir() / folder / f"{digest}.png"
    if path.is_file():
        return read_image(path)
    image = draw()
    _keep(path, image)
    return image


def _keep(path: Path, image: Image) -> None:
    _, data = cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data.tobytes())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
