"""The command ``fsa``.

Exit codes: 0 done, 1 done with failures (they are listed), 2 wrong input (one message; ``FSA_DEBUG=1`` shows the
traceback).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsa_data
from fsa_data.commands import (
    cache,
    compare,
    faces,
    gallery,
    materialise,
    prepare,
    profile,
    score,
    train_engine,
    train_reenact,
    train_xseg,
)
from fsa_data.commands.words import DONE, FAILURES, add_swapping, listed, pairs, print_failures
from fsa_data.errors import (
    ConfigError,
    FsaError,
    MissingWeightsError,
    WrongWeightsError,
    debugging,
    of_system,
    warned_plainly,
)

WRONG_INPUT, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with warned_plainly("fsa: "):
            code: int = options.run(options)
        return code
    except (FsaError, OSError) as error:  # the second: a full disk, a folder that may not be read or written
        if debugging():
            raise
        print(f"fsa: {error if isinstance(error, FsaError) else of_system(error)}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print(f"fsa: interrupted; {options.interrupted}.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fsa", description="Face-swap data augmentation for driver action recognition."
    )
    parser.add_argument("--version", action="version", version=f"fsa-data {fsa_data.__version__}")
    parser.set_defaults(interrupted="nothing was written")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_swap(commands)
    materialise.add(commands)
    _add_extract(commands)
    faces.add(commands)
    prepare.add(commands)
    gallery.add(commands)
    score.add(commands)
    train_engine.add(commands)
    train_reenact.add(commands)
    train_xseg.add(commands)
    profile.add(commands)
    cache.add(commands)
    compare.add(commands)
    weights = commands.add_parser("weights", help="list the model files, where they are found, and their licences")
    weights.set_defaults(run=_weights)
    doctor = commands.add_parser("doctor", help="check this installation and say how to mend what is wrong")
    doctor.set_defaults(run=_doctor)
    return parser


def _add_swap(commands: Any) -> None:
    text = "put new faces on the people of a video, a picture or a folder of pictures"
    command = commands.add_parser("swap", help=text, description=f"{text[0].upper()}{text[1:]}.")
    add_swapping(command)
    command.add_argument("-d", "--target", type=Path, required=True, metavar="VIDEO|IMAGE|DIR", help="whose to replace")
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="a file of the same kind, or a folder (a name without an ending) for lossless PNG; tables lie beside it",
    )
    command.add_argument(
        "--who", default="all", help="all, largest, left, right, or a number from the left, from 1 (default: all)"
    )
    command.add_argument(
        "--subject", metavar="NAME", help="who is in the target: never put on (default: the name of the file or folder)"
    )
    command.add_argument("--no-smooth", action="store_true", help="every frame of a video by itself")
    command.add_argument("--mask-video", action="store_true", help="write the changed region as well")
    command.add_argument("--overwrite", action="store_true", help="replace a former result")
    command.set_defaults(run=_swap)


def _add_extract(commands: Any) -> None:
    text = "cut labelled images out of videos"
    command = commands.add_parser("extract", help=text, description=f"{text.capitalize()}.")
    videos = command.add_mutually_exclusive_group(required=True)
    videos.add_argument("--videos", type=Path, metavar="DIR", help="folder of videos whose actions a table lists")
    videos.add_argument("--maskdar-raw", type=Path, metavar="DIR", help="folder of MaskDAR's raw recordings")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="a new folder")
    command.add_argument("--per-interval", type=int, default=2, metavar="N", help="frames each (default: %(default)s)")
    command.add_argument(
        "--trim-s", type=float, metavar="S", help="seconds left out at both ends (default: 0; MaskDAR 2)"
    )
    command.add_argument("--seed", type=int, metavar="N", help="draw the frames instead of spreading them evenly")
    listed = command.add_argument_group("with --videos")
    listed.add_argument(
        "--intervals",
        type=Path,
        metavar="FILE",
        help="CSV: video,subject,start_s,end_s,label and, if known, session,view,condition,licence,consent",
    )
    raw = command.add_argument_group("with --maskdar-raw")
    raw.add_argument(
        "--subjects", type=Path, metavar="FILE", help="CSV: recording,subject (default: by folder, or name)"
    )
    raw.add_argument(
        "--processed", type=Path, metavar="DIR", help="take the frames from swapped copies, where their face is valid"
    )
    raw.add_argument("--condition", choices=("unmasked", "masked"), help="of all recordings (default: unmasked)")
    raw.add_argument("--mirror", action="store_true", help="add mirrored copies of left and right actions")
    raw.add_argument(
        "--every-performance", action="store_true", help="of each action all performances, not only the last"
    )
    command.set_defaults(run=_extract)


def _swap(options: argparse.Namespace) -> int:
    from fsa_data.engines import load_engine
    from fsa_data.sources import load_source
    from fsa_data.worker import parse_who, swap_clip

    report = swap_clip(
        options.target,
        options.out,
        load_source(options.source, pairs(options.source_option)),
        load_engine(options.engine, pairs(options.engine_option), pairs(options.merge_option)),
        seed=options.seed,
        who=parse_who(options.who),
        smooth=not options.no_smooth,
        masks=options.mask_video,
        subject=options.target.stem if options.subject is None else options.subject,
        overwrite=options.overwrite,
    )
    print(
        f"{options.out}: {report.swapped} faces replaced in {report.frames_swapped} of {report.frames} frames"
        f"{listed('; left as they are: ', report.by_reason)}, {report.seconds:.1f} s"
    )
    return print_failures(report.failures)


def _extract(options: argparse.Namespace) -> int:
    from fsa_data.frames.extract import extract_intervals
    from fsa_data.frames.maskdar_raw import TRIM_S, Options, extract_maskdar
    from fsa_data.frames.picking import Sampling

    listed = options.videos is not None
    only = ("subjects", "processed", "condition", "mirror", "every_performance") if listed else ("intervals",)
    for name in only:
        if getattr(options, name):
            mode = "--maskdar-raw" if listed else "--videos"
            raise ConfigError(f"--{name.replace('_', '-')} belongs to {mode}.")
    if listed and options.intervals is None:
        raise ConfigError("--videos needs --intervals FILE: the table that says who does what from when to when.")
    trim_s = options.trim_s if options.trim_s is not None else 0.0 if listed else TRIM_S
    sampling = Sampling(options.per_interval, trim_s, options.seed)
    if listed:
        made = extract_intervals(options.videos, options.intervals, options.out, sampling)
    else:
        how = Options(sampling, options.every_performance, options.mirror, options.condition or "unmasked")
        made = extract_maskdar(options.maskdar_raw, options.out, how, options.subjects, options.processed)
    print(
        f"{options.out}: {made.frames} frames of {made.subjects} subjects, from {made.intervals} intervals of "
        f"{made.videos} videos; {options.out / 'frames.csv'} lists them"
    )
    if made.fewer:
        print(f"{made.fewer} intervals hold fewer than {options.per_interval} frames that can be taken.")
    for note in made.notes:
        print(note)
    return print_failures(made.failures)


def _weights(options: argparse.Namespace) -> int:
    from fsa_data import weights

    del options
    missing = 0
    for name, spec in weights.WEIGHTS.items():
        try:
            found = str(weights.resolve(name))
        except (MissingWeightsError, WrongWeightsError) as error:
            found, missing = f"NOT USABLE: {error}", missing + 1
        print(f"{name}\n  {spec.purpose}\n  licence  {spec.licence}\n  sha256   {spec.sha256}\n  file     {found}")
    return FAILURES if missing else DONE


def _doctor(options: argparse.Namespace) -> int:
    from fsa_data.doctor import examine

    del options
    wrong = 0
    for finding in examine():
        print(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.name:<10} {finding.text}", flush=True)
        wrong += not finding.ok
    return FAILURES if wrong else DONE


if __name__ == "__main__":
    sys.exit(main())
