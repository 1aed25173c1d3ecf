"""One photo as many: the face seen from other sides, with other expressions.

T1 turned every single photo into 77 views, so that a face frontal in its only photo can be put on a head that turns.
Views are pictures like others: they have a digest that is known without drawing them, and whoever looks for faces
looks at them, too. Those in which none is found again drop out there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from typing import Any

from fsa_data.errors import BadImageError, ConfigError, NoViewError
from fsa_data.faces import face_size_px, load_landmarker
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.recon import embedded, render
from fsa_data.recon.embedded import Reconstruction, reconstruct
from fsa_data.recon.expressions import EXPRESSIONS, expressed, find_expression
from fsa_data.types import Image, Landmarker, Photo

Wanted = str | tuple[float, float]
"""An expression: a name, or valence and arousal."""

VERSION = 1
"""Raised whenever equal parameters would draw another picture."""

SMALLEST_PX = 48.0
"""Faces smaller than this (square root of their box's area) make no view worth drawing."""

MOST_YAW_DEG = 40.0
"""Photos whose landmarks claim more are not turned: half of the face was never seen."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Options of flows whose photos can be turned."""

    views: bool = True
    """Whether views are drawn; without, a photo is only itself."""
    yaws_deg: tuple[float, ...] = render.YAWS_DEG
    """Head turns of the grid, -90..90."""
    pitches_deg: tuple[float, ...] = render.PITCHES_DEG
    """Head nods of the grid, -90..90."""
    expressions: tuple[Wanted, ...] = tuple(EXPRESSIONS)
    """Names of :data:`fsa_data.recon.EXPRESSIONS`, or pairs of valence and arousal."""
    view_px: int = 256
    """Side of a view."""

    def __post_init__(self) -> None:
        if not isinstance(self.views, bool):
            raise ConfigError(f"views must be true or false, got {self.views!r}.")
        for name in ("yaws_deg", "pitches_deg"):
            given = _listed(name, getattr(self, name))
            if not all(isinstance(angle, int | float) and -90 <= angle <= 90 for angle in given):
                raise ConfigError(f"{name} must be a list of angles between -90 and 90, got {list(given)!r}.")
            object.__setattr__(self, name, tuple(float(angle) for angle in given))
        wanted = tuple(
            each if isinstance(each, str) else tuple(each) for each in _listed("expressions", self.expressions)
        )
        for each in wanted:
            find_expression(each)
        object.__setattr__(self, "expressions", wanted)
        if not (isinstance(self.view_px, int) and 64 <= self.view_px <= 1024):
            raise ConfigError(f"view_px must be a number from 64 to 1024, got {self.view_px!r}.")


@dataclass(frozen=True, slots=True)
class StillOptions(ViewOptions):
    """The same for flows that offer many photos of a person: they are turned on request only."""

    views: bool = False


def with_views(photos: Sequence[Photo], options: ViewOptions) -> list[Photo]:
    """Every photo, each followed by its views.

    Args:
        photos: of one or more people.
        options: which views.
    """
    if not options.views:
        return list(photos)
    seen: list[Photo] = []
    for photo in photos:
        seen.append(photo)
        for expression in options.expressions:
            for pitch in options.pitches_deg:
                seen += [_view(photo, expression, yaw, pitch, options.view_px) for yaw in options.yaws_deg]
    return seen


def _listed(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError(f"{name} must be a list, got {value!r}.")
    return value


def _view(photo: Photo, expression: Wanted, yaw_deg: float, pitch_deg: float, size_px: int) -> Photo:
    made = {
        "photo": photo.digest,
        "expression": find_expression(expression)[0],
        "yaw_deg": round(yaw_deg, 3),
        "pitch_deg": round(pitch_deg, 3),
        "size_px": size_px,
    }
    text = json.dumps({"view": VERSION, "surface": embedded.ALGORITHM_VERSION, **made}, sort_keys=True)
    return Photo(
        identity=photo.identity,
        digest=hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
        load=partial(_draw, _Seen(photo.digest, photo), expression, yaw_deg, pitch_deg, size_px),
        provenance={**photo.provenance, "view": made},
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A photo that equals others of the same digest."""

    digest: str
    photo: Photo = field(compare=False, repr=False)


def _draw(seen: _Seen, expression: Wanted, yaw_deg: float, pitch_deg: float, size_px: int) -> Image:
    return render.render_view(_surface(seen, expression), yaw_deg, pitch_deg, size_px)


@lru_cache(maxsize=8)
def _surface(seen: _Seen, expression: Wanted) -> ColouredMesh:
    face = _reconstruction(seen)
    if isinstance(face, str):
        raise NoViewError(face)
    return expressed(face, find_expression(expression)[1])


@lru_cache(maxsize=8)
def _reconstruction(seen: _Seen) -> Reconstruction | str:
    """The face of a photo, or why it cannot be turned: that is remembered, too."""
    try:
        image = seen.photo.load()
    except BadImageError as error:
        return str(error)
    faces = _landmarker()(image)
    if not faces:
        return "it shows no face"
    if face_size_px(faces[0].points_px) < SMALLEST_PX:
        return f"its face is smaller than {SMALLEST_PX:.0f} px"
    if abs(faces[0].yaw_deg) > MOST_YAW_DEG:
        return f"its face is turned by about {abs(faces[0].yaw_deg):.0f} degrees, and half of it was never seen"
    return reconstruct(image, faces[0])


@cache
def _landmarker() -> Landmarker:
    return load_landmarker()


def forget() -> None:
    """Drop the faces that this process keeps."""
    _surface.cache_clear()
    _reconstruction.cache_clear()
