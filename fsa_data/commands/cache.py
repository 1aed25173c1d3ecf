"""``fsa cache``: look into stores, and work on them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fsa_data.commands.words import DONE, FAILURES
from fsa_data.errors import ConfigError


def add(commands: Any) -> None:
    """Add the command to the parser."""
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
