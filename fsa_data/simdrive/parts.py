"""What a pixel of a generated frame shows: the values of the part map."""

from __future__ import annotations

from enum import IntEnum


class Part(IntEnum):
    """Value of a part-map pixel (uint8). For judging results only; nothing that makes results may read it."""

    BACKGROUND = 0
    FACE = 1
    HEAD = 2
    """Hair, ears, scalp, the part of the jaw behind the face."""
    BODY = 3
    """Torso, neck, seat belt, clothes without the arms."""
    ARM = 4
    """Sleeves, arms and hands."""
    PHONE = 5
    CUP = 6
    BOTTLE = 7
    LIPSTICK = 8
    WHEEL = 9
    GLASSES = 10
    MASK = 11
