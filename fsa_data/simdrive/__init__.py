"""A procedural driver-cabin data set: people who do not exist, doing MaskDAR's fifteen actions.

It stands in for a real data set where there is none: everything runs on it, and nothing learnt from it is evidence
about people. The part map that comes with each frame is for judging only; nothing that makes pictures may read it.
"""

from fsa_data.simdrive.acting import MOODS, identity_clip, mood_photo
from fsa_data.simdrive.actions import CLASSES
from fsa_data.simdrive.dataset import VERSION, ensure
from fsa_data.simdrive.identity import subject_name
from fsa_data.simdrive.parts import Part
from fsa_data.simdrive.portrait import identity_photo, identity_photo_landmarks
from fsa_data.simdrive.scene import Frame, render_frame

__all__ = [
    "CLASSES",
    "MOODS",
    "VERSION",
    "Frame",
    "Part",
    "ensure",
    "identity_clip",
    "identity_photo",
    "identity_photo_landmarks",
    "mood_photo",
    "render_frame",
    "subject_name",
]
