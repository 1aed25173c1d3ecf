"""Who sits in the seat: the numbers that make one person, drawn from the seed.

What people notice first (skin tone, hair, beard, glasses) is dealt out like cards over the subjects of a seed, so that
even six of them show the whole spread; everything else is drawn freely.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fsa_data.simdrive.randomness import Stream, generator
from fsa_data.simdrive.shapes import Vectors

TONES = (
    (240, 204, 182),
    (229, 187, 160),
    (219, 172, 140),
    (202, 154, 118),
    (178, 129, 94),
    (152, 105, 75),
    (122, 82, 59),
    (92, 62, 46),
)
"""Skin under neutral light, sRGB, light to dark."""

HAIR_COLOURS = (
    (38, 31, 28),
    (62, 44, 32),
    (98, 66, 42),
    (142, 100, 60),
    (188, 150, 98),
    (128, 62, 34),
    (158, 154, 150),
)
"""Black, dark brown, brown, light brown, blond, red, grey; sRGB."""

IRIS_COLOURS = ((92, 60, 38), (70, 44, 28), (104, 126, 150), (96, 112, 76), (120, 92, 58))

SHAPE_SPREAD = {
    "face_width": 0.055,
    "jaw_width": 0.11,
    "lower_face": 0.08,
    "forehead": 0.06,
    "nose_width": 0.20,
    "nose_depth_cm": 0.42,
    "nose_length": 0.40,
    "eye_spacing_cm": 0.26,
    "eye_size": 0.13,
    "eye_height_cm": 0.18,
    "eye_tilt_cm": 0.16,
    "brow_height_cm": 0.32,
    "brow_ridge_cm": 0.30,
    "cheekbone_cm": 0.40,
    "mouth_width": 0.11,
    "lip_fullness": 0.28,
    "mouth_height_cm": 0.38,
    "chin_cm": 0.48,
}
"""Standard deviation of each shape number; all are drawn within two of them."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One person.

    Attributes:
        seed: seed of the set the person belongs to.
        index: number of the person in it.
        shape: one number per entry of :data:`SHAPE_SPREAD`, in its units.
        bumps: ``(6, 5)`` free-form bumps: centre x (0 or more), y, z in cm, sigma in cm, height in cm.
        tone: ``(3,)`` skin, sRGB 0..255.
        hair_colour: ``(3,)`` sRGB 0..255.
        hair: one of ``bald buzz short swept curly bob long bun``.
        beard: 0 none .. 1 full.
        feminine: 0 or 1; shifts build, brows and make-up.
        glasses: whether the person wears them.
        glasses_tint: ``(3,)`` sRGB 0..255 of the frame.
        iris: ``(3,)`` sRGB 0..255.
        age: 0 smooth .. 1 lined.
        brows: strength of the brows, 0..1.
        lips: ``(3,)`` sRGB 0..255.
        freckles: 0 none .. 1 many.
        makeup: 0 none .. 1 strong eye shadow.
        volume_cm: thickness of the hair.
        parting: -1 (image left) .. 1, where the fringe parts.
    """

    seed: int
    index: int
    shape: dict[str, float]
    bumps: Vectors
    tone: Vectors
    hair_colour: Vectors
    hair: str
    beard: float
    feminine: float
    glasses: bool
    glasses_tint: Vectors
    iris: Vectors
    age: float
    brows: float
    lips: Vectors
    freckles: float
    makeup: float
    volume_cm: float
    parting: float

    @property
    def dark(self) -> float:
        """0 for the lightest skin, 1 for the darkest."""
        return float(np.clip((self.tone.mean() - 66) / (208 - 66), 0, 1) * -1 + 1)


def subject_name(seed: int, index: int) -> str:
    """Pseudonymous id of a procedural person, the same wherever the person appears, e.g. ``sim0-03``."""
    return f"sim{seed}-{index:02d}"


@lru_cache(maxsize=128)
def identity(seed: int, index: int) -> Identity:
    """The person number ``index`` of a seed.

    Raises:
        ConfigError: a number is negative.
    """
    shape_rng = generator(Stream.SHAPE, seed, index)
    rng = generator(Stream.SKIN, seed, index)
    deal = _dealt(seed, index)
    feminine = deal.feminine
    tone = np.clip(np.array(TONES[deal.tone], np.float64) * rng.normal(1, [0.015, 0.015, 0.02]), 30, 250)
    dark = float(np.clip(1 - (tone.mean() - 66) / 142, 0, 1))
    lip_red = np.array([172, 92, 88]) if feminine else np.array([168, 104, 94])
    lips = tone * (0.62 - 0.1 * dark) + lip_red * (0.38 - 0.16 * dark) - (8 if feminine else 0) * np.array([0, 1, 0.6])
    return Identity(
        seed=seed,
        index=index,
        shape=_shape(shape_rng, feminine),
        bumps=_bumps(shape_rng),
        tone=tone,
        hair_colour=_hair_colour(rng, dark),
        hair=deal.hair,
        beard=deal.beard,
        feminine=feminine,
        glasses=deal.glasses,
        glasses_tint=np.array([(36, 32, 32), (60, 36, 26), (70, 74, 84), (96, 30, 34)][rng.integers(4)], np.float64),
        iris=np.array(IRIS_COLOURS[rng.integers(2 if dark > 0.45 else 5)], np.float64),
        age=float(rng.uniform(0, 0.9) ** 1.4),
        brows=float(rng.uniform(0.3, 0.62) if feminine else rng.uniform(0.5, 0.9)),
        lips=lips,
        freckles=float(rng.random() < 0.3) * float(rng.uniform(0.3, 0.8)) * (1 - dark),
        makeup=feminine * float(rng.random() < 0.6) * float(rng.uniform(0.3, 0.8)),
        volume_cm=float(rng.uniform(0.6, 1.3)),
        parting=float(rng.uniform(-1, 1)),
    )


@dataclass(frozen=True, slots=True)
class _Cards:
    """The dealt traits: ``tone`` indexes :data:`TONES`, the others are as in :class:`Identity`."""

    feminine: float
    tone: int
    hair: str
    beard: float
    glasses: bool


def _dealt(seed: int, index: int) -> _Cards:
    """The stratified traits: cycles through all values, started at a place that the seed chooses.

    Among six in a row there are always three women and three men, one of them bald, one with a full beard and one
    clean-shaven, a woman with long hair, two people with glasses, and six different tones.
    """
    rng = generator(Stream.SET, seed)
    start, first, glass, hair, beard = (int(n) for n in rng.integers(0, [8, 2, 3, 3, 3]))
    feminine = (index + first) % 2
    nth = index // 2
    lap = nth // 3
    if feminine:
        style = ("long", ("bun", "curly")[lap % 2], ("bob", "swept")[lap % 2])[(nth + hair) % 3]
        whiskers = 0.0
    else:
        style = (("short", "buzz")[lap % 2], "bald", ("swept", "curly")[lap % 2])[(nth + hair) % 3]
        whiskers = (0.0, 0.95, (0.25, 0.5)[lap % 2])[(nth + beard) % 3]
    tone = (1, 6, 3, 0, 5, 2, 7, 4)[(index + start) % 8]
    return _Cards(float(feminine), tone, style, whiskers, (index + glass) % 3 == 0)


def _shape(rng: np.random.Generator, feminine: float) -> dict[str, float]:
    drawn = {name: float(np.clip(rng.normal(), -2, 2) * spread) for name, spread in SHAPE_SPREAD.items()}
    drawn["jaw_width"] += -0.05 if feminine else 0.03
    drawn["brow_ridge_cm"] += -0.12 if feminine else 0.15
    drawn["lip_fullness"] += 0.12 if feminine else -0.04
    drawn["eye_size"] += 0.05 if feminine else -0.02
    drawn["chin_cm"] += -0.15 if feminine else 0.15
    return drawn


def _bumps(rng: np.random.Generator) -> Vectors:
    centres = np.stack([rng.uniform(0, 6.5, 6), rng.uniform(-8.5, 7, 6), rng.uniform(0, 6, 6)], axis=1)
    heights = np.clip(rng.normal(0, 0.18, 6), -0.4, 0.4)
    bumps: Vectors = np.column_stack([centres, rng.uniform(2, 3.5, 6), heights])
    return bumps


def _hair_colour(rng: np.random.Generator, dark: float) -> Vectors:
    light = np.array([0.14, 0.2, 0.22, 0.16, 0.14, 0.06, 0.08])
    deep = np.array([0.74, 0.18, 0, 0, 0, 0, 0.08])
    chance = light * (1 - dark) ** 2 + deep * (1 - (1 - dark) ** 2)
    colour = np.array(HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=chance / chance.sum())], np.float64)
    mixed: Vectors = np.clip(colour * rng.normal(1, 0.08) + rng.normal(0, 3, 3), 12, 230)
    return mixed
