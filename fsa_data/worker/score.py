"""Score flows: every identity of every source against every clip, by what goes in and by what comes out.

A flow is a source, an identity of it put on the person of a clip is a swap. Of each swap all frames get T1's landmark
score, which needs no swapping; a sample of frames is swapped, and the face is looked for again in the result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from tqdm import tqdm

from fsa_data.errors import ConfigError, DatasetNotFoundError, SourceError
from fsa_data.faces import load_landmarker
from fsa_data.merge import REFERENCE_FRAMES, make_reference
from fsa_data.quality import (
    Kept,
    LandmarkScores,
    Look,
    compare_faces,
    found_again,
    landmark_scores,
    level68,
    light_distance,
    look_of,
    tone_distance,
)
from fsa_data.sources import FLOWS, find_faces, load_source
from fsa_data.types import FaceReference, Landmarker, Photo, Reason, Source, SourceFace, Swap, SwapEngine, paste
from fsa_data.worker.plan import frame_seed
from fsa_data.worker.remember import remembering
from fsa_data.worker.score_clips import Clip, Looked, Sight, look_at
from fsa_data.worker.wear import swap_face

SAMPLE = 40
"""Frames of a clip that are swapped, if nothing else is said."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sampled frame.

    Attributes:
        reason: ``swapped``, or why not.
        comparable: there is a result, and the face is found in the same cut-out of the frame itself.
        kept: what the result kept; None if there is nothing to compare, or no face is found in the result.
        tone: Lab distance between the skins of the two faces; None if not swapped.
        light: distance between their lights; None if not swapped.
    """

    reason: Reason
    comparable: bool = False
    kept: Kept | None = None
    tone: float | None = None
    light: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ScoredSwap:
    """One identity on one clip.

    Attributes:
        flow: name of the source.
        identity: who is put on.
        clip: on whom.
        scores: of every frame.
        photos: name of every photo of the identity, as ``scores.nearest`` counts them.
        outcomes: of the sampled frames, by position.
    """

    flow: str
    identity: str
    clip: Looked
    scores: LandmarkScores
    photos: tuple[str, ...]
    outcomes: dict[int, Outcome]

    @property
    def swapped(self) -> int:
        """Sampled frames that were swapped."""
        return sum(outcome.reason is Reason.SWAPPED for outcome in self.outcomes.values())

    @property
    def comparable(self) -> int:
        """Of these, those whose result can be compared with the frame."""
        return sum(outcome.comparable for outcome in self.outcomes.values())

    @property
    def found_again(self) -> int:
        """Of these, those in whose result a face is found."""
        return sum(outcome.kept is not None for outcome in self.outcomes.values())


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Every swap of every flow.

    Attributes:
        swaps: by flow in the order given, then by identity and clip.
        failures: one line for everything that went wrong.
    """

    swaps: tuple[ScoredSwap, ...]
    failures: tuple[str, ...]


def load_flows(specs: Sequence[str], options: Mapping[str, Any]) -> dict[str, Source]:
    """Each source by itself, with those of the options that it knows.

    Raises:
        ConfigError: a source given twice, or an option that none of them knows; see also
            :func:`fsa_data.sources.load_source`.
    """
    if twice := sorted({spec for spec in specs if list(specs).count(spec) > 1}):
        raise ConfigError(f"The source {twice[0]!r} is given twice; each -s is a flow of its own.")
    mine = {spec: known_options(spec, options) for spec in specs}
    if strange := sorted(set(options).difference(*mine.values())):
        raise ConfigError(f"None of the sources {', '.join(specs)} has an option {', '.join(map(repr, strange))}.")
    return {spec: load_source(spec, mine[spec]) for spec in specs}


def known_options(spec: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some options that one source takes: the ones that its flow knows, and ``FLOW.KEY`` for its flow."""
    word = spec.partition(":")[0]
    known = {field.name for field in dataclasses.fields(FLOWS[word].options)} if word in FLOWS else set()
    return {key: value for key, value in options.items() if key in known or key.partition(".")[0] == word}


def score_flows(
    flows: Mapping[str, Source],
    clips: Sequence[Clip],
    engine: SwapEngine,
    landmarker: Landmarker | None = None,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: bool = True,
) -> Scored:
    """Score every identity of every flow on every clip.

    Nobody is put on themselves: an identity that is called as a clip's subject is left out there.

    Args:
        flows: sources by name.
        clips: whom to put them on.
        engine: how.
        landmarker: default :func:`fsa_data.faces.load_landmarker`.
        sample: frames of each clip that are swapped, evenly spread; at least 1.
        seed: of everything that the engine draws.
        progress: show bars on stderr if that is a terminal.

    Raises:
        ConfigError: nothing to sample, or nobody to put on anybody.
        DatasetNotFoundError: no clip shows a face.
        SourceError: no photo of a source shows a usable face.
    """
    if sample < 1:
        raise ConfigError(f"At least 1 frame per target must be swapped, got {sample}.")
    landmarker = landmarker or load_landmarker()
    looked = [look_at(clip, landmarker, sample, progress) for clip in clips]
    if not any(clip.detected.any() for clip in looked):
        raise DatasetNotFoundError(f"No face is found in {', '.join(clip.name for clip in looked[:5])}.")
    swaps, failures = [], [line for clip in looked for line in clip.failures]
    failures += [f"{clip.name}: no face is found in any frame" for clip in looked if not clip.detected.any()]
    references = {clip.name: _reference(clip, engine) for clip in looked}
    for name, source in flows.items():
        run = _Run(name, engine, landmarker, seed, failures)
        swaps += run.all(source, looked, references, progress)
    return Scored(tuple(swaps), tuple(failures))


@dataclass(frozen=True, slots=True)
class _Run:
    """One flow; ``failures`` grows."""

    flow: str
    engine: SwapEngine
    landmarker: Landmarker
    seed: int
    failures: list[str]

    def all(
        self,
        source: Source,
        clips: Sequence[Looked],
        references: Mapping[str, FaceReference | None],
        progress: bool,
    ) -> list[ScoredSwap]:
        """Every identity on every clip."""
        people = _people(source)
        on = {identity: [clip for clip in clips if clip.subject != identity] for identity in people}
        if not any(on.values()):
            raise ConfigError(
                f"The source {self.flow} only offers the people of the targets themselves. Add another one."
            )
        swaps: list[ScoredSwap] = []
        unusable: list[str] = []
        total = len(source.photos) + sum(len(clip.sights) for clips in on.values() for clip in clips)
        with tqdm(total=total, desc=self.flow, unit="picture", disable=None if progress else True) as bar:
            for identity, photos in people.items():
                try:
                    person = _faces_of(photos, self.landmarker, bar)
                except SourceError as error:
                    unusable.append(f"{self.flow}, {identity}: {error}")
                    continue
                looks = cache(lambda at, person=person: look_of(person[at].image, person[at].face))
                swaps += [self._one(person, looks, clip, references[clip.name], bar) for clip in on[identity]]
        if len(unusable) == len(people):
            raise SourceError(f"Nobody of the source {self.flow} can be put on: {unusable[0]}")
        self.failures.extend(unusable)
        return swaps

    def _one(
        self,
        person: tuple[SourceFace, ...],
        looks: Callable[[int], Look],
        clip: Looked,
        reference: FaceReference | None,
        bar: Any,
    ) -> ScoredSwap:
        """Score every frame, swap the sampled ones."""
        scores = landmark_scores(clip.points, np.stack([level68(donor.face) for donor in person]))
        outcomes = {at: Outcome(Reason.NO_FACE) for at in clip.sampled}
        for at, sight in clip.sights.items():
            name = f"{clip.name}, frame {clip.frames[at]}"
            swap = swap_face(self.engine, sight.image, sight.target, person, frame_seed(self.seed, name), reference)
            if error := swap.notes.get("error"):
                self.failures.append(f"{name}, wearing {person[0].identity}: {error}")
            # the first photo stands for all where the engine does not say which it took
            worn = next((i for i, donor in enumerate(person) if donor.digest == swap.notes.get("donor")), 0)
            outcomes[at] = self._outcome(sight, swap, looks(worn)) if swap.swapped else Outcome(swap.reason)
            bar.update()
        return ScoredSwap(self.flow, person[0].identity, clip, scores, tuple(map(_called, person)), outcomes)

    def _outcome(self, sight: Sight, swap: Swap, look: Look) -> Outcome:
        """Look at the result of a swap."""
        kept = None
        if sight.before is not None and swap.box is not None and swap.patch is not None:
            after = found_again(sight.before, self.landmarker(paste(sight.image, swap.box, swap.patch)))
            kept = compare_faces(sight.before, after) if after is not None else None
        apart = tone_distance(look, sight.look), light_distance(look, sight.look)
        return Outcome(swap.reason, sight.before is not None, kept, *apart)


def _people(source: Source) -> dict[str, list[Photo]]:
    """The photos of a source by identity."""
    people: dict[str, list[Photo]] = {}
    for photo in sorted(source.photos, key=lambda photo: (photo.identity, photo.digest)):
        people.setdefault(photo.identity, []).append(photo)
    return people


def _faces_of(photos: Sequence[Photo], landmarker: Landmarker, bar: Any) -> tuple[SourceFace, ...]:
    """The faces of one identity; only those of one at a time are in memory."""

    def counted() -> Iterator[Photo]:
        for photo in photos:
            yield photo
            bar.update()

    with remembering(landmarker) as looking:
        return tuple(find_faces(counted(), looking))


def _reference(clip: Looked, engine: SwapEngine) -> FaceReference | None:
    if not engine.uses_reference:
        return None
    sights = list(clip.sights.values())[:REFERENCE_FRAMES]
    return make_reference([(sight.image, sight.target) for sight in sights])


def _called(donor: SourceFace) -> str:
    """A photo's name for a reader: its file, or what the flow knows of it, and which view."""
    view = donor.provenance.get("view")
    named = str(donor.provenance.get("file") or donor.identity)
    if isinstance(view, Mapping):
        return f"{named} {view['expression']} yaw {view['yaw_deg']:+.0f} pitch {view['pitch_deg']:+.0f}"
    if "yaw_deg" in donor.provenance:
        return f"{named} yaw {donor.provenance['yaw_deg']:+.0f} pitch {donor.provenance['pitch_deg']:+.0f}"
    return named
