"""The command ``fsa``.

Exit codes: 0 done, 1 done with failures (they are listed), 2 wrong input (one message; ``FSA_DEBUG=1`` shows the
traceback).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsa_data
from fsa_data.commands import faces, gallery, score
from fsa_data.commands.words import pairs
from fsa_data.errors import (
    ConfigError,
    FsaError,
    MissingWeightsError,
    WrongWeightsError,
    debugging,
    failure_lines,
    of_system,
    warned_plainly,
)

if TYPE_CHECKING:
    from fsa_data.frames import LabelledFrames

DONE, FAILURES, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


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
    _add_materialise(commands)
    _add_extract(commands)
    faces.add(commands)
    gallery.add(commands)
    score.add(commands)
    _add_cache(commands)
    compare = commands.add_parser("compare", help="print several runs of train/run.py as one table")
    compare.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directory with a results.json")
    compare.set_defaults(run=_compare)
    weights = commands.add_parser("weights", help="list the model files, where they are found, and their licences")
    weights.set_defaults(run=_weights)
    doctor = commands.add_parser("doctor", help="check this installation and say how to mend what is wrong")
    doctor.set_defaults(run=_doctor)
    return parser


def _add_materialise(commands: Any) -> None:
    command = commands.add_parser(
        "materialise", help="make every swap that a store lacks", description="Make every swap that a store lacks."
    )
    data = command.add_mutually_exclusive_group(required=True)
    data.add_argument("--csv", type=Path, metavar="FILE", help="frames listed in a CSV: path,subject,label")
    data.add_argument("--maskdar", type=Path, metavar="DIR", help="folder with MaskDAR's class folders C00 .. C14")
    data.add_argument(
        "--state-farm", type=Path, metavar="DIR", help="folder with State Farm's driver_imgs_list.csv and imgs/train"
    )
    data.add_argument("--simdrive", action="store_true", help="the embedded procedural drivers")
    command.add_argument("--root", type=Path, metavar="DIR", help="what the CSV's relative paths start from")
    _add_swapping(command)
    command.add_argument("--store", type=Path, required=True, metavar="DIR", help="where the swaps are kept")
    command.add_argument(
        "--working-size",
        type=_working_size,
        default=240,
        metavar="N",
        help="short side in pixels, HxW, or 'native' (default: %(default)s)",
    )
    command.add_argument("--fakes-per-frame", type=int, default=1, metavar="N")
    command.add_argument("--identity-map", type=Path, metavar="FILE", help="CSV: identity,person")
    command.add_argument("--workers", type=int, metavar="N", help="processes (default: as many as help)")
    kept = "what was sealed is kept, and the same command goes on from there"
    command.set_defaults(run=_materialise, interrupted=kept)


def _add_swapping(command: Any) -> None:
    """What every command that swaps takes: whose faces, and how."""
    command.add_argument(
        "-s", "--source", action="append", required=True, help="whose faces to put on; give it again to mix several"
    )
    command.add_argument("--source-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--engine", default="mesh_warp", help="how to swap (default: %(default)s)")
    command.add_argument("--engine-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--merge-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--seed", type=int, default=0)


def _add_swap(commands: Any) -> None:
    text = "put new faces on the people of a video, a picture or a folder of pictures"
    command = commands.add_parser("swap", help=text, description=f"{text[0].upper()}{text[1:]}.")
    _add_swapping(command)
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
    command.add_argument("--subject", default="", metavar="NAME", help="identity of the source never to put on")
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


def _add_cache(commands: Any) -> None:
    cache = commands.add_parser("cache", help="look into a store").add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    for name, run, text in (
        ("info", _info, "what a store holds"),
        ("verify", _verify, "read every byte and name what is damaged"),
    ):
        command = cache.add_parser(name, help=text)
        command.add_argument("store", type=Path, metavar="STORE")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=run)


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
        subject=options.subject,
        overwrite=options.overwrite,
    )
    print(
        f"{options.out}: {report.swapped} faces replaced in {report.frames_swapped} of {report.frames} frames"
        f"{_listed('; left as they are: ', report.by_reason)}, {report.seconds:.1f} s"
    )
    return _print_failures(report.failures)


def _listed(before: str, counts: Mapping[str, int], after: str = "") -> str:
    """``before``, every reason with its count, ``after``; empty if there is none."""
    return f"{before}{', '.join(f'{reason} {count}' for reason, count in counts.items())}{after}" if counts else ""


def _print_failures(failures: Sequence[str]) -> int:
    """List what failed, not all of it if it is much; returns the exit code."""
    for line in failure_lines(failures):
        print(line, file=sys.stderr)
    return FAILURES if failures else DONE


def _materialise(options: argparse.Namespace) -> int:
    from fsa_data.engines import load_engine
    from fsa_data.sources import load_source
    from fsa_data.worker import load_identity_map, materialise

    source = load_source(options.source, pairs(options.source_option))
    engine = load_engine(options.engine, pairs(options.engine_option), pairs(options.merge_option))
    identities = load_identity_map(options.identity_map)
    report = materialise(
        _frames(options),
        source,
        engine,
        options.store,
        working_size=options.working_size,
        fakes_per_frame=options.fakes_per_frame,
        seed=options.seed,
        identity_map=identities,
        workers="auto" if options.workers is None else options.workers,
    )
    print(
        f"{options.store}: {report.made} swaps made, {report.reused} reused, {report.skipped} frames without one"
        f"{_listed(' (', report.by_reason, ')')}, {report.seconds:.1f} s"
    )
    return _print_failures(report.failures)


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
    return _print_failures(made.failures)


def _frames(options: argparse.Namespace) -> LabelledFrames:
    from fsa_data.frames import LabelledFrames

    if options.root is not None and options.csv is None:
        raise ConfigError("--root belongs to --csv: it is what the CSV's relative paths start from.")
    if options.csv is not None:
        return LabelledFrames.from_csv(options.csv, options.root)
    if options.maskdar is not None:
        return LabelledFrames.from_maskdar(options.maskdar)
    if options.state_farm is not None:
        return LabelledFrames.from_state_farm(options.state_farm)
    return LabelledFrames.from_simdrive()


def _working_size(text: str) -> int | tuple[int, int] | None:
    if text == "native":
        return None
    try:
        sizes = [int(part) for part in text.lower().split("x")]
    except ValueError:
        sizes = []
    if len(sizes) not in (1, 2) or min(sizes, default=0) < 1:
        raise argparse.ArgumentTypeError(f"expected e.g. 240, 240x320 or native, got {text!r}")
    return sizes[0] if len(sizes) == 1 else (sizes[0], sizes[1])


def _existing_store(path: Path) -> Any:
    from fsa_data.store import SwapStore

    if not path.is_dir() or not any(path.iterdir()):
        raise ConfigError(f"There is no store at {path}.")
    return SwapStore(path)


def _info(options: argparse.Namespace) -> int:
    info = asdict(_existing_store(options.store).info())
    if options.json:
        print(json.dumps(info, indent=2))
        return DONE
    for name, value in info.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in value.items())
        elif isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        print(f"{name.replace('_', ' '):<15} {value if value != '' else '-'}")
    return DONE


def _verify(options: argparse.Namespace) -> int:
    damages = _existing_store(options.store).verify()
    if options.json:
        print(json.dumps([asdict(damage) for damage in damages], indent=2))
    else:
        for damage in damages:
            print(f"{damage.shard}: {damage.what}{f' (key {damage.key})' if damage.key else ''}")
        print(f"{options.store}: {f'{len(damages)} damaged' if damages else 'every byte is as it was sealed'}")
    return FAILURES if damages else DONE


def _compare(options: argparse.Namespace) -> int:
    from fsa_data.evaluate import comparison_table

    print(comparison_table(options.runs))
    return DONE


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
