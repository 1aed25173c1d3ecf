"""Several flows in one source: which options each takes, and who is who among their people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from fsa_data.errors import ConfigError
from fsa_data.types import Photo


def options_of(given: Mapping[str, Any], flows: Mapping[str, Collection[str]]) -> dict[str, dict[str, Any]]:
    """What each flow of a mix takes of the options.

    ``KEY`` goes to every flow that knows it, ``FLOW.KEY`` (or a mapping under ``FLOW``) to that flow alone, and counts
    more.

    Args:
        given: the options.
        flows: names of the options of each flow, by the flow's word.

    Raises:
        ConfigError: an option that no flow knows.
    """
    common: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {word: {} for word in flows}
    strange: list[str] = []
    for key, value in given.items():
        word, dot, name = key.partition(".")
        inside = {name: value} if dot else value if key in flows and isinstance(value, Mapping) else None
        if inside is None:
            common[key] = value
        else:
            strange += [f"{word}.{each}" for each in inside if each not in flows.get(word, ())]
            own.setdefault(word, {}).update(inside)
    known = {name for names in flows.values() for name in names}
    if strange := sorted(strange + [key for key in common if key not in known]):
        raise ConfigError(
            f"Source {', '.join(flows)} has no option {', '.join(map(repr, strange))}. "
            f"Known: {', '.join(sorted(known)) or 'none'}."
        )
    return {word: {key: value for key, value in common.items() if key in flows[word]} | own[word] for word in flows}


class WhoIsWho:
    """Photos of a mix; people of different flows who are called the same are not taken for one person.

    Names that a user gave (to files and folders) mean the same person in every flow that takes them. Names that a flow
    makes mean the same person within that flow only, and those of further people in a video within that source only.
    """

    def __init__(self) -> None:
        self._photos: dict[tuple[str, str], Photo] = {}
        self._owners: dict[str, tuple[str, str]] = {}

    @property
    def photos(self) -> tuple[Photo, ...]:
        """All of them, in the order in which they came; none twice."""
        return tuple(self._photos.values())

    def add(self, photo: Photo, spec: str, named_by: str) -> None:
        """Add a photo.

        Args:
            photo: one of the flow's.
            spec: the source that it comes from, as it was given.
            named_by: ``"user"``, or the word of the flow that makes the names.

        Raises:
            ConfigError: somebody else has this name.
        """
        if (photo.identity, photo.digest) in self._photos:
            return
        group = named_by if photo.provenance.get("person", 1) == 1 else spec
        owner, first = self._owners.setdefault(photo.identity, (group, spec))
        if owner != group:
            raise ConfigError(
                f"The sources {first!r} and {spec!r} both offer somebody called {photo.identity!r}, and nothing says "
                "that they are the same person. Rename a file or folder, or use one of the two."
            )
        self._photos[photo.identity, photo.digest] = photo
