"""Small real parts for tests that need control: a landmarker, a source and engines that do as they are told."""

import os
import time
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from fsa_data.frames import FrameRef, LabelledFrames, LabelMap, hash_frame, read_image
from fsa_data.store import writer
from fsa_data.types import Box, Face, Photo, Reason, Swap


class CentreFace:
    """Finds one face in the middle of every image that is not black; counts its calls."""

    def __init__(self, name="centre", log=None):
        self.name, self.log = name, log

    @property
    def fingerprint(self):
        return self.name

    def __call__(self, image, closely=True):
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write("look\n")
        if image.max() == 0:
            return []
        height, width = image.shape[:2]
        grid = np.random.default_rng(0).random((478, 3)).astype(np.float32)
        points = grid * [0.8 * width, 0.8 * height, 1] + [0.1 * width, 0.1 * height, 0]
        return [Face(points.astype(np.float32), 1.5, -2.5, 0.1, np.zeros(52, np.float32), 0.9)]


@dataclass(frozen=True)
class Paint:
    """Paints the middle of the frame in a colour that seed, slot and donor decide.

    ``fail``, ``flag``, ``delay_s``, ``seal_s``, ``deadly``, ``once`` and ``hang_s`` are no part of the fingerprint:
    they change nothing of what is painted. Frames whose seed is in ``deadly`` end the process (or raise ``fail``, or
    sleep ``hang_s``); with ``once``, a folder, only the first time.
    """

    version: int = 1
    option: str = ""
    fail: str = ""
    flag: str = ""
    delay_s: float = 0.0
    seal_s: float = 5.0
    learnt: frozenset = frozenset()
    deadly: frozenset = frozenset()
    once: str = ""
    hang_s: float = 0.0

    @property
    def fingerprint(self):
        return {"engine": "paint", "version": self.version, "option": self.option}

    @property
    def trained_on(self):
        return self.learnt

    @property
    def uses_reference(self):
        return False

    def swap(self, frame, target, donors, params, reference=None):
        writer.SEAL_SECONDS = self.seal_s
        time.sleep(self.delay_s)
        if params["seed"] in self.deadly:
            died = Path(self.once, str(params["seed"]))
            if not self.once or not died.exists():
                if self.once:
                    died.touch()
                if self.fail:
                    raise RuntimeError(self.fail)
                if not self.hang_s:
                    os._exit(3)
                time.sleep(self.hang_s)
        if self.flag and Path(self.flag).exists():
            raise RuntimeError(self.fail)
        identities = sorted({donor.identity for donor in donors})
        chosen = identities[(params["seed"] + params["slot"]) % len(identities)]
        if chosen.startswith("decline"):
            return Swap(Reason.PROFILE)
        box = target.box.clipped(*frame.shape[:2])
        box = Box(box.x, box.y, box.w - 1, box.h)
        colour = [params["seed"] % 251, params["slot"], int(frame.sum()) % 256]
        return Swap(Reason.SWAPPED, chosen, box, np.full((box.h, box.w, 3), colour, np.uint8), {"w": frame.shape[1]})


@dataclass(frozen=True)
class PhotoBox:
    """A source of given photos."""

    photos: tuple
    name: str = "box"


def png(path, seed, size=(48, 64), black=False):
    """Write an image of noise (or a black one, which shows no face)."""
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8) * (not black)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


def photo(folder, identity, seed):
    path = png(Path(folder) / f"{identity}-{seed}.png", 1000 + seed, (60, 60))
    return Photo(identity, hash_frame(FrameRef(str(path))), partial(read_image, str(path)), {"file": path.name})


def people(folder, *identities):
    return PhotoBox(tuple(photo(folder, name, zlib.crc32(name.encode()) % 1000) for name in identities))


def frames_of(folder, count, subjects=("ann", "bob"), start=0, black=()):
    """Labelled frames of noise; the class is the frame's number modulo 3."""
    folder = Path(folder)
    paths = [str(png(folder / f"{i}.png", i, black=i in black)) for i in range(start, start + count)]
    text = np.full(count, "")
    return LabelledFrames(
        labels=LabelMap(("a", "b", "c")),
        path=np.array(paths),
        video_index=np.full(count, -1),
        subject=np.array([subjects[i % len(subjects)] for i in range(count)]),
        label=np.arange(count) % 3,
        session=text,
        view=text,
        condition=text,
        time_s=np.full(count, np.nan),
        licence=text,
        consent=text,
    )
