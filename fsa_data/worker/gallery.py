"""Who and what a source offers, on one sheet; and whom of them an engine chooses for a picture or a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsa_data.errors import ConfigError, DatasetNotFoundError
from fsa_data.faces import load_landmarker
from fsa_data.faces.tracks import Track, find_tracks
from fsa_data.frames import IMAGE_SUFFIXES, FrameRef, hash_frame, read_image
from fsa_data.frames.picking import frames_at, read_timeline
from fsa_data.types import Face, Image, Landmarker, Source, SourceFace, SwapEngine
from fsa_data.worker.outputs import write_image
from fsa_data.worker.pictures import list_pictures
from fsa_data.worker.plan import frame_seed
from fsa_data.worker.sheet import SheetRow, Tile, draw_sheet
from fsa_data.worker.tracks import sample
from fsa_data.worker.wear import cut_out, find_donors, meet, swap_person

MOST_FRAMES = 48
"""Frames of a video for which donors are chosen, evenly spread."""

MOST_FACES = 8


@dataclass(frozen=True, slots=True)
class Chosen:
    """A donor that an engine chose.

    Attributes:
        frame: number in a video, or the name of a picture.
        identity: whose face.
        digest: of the photo; empty if the engine does not say which.
        pose_distance_deg: how far its pose is from the target's; None if the engine does not say.
    """

    frame: str
    identity: str
    digest: str = ""
    pose_distance_deg: float | None = None


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """What is on the sheet.

    Attributes:
        people: faces by identity, of the whole source.
        shown: how many people are on the sheet.
        chosen: by frame, what was chosen for a target; empty without one.
        unswapped: faces of the target for which nothing was chosen, by reason.
    """

    people: dict[str, int]
    shown: int
    chosen: tuple[Chosen, ...]
    unswapped: dict[str, int]


def draw_gallery(
    source: Source,
    out: Path,
    landmarker: Landmarker | None = None,
    *,
    people: int = 24,
    photos: int = 12,
    target: Path | None = None,
    engine: SwapEngine | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> GalleryReport:
    """Write a sheet with one row per person, their photos by yaw and pitch.

    Args:
        source: whose faces.
        out: a picture file.
        landmarker: default :func:`fsa_data.faces.load_landmarker`.
        people: most people shown; those chosen for the target come first.
        photos: most photos of each, spread over their poses; those chosen are among them.
        target: a picture, a folder of pictures or a video, for whose frames ``engine`` chooses donors.
        engine: how they are chosen; needed with a target.
        seed: of the choice, as for a swap.
        overwrite: replace a former sheet.

    Raises:
        ConfigError: an output that is no picture or is there already, or a number that is out of range.
        DatasetNotFoundError: no such target.
        BadImageError, BadVideoError: the target cannot be decoded.
        SourceError: no photo shows a usable face.
        OutputError: the sheet cannot be written.
    """
    if out.suffix.lower() not in IMAGE_SUFFIXES:
        raise ConfigError(
            f"The sheet {out} is a picture: give it one of the endings {', '.join(sorted(IMAGE_SUFFIXES))}."
        )
    if out.exists() and not overwrite:
        raise ConfigError(f"{out} is there already. Give another name, or --overwrite to replace it.")
    if people < 1 or photos < 1:
        raise ConfigError(f"At least one person and one photo are shown, got {people} and {photos}.")
    if target is not None and engine is None:
        raise ConfigError("With a target an engine is needed: it chooses.")
    if target is not None and not target.exists():
        raise DatasetNotFoundError(f"There is no file or folder {target}.")
    landmarker = landmarker or load_landmarker(max_faces=MOST_FACES)
    donors = find_donors(source, "", landmarker)
    chosen: list[Chosen] = []
    unswapped: Counter[str] = Counter()
    if target is not None and engine is not None:
        chosen, unswapped = _choose(target, donors, engine, landmarker, seed)
    rows = _rows(donors, chosen, people, photos)
    counts = dict(Counter(donor.identity for donor in donors))
    more = f", {len(rows)} of them shown" if len(rows) < len(counts) else ""
    title = f"{source.name}: {len(counts)} people, {len(donors)} faces{more}"
    if target is not None:
        title += f"; marked: chosen for {target.name}, and for how many faces"
    out.parent.mkdir(parents=True, exist_ok=True)
    write_image(out, draw_sheet(rows, title), out.suffix)
    return GalleryReport(counts, len(rows), tuple(chosen), dict(unswapped))


def _rows(donors: Sequence[SourceFace], chosen: Sequence[Chosen], people: int, photos: int) -> list[SheetRow]:
    by_identity: dict[str, list[SourceFace]] = {}
    for donor in donors:
        by_identity.setdefault(donor.identity, []).append(donor)
    frames = Counter(one.identity for one in chosen)
    order = sorted(by_identity, key=lambda name: -frames[name])  # stable: by name among equals
    rows = []
    for name in order[:people]:
        own = sorted(by_identity[name], key=lambda donor: (donor.face.yaw_deg, donor.face.pitch_deg))
        marks = Counter(one.digest for one in chosen if one.identity == name)
        tiles = tuple(
            Tile(donor, f"{marks[donor.digest]}×" if marks[donor.digest] else "") for donor in _some(own, marks, photos)
        )
        words = [name, f"{len(own)} face{'s' * (len(own) > 1)}", *_facts(own[0].provenance)]
        rows.append(SheetRow((*words, f"worn by {frames[name]}") if frames[name] else tuple(words), tiles))
    return rows


def _some(own: Sequence[SourceFace], marks: Mapping[str, int], most: int) -> list[SourceFace]:
    """At most so many of a person's photos: those chosen most, filled up with others evenly over the poses."""
    if len(own) <= most:
        return list(own)
    taken = sorted((at for at, donor in enumerate(own) if marks[donor.digest]), key=lambda at: -marks[own[at].digest])
    rest = [at for at in range(len(own)) if at not in set(taken)]
    left = most - len(taken[:most])
    even = [rest[at] for at in np.linspace(0, len(rest) - 1, left).round().astype(int)] if left else []
    return [own[at] for at in sorted({*taken[:most], *even})]


def _facts(provenance: Mapping[str, object]) -> list[str]:
    return [str(provenance[key]) for key in ("flow", "licence") if provenance.get(key)]


def _choose(
    target: Path, donors: Sequence[SourceFace], engine: SwapEngine, landmarker: Landmarker, seed: int
) -> tuple[list[Chosen], Counter[str]]:
    """Swap the faces of a target as ``fsa swap`` does, and note which donors they wear."""
    chosen: list[Chosen] = []
    unswapped: Counter[str] = Counter()
    if target.is_dir() or target.suffix.lower() in IMAGE_SUFFIXES:
        for path in list_pictures(target):
            image, content = read_image(path), hash_frame(FrameRef(str(path)))
            people = [_Person((path.name,), (cut_out(image, face),)) for face in landmarker(image)]
            _wear(people, donors, engine, content, seed, False, chosen, unswapped)
    else:
        people = _look(target, landmarker)
        _wear(people, donors, engine, hash_frame(FrameRef(str(target))), seed, True, chosen, unswapped)
    return chosen, unswapped


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody in a target: in which frames, and cut out of them with their face."""

    frames: tuple[str, ...]
    sights: tuple[tuple[Image, Face], ...]


def _look(video: Path, landmarker: Landmarker) -> list[_Person]:
    timeline = read_timeline(video)
    numbers = np.unique(np.linspace(0, len(timeline) - 1, min(MOST_FRAMES, len(timeline))).round().astype(int))
    found: list[list[Face]] = []
    cut: dict[int, tuple[Image, Face]] = {}
    for _, image in frames_at(timeline, numbers.tolist()):
        found.append(landmarker(image))
        cut.update((id(face), cut_out(image, face)) for face in found[-1])
    return [
        _Person(tuple(str(numbers[at]) for at in track.frames), tuple(cut[id(face)] for face in track.faces))
        for track in find_tracks(found)
    ]


def _wear(
    people: Sequence[_Person],
    donors: Sequence[SourceFace],
    engine: SwapEngine,
    content: str,
    seed: int,
    steady: bool,
    chosen: list[Chosen],
    unswapped: Counter[str],
) -> None:
    worn: list[str] = []
    for number, one in enumerate(people):
        track = Track(tuple(range(len(one.sights))), tuple(face for _, face in one.sights))
        best_first = [one.sights[at] for at in sample(track)]
        taken = frozenset(
            name for name, other in zip(worn, people, strict=False) if set(other.frames) & set(one.frames)
        )
        person = meet(engine, best_first, donors, frame_seed(seed, f"{content}/{number}"), taken)
        for frame, (image, face) in zip(one.frames, one.sights, strict=True):
            swap = swap_person(engine, image, face, person, steady)
            if not swap.swapped:
                unswapped[str(swap.reason)] += 1
                continue
            digest = str(swap.notes.get("donor") or (person.photo.digest if person.photo else ""))
            away = swap.notes.get("pose_distance_deg")
            chosen.append(Chosen(frame, swap.source_identity, digest, None if away is None else float(away)))
        worn.append(person.identity)
