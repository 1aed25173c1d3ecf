"""From an engine's string to the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsa_data.engines.autoencoder.engine import OWN_MERGE, AutoencoderEngine
from fsa_data.engines.dagan.engine import OWN_MERGE as DAGAN_MERGE
from fsa_data.engines.dagan.engine import DaganEngine, DaganOptions
from fsa_data.engines.hiding import Hiding
from fsa_data.engines.limits import Limits
from fsa_data.engines.mesh_warp import MeshWarp, MeshWarpOptions
from fsa_data.engines.stargan2.engine import StarganEngine, StarganOptions
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.merge import MergeOptions, PasteOptions, merge_options
from fsa_data.types import SwapEngine

_PLAIN = MergeOptions()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of engine.

    Attributes:
        build: from argument, options, merge options and device to the engine; cheap.
        options: dataclass of the options.
        argument: what stands behind the colon, or empty when nothing may.
        merge: its own way of putting a face back.
    """

    build: Callable[[str, Any, Any, str], SwapEngine]
    options: type
    argument: str = ""
    merge: MergeOptions | PasteOptions = _PLAIN


def _mesh_warp(argument: str, options: MeshWarpOptions, merge: MergeOptions | PasteOptions, device: str) -> SwapEngine:
    del argument, device  # no weights to load, and nothing that a device would do faster
    return MeshWarp(options, merge)


def _autoencoder(network: str) -> Callable[[str, Limits, PasteOptions, str], SwapEngine]:
    def build(argument: str, options: Limits, merge: PasteOptions, device: str) -> SwapEngine:
        return AutoencoderEngine(network, argument, options, merge, device)

    return build


def _hiding(how: Literal["blur", "cutout"]) -> Callable[[str, Limits, MergeOptions | PasteOptions, str], SwapEngine]:
    def build(argument: str, options: Limits, merge: MergeOptions | PasteOptions, device: str) -> SwapEngine:
        del argument, device
        if merge != _PLAIN:
            raise ConfigError(f"The engine face_{how} hides faces and puts none back: leave merge out.")
        return Hiding(how, options)

    return build


def _dagan(argument: str, options: DaganOptions, merge: PasteOptions, device: str) -> SwapEngine:
    return DaganEngine(argument, options, merge, device)


def _stargan2(argument: str, options: StarganOptions, merge: MergeOptions | PasteOptions, device: str) -> SwapEngine:
    return StarganEngine(argument, options, merge, device)


ENGINES: dict[str, Kind] = {
    "mesh_warp": Kind(_mesh_warp, MeshWarpOptions),
    "quick96": Kind(_autoencoder("quick96"), Limits, "DIR", OWN_MERGE),
    "saehd": Kind(_autoencoder("saehd"), Limits, "DIR", OWN_MERGE),
    "dagan": Kind(_dagan, DaganOptions, "PATH", DAGAN_MERGE),
    "stargan2": Kind(_stargan2, StarganOptions, "PATH"),
    "face_blur": Kind(_hiding("blur"), Limits),
    "face_cutout": Kind(_hiding("cutout"), Limits),
}
"""Every engine by the word before the colon."""


def load_engine(
    spec: str | SwapEngine,
    options: Mapping[str, Any] | None = None,
    merge: MergeOptions | PasteOptions | Mapping[str, Any] | None = None,
    device: str = "auto",
) -> SwapEngine:
    """An engine; cheap to make and picklable, weights are loaded by the first swap.

    Args:
        spec: ``mesh_warp``; ``saehd:DIR``, ``quick96:DIR``, ``dagan:DIR`` or ``stargan2:DIR`` (DIR of a training; of
            the last two also a published checkpoint); ``face_blur`` and ``face_cutout``, which hide faces; an engine
            is returned as it is.
        options: fields of the engine's options, e.g. ``{"max_yaw_deg": 40}``.
        merge: how faces are put back: :class:`fsa_data.merge.MergeOptions` or its fields; or, for every engine,
            :class:`fsa_data.merge.PasteOptions` or its fields, told by a ``mode``, a ``preset`` or a ``colour`` by name
            among them, e.g. ``{"preset": "thesis", "colour": "auto"}``.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``; engines without networks ignore it.

    Raises:
        UnknownNameError: no such engine or merge preset.
        DatasetNotFoundError: no training in the folder.
        WrongWeightsError: the training is of another network, or damaged.
        ConfigError: an unknown option, a value out of range, a malformed string, or options for an engine that is made
            already.
    """
    if not isinstance(spec, str):
        if options or merge:
            raise ConfigError(f"The engine {type(spec).__name__} is made already; options cannot change it.")
        return spec
    word, colon, argument = spec.partition(":")
    if word not in ENGINES:
        raise UnknownNameError("engine", word, ENGINES)
    kind = ENGINES[word]
    if bool(argument) != bool(kind.argument) or bool(colon) != bool(argument):
        expected = f"{word}:{kind.argument}" if kind.argument else word
        raise ConfigError(f"Engine {spec!r} is not complete or says too much: expected {expected!r}.")
    given = dict(options or {})
    known = {field.name for field in dataclasses.fields(kind.options)}
    if strange := sorted(set(given) - known):
        raise ConfigError(
            f"Engine {spec!r} has no option {', '.join(map(repr, strange))}. Known: {', '.join(sorted(known))}."
        )
    return kind.build(argument, kind.options(**given), merge_options(merge, kind.merge), device)
