"""From a source's string to its photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsa_data.errors import ConfigError, SourceError, UnknownNameError
from fsa_data.sources.files import folder_photos, image_photos
from fsa_data.sources.options import NoOptions
from fsa_data.sources.portraits import portrait_photos
from fsa_data.sources.simdrive import SimdriveOptions, simdrive_photos
from fsa_data.sources.stylegan2 import StyleGAN2Options, stylegan2_photos
from fsa_data.types import Photo, Source


@dataclass(frozen=True, slots=True)
class Flow:
    """One kind of source.

    Attributes:
        photos: from the argument behind the colon and the options to the photos; decodes nothing.
        options: dataclass of the options.
        argument: what stands behind the colon, or empty when nothing may.
    """

    photos: Callable[[str, Any], list[Photo]]
    options: type = NoOptions
    argument: str = ""


FLOWS: dict[str, Flow] = {
    "portraits": Flow(portrait_photos),
    "image": Flow(image_photos, argument="PATH"),
    "folder": Flow(folder_photos, argument="DIR"),
    "simdrive": Flow(simdrive_photos, SimdriveOptions),
    "stylegan2": Flow(stylegan2_photos, StyleGAN2Options, argument="PATH"),
}
"""Every flow by the word before the colon."""


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """Photos of people whose faces may be put on.

    Attributes:
        name: the string (several joined by ``+``) it was made from.
        photos: every picture, in a fixed order, not decoded; none twice.
    """

    name: str
    photos: tuple[Photo, ...]


def load_source(spec: str | Sequence[str] | Source, options: Mapping[str, Any] | None = None) -> Source:
    """The photos that a source offers; cheap, nothing is decoded.

    Args:
        spec: ``portraits``, ``image:PATH``, ``folder:DIR``, ``simdrive``, ``stylegan2:PATH``; a list mixes several; a
            source is returned as it is.
        options: options of the flows. In a mix every flow takes those that it knows.

    Raises:
        UnknownNameError: no such flow.
        ConfigError: an option that none of the flows knows, a value out of range, a malformed string, or options for a
            source that is made already.
        SourceError: a source that offers no photo.
    """
    if not isinstance(spec, Sequence):
        if options:
            raise ConfigError(f"The source {spec.name} is made already; options {dict(options)} cannot change it.")
        return spec
    specs = [spec] if isinstance(spec, str) else list(spec)
    if not specs:
        raise ConfigError(f"A source is needed, got an empty list. Known: {_known()}.")
    parts = [_parse(each) for each in specs]
    given = dict(options or {})
    known = {field.name for flow, _ in parts for field in dataclasses.fields(flow.options)}
    if strange := sorted(set(given) - known):
        raise ConfigError(
            f"Source {', '.join(specs)} has no option {', '.join(map(repr, strange))}. "
            f"Known: {', '.join(sorted(known)) or 'none'}."
        )
    photos: dict[tuple[str, str], Photo] = {}
    for each, (flow, argument) in zip(specs, parts, strict=True):
        mine = {field.name: given[field.name] for field in dataclasses.fields(flow.options) if field.name in given}
        found = flow.photos(argument, flow.options(**mine))
        if not found:
            raise SourceError(f"Source {each!r} offers no photo.")
        for photo in found:
            photos.setdefault((photo.identity, photo.digest), photo)
    return PhotoSource("+".join(specs), tuple(photos.values()))


def _known() -> str:
    return ", ".join(f"{name}:{flow.argument}" if flow.argument else name for name, flow in FLOWS.items())


def _parse(spec: str) -> tuple[Flow, str]:
    word, colon, argument = spec.partition(":")
    if word not in FLOWS:
        raise UnknownNameError("source", word, FLOWS)
    flow = FLOWS[word]
    if bool(argument) != bool(flow.argument) or bool(colon) != bool(argument):
        expected = f"{word}:{flow.argument}" if flow.argument else word
        raise ConfigError(f"Source {spec!r} is not complete or says too much: expected {expected!r}.")
    return flow, argument
