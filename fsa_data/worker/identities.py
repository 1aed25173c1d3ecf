"""Who is who: names of people in data and in sources, brought together."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from fsa_data.errors import BadTableError, DatasetNotFoundError

IdentityMap = Mapping[str, str]
"""From a name used in data or in a source to the person behind it; a name that is not in it stands for itself."""


def person_of(name: str, identities: IdentityMap) -> str:
    """The person behind a name."""
    return identities.get(name, name)


def load_identity_map(given: IdentityMap | str | Path | None) -> dict[str, str]:
    """An identity map from a CSV with the columns ``identity,person``, or as it is given.

    Spaces around a name do not count.

    Raises:
        DatasetNotFoundError: no such file.
        BadTableError: a column is missing, a field is empty, an identity stands for two people, or for a name that
            itself stands for somebody else.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        found, where = {name.strip(): person.strip() for name, person in given.items()}, "The identity map"
    else:
        found, where = _read(Path(given)), f"The identity map {given}"
    for name, person in found.items():
        if person_of(person, found) != person:
            raise BadTableError(
                f"{where}: {name!r} stands for {person!r}, who stands for {found[person]!r}. Let both stand for the "
                "same person."
            )
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DatasetNotFoundError(f"Cannot read the identity map {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadTableError(f"The identity map {path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    found: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        name, person = (row.get("identity") or "").strip(), (row.get("person") or "").strip()
        if not name or not person:
            raise BadTableError(
                f"{path}, line {number}: the columns identity and person must both be filled; got {row}."
            )
        if found.setdefault(name, person) != person:
            raise BadTableError(f"{path}, line {number}: {name!r} is {found[name]!r} already, and now {person!r}.")
    return found
