"""Procedural people who move and make faces: clips, and portraits of two moods, to try re-enactment without data."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from fsa_data.mesh.expression import Expression
from fsa_data.simdrive.portrait import identity_photo
from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.types import Image

MOODS = ("calm", "cheerful")
"""Domains of :func:`mood_photo`: mouth closed and straight; mouth open and smiling, brows up."""


def identity_clip(seed: int, index: int, frames: int, size_px: int = 256, number: int = 0) -> Iterator[Image]:
    """A person turning, nodding, blinking, talking and smiling before a plain ground, a second every 25 frames.

    Args:
        seed: of the set the person belongs to.
        index: number of the person.
        frames: how many.
        size_px: side of the pictures.
        number: of the clip; each moves otherwise.

    Yields:
        ``(size_px, size_px, 3)`` uint8 RGB; equal arguments give equal bytes.
    """
    rng = generator(Stream.WEAR, seed, index, 7919, number)
    rates, phases = rng.uniform(0.15, 0.45, 6), rng.uniform(0, 2 * math.pi, 6)
    for at in range(frames):
        yaw, pitch, smile, brow, talk, gaze = np.sin(2 * math.pi * rates * at / 25 * [1, 1.3, 1, 0.8, 5, 1.5] + phases)
        look = Expression(
            jaw=0.45 * max(0.0, float(talk)) ** 1.5,
            blink=1.0 if (at + int(20 * phases[0])) % 40 in (0, 1, 2) else 0.0,
            smile=0.25 + 0.55 * float(smile),
            brow=0.6 * float(brow),
            gaze_x=0.4 * float(gaze),
        )
        yield identity_photo(seed, index, 24 * float(yaw), 9 * float(pitch), size_px, look)


def mood_photo(seed: int, index: int, mood: str, number: int, size_px: int = 256) -> Image:
    """A portrait in a mood, from about the front.

    Args:
        seed: of the set the person belongs to.
        index: number of the person.
        mood: one of :data:`MOODS`.
        number: of the picture; pose and strength differ.
        size_px: side of the picture.

    Returns:
        ``(size_px, size_px, 3)`` uint8 RGB.
    """
    rng = generator(Stream.WEAR, seed, index, 104729, number)
    yaw, pitch = float(rng.uniform(-16, 16)), float(rng.uniform(-7, 7))
    much = float(rng.uniform(0.7, 1.0))
    look = Expression(smile=-0.15 * much)
    if mood == MOODS[1]:
        look = Expression(jaw=0.4 * much, smile=0.9 * much, brow=0.6 * much)
    return identity_photo(seed, index, yaw, pitch, size_px, look)
