"""The command line before Hydra parses it: paths and source strings are taken literally.

Hydra reads ``,`` as a sweep, ``=`` and ``:`` and brackets as syntax. A value such as ``folder:../a b/c=1,2`` is quoted
here, so that nobody has to know that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

LITERAL = (
    "source", "flows", "engine", "data.root", "data.masked_root", "data.csv", "store", "identity_map", "model.init",
    "hydra.run.dir",
)  # fmt: skip
"""Keys whose values are taken as they are."""

_OPEN = ("source_options", "engine_options", "merge", "gate")  # dictionaries that take any key
_PRESETS = ("experiment", "debug")  # groups that are added to the defaults
_OVERRIDE = re.compile(r"(?P<sign>\+{0,2})(?P<key>[A-Za-z_][\w.]*)=(?P<value>.*)", re.DOTALL)


def prepare(arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra wants them; applying it twice changes nothing more.

    * Values of :data:`LITERAL` keys are quoted, unless they are quoted already or are ``null``. ``source=[a,b]`` and
      ``flows=[a,b]`` stay lists of quoted strings. A leading ``~`` becomes the home directory.
    * ``source_options.x=1`` and the like may name any option: Hydra wants ``++`` for that.
    * ``experiment=quick`` and ``debug=fdr`` are added to the defaults: Hydra wants ``+``.

    Args:
        arguments: ``sys.argv[1:]``.
    """
    return [_prepare(argument) for argument in arguments]


def quoted(text: str) -> str:
    r"""``text`` as a quoted string of Hydra's grammar.

    Backslashes are literal in it, except before a quote and at the end, where each has to be doubled.

    >>> quoted("it's")
    "'it\\'s'"
    """
    escaped = re.sub(r"(\\*)'", lambda match: match[1] * 2 + "\\'", text)
    tail = len(escaped) - len(escaped.rstrip("\\"))
    return "'" + escaped + "\\" * tail + "'"


def _prepare(argument: str) -> str:
    match = _OVERRIDE.fullmatch(argument)
    if match is None:
        return argument
    sign, key, value = match["sign"], match["key"], match["value"]
    if key in LITERAL:
        return f"{sign}{key}={_literal(key, value)}"
    if key.startswith(tuple(f"{name}." for name in _OPEN)):
        return f"++{key}={value}"
    if key in _PRESETS and not sign:
        return f"+{argument}"
    return argument


def _literal(key: str, value: str) -> str:
    if value == "null" or _is_quoted(value):
        return value
    if key in ("source", "flows") and value.startswith("[") and value.endswith("]"):
        if key == "flows" and re.search(r"[\[,]\s*\{", value):  # with options: written as Hydra wants them
            return value
        parts = [part.strip() for part in value[1:-1].split(",")]
        return f"[{','.join(part if _is_quoted(part) else quoted(_home(part)) for part in parts)}]"
    return quoted(_home(value))


def _home(value: str) -> str:
    """``~/faces`` and ``folder:~/faces`` with the home directory, as a shell would have put it at a word's start."""
    flow, colon, path = value.partition(":")
    if colon and path.startswith("~/"):
        return f"{flow}:{Path(path).expanduser()}"
    return str(Path(value).expanduser()) if value.startswith("~/") else value


def _is_quoted(value: str) -> bool:
    """Whether this already is one quoted string: its quote does not occur inside unescaped."""
    if len(value) < 2 or value[0] not in "'\"" or value[-1] != value[0]:
        return False
    quote = value[0]
    return re.fullmatch(rf"(?:[^{quote}\\]|\\.)*", value[1:-1], re.DOTALL) is not None
