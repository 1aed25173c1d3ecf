"""Doing the swap: one protocol, one file per engine."""

from fsa_data.engines.donors import Choice, choose_donor, pose_distance_deg
from fsa_data.engines.load import ENGINES, load_engine
from fsa_data.engines.mesh_warp import MeshWarp, MeshWarpOptions

__all__ = ["ENGINES", "Choice", "MeshWarp", "MeshWarpOptions", "choose_donor", "load_engine", "pose_distance_deg"]
