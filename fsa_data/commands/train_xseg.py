"""``fsa train-xseg``: outlines drawn by hand teach a network which part of a face may be swapped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from fsa_data.commands.words import DONE


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "train XSeg, which finds the part of a face that may be swapped, from outlines drawn by hand"
    command = commands.add_parser("train-xseg", help=text, description=f"{text}.")
    command.add_argument("outlines", type=Path, metavar="DIR", help="LabelMe's JSON files beside the pictures")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.safetensors", help="new, or to go on")
    command.add_argument("--iterations", type=int, default=5000, metavar="N", help="in all (default: %(default)s)")
    command.add_argument("--resolution", type=int, default=256, metavar="N", help="side (default: %(default)s)")
    command.add_argument("--base", type=int, default=32, metavar="N", help="channels (default: %(default)s)")
    command.add_argument("--batch-size", type=int, default=4, metavar="N", help="(default: %(default)s)")
    command.add_argument("--lr", type=float, default=1e-4, help="learning rate (default: %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="of weights and samples (default: %(default)s)")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    kept = "what was last written is kept, and the same command goes on from there"
    command.set_defaults(run=_run, interrupted=kept)


def _run(options: argparse.Namespace) -> int:
    from fsa_data.engines.xseg.labels import read_outlines
    from fsa_data.engines.xseg.train import XSegOptions, train_xseg

    outlines = read_outlines(options.outlines)
    how = XSegOptions(
        options.iterations,
        options.resolution,
        options.base,
        options.batch_size,
        options.lr,
        seed=options.seed,
        device=options.device,
        progress=sys.stderr.isatty(),
    )
    report = train_xseg(outlines, options.out, how)
    people = sorted({each.identity for each in outlines if each.identity})
    print(f"{len(outlines)} pictures of {', '.join(people) or 'people who are not named'}")
    print(f"{options.out}: {report.iteration} steps, {report.seconds:.1f} s, loss {report.loss:.4f}")
    print(f"overlap with the outlines: {report.overlap:.3f}")
    print(f"use it: --engine-option xseg={options.out} --merge-option mask_mode=9")
    return DONE
