"""``fsa materialise``: make every swap that a store lacks, or one machine's part of them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from fsa_data.commands.words import add_frames, add_recipe, frames_of, listed, pairs, print_failures
from fsa_data.errors import ConfigError

_LAUNCHERS = (("SLURM_PROCID", "SLURM_NTASKS"), ("RANK", "WORLD_SIZE"))
"""Variables in which launchers say which process this is, and of how many."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "materialise", help="make every swap that a store lacks", description="Make every swap that a store lacks."
    )
    add_frames(command)
    add_recipe(command)
    command.add_argument("--store", type=Path, required=True, metavar="DIR", help="where the swaps are kept")
    command.add_argument("--workers", type=int, metavar="N", help="processes (default: as many as help)")
    command.add_argument(
        "--max-failed",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="stop when a larger share of the frames fails, of at least 20 (default: %(default)s)",
    )
    command.add_argument(
        "--gate-option",
        action="append",
        metavar="KEY=VALUE",
        help="reject swaps that drift further, e.g. max_pose_deg=8; see docs/score.md (default: no gate)",
    )
    many = command.add_argument_group("several machines, each a part, on one shared store or to be merged later")
    many.add_argument(
        "--executor",
        choices=("local", "slice", "ray"),
        help="slice: only this process' part, by --rank and --world or what SLURM or torchrun say; ray: on the Ray "
        "cluster of RAY_ADDRESS, or one started here (default: local)",
    )
    many.add_argument("--rank", type=int, metavar="R", help="which part, from 0 on")
    many.add_argument("--world", type=int, metavar="W", help="number of parts")
    kept = "what was sealed is kept, and the same command goes on from there"
    command.set_defaults(run=_run, interrupted=kept)


def _run(options: argparse.Namespace) -> int:
    from fsa_data.engines import load_engine
    from fsa_data.faces import load_landmarker
    from fsa_data.quality import gated
    from fsa_data.sources import load_source
    from fsa_data.worker import load_identity_map, materialise

    rank, world = part_of(options)
    engine = load_engine(options.engine, pairs(options.engine_option), pairs(options.merge_option))
    limits = None if options.gate_option is None else pairs(options.gate_option)
    report = materialise(
        frames_of(options),
        load_source(options.source, pairs(options.source_option)),
        gated(engine, load_landmarker(), limits),
        options.store,
        working_size=options.working_size,
        fakes_per_frame=options.fakes_per_frame,
        seed=options.seed,
        identity_map=load_identity_map(options.identity_map),
        workers="auto" if options.workers is None else options.workers,
        max_failed=options.max_failed,
        rank=rank,
        world=world,
        executor="ray" if options.executor == "ray" else "local",
    )
    part = f" (part {rank} of 0 .. {world - 1})" if world > 1 else ""
    print(
        f"{options.store}{part}: {report.made} swaps made, {report.reused} reused, {report.skipped} frames without one"
        f"{listed(' (', report.by_reason, ')')}, {report.seconds:.1f} s"
    )
    return print_failures(report.failures)


def part_of(options: argparse.Namespace) -> tuple[int, int]:
    """Rank and world: as given, else as a launcher says; variables are looked at with ``--executor slice`` only.

    Raises:
        ConfigError: only one of them, or none to be found.
    """
    given = options.rank, options.world
    if options.executor in ("local", "ray") and given != (None, None):
        raise ConfigError("--rank and --world belong to --executor slice.")
    if options.executor != "slice" and given == (None, None):
        return 0, 1
    if given == (None, None):
        for names in _LAUNCHERS:
            if all(os.environ.get(name, "").isdecimal() for name in names):
                rank, world = (int(os.environ[name]) for name in names)
                return rank, world
    if options.rank is None or options.world is None:
        said = ", or ".join(" and ".join(names) for names in _LAUNCHERS)
        raise ConfigError(f"A part needs both --rank and --world (or {said} in the environment).")
    return options.rank, options.world
