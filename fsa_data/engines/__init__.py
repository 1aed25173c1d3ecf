"""Doing the swap: one protocol, one file per engine."""

from fsa_data.engines.donors import Choice, Identity, Looks, Panel, choose_donor, make_panel
from fsa_data.engines.load import ENGINES, load_engine
from fsa_data.engines.mesh_warp import MeshWarp, MeshWarpOptions

__all__ = [
    "ENGINES",
    "Choice",
    "Identity",
    "Looks",
    "MeshWarp",
    "MeshWarpOptions",
    "Panel",
    "choose_donor",
    "load_engine",
    "make_panel",
]
