"""What is drawn by lot about a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

COLOURS = {
    "light_blue": (150, 190, 214),
    "white": (236, 237, 236),
    "pale_green": (172, 207, 184),
    "black": (34, 34, 37),
    "grey": (128, 131, 136),
    "pink": (228, 172, 184),
    "navy": (44, 54, 84),
}
"""Colours of cloth by name, sRGB in even light."""

PATTERNED = "patterned"
"""Stands for any of :data:`PATTERNS` in two colours."""

PATTERNS = ("dots", "stripes", "checks", "print")

_USUAL = {
    "pleated": (5, 2, 1, 2, 0.5, 0.7, 0.3, 0.5),
    "cloth": (1, 2, 1, 3, 2, 1.5, 2, 5),
    "folded": (0.5, 5, 0.3, 2.5, 1, 0.7, 0.3, 0.3),
    "boat": (0.5, 5, 0.3, 2.5, 1, 0.7, 0.3, 0.3),
    "cup": (0.3, 6, 0.3, 0.7, 0.5, 0.3, 0.2, 0.1),
}
"""How often each kind is seen in each colour, and patterned."""


def draw_params(seed: int, shapes: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    """Draw one mask.

    Args:
        seed: of the draw.
        shapes: kinds to choose from, keys of :data:`fsa_data.datasets.face_mask.SHAPES`.
        colours: colours to choose from, keys of :data:`COLOURS` or :data:`PATTERNED`.

    Returns:
        Plain JSON values: everything that decides how the mask looks.
    """
    rng = np.random.default_rng(seed)
    shape = str(rng.choice(list(shapes)))
    usual = dict(zip([*COLOURS, PATTERNED], _USUAL[shape], strict=True))
    chance = np.array([usual[name] for name in colours])
    name = str(rng.choice(list(colours), p=chance / chance.sum()))
    pattern = "plain"
    if name == PATTERNED:
        pattern, name = str(rng.choice(PATTERNS)), str(rng.choice(list(COLOURS)))
    colour = _near(rng, name)
    second = _near(rng, str(rng.choice([other for other in COLOURS if other != name])))
    white = _near(rng, "white")
    own_loops = max(colour) < 100 or (shape == "cloth" and rng.random() < 0.7)
    return {
        "shape": shape,
        "colour": colour,
        "pattern": pattern,
        "second": second,
        "scale_cm": round(float(rng.uniform(0.7, 1.8)), 3),
        "loops": colour if own_loops else white,
        "lift_cm": round(float(rng.uniform(-0.55, 0.25)), 3),
        "tilt_cm": round(float(rng.normal(0, 0.12)), 3),
        "bulge": round(float(rng.uniform(0.75, 1.2)), 3),
        "folds": [round(float(place + rng.uniform(-0.015, 0.015)), 3) for place in (0.30, 0.47, 0.64)],
        "exposure": round(float(rng.uniform(0.85, 1.1)), 3),
        "seed": int(rng.integers(1 << 31)),
    }


def _near(rng: np.random.Generator, name: str) -> list[int]:
    """The colour of another maker: a little lighter or darker, a little off."""
    colour = np.array(COLOURS[name], np.float64)
    tint = rng.normal(0, 0.012, 3) * colour.mean()  # the same share of dark cloth's colour as of light cloth's
    return [int(c) for c in np.clip(colour + rng.normal(0, 6) + tint, 12, 245).round()]
