"""Making many: the plan, the worker processes, materialise; and swapping a clip."""

from fsa_data.worker.clip import ClipReport, swap_clip
from fsa_data.worker.export import ExportReport, export_frames
from fsa_data.worker.fold_engine import fold_engine
from fsa_data.worker.identities import IdentityMap, load_identity_map, person_of
from fsa_data.worker.lookalikes import Lookalike, find_lookalikes, with_lookalikes
from fsa_data.worker.materialise import MaterialiseReport, materialise, materialise_plan
from fsa_data.worker.own_faces import OwnFaces, own_faces
from fsa_data.worker.plan import KEY_VERSION, Plan, Recipe, plan
from fsa_data.worker.score import Scored, ScoredSwap, load_flows, score_flows
from fsa_data.worker.score_clips import Clip, clips_of_frames, clips_of_paths
from fsa_data.worker.tasks import How
from fsa_data.worker.tracks import Who, parse_who
from fsa_data.worker.working import WorkingSize, checked_size, working_frame

__all__ = [
    "KEY_VERSION",
    "Clip",
    "ClipReport",
    "ExportReport",
    "How",
    "IdentityMap",
    "Lookalike",
    "MaterialiseReport",
    "OwnFaces",
    "Plan",
    "Recipe",
    "Scored",
    "ScoredSwap",
    "Who",
    "WorkingSize",
    "checked_size",
    "clips_of_frames",
    "clips_of_paths",
    "export_frames",
    "find_lookalikes",
    "fold_engine",
    "load_flows",
    "load_identity_map",
    "materialise",
    "materialise_plan",
    "own_faces",
    "parse_who",
    "person_of",
    "plan",
    "score_flows",
    "swap_clip",
    "with_lookalikes",
    "working_frame",
]
