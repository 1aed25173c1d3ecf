"""``fsa prepare``: pictures and videos as what re-enactment networks are trained on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import listed, print_failures
from fsa_data.errors import ConfigError

if TYPE_CHECKING:
    from fsa_data.types import Landmarker

FIRST = 60
"""Number of the first procedural person: data count from 0, sources from 50."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "make training sets for re-enactment: aligned faces in domains, or clips of faces"
    command = commands.add_parser("prepare", help=text, description=f"{text[0].upper()}{text[1:]}.")
    kinds = command.add_subparsers(dest="kind", required=True, metavar="faces|clips")
    faces = kinds.add_parser("faces", help="a folder of pictures for each domain, for StarGAN v2")
    _common(faces, "DIR", "holds a folder for each domain, perhaps within train/; folders in these are people")
    faces.add_argument("--face-type", default="whole_face", help="half_face .. head (default: %(default)s)")
    faces.add_argument("--aligned", action="store_true", help="the pictures are aligned faces: only resize them")
    faces.set_defaults(run=_faces)
    clips = kinds.add_parser("clips", help="videos of people, for DaGAN and its depth network")
    _common(clips, "VIDEO|DIR", "videos, or folders of pictures; the first folder below DIR names the person")
    clips.add_argument("--min-frames", type=int, default=16, metavar="N", help="of a clip (default: %(default)s)")
    clips.add_argument("--min-side", type=int, default=0, metavar="PX", help="of the square in the video (default: N)")
    clips.add_argument("--form", default="png", choices=("png", "mp4"), help="of a clip (default: %(default)s)")
    clips.set_defaults(run=_clips)


def _common(command: Any, what: str, text: str) -> None:
    command.add_argument("source", type=Path, nargs="?", metavar=what, help=text)
    command.add_argument("--simdrive", type=int, metavar="PEOPLE", help="so many procedural people instead")
    command.add_argument(
        "--first", type=int, default=FIRST, metavar="N", help="number of the first of them (default: %(default)s)"
    )
    command.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="a new folder")
    command.add_argument("--size", type=int, default=256, metavar="N", help="side in pixels (default: %(default)s)")


def _faces(options: argparse.Namespace) -> int:
    from fsa_data.faces.domains import DomainOptions, prepare_domains, prepare_procedural_domains

    if _procedural(options):
        report = prepare_procedural_domains(options.simdrive, options.first, options.out, options.size)
    else:
        how = DomainOptions(options.size, options.face_type, options.aligned)
        report = prepare_domains(options.source, options.out, _landmarker(1), how, sys.stderr.isatty())
    print(f"{options.out}: {sum(report.faces.values())} faces{listed(', ', report.faces)}")
    print(f"train on it: fsa train-reenact stargan2 {options.out} -o NETWORK")
    return print_failures(report.failures)


def _clips(options: argparse.Namespace) -> int:
    from fsa_data.faces.clips import ClipOptions, prepare_clips, prepare_procedural_clips

    if _procedural(options):
        report = prepare_procedural_clips(options.simdrive, options.first, options.out, options.size)
    else:
        how = ClipOptions(options.size, options.min_frames, options.min_side, options.form)
        report = prepare_clips(options.source, options.out, _landmarker(4), how, sys.stderr.isatty())
    print(
        f"{options.out}: {sum(report.clips.values())} clips of {len(report.clips)} people, {report.frames} frames"
        f"{listed('; left out: ', report.dropped)}"
    )
    print(f"train on it: fsa train-reenact depth {options.out} -o DEPTH")
    return print_failures(report.failures)


def _procedural(options: argparse.Namespace) -> bool:
    if (options.source is None) == (options.simdrive is None):
        raise ConfigError("Say either where pictures or videos lie, or --simdrive PEOPLE.")
    if options.simdrive is not None and options.simdrive < 1:
        raise ConfigError(f"--simdrive must be at least 1, got {options.simdrive}.")
    return options.simdrive is not None


def _landmarker(people: int) -> Landmarker:
    from fsa_data.faces import load_landmarker

    return load_landmarker(max_faces=people)
