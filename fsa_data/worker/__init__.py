"""Making many: the plan, the worker processes, materialise."""

from fsa_data.worker.identities import IdentityMap, load_identity_map, person_of
from fsa_data.worker.materialise import MaterialiseReport, materialise, materialise_plan
from fsa_data.worker.plan import KEY_VERSION, Plan, Recipe, plan
from fsa_data.worker.working import WorkingSize, checked_size, working_frame

__all__ = [
    "KEY_VERSION",
    "IdentityMap",
    "MaterialiseReport",
    "Plan",
    "Recipe",
    "WorkingSize",
    "checked_size",
    "load_identity_map",
    "materialise",
    "materialise_plan",
    "person_of",
    "plan",
    "working_frame",
]
