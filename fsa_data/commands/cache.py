"""``fsa cache``: look into stores, and work on them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsa_data.commands.words import DONE, FAILURES, add_frames, add_recipe, frames_of, listed, print_failures, recipe_of
from fsa_data.errors import ConfigError

if TYPE_CHECKING:
    from fsa_data.store import Criteria, SwapStore


def add(commands: Any) -> None:
    """Add the command to the parser."""
    cache = commands.add_parser("cache", help="look into stores, and work on them").add_subparsers(
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
    _add_merge(cache)
    _add_export(cache)
    _add_gc(cache)


def _add_export(cache: Any) -> None:
    text = "write what a store has of a data set as plain files"
    command = cache.add_parser("export", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("store", type=Path, metavar="STORE")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="a new folder")
    command.add_argument(
        "--format", choices=("folders", "webdataset"), default="folders", help="class folders with frames.csv, or tars"
    )
    command.add_argument("--fakes-only", action="store_true", help="no frame as it is, only swapped ones")
    command.add_argument(
        "--image", choices=("png", "jpg"), default="png", help="lossless, or quality 95 (default: png)"
    )
    command.add_argument("--shuffle", type=int, metavar="SEED", help="in a random order")
    add_frames(command)
    add_recipe(command)
    command.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from fsa_data.worker import export_frames

    report = export_frames(
        frames_of(options),
        recipe_of(options),
        _existing_store(options.store),
        options.out,
        options.format,
        options.fakes_only,
        options.image,
        options.shuffle,
    )
    print(f"{options.out}: {report.real} real frames, {report.fakes} fakes{listed('; no swap: ', report.left_out)}")
    missing = report.left_out.get("missing", 0)
    failures = [f"{missing} swaps are not in the store; fsa materialise makes them"] if missing else []
    if report.frames_left_out:
        failures.append(f"{report.frames_left_out} frames are not in the store, or could not be read")
    return print_failures(failures)


def _add_merge(cache: Any) -> None:
    text = "put everything of some stores into one"
    command = cache.add_parser("merge", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("store", type=Path, nargs="+", metavar="STORE", help="the first that has a key counts")
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="STORE", help="a new store, or one that takes the rest in"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_merge, interrupted="what was taken is kept, and the same command goes on from there")


def _merge(options: argparse.Namespace) -> int:
    from fsa_data.store import SwapStore, merge_stores

    sources = [_existing_store(path) for path in options.store]
    report = merge_stores(sources, SwapStore(options.out))
    failures = [
        f"{one.kind} {one.key}: {one.refused} differs from {one.kept} in {', '.join(one.differs)}; the latter was kept"
        for one in report.conflicts
    ]
    failures += [f"{one.shard}: {one.what}{f' (key {one.key})' if one.key else ''}" for one in report.damages]
    if options.json:
        print(json.dumps(asdict(report), indent=2))
        return FAILURES if failures else DONE
    counts = ", ".join(f"{kind} {count}" for kind, count in report.rows.items()) or "nothing new"
    print(
        f"{options.out}: {counts}; {report.same} rows were there already; {report.shards_copied} shards copied, "
        f"{report.shards_sealed} sealed; {len(report.conflicts)} conflicts, {len(report.damages)} damaged"
    )
    return print_failures(failures)


def _add_gc(cache: Any) -> None:
    text = "remove rows for good: of a person who withdrew consent, of an engine, or what nobody needs"
    command = cache.add_parser("gc", help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument("store", type=Path, metavar="STORE")
    command.add_argument("--dry-run", action="store_true", help="only say what would go")
    command.add_argument(
        "--subject",
        action="append",
        default=[],
        metavar="NAME",
        help="everything of this person in the frames: swaps, frames, landmarks, usual looks; may be given again",
    )
    command.add_argument(
        "--source-identity",
        action="append",
        default=[],
        metavar="NAME",
        help="every swap that wears this person, or that comes from weights trained on them; may be given again",
    )
    command.add_argument("--engine", metavar="NAME", help="every swap of this engine")
    command.add_argument(
        "--unreferenced", action="store_true", help="everything that the data set described below does not need"
    )
    kept = command.add_argument_group(
        "with --unreferenced: the data set that is kept",
        "As for fsa materialise; --engine is then its engine (default: mesh_warp). Of these options --identity-map "
        "means something without it, too: the names of one person go together.",
    )
    add_frames(kept, required=False)
    add_recipe(kept, required=False)
    command.set_defaults(run=_gc, interrupted="what was removed is gone; run it again for the rest")


def _gc(options: argparse.Namespace) -> int:
    from fsa_data.store import Criteria, collect
    from fsa_data.worker import load_identity_map

    store = _existing_store(options.store)
    named = frozenset(options.subject), frozenset(options.source_identity), frozenset(filter(None, [options.engine]))
    if options.unreferenced:
        criteria = _needed(options, store)
    elif any(named):
        criteria = Criteria(*named, identities=load_identity_map(options.identity_map))
    else:
        raise ConfigError("Say what is to go: --subject, --source-identity, --engine or --unreferenced.")
    report = collect(store, criteria, options.dry_run)
    counts = ", ".join(f"{kind} {count}" for kind, count in report.rows.items()) or "nothing"
    print(
        f"{options.store}: {'would remove' if options.dry_run else 'removed'} {counts} ({report.freed_bytes:,} bytes)"
        + ("" if options.dry_run else f"; {report.shards_removed} shards gone, {report.shards_rewritten} sealed again")
    )
    if not report.rows and (named[0] or named[1]):
        print(f"It knows the names {', '.join(sorted(filter(None, store.index.names))) or '(none)'}.")
    failures = [
        f"{name} cannot be read, so nobody knows whom it holds; remove it by hand" for name in report.unreadable
    ]
    failures += [f"{name} is unfinished; run again when nobody writes the store" for name in report.unfinished]
    if report.damaged_rows:
        print(f"{report.damaged_rows} damaged rows went as well; materialise makes them anew.")
    return print_failures(failures)


def _needed(options: argparse.Namespace, store: SwapStore) -> Criteria:
    """The rule that keeps what a data set needs."""
    from fsa_data.store import Criteria
    from fsa_data.store.keys import packed
    from fsa_data.worker import plan

    if options.subject or options.source_identity:
        raise ConfigError("--unreferenced keeps a data set and removes the rest; name people in a run of their own.")
    if not options.source:
        raise ConfigError("--unreferenced needs the data set that is kept: its frames, and -s SOURCE.")
    options.engine = options.engine or "mesh_warp"
    planned = plan(frames_of(options), recipe_of(options), store)
    keep = {"swaps": planned.swap_keys.ravel(), "frames": planned.frame_keys, "faces": planned.faces_keys}
    return Criteria(keep=keep | {"references": packed(group.key for group in planned.groups)})


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
