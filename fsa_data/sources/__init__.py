"""Faces to put on: where they come from, and finding them in their pictures."""

from fsa_data.sources.find import find_face, find_faces
from fsa_data.sources.load import FLOWS, Flow, PhotoSource, load_source
from fsa_data.sources.simdrive import SimdriveOptions
from fsa_data.sources.stylegan2 import StyleGAN2Options

__all__ = [
    "FLOWS",
    "Flow",
    "PhotoSource",
    "SimdriveOptions",
    "StyleGAN2Options",
    "find_face",
    "find_faces",
    "load_source",
]
