"""Faces to train an autoencoder with: of one identity of a source, and of one target.

Every picture is looked at, aligned and made small at once, so that a long video costs little memory. What is left out
is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tqdm import tqdm

from fsa_data.engines.limits import Limits
from fsa_data.errors import ConfigError, SourceError, UnknownNameError
from fsa_data.faces import face_size_px
from fsa_data.sources import find_face
from fsa_data.types import Face, Image, Landmarker, Photo, Source
from fsa_data.worker.score_clips import Clip

if TYPE_CHECKING:
    from fsa_data.engines.autoencoder.face_tensors import FaceTensors
    from fsa_data.engines.autoencoder.preset import Preset

FEWEST = 16
"""Faces of each side with which a training may begin; a useful one has hundreds."""

_AT_ONCE = 64
_FINER = 2  # faces are cut out so many times as large as the network's, then made small without gaps

Found = Iterator["tuple[Image, Face] | str"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFaces:
    """One side of a training.

    Attributes:
        tensors: the faces, as large as the network's.
        name: who they are.
        dropped: how many pictures are left out, by reason.
    """

    tensors: FaceTensors
    name: str
    dropped: dict[str, int]


def the_identity(source: Source, identity: str = "") -> str:
    """The one person of a source whose face a network learns.

    Args:
        source: whose photos.
        identity: who; may be left out if there is only one.

    Raises:
        UnknownNameError: nobody of this name.
        ConfigError: several people, and none is named.
    """
    people = sorted({photo.identity for photo in source.photos})
    if identity:
        if identity not in people:
            raise UnknownNameError(f"identity of the source {source.name!r}:", identity, people)
        return identity
    if len(people) > 1:
        names = ", ".join(people[:12]) + (f" and {len(people) - 12} more" if len(people) > 12 else "")
        raise ConfigError(
            f"The source {source.name!r} shows {len(people)} people, but a network learns one face: {names}. Choose "
            "with --identity NAME; if they are one person, put the pictures into one subfolder of folder:DIR."
        )
    return people[0]


def source_faces(
    source: Source, identity: str, preset: Preset, landmarker: Landmarker, progress: bool = False
) -> TrainingFaces:
    """Faces of one identity of a source.

    Args:
        source: whose photos.
        identity: of :func:`the_identity`.
        preset: what is trained.
        landmarker: finds them.
        progress: show a bar on stderr if that is a terminal.

    Raises:
        SourceError: fewer than :data:`FEWEST` faces.
    """
    photos = [photo for photo in source.photos if photo.identity == identity]
    return _gathered(_of_photos(photos, landmarker, progress), identity, preset, f"The source {source.name!r}")


def target_faces(
    clip: Clip, name: str, preset: Preset, landmarker: Landmarker, every: int = 1, progress: bool = False
) -> TrainingFaces:
    """Faces of a target, of each frame the largest.

    Args:
        clip: the frames.
        name: who is in them.
        preset: what is trained.
        landmarker: finds them.
        every: every how many-th frame is looked at.
        progress: show a bar on stderr if that is a terminal.

    Raises:
        ConfigError: ``every`` is less than 1.
        SourceError: fewer than :data:`FEWEST` faces.
    """
    if every < 1:
        raise ConfigError(f"every must be at least 1, got {every}.")
    return _gathered(_of_clip(clip, landmarker, every, progress), name, preset, f"The target {clip.name}")


def people_faces(clips: list[Clip], preset: Preset, landmarker: Landmarker, progress: bool = False) -> TrainingFaces:
    """Faces of several targets together, of each frame the largest.

    Args:
        clips: one or more of each person, named by :attr:`~fsa_data.worker.Clip.subject`.
        preset: what is trained.
        landmarker: finds them.
        progress: show bars on stderr if that is a terminal.

    Raises:
        SourceError: fewer than :data:`FEWEST` faces in all.
    """
    parts: list[FaceTensors] = []
    dropped: Counter[str] = Counter()
    for clip in clips:
        some, lost = _parts(_of_clip(clip, landmarker, 1, progress), clip.subject, preset)
        parts += some
        dropped += lost
    names = ", ".join(clip.subject for clip in clips)
    return _enough(parts, dropped, names, "These targets")


def _of_photos(photos: list[Photo], landmarker: Landmarker, progress: bool) -> Found:
    for photo in tqdm(photos, desc="source", unit="photo", disable=None if progress else True):
        face = find_face(photo, landmarker)
        yield face if isinstance(face, str) else (face.image, face.face)


def _of_clip(clip: Clip, landmarker: Landmarker, every: int, progress: bool) -> Found:
    limits = Limits()
    frames = clip.read(lambda at: at % every == 0)
    for _, _, image in tqdm(frames, desc="target", unit="frame", disable=None if progress else True):
        if isinstance(image, str):
            yield f"unreadable ({image})"
        elif not (faces := landmarker(image)):
            yield "no face found"
        elif face_size_px(faces[0].points_px) < limits.min_size_px:
            yield f"face under {limits.min_size_px:.0f} px"
        elif faces[0].confidence < limits.min_confidence:
            yield f"unsure face (under {limits.min_confidence:g})"
        else:
            yield image, faces[0]


def _gathered(found: Found, name: str, preset: Preset, what: str) -> TrainingFaces:
    return _enough(*_parts(found, name, preset), name, what)


def _parts(found: Found, name: str, preset: Preset) -> tuple[list[FaceTensors], Counter[str]]:
    """The faces of one person, some at a time, and how many pictures are left out for what reason."""
    parts: list[FaceTensors] = []
    some: list[tuple[Image, Face]] = []
    dropped: Counter[str] = Counter()
    for each in found:
        if isinstance(each, str):
            dropped[each] += 1
            continue
        some.append(each)
        if len(some) == _AT_ONCE:
            parts.append(_aligned(some, name, preset))
            some.clear()
    if some:
        parts.append(_aligned(some, name, preset))
    return parts, dropped


def _enough(parts: list[FaceTensors], dropped: Counter[str], name: str, what: str) -> TrainingFaces:
    count = sum(map(len, parts))
    if count < FEWEST:
        listed = "; ".join(f"{number} x {reason}" for reason, number in dropped.most_common(5))
        lost = f", {dropped.total()} left out ({listed})" if dropped else ""
        raise SourceError(
            f"{what} gives {count or 'no'} face{'' if count == 1 else 's'} of {name}{lost}. A training needs at least "
            f"{FEWEST}, better hundreds, in all poses and expressions; give more pictures, or a video."
        )
    return TrainingFaces(_joined(parts), name, dict(dropped))


def _aligned(some: list[tuple[Image, Face]], name: str, preset: Preset) -> FaceTensors:
    from fsa_data.engines.autoencoder.face_tensors import align_faces

    return align_faces(some, _FINER * preset.resolution, preset.face_type, name).resized(preset.resolution)


def _joined(parts: list[FaceTensors]) -> FaceTensors:
    import torch

    return replace(
        parts[0],
        images=torch.cat([part.images for part in parts]),
        masks=torch.cat([part.masks for part in parts]),
        eyes_mouth=torch.cat([part.eyes_mouth for part in parts]),
        yaw_deg=torch.cat([part.yaw_deg for part in parts]),
        identities=frozenset().union(*(part.identities for part in parts)),
    )
