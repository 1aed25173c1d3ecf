"""Procedural face masks: shapes, cloth on a head, light, drawing."""

from fsa_data.datasets.face_mask.draw import Worn, wear
from fsa_data.datasets.face_mask.params import COLOURS, PATTERNED, PATTERNS, draw_params
from fsa_data.datasets.face_mask.shapes import SHAPES

__all__ = ["COLOURS", "PATTERNED", "PATTERNS", "SHAPES", "Worn", "draw_params", "wear"]
