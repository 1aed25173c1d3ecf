"""Clips of procedural people, and readers of what a swap wrote."""

import csv
from pathlib import Path

import numpy as np

from fsa_data import simdrive
from fsa_data.frames import decode_video, read_image

SIZE = 192


def heads(index, count, yaw_deg=18.0, size_px=SIZE):
    """A procedural person who turns the head from side to side."""
    return [
        simdrive.identity_photo(0, index, float(yaw), 0.0, size_px) for yaw in np.linspace(-yaw_deg, yaw_deg, count)
    ]


def boxes(rows):
    return [tuple(int(row[side]) for side in "xywh") for row in rows]


def table(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def frames(path):
    """Frames of a video, or of a folder that a swap wrote."""
    path = Path(path)
    if path.is_dir():
        return [read_image(file) for file in sorted(path.glob("frame-*.png"))]
    return [frame.image for frame in decode_video(path)]


def outside(image, box):
    """The pixels outside a box, as a list."""
    x, y, w, h = box
    keep = np.ones(image.shape[:2], bool)
    keep[y : y + h, x : x + w] = False
    return image[keep]
