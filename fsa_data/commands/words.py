"""What commands share: words of a command line as values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fsa_data.errors import ConfigError


def pairs(given: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` words as a dictionary; values are JSON where they can be, text otherwise.

    Raises:
        ConfigError: a word without ``=``.
    """
    found = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"An option is written KEY=VALUE, got {word!r}.")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = value
    return found
