"""Flow ``kdef:DIR``: the Karolinska Directed Emotional Faces, 70 people with 7 expressions from 5 angles, twice.

A file is named by session, person, expression and angle: ``AF01ANFL.JPG`` is session A, woman 01, angry, full left.
The same person sat for both sessions, so ``AF01`` and ``BF01`` are one identity, ``kdef-F01``.

Lundqvist, Flykt, Ohman (1998): The Karolinska Directed Emotional Faces, ISBN 91-630-7164-9. For research that is not
commercial, on registration with its authors; nothing of it comes with this project.
"""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from fsa_data.errors import ConfigError, SourceError
from fsa_data.frames import IMAGE_SUFFIXES, FrameRef, hash_frame, read_image
from fsa_data.frames.media import is_cut_off
from fsa_data.types import Photo

EXPRESSIONS = {
    **{"AF": "afraid", "AN": "angry", "DI": "disgusted", "HA": "happy", "NE": "neutral", "SA": "sad"},
    "SU": "surprised",
}
"""What the expression codes mean."""

ANGLES = {"FL": "full left", "HL": "half left", "S": "straight", "HR": "half right", "FR": "full right"}
"""What the angle codes mean; left and right are the person's."""

SESSIONS = {"A": "first", "B": "second"}

WIDTH_PX, HEIGHT_PX = 562, 762
"""Every photo of the set has this size."""

BLACK = 24
"""A picture is black if 99 of 100 pixels are darker than this, of 255."""

LICENCE = "KDEF: research that is not commercial, not to be passed on"

_NAME = re.compile(rf"([AB])([FM])(0[1-9]|[12]\d|3[0-5])({'|'.join(EXPRESSIONS)})({'|'.join(ANGLES)})")
_FOLDER = re.compile(r"[AB][FM]\d\d")
_EXPECTED = "names like AF01ANFL.JPG: session A or B, F or M, person 01 to 35, expression, angle"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KdefOptions:
    """Options of the flow ``kdef``; an empty list means all."""

    people: Sequence[str] = ()
    """Such as ``F01``, ``M35``."""
    expressions: Sequence[str] = ()
    """Keys of :data:`EXPRESSIONS`."""
    angles: Sequence[str] = ()
    """Keys of :data:`ANGLES`."""
    sessions: Sequence[str] = ()
    """``A``, ``B`` or both."""

    def __post_init__(self) -> None:
        people = {f"{gender}{number:02d}" for gender in "FM" for number in range(1, 36)}
        for name, known in (
            ("people", people),
            ("expressions", set(EXPRESSIONS)),
            ("angles", set(ANGLES)),
            ("sessions", set(SESSIONS)),
        ):
            given = getattr(self, name)
            codes = tuple(str(code).upper() for code in ([given] if isinstance(given, str) else given))
            if strange := sorted(set(codes) - known):
                shown = "F01 .. F35, M01 .. M35" if name == "people" else ", ".join(sorted(known))
                raise ConfigError(f"{name} of the source kdef: unknown {', '.join(strange)}. Known: {shown}.")
            object.__setattr__(self, name, codes)


@dataclass(frozen=True, slots=True)
class _Named:
    """A file with what its name says."""

    path: Path
    session: str
    person: str
    expression: str
    angle: str

    def wanted(self, options: KdefOptions) -> bool:
        pairs = (
            (self.person, options.people),
            (self.expression, options.expressions),
            (self.angle, options.angles),
            (self.session, options.sessions),
        )
        return all(not chosen or code in chosen for code, chosen in pairs)


def kdef_photos(argument: str, options: KdefOptions) -> list[Photo]:
    """The photos of the set, or of one person's folder.

    Files with another name, of another size, cut off or black (the set has a few) are left out and named in one log
    message. So are those that lie in another person's folder: their name or their place is wrong.

    Args:
        argument: path of the folder; subfolders are looked into.
        options: see :class:`KdefOptions`.

    Returns:
        By person, session, expression, angle.

    Raises:
        SourceError: no such folder, or no usable photo in it.
    """
    root = Path(argument).expanduser()
    where = f"Source 'kdef:{argument}'"
    if not root.is_dir():
        raise SourceError(f"{where}: there is no folder {root.absolute()}.")
    named: list[_Named] = []
    failed: list[tuple[str, str]] = []
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
            continue
        found = _parse(path)
        if isinstance(found, str):
            failed.append((found, path.name))
        elif found.wanted(options):
            named.append(found)
    named.sort(key=lambda one: (one.person, one.session, one.expression, list(ANGLES).index(one.angle), one.path))
    with ThreadPoolExecutor(4) as pool:  # OpenCV decodes without the interpreter lock
        wrong = list(pool.map(_look, [one.path for one in named]))
    failed += [(why, one.path.name) for one, why in zip(named, wrong, strict=True) if why]
    photos = [_photo(one) for one, why in zip(named, wrong, strict=True) if not why]
    if not photos:
        left_out = f" Left out: {_summary(failed)}." if failed else ""
        raise SourceError(
            f"{where}: no photo of the set in {root.absolute()} that the options admit (expected JPEG of {WIDTH_PX} x "
            f"{HEIGHT_PX} px with {_EXPECTED}).{left_out} Other photos: folder:DIR."
        )
    if failed:
        _log.warning(
            "%s: %d of %d files are left out: %s", where, len(failed), len(failed) + len(photos), _summary(failed)
        )
    return photos


def _parse(path: Path) -> _Named | str:
    """What the name says, or what is wrong with it."""
    match = _NAME.fullmatch(path.stem.upper())
    if match is None:
        return "another name"
    folder = path.parent.name.upper()
    if _FOLDER.fullmatch(folder) and folder != match[0][:4]:
        return "in the folder of another person or session"
    return _Named(path, match[1], match[2] + match[3], match[4], match[5])


def _look(path: Path) -> str:
    """What is wrong with a file, empty if nothing; decodes an eighth of the resolution."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return error.strerror or "cannot be read"
    if not data:
        return "empty"
    if is_cut_off(data):
        return "cut off"
    try:
        with PIL.Image.open(io.BytesIO(data)) as image:
            size = image.size
        small = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    except (OSError, ValueError, cv2.error, PIL.Image.DecompressionBombError):
        small = None
    if small is None:
        return "cannot be decoded"
    if size != (WIDTH_PX, HEIGHT_PX):
        return f"another size than {WIDTH_PX} x {HEIGHT_PX} px"
    return "black" if np.count_nonzero(small >= BLACK) < small.size / 100 else ""


def _summary(failed: Sequence[tuple[str, str]]) -> str:
    """Counts by reason, each with its first names."""
    parts = []
    for why, count in sorted(Counter(why for why, _ in failed).items()):
        names = [name for reason, name in failed if reason == why]
        parts.append(f"{count} {why} ({', '.join(names[:3])}{', ...' if count > 3 else ''})")
    return "; ".join(parts)


def _photo(one: _Named) -> Photo:
    return Photo(
        identity=f"kdef-{one.person}",
        digest=hash_frame(FrameRef(str(one.path))),
        load=partial(read_image, str(one.path)),
        provenance={
            "flow": "kdef",
            "file": one.path.name,
            "licence": LICENCE,
            "session": one.session,
            "gender": one.person[0],
            "number": int(one.person[1:]),
            "expression": one.expression,
            "angle": one.angle,
        },
    )
