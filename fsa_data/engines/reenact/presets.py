"""A preset by name or from a JSON file, with some fields changed: for every kind of training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from fsa_data.engines.autoencoder.preset_file import check_value
from fsa_data.errors import ConfigError, UnknownNameError

P = TypeVar("P")


def find_preset(presets: Mapping[str, P], name: str, changes: Mapping[str, Any] | None = None) -> P:
    """A preset of a kind of training.

    Args:
        presets: by name; the first is what a file changes unless its key ``preset`` names another.
        name: of one, or a JSON file with fields, e.g. ``{"preset": "tiny", "batch_size": 2}``.
        changes: fields to change.

    Raises:
        UnknownNameError: no such preset, field or word.
        ConfigError: a file that is no JSON object, or a value of another kind or out of range.
    """
    path = Path(name).expanduser()
    given: dict[str, Any] = {}
    if name not in presets:
        if not path.is_file():
            raise UnknownNameError("preset (nor is it a file)", name, presets)
        given = _read(path)
        name = str(given.pop("preset", next(iter(presets))))
        if name not in presets:
            raise UnknownNameError(f"preset in {path}:", name, presets)
    given |= changes or {}
    base: Any = presets[name]
    kinds = get_type_hints(type(base))
    for key, value in given.items():
        if key not in kinds:
            raise UnknownNameError("training option", key, kinds)
        check_value(key, kinds[key], value)
    made: P = replace(base, **given)
    return made


def _read(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"The preset file {path} is no JSON: {error}.") from error
    if not isinstance(given, dict):
        raise ConfigError(f'The preset file {path} must hold an object such as {{"preset": "tiny", "batch_size": 4}}.')
    return given


def in_ranges(preset: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Whether every field lies where it can.

    Raises:
        ConfigError: one does not; the message names it.
    """
    for name, (low, high) in ranges.items():
        value = getattr(preset, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} must lie in {low:g}..{high:g}, got {value!r}.")
