"""How far an output may lie from the fixture's."""

from __future__ import annotations

from dataclasses import dataclass

from tests.parity.recipe import Fixture


@dataclass(frozen=True)
class Limit:
    """Largest absolute difference, in units of the output's peak if ``relative``."""

    value: float
    relative: bool = True


NETWORK = Limit(1e-4)
INVERSE = Limit(5e-4)
"""Sampling behind the inverse of a matrix: another convolution backend alone moves it by up to 5e-5."""
GRADIENT = Limit(3e-3)
"""Norms of gradients, which another backend moves by up to 6e-4."""
EXACT = Limit(0.0, relative=False)

BY_MODULE: dict[str, Limit] = {
    "DaGAN.DepthAwareGenerator": INVERSE,
    "DaGAN.SPADEDepthAwareGenerator": INVERSE,
    "DaGAN demo path": INVERSE,
    "T1.landmark_score": Limit(1e-9, relative=False),
}
"""Where it is another limit than that of a network."""

_DECODING = ("face_alignment.FAN", "face_alignment.utils")

BY_OUTPUT: dict[tuple[str, str], Limit] = {
    # Pillow's versions round its bicubic filter differently
    ("Deep3DFaceRecon.align_img", "img_new"): Limit(1.0, relative=False),
    # decoding finds cells of a map and rounds: right or wrong
    **{(module, output): EXACT for module in _DECODING for output in ("preds", "preds_orig", "preds_nocenter")},
    ("face_alignment.sfd decode+nms", "boxes"): Limit(1e-6),
    ("face_alignment.sfd decode+nms", "final"): Limit(1e-6),
    ("face_alignment.utils", "bbox_center_scale"): Limit(1e-6),
}
"""Where a single output has one of its own: module and output."""


def limit_of(fixture: Fixture, output: str) -> Limit:
    """Integers and truth values are exact, whatever else is said."""
    module = fixture.meta["module"]
    if (module, output) in BY_OUTPUT:
        return BY_OUTPUT[module, output]
    if fixture.arrays[f"out_{output}"].dtype.kind in "iub":
        return EXACT
    if "gradnorm" in output:
        return GRADIENT
    return BY_MODULE.get(module, NETWORK)
