"""``fsa compare``: several runs of ``train/run.py`` as one table, or as a report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fsa_data.commands.words import DONE


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "compare runs of train/run.py: one table, or with -o a report that says what there is evidence for"
    command = commands.add_parser("compare", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories, or folders of them")
    command.add_argument("-o", "--out", type=Path, metavar="DIR", help="write report.html and its tables there")
    command.add_argument("--baseline", default="real_only", metavar="ARM", help="compared with (default: %(default)s)")
    command.add_argument(
        "--margin", type=float, default=0.02, help="differences of macro-F1 below it are none (default: %(default)s)"
    )
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from fsa_data.evaluate import command_of, comparison_table, gather, write_comparison
    from fsa_data.evaluate.comparison_report import sentence

    if options.out is None:
        print(comparison_table(options.runs))
        return DONE
    evidence = gather(options.runs, options.baseline, options.margin)
    command = command_of(options.runs, options.out, options.baseline, options.margin)
    path = write_comparison(evidence, options.out, command)
    for one in (*evidence.against_baseline, *evidence.against_controls):
        print(f"{sentence(one)}.")
    print(f"\n{path}")
    return DONE
