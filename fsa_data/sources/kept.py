"""Pictures that cost something to make, kept in the cache."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from fsa_data.frames import read_image
from fsa_data.types import Image


def kept_picture(path: Path, make: Callable[[], Image]) -> Image:
    """The kept picture, or a newly made one, which is then kept if the cache can be written.

    Args:
        path: of the PNG file.
        make: returns the ``(H, W, 3)`` uint8 RGB picture.
    """
    if path.is_file():
        return read_image(path)
    image = make()
    keep_picture(path, image)
    return image


def keep_picture(path: Path, image: Image) -> None:
    """Write a picture as PNG; a cache that cannot be written costs time, nothing else."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))
    keep_bytes(path, data.tobytes())


def keep_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; a cache that cannot be written costs time, nothing else."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
