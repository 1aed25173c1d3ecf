"""A coloured head surface: what a reconstruction makes of a photo and what a renderer draws views of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsa_data.types import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class ColouredMesh:
    """A coloured head surface in decimetres (the unit of the Basel model, and of T1's camera).

    Attributes:
        vertices: ``(N, 3)`` float32 decimetres; x to the right as seen, y up, z towards the viewer.
        triangles: ``(T, 3)`` int32, 0-based, counter-clockwise seen from outside.
        colours: ``(N, 3)`` uint8 RGB, one per vertex.
    """

    vertices: Floats
    triangles: Ints
    colours: NDArray[np.uint8]
