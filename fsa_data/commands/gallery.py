"""``fsa gallery``: the people of a source on one sheet."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import pairs

if TYPE_CHECKING:
    from fsa_data.worker.gallery import GalleryReport


def add(commands: Any) -> None:
    """Add the command to the parser."""
    text = "draw the people of a source on one sheet, with pose and expression of each photo"
    command = commands.add_parser("gallery", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("source", nargs="+", metavar="SOURCE", help="whose faces; several are mixed")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="a picture, e.g. sheet.png")
    command.add_argument("--source-option", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--people", type=int, default=24, metavar="N", help="most people shown (default: %(default)s)")
    command.add_argument(
        "--photos", type=int, default=12, metavar="N", help="most photos of each (default: %(default)s)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace a former sheet")
    group = command.add_argument_group("mark the photos that an engine chooses")
    group.add_argument("-d", "--target", type=Path, metavar="VIDEO|IMAGE|DIR", help="for whom")
    group.add_argument("--engine", default="mesh_warp", help="which engine (default: %(default)s)")
    group.add_argument("--engine-option", action="append", default=[], metavar="KEY=VALUE")
    group.add_argument("--seed", type=int, default=0, help="of the choice (default: %(default)s)")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from fsa_data.engines import load_engine
    from fsa_data.sources import load_source
    from fsa_data.worker.gallery import draw_gallery

    source = load_source(options.source, pairs(options.source_option))
    report = draw_gallery(
        source,
        options.out,
        people=options.people,
        photos=options.photos,
        target=options.target,
        engine=load_engine(options.engine, pairs(options.engine_option)) if options.target else None,
        seed=options.seed,
        overwrite=options.overwrite,
    )
    found = sum(report.people.values())
    print(
        f"{options.out}: {len(report.people)} people, {found} faces in {len(source.photos)} photos and views; "
        f"{report.shown} people shown"
    )
    if options.target is not None:
        _print_chosen(report)
    return 0


def _print_chosen(report: GalleryReport) -> None:
    """Who was chosen, for how many faces, from how many photos, and how far their pose is from what was needed."""
    for identity, count in Counter(one.identity for one in report.chosen).most_common():
        mine = [one for one in report.chosen if one.identity == identity]
        away = [one.pose_distance_deg for one in mine if one.pose_distance_deg is not None]
        poses = f", pose off by {median(away):.0f} degrees (median; at most {max(away):.0f})" if away else ""
        print(f"{identity}: {count} faces from {len({one.digest for one in mine})} photos{poses}")
    if not report.chosen and not report.unswapped:
        print("no face in the target")
    if report.unswapped:
        print("not swapped: " + ", ".join(f"{reason} {count}" for reason, count in report.unswapped.items()))
