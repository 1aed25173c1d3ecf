"""``fsa score``: sources compared by how well they cover targets, and by what swaps with them keep."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import pairs
from fsa_data.errors import ConfigError, failure_lines

if TYPE_CHECKING:
    from fsa_data.worker import Clip


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "compare sources: how well their faces cover targets, and what swaps with them keep"
    command = commands.add_parser("score", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument(
        "-s",
        "--source",
        action="append",
        required=True,
        help="whose faces to put on; each further one is a flow of its own, compared with the others",
    )
    command.add_argument("--source-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--engine", default="mesh_warp", help="how to swap (default: %(default)s)")
    command.add_argument("--engine-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--merge-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--seed", type=int, default=0)
    _add_targets(command)
    command.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="a folder for tables and figure")
    command.add_argument(
        "--frames", type=int, default=40, metavar="N", help="frames of each target to swap (default: %(default)s)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace a former result")
    command.set_defaults(run=_run)


def _add_targets(command: Any) -> None:
    targets = command.add_mutually_exclusive_group(required=True)
    targets.add_argument(
        "-d",
        "--target",
        action="append",
        type=Path,
        metavar="VIDEO|IMAGE|DIR",
        help="whom to put them on; give it again for several",
    )
    text = "every subject of {} is a target"
    targets.add_argument("--csv", type=Path, metavar="FILE", help=text.format("a CSV with path,subject,label"))
    targets.add_argument("--maskdar", type=Path, metavar="DIR", help=text.format("MaskDAR's class folders"))
    targets.add_argument("--state-farm", type=Path, metavar="DIR", help=text.format("State Farm's training frames"))
    targets.add_argument("--simdrive", action="store_true", help=text.format("the embedded procedural drivers"))
    command.add_argument("--root", type=Path, metavar="DIR", help="what the CSV's relative paths start from")


def _run(options: argparse.Namespace) -> int:
    from fsa_data.engines import load_engine
    from fsa_data.evaluate import check_scores_folder, flows_text, write_scores
    from fsa_data.worker import load_flows, score_flows

    check_scores_folder(options.out, options.overwrite)
    flows = load_flows(options.source, pairs(options.source_option))
    engine = load_engine(options.engine, pairs(options.engine_option), pairs(options.merge_option))
    scored = score_flows(flows, _clips(options), engine, sample=options.frames, seed=options.seed)
    lines = write_scores(options.out, scored.swaps)
    print(f"{flows_text(lines)}\n\n{options.out}")
    for line in failure_lines(scored.failures):
        print(line, file=sys.stderr)
    return 1 if scored.failures else 0


def _clips(options: argparse.Namespace) -> list[Clip]:
    from fsa_data.frames import LabelledFrames
    from fsa_data.worker import clips_of_frames, clips_of_paths

    if options.root is not None and options.csv is None:
        raise ConfigError("--root belongs to --csv: it is what the CSV's relative paths start from.")
    if options.target is not None:
        return clips_of_paths(options.target)
    if options.csv is not None:
        return clips_of_frames(LabelledFrames.from_csv(options.csv, options.root))
    if options.maskdar is not None:
        return clips_of_frames(LabelledFrames.from_maskdar(options.maskdar))
    if options.state_farm is not None:
        return clips_of_frames(LabelledFrames.from_state_farm(options.state_farm))
    return clips_of_frames(LabelledFrames.from_simdrive())
