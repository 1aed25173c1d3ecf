"""``fsa faces``: aligned faces of pictures and videos as a set on disk."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import pairs
from fsa_data.errors import ConfigError, failure_lines

if TYPE_CHECKING:
    from fsa_data.faces.extract import ExtractReport


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "cut aligned faces out of pictures and videos, with all that is known of each"
    command = commands.add_parser("faces", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("source", type=Path, metavar="IMAGE|VIDEO|DIR", help="subfolders are identities")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="SET", help="a new folder, or a set to go on")
    command.add_argument("--identity", default="", metavar="NAME", help="who is on all of it")
    command.add_argument("--face-type", default="whole_face", help="half_face .. head (default: %(default)s)")
    command.add_argument("--size", type=int, default=512, metavar="N", help="side in pixels (default: %(default)s)")
    command.add_argument("--max-faces", type=int, default=0, metavar="N", help="of a picture (default: all found)")
    command.add_argument("--every", type=int, default=1, metavar="N", help="every how many-th frame of a video")
    command.add_argument("--jpeg", type=int, metavar="QUALITY", help="JPEG of this quality, 95..100, instead of PNG")
    command.add_argument("--landmarker", default="mediapipe", help="mediapipe or face_alignment (default: %(default)s)")
    command.add_argument("--landmarker-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument(
        "--prune", action="store_true", help="move faces that add nothing to a sharper one into the subfolder set_aside"
    )
    command.add_argument(
        "--from-deepfacelab", action="store_true", help="SOURCE is a folder of DeepFaceLab's aligned faces"
    )
    kept = "the faces written so far are kept, and the same command goes on from there"
    command.set_defaults(run=_run, interrupted=kept)


def _run(options: argparse.Namespace) -> int:
    report = _imported(options) if options.from_deepfacelab else _extracted(options)
    kept = f", {report.kept} done before" if report.kept else ""
    print(f"{options.out}: {report.faces} faces in {report.pictures} pictures, {report.without} without one{kept}")
    if options.prune and report.faces + report.kept:
        _prune(options.out)
    for line in failure_lines(report.failures):
        print(line, file=sys.stderr)
    return 1 if report.failures else 0


def _extracted(options: argparse.Namespace) -> ExtractReport:
    from fsa_data.faces import ExtractOptions, extract_faces, load_landmarker

    how = ExtractOptions(
        face_type=options.face_type,
        size=options.size,
        max_faces=options.max_faces,
        every=options.every,
        **({} if options.jpeg is None else {"ending": ".jpg", "quality": options.jpeg}),
    )
    landmarker = load_landmarker(options.landmarker, **pairs(options.landmarker_option))
    return extract_faces(options.source, landmarker, options.out, how, options.identity)


def _imported(options: argparse.Namespace) -> ExtractReport:
    from fsa_data.faces.deepfacelab import import_aligned

    usual = {
        "face_type": "whole_face",
        "size": 512,
        "max_faces": 0,
        "every": 1,
        "jpeg": None,
        "landmarker": "mediapipe",
    }
    for name, value in usual.items():
        if getattr(options, name) != value:
            raise ConfigError(
                f"--{name.replace('_', '-')} does not go with --from-deepfacelab: its faces are taken as they are."
            )
    return import_aligned(options.source, options.out, options.identity)


def _prune(folder: Path) -> None:
    from fsa_data.faces.face_order import near_duplicates
    from fsa_data.faces.face_set import read_face_set, set_aside

    gone = [went for went, _ in near_duplicates(read_face_set(folder).records)]
    set_aside(gone)
    print(f"{folder / 'set_aside'}: {len(gone)} faces that add nothing to a sharper one")
