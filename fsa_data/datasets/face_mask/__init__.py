"""Procedural face masks: shapes, cloth on a head, light, drawing."""

from fsa_data.datasets.face_mask.draw import COLOURS, PATTERNS, Worn, draw_params, wear
from fsa_data.datasets.face_mask.shapes import SHAPES

__all__ = ["COLOURS", "PATTERNS", "SHAPES", "Worn", "draw_params", "wear"]
