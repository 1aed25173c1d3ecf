"""One photo as many: the face seen from other sides, with other expressions.

T1 turned every single photo into 77 views, so that a face frontal in its only photo can be put on a head that turns.
Views are pictures like others: they have a digest that is known without drawing them, and whoever looks for faces
looks at them, too. Those in which none is found again drop out there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

from fsa_data import mesh
from fsa_data.errors import BadImageError, ConfigError, MissingWeightsError, NoViewError
from fsa_data.faces import face_size_px, load_landmarker
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.recon import blender, embedded, render
from fsa_data.recon.embedded import Reconstruction, reconstruct
from fsa_data.recon.expressions import EXPRESSIONS, expressed, find_expression
from fsa_data.types import Face, Floats, Image, Landmarker, Photo
from fsa_data.weights import file_sha256, users_file

if TYPE_CHECKING:
    from fsa_data.recon.deep3d import Deep3D

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
    expressions: tuple[Wanted, ...] | None = None
    """Names of :data:`fsa_data.recon.EXPRESSIONS`, or pairs of valence and arousal; None: every name."""
    view_px: int = 256
    """Side of a view."""
    recon: Literal["embedded", "deep3d"] = "embedded"
    """What takes the face off its photo: ``deep3d`` needs the user's files, and only has the photo's expression."""
    renderer: Literal["raster", "blender"] = "raster"
    """What draws it: ``blender`` lights it as T1 did, and needs Blender."""

    def __post_init__(self) -> None:
        if not isinstance(self.views, bool):
            raise ConfigError(f"views must be true or false, got {self.views!r}.")
        for name in ("yaws_deg", "pitches_deg"):
            given = _listed(name, getattr(self, name))
            if not all(isinstance(angle, int | float) and -90 <= angle <= 90 for angle in given):
                raise ConfigError(f"{name} must be a list of angles between -90 and 90, got {list(given)!r}.")
            object.__setattr__(self, name, tuple(float(angle) for angle in given))
        for name, known in (("recon", ("embedded", "deep3d")), ("renderer", ("raster", "blender"))):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be {' or '.join(known)}, got {getattr(self, name)!r}.")
        if self.expressions is not None:
            given = _listed("expressions", self.expressions)
            wanted = tuple(each if isinstance(each, str) else tuple(each) for each in given)
            object.__setattr__(self, "expressions", wanted)
            for each in wanted:
                find_expression(each)
        if self.recon == "deep3d" and self.expressions not in (None, ("own",)):
            raise ConfigError(f"recon=deep3d knows the expression 'own' only, got {list(self.wanted)!r}.")
        if not (isinstance(self.view_px, int) and 64 <= self.view_px <= 1024):
            raise ConfigError(f"view_px must be a number from 64 to 1024, got {self.view_px!r}.")

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """The expressions."""
        if self.expressions is not None:
            return self.expressions
        return ("own",) if self.recon == "deep3d" else tuple(EXPRESSIONS)


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
    maker = _maker(options)
    seen: list[Photo] = []
    for photo in photos:
        seen.append(photo)
        for expression in options.wanted:
            for at in range(len(options.yaws_deg) * len(options.pitches_deg)):
                seen.append(_view(photo, expression, at, options, maker))
    return seen


def _maker(options: ViewOptions) -> dict[str, Any]:
    """What decides how a view looks, besides the photo and where it is seen from."""
    files = {}
    if options.recon == "deep3d":
        files = {name: file_sha256(users_file(name)) for name in ("deep3d_network", "deep3d_model")}
        with suppress(MissingWeightsError):  # it may be absent, but moves the crop where it is there
            files["deep3d_alignment"] = file_sha256(users_file("deep3d_alignment"))
    return {
        "view": VERSION,
        "recon": options.recon,
        "surface": embedded.ALGORITHM_VERSION,
        "renderer": options.renderer,
        "size_px": options.view_px,
        **files,
    }


def _listed(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError(f"{name} must be a list, got {value!r}.")
    return value


def _view(photo: Photo, expression: Wanted, at: int, options: ViewOptions, maker: Mapping[str, Any]) -> Photo:
    pitch, yaw = divmod(at, len(options.yaws_deg))
    made = {
        "photo": photo.digest,
        "expression": find_expression(expression)[0],
        "yaw_deg": round(options.yaws_deg[yaw], 3),
        "pitch_deg": round(options.pitches_deg[pitch], 3),
        **maker,
    }
    where = _Seen(photo.digest, photo), expression, at, options
    return Photo(
        identity=photo.identity,
        digest=hashlib.blake2b(json.dumps(made, sort_keys=True).encode(), digest_size=16).hexdigest(),
        load=partial(_draw, *where),
        provenance={**photo.provenance, "view": made},
        mesh_px=partial(_mesh, *where) if options.recon == "embedded" and options.renderer == "raster" else None,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A photo that equals others of the same digest."""

    digest: str
    photo: Photo = field(compare=False, repr=False)


def _draw(seen: _Seen, expression: Wanted, at: int, options: ViewOptions) -> Image:
    if options.renderer == "blender":
        return _drawn_by_blender(seen, expression, options)[at]
    pitch, yaw = divmod(at, len(options.yaws_deg))
    surface = _surface(seen, expression, options.recon)
    return render.render_view(surface, options.yaws_deg[yaw], options.pitches_deg[pitch], options.view_px)


def _mesh(seen: _Seen, expression: Wanted, at: int, options: ViewOptions) -> Floats:
    """Where the vertices of the landmark model's mesh are in a view: nobody knows it better."""
    pitch, yaw = divmod(at, len(options.yaws_deg))
    vertices = _surface(seen, expression, options.recon).vertices[: mesh.VERTICES]
    return render.project(vertices, options.yaws_deg[yaw], options.pitches_deg[pitch], options.view_px)


@lru_cache(maxsize=2)
def _drawn_by_blender(seen: _Seen, expression: Wanted, options: ViewOptions) -> list[Image]:
    """The whole grid: starting Blender takes longer than a view."""
    surface = _surface(seen, expression, options.recon)
    return list(blender.render_views(surface, options.yaws_deg, options.pitches_deg, options.view_px))


@lru_cache(maxsize=8)
def _surface(seen: _Seen, expression: Wanted, recon: str) -> ColouredMesh:
    face = _reconstruction(seen, recon)
    if isinstance(face, str):
        raise NoViewError(face)
    return face if isinstance(face, ColouredMesh) else expressed(face, find_expression(expression)[1])


@lru_cache(maxsize=8)
def _reconstruction(seen: _Seen, recon: str) -> Reconstruction | ColouredMesh | str:
    """The face of a photo, or why it cannot be turned: that is remembered, too."""
    try:
        image = seen.photo.load()
    except BadImageError as error:
        return str(error)
    faces = [seen.photo.face] if seen.photo.face is not None else _landmarker()(image)
    if not faces:
        return "it shows no face"
    if face_size_px(faces[0].points_px) < SMALLEST_PX:
        return f"its face is smaller than {SMALLEST_PX:.0f} px"
    if abs(faces[0].yaw_deg) > MOST_YAW_DEG:
        return f"its face is turned by about {abs(faces[0].yaw_deg):.0f} degrees, and half of it was never seen"
    return _deep3d_mesh(image, faces[0]) if recon == "deep3d" else reconstruct(image, faces[0])


def _deep3d_mesh(image: Image, face: Face) -> ColouredMesh:
    from fsa_data.recon import deep3d

    loaded = _deep3d()
    fit = deep3d.refine(loaded, deep3d.regress(loaded, image, face), face)
    return deep3d.head_mesh(loaded.model, fit.coefficients)


@cache
def _deep3d() -> Deep3D:
    from fsa_data.recon import deep3d

    return deep3d.load_deep3d()


@cache
def _landmarker() -> Landmarker:
    return load_landmarker()


def forget() -> None:
    """Drop the faces that this process keeps."""
    _surface.cache_clear()
    _reconstruction.cache_clear()
