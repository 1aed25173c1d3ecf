"""Hydra's errors as one clear message with the nearest name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf

from fsa_data.errors import UnknownNameError
from train.config import Config, flat

_GROUPS = ("setup", "data", "model", "cv", "trainer", "logger", "executor", "+experiment", "+debug")


def register_schema() -> None:
    """Make ``train/config.py`` the schema that ``configs/train.yaml`` begins with."""
    ConfigStore.instance().store(name="schema", node=Config)


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """What is wrong with the command line, in one line.

    Args:
        error: raised by Hydra or OmegaConf while the configuration was composed.
        arguments: the command line as given.
    """
    text = str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return str(UnknownNameError(group, name, error.options))
    found = re.search(r"Could not override '([^']+)'", text)
    if found is not None:
        key = found[1].lstrip("+")
        return str(UnknownNameError("key", key, _relatives(key)))
    missing = re.search(r"Could not (?:load|find) '([^']+)'", text)
    if missing is not None:
        group, _, name = missing[1].rpartition("/")
        listed = re.findall(r"^\t(\S+)$", text, re.MULTILINE)
        return str(UnknownNameError(group, name, listed)) if listed else f"There is no {missing[1]} in configs/."
    # The rest (bad syntax, a word where a number belongs) tells what and where in its first lines.
    lines = [line.strip() for part in (text, str(error.__cause__ or "")) for line in part.splitlines()]
    told = [
        line
        for line in lines
        if line and not line.startswith(("full_key", "object_type", "reference_type", "See https"))
    ]
    wants_list = re.search(r"Error merging override \+*([\w.]+)=(\S+)", text)
    if wants_list is not None and "not a ListConfig" in " ".join(told):
        return f"{wants_list[1]}={wants_list[2]}: expected a list. Write {wants_list[1]}=[{wants_list[2]}]."
    return f"{' '.join(dict.fromkeys(told))} Given: {' '.join(arguments)}"


def _relatives(key: str) -> list[str]:
    """The known keys that ``key`` may have been meant for: those of its section, or those outside sections."""
    every = {*flat(OmegaConf.structured(Config)), *_GROUPS, "hydra.run.dir"}
    section = key.rpartition(".")[0]
    return [name for name in every if name.rpartition(".")[0] == section] or sorted(every)
