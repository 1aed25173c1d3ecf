"""From a source's string to its photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsa_data.errors import ConfigError, SourceError, UnknownNameError
from fsa_data.sources.files import folder_photos, image_photos
from fsa_data.sources.kdef import KdefOptions, kdef_photos
from fsa_data.sources.mixing import WhoIsWho, options_of
from fsa_data.sources.options import NoOptions
from fsa_data.sources.portraits import portrait_photos
from fsa_data.sources.simdrive import SimdriveOptions, simdrive_photos
from fsa_data.sources.stylegan2 import StyleGAN2Options, stylegan2_photos
from fsa_data.sources.tpdne import TpdneOptions, tpdne_photos
from fsa_data.sources.video import VideoOptions, video_photos
from fsa_data.sources.views import StillOptions, ViewOptions, with_views
from fsa_data.types import Photo, Source


@dataclass(frozen=True, slots=True)
class Flow:
    """One kind of source.

    Attributes:
        photos: from the argument behind the colon and the options to the photos; decodes nothing that the cache has.
        options: dataclass of the options.
        argument: what stands behind the colon, or empty when nothing may.
        user_names: whether people are called as the user called files or folders; then equal names in several such
            flows are the same person.
    """

    photos: Callable[[str, Any], list[Photo]]
    options: type = NoOptions
    argument: str = ""
    user_names: bool = False


FLOWS: dict[str, Flow] = {
    "portraits": Flow(portrait_photos, StillOptions),
    "image": Flow(image_photos, ViewOptions, argument="PATH", user_names=True),
    "folder": Flow(folder_photos, StillOptions, argument="DIR", user_names=True),
    "kdef": Flow(kdef_photos, KdefOptions, argument="DIR"),
    "video": Flow(video_photos, VideoOptions, argument="PATH|DIR", user_names=True),
    "tpdne": Flow(tpdne_photos, TpdneOptions),
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
    photos: tuple[Photo, ...] = field(repr=False)


def load_source(spec: str | Sequence[str] | Source, options: Mapping[str, Any] | None = None) -> Source:
    """The photos that a source offers; cheap, since what a flow must download, draw or look for is kept in the cache.

    Args:
        spec: ``portraits``, ``image:PATH`` and so on, see :data:`FLOWS`; a list mixes several; a source is returned
            as it is.
        options: options of the flows. In a mix every flow takes those that it knows; ``FLOW.KEY`` is for one alone.

    Raises:
        UnknownNameError: no such flow.
        ConfigError: an option that none of the flows knows, a value out of range, a malformed string, options for a
            source that is made already, or different people of the same name.
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
    words = [each.partition(":")[0] for each in specs]
    fields = {word: [each.name for each in dataclasses.fields(FLOWS[word].options)] for word in words}
    chosen = options_of(options or {}, fields)
    people = WhoIsWho()
    for each, word, (flow, argument) in zip(specs, words, parts, strict=True):
        try:
            mine = flow.options(**chosen[word])
        except TypeError as error:  # such as a text where a number belongs
            raise ConfigError(f"Options of the source {word!r}: {error}; got {chosen[word]}.") from error
        found = flow.photos(argument, mine)
        if not found:
            raise SourceError(f"Source {each!r} offers no photo.")
        for photo in with_views(found, mine) if isinstance(mine, ViewOptions) else found:
            people.add(photo, each, "user" if flow.user_names else word)
    return PhotoSource("+".join(specs), people.photos)


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
