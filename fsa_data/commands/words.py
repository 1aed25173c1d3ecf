"""What commands share: options of the same meaning, words as values, and how results are told."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.errors import ConfigError, failure_lines

if TYPE_CHECKING:
    from fsa_data.frames import LabelledFrames
    from fsa_data.worker import Recipe

DONE, FAILURES = 0, 1


def pairs(given: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` words as a dictionary; values are JSON where they can be, lists ``[a,b]``, or text.

    Raises:
        ConfigError: a word without ``=``.
    """
    found = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"An option is written KEY=VALUE, got {word!r}.")
        found[key] = _value(value)
    return found


def _value(word: str) -> Any:
    """JSON, a list ``[a,b]`` of such words, or else the word itself."""
    try:
        return json.loads(word)
    except json.JSONDecodeError:
        if word.startswith("[") and word.endswith("]"):
            return [_value(each.strip()) for each in word[1:-1].split(",") if each.strip()]
        return word


def add_frames(command: Any, required: bool = True) -> None:
    """Options that say which labelled frames; :func:`frames_of` reads them."""
    data = command.add_mutually_exclusive_group(required=required)
    data.add_argument("--csv", type=Path, metavar="FILE", help="frames listed in a CSV: path,subject,label")
    data.add_argument("--maskdar", type=Path, metavar="DIR", help="folder with MaskDAR's class folders C00 .. C14")
    data.add_argument(
        "--state-farm", type=Path, metavar="DIR", help="folder with State Farm's driver_imgs_list.csv and imgs/train"
    )
    data.add_argument("--simdrive", action="store_true", help="the embedded procedural drivers")
    command.add_argument("--root", type=Path, metavar="DIR", help="what the CSV's relative paths start from")


def frames_of(options: argparse.Namespace) -> LabelledFrames:
    """The frames that the options of :func:`add_frames` name.

    Raises:
        ConfigError: options that do not belong together.
        DatasetNotFoundError: no frame there.
    """
    from fsa_data.frames import LabelledFrames

    if options.root is not None and options.csv is None:
        raise ConfigError("--root belongs to --csv: it is what the CSV's relative paths start from.")
    if not any((options.csv, options.maskdar, options.state_farm, options.simdrive)):
        raise ConfigError("Say which frames: --csv, --maskdar, --state-farm or --simdrive.")
    if options.csv is not None:
        return LabelledFrames.from_csv(options.csv, options.root)
    if options.maskdar is not None:
        return LabelledFrames.from_maskdar(options.maskdar)
    if options.state_farm is not None:
        return LabelledFrames.from_state_farm(options.state_farm)
    return LabelledFrames.from_simdrive()


def add_swapping(command: Any, required: bool = True) -> None:
    """What every command that swaps takes: whose faces, and how; ``required=False``: and it may be left out."""
    command.add_argument(
        "-s",
        "--source",
        action="append",
        required=required,
        help="whose faces to put on; give it again to mix several",
    )
    command.add_argument("--source-option", action="append", default=[], metavar="KEY=VALUE")
    if required:
        command.add_argument("--engine", default="mesh_warp", help="how to swap (default: %(default)s)")
    command.add_argument("--engine-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--merge-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--seed", type=int, default=0)


def add_recipe(command: Any, required: bool = True) -> None:
    """Everything that decides what is made of frames; :func:`recipe_of` reads it."""
    add_swapping(command, required)
    command.add_argument(
        "--working-size",
        type=_working_size,
        default=240,
        metavar="N",
        help="short side in pixels, HxW, or 'native' (default: %(default)s)",
    )
    command.add_argument("--fakes-per-frame", type=int, default=1, metavar="N")
    command.add_argument("--identity-map", type=Path, metavar="FILE", help="CSV: identity,person")


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the options of :func:`add_recipe` name."""
    from fsa_data.engines import load_engine
    from fsa_data.faces import load_landmarker
    from fsa_data.sources import load_source
    from fsa_data.worker import Recipe, checked_size, load_identity_map

    return Recipe(
        load_source(options.source, pairs(options.source_option)),
        load_engine(options.engine, pairs(options.engine_option), pairs(options.merge_option)),
        load_landmarker(),
        checked_size(options.working_size),
        options.fakes_per_frame,
        options.seed,
        load_identity_map(options.identity_map),
    )


def listed(before: str, counts: Mapping[str, int], after: str = "") -> str:
    """``before``, every reason with its count, ``after``; empty if there is none."""
    return f"{before}{', '.join(f'{reason} {count}' for reason, count in counts.items())}{after}" if counts else ""


def print_failures(failures: Sequence[str]) -> int:
    """List what failed, not all of it if it is much; returns the exit code."""
    for line in failure_lines(failures):
        print(line, file=sys.stderr)
    return FAILURES if failures else DONE


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
