"""Keys: a digest of everything that decides what a row holds."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError

KEY_BYTES = 16
Keys = NDArray[np.bytes_]
"""``(N,)`` of 16-byte strings (dtype ``S16``): digests as they lie in the shards."""


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII only.

    Only plain values have one: None, bool, int, float (finite), str, list, and dict with str keys. Anything else, a
    NumPy scalar or a tuple included, is refused, because two Python objects that look alike must never give two keys.

    >>> canonical({"b": [1, 2.5], "a": None})
    '{"a":null,"b":[1,2.5]}'

    Raises:
        ConfigError: a value of another type, or a NaN or infinity; the message says where it stands.
    """
    _check(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """32 hex digits of BLAKE2b-128 over the canonical JSON of a value (see :func:`canonical`).

    Raises:
        ConfigError: as :func:`canonical`.
    """
    return hashlib.blake2b(canonical(value).encode("ascii"), digest_size=KEY_BYTES).hexdigest()


def packed(keys: Iterable[str]) -> Keys:
    """Hex digests as an array of 16-byte strings.

    Raises:
        ConfigError: a key is not 32 hex digits.
    """
    listed = list(keys)
    wrong = next((key for key in listed if len(key) != 2 * KEY_BYTES), None)
    if wrong is None:
        try:
            return np.frombuffer(bytes.fromhex("".join(listed)), f"S{KEY_BYTES}")
        except ValueError:
            wrong = next(key for key in listed if not set(key) <= set("0123456789abcdef"))
    raise ConfigError(f"A key is {2 * KEY_BYTES} hex digits, got {wrong!r}.")


def as_hex(keys: Keys) -> list[str]:
    """16-byte strings as hex digests."""
    text = np.ascontiguousarray(keys, f"S{KEY_BYTES}").tobytes().hex()
    step = 2 * KEY_BYTES
    return [text[at : at + step] for at in range(0, len(text), step)]


def _check(value: Any, where: str) -> None:
    if value is None or type(value) in (bool, int, str):
        return
    if type(value) is float:
        if not math.isfinite(value):
            raise ConfigError(f"{where} is {value}; only finite numbers can be part of a key.")
    elif type(value) is list:
        for at, item in enumerate(value):
            _check(item, f"{where}[{at}]")
    elif type(value) is dict:
        for name, item in value.items():
            if type(name) is not str:
                raise ConfigError(f"{where} has the key {name!r} of type {type(name).__name__}; keys must be str.")
            _check(item, f"{where}.{name}")
    else:
        raise ConfigError(
            f"{where} is a {type(value).__module__}.{type(value).__qualname__}; only plain JSON values (None, bool, "
            "int, float, str, list, dict) can be part of a key."
        )
