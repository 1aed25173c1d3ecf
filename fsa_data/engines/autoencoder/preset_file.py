"""Presets by name or from a file, checked before anything costs time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from fsa_data.engines.autoencoder.preset import PRESETS, Preset, load_preset
from fsa_data.errors import ConfigError, DatasetNotFoundError, UnknownNameError
from fsa_data.faces.align import FACE_TYPES

_BASE = "preset"


def find_preset(name: str) -> Preset:
    """A preset by name, or from a JSON file.

    A file holds fields of :class:`Preset`; its key ``preset`` names the preset that the others change (``thesis`` if it
    is not there), e.g. ``{"preset": "tiny", "batch_size": 4}``.

    Args:
        name: a key of :data:`PRESETS`, or a path.

    Raises:
        UnknownNameError: neither a preset nor a file, or a file with a field or word that is not known.
        DatasetNotFoundError: no such ``.json``.
        ConfigError: a file that is no JSON object, a value of another kind or out of range, or sizes of which no
            network can be made.
    """
    path = Path(name).expanduser()
    if name in PRESETS:
        preset = load_preset(name)
    elif path.is_file():
        preset = _read(path)
    elif path.suffix.lower() == ".json":
        raise DatasetNotFoundError(f"There is no preset file {path.absolute()}.")
    else:
        raise UnknownNameError("preset (nor is it a file)", name, PRESETS)
    if preset.face_type not in FACE_TYPES:
        raise UnknownNameError("face type", preset.face_type, FACE_TYPES)
    with torch.device("meta"):
        preset.build()
    return preset


def _read(path: Path) -> Preset:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"The preset file {path} is no JSON: {error}.") from error
    if not isinstance(given, dict):
        raise ConfigError(f'The preset file {path} must hold an object such as {{"preset": "tiny", "batch_size": 4}}.')
    base = given.pop(_BASE, "thesis")
    kinds = get_type_hints(Preset)
    for key, value in given.items():
        if key in kinds:  # load_preset names the others
            check_value(f"{path}: {key}", kinds[key], value)
    return load_preset(str(base), **given)


def check_value(where: str, kind: Any, value: Any) -> None:
    """Whether a value is of the kind that a field is declared as.

    Args:
        where: named in the message.
        kind: the field's type.
        value: given.

    Raises:
        UnknownNameError: a word that is none of a field's.
        ConfigError: another kind of value.
    """
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UnknownNameError(f"word in {where}:", str(value), get_args(kind))
        return
    kinds = (int, float) if kind is float else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise ConfigError(f"{where} must be {names[kind]}, got {json.dumps(value)}.")
