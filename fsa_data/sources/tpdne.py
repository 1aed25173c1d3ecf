"""Flow ``tpdne``: faces of nobody from the site ThisPersonDoesNotExist, kept in a cache.

The site serves one picture that StyleGAN2 drew, another one every second or two. It has been down, moved, and led
elsewhere, and states no licence; so it is never needed: whatever is in the cache is used without asking, and every
error names what serves meanwhile.

What is not built: a gate by apparent age. The generator draws children, too, and no age estimator comes with the
packages used here. Look at what was downloaded (``fsa gallery tpdne``), delete what should not be used (the picture and
the JSON file beside it), and use ``offline`` from then on.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import PIL.Image
from filelock import FileLock
from tqdm import tqdm

from fsa_data.errors import BadImageError, ConfigError, SourceError
from fsa_data.faces import face_size_px, load_landmarker
from fsa_data.frames import FrameRef, decode_image, hash_frame, read_image
from fsa_data.paths import cache_dir
from fsa_data.sources.find import SMALLEST_PX
from fsa_data.sources.tpdne_cache import Kept, dhash, keep, read_cache, same_face
from fsa_data.sources.tpdne_client import Download, NoPictureError, download
from fsa_data.sources.views import ViewOptions
from fsa_data.types import Image, Landmarker, Photo

ADDRESSES = ("https://thispersondoesnotexist.com/", "https://thispersondoesnotexist.com/image")
"""The picture has been served at both; the second is asked when the first fails."""

LICENCE = "ThisPersonDoesNotExist: none stated; StyleGAN2, trained on FFHQ, which is not for commercial use"

PATIENCE = 10
"""Answers in a row that bring nothing new before an address is given up."""

LEAST_PX, MOST_PX = 128, 4096
"""Sides of a picture; the site's are 1024."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TpdneOptions(ViewOptions):
    """Options of the flow ``tpdne``."""

    count: int = 6
    """How many people."""
    addresses: Sequence[str] = ADDRESSES
    """Asked one after the other until one gives pictures."""
    cache: str = ""
    """Folder of the downloaded pictures; default ``tpdne`` in :func:`fsa_data.paths.cache_dir`."""
    timeout_s: float = 20.0
    """Limit of one answer."""
    interval_s: float = 2.0
    """Least time between two requests, of all processes that use this cache; faster ones get the same picture."""
    retries: int = 4
    """Further tries when the site does not answer, or says that it is overloaded."""
    offline: bool = False
    """Use what the cache holds and ask nobody."""

    def __post_init__(self) -> None:
        ViewOptions.__post_init__(self)
        given = self.addresses
        object.__setattr__(self, "addresses", (given,) if isinstance(given, str) else tuple(given))
        if self.count < 1:
            raise ConfigError(f"count must be at least 1, got {self.count}.")
        if not (math.isfinite(self.timeout_s) and self.timeout_s > 0):
            raise ConfigError(f"timeout_s must be greater than 0, got {self.timeout_s}.")
        if not (math.isfinite(self.interval_s) and self.interval_s >= 0):
            raise ConfigError(f"interval_s must be 0 or greater, got {self.interval_s}.")
        if self.retries < 0:
            raise ConfigError(f"retries must be 0 or greater, got {self.retries}.")
        for address in self.addresses:
            parts = urllib.parse.urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ConfigError(f"addresses must begin with http:// or https://, got {address!r}.")
        if not self.addresses:
            raise ConfigError("addresses is empty; offline=true asks nobody.")

    @property
    def folder(self) -> Path:
        """Where the pictures are kept."""
        return Path(self.cache).expanduser() if self.cache else cache_dir() / "tpdne"


def tpdne_photos(argument: str, options: TpdneOptions) -> list[Photo]:
    """One photo each of people who do not exist; only what the cache lacks is asked of the site.

    Args:
        argument: empty.
        options: see :class:`TpdneOptions`.

    Returns:
        The ``count`` oldest of the cache, so that asking for more later changes none.

    Raises:
        SourceError: the site does not give what is missing, or with ``offline`` nothing is there.
    """
    del argument
    kept, damaged = read_cache(options.folder)
    if damaged:
        _log.warning("%s: damaged and left out: %s", options.folder, ", ".join(damaged[:5]))
    if options.offline:
        if not kept:
            raise SourceError(
                f"Source 'tpdne' with offline=true: no picture in {options.folder.absolute()}. Fill it without offline "
                "where there is a network, or use folder:DIR or stylegan2:PATH."
            )
        if len(kept) < options.count:
            _log.warning("%s holds %d pictures; %d were asked for.", options.folder, len(kept), options.count)
    elif len(kept) < options.count:
        kept = _fill(options)
    return [_photo(one) for one in kept[: options.count]]


def _photo(one: Kept) -> Photo:
    return Photo(
        identity=f"tpdne-{one.sha256[:8]}",
        digest=hash_frame(FrameRef(str(one.path))),
        load=partial(read_image, str(one.path)),
        provenance={
            "flow": "tpdne",
            "file": one.path.name,
            "licence": LICENCE,
            "address": one.address,
            "time_utc": one.time_utc,
        },
    )


def count_faces(image: Image) -> int:
    """Usable faces in an ``(H, W, 3)`` uint8 RGB image."""
    return sum(face_size_px(face.points_px) >= SMALLEST_PX for face in _landmarker()(image))


@cache
def _landmarker() -> Landmarker:
    return load_landmarker()


def _fill(options: TpdneOptions, sleep: Callable[[float], None] = time.sleep) -> list[Kept]:
    """Download what is missing; one process at a time, so that a second one finds it done."""
    folder = options.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        alone = FileLock(folder / ".lock").acquire()
    except OSError as error:
        raise SourceError(f"The cache {folder} cannot be written: {error.strerror}. Give cache=DIR.") from error
    with alone, tqdm(total=options.count, desc="downloading", unit="face", disable=None) as bar:
        kept, _ = read_cache(folder)
        bar.update(min(len(kept), options.count))
        troubles = []
        for address in options.addresses:
            try:
                for one in _new_faces(address, options, kept, sleep):
                    kept.append(one)
                    bar.update()
                return kept
            except NoPictureError as error:
                troubles.append(f"{address} {error}")
        raise SourceError(_sorry(options, len(kept), troubles))


def _sorry(options: TpdneOptions, there: int, troubles: Sequence[str]) -> str:
    use_them = f"offline=true uses the {there} that are there, " if there else ""
    return (
        f"Source 'tpdne': {options.count} pictures were asked for, {there} are in {options.folder.absolute()}. "
        f"{'; '.join(troubles)}. Meanwhile {use_them}folder:DIR takes photos of your own and stylegan2:PATH draws "
        "faces here. The same command goes on from what is there."
    )


def _new_faces(address: str, options: TpdneOptions, kept: list[Kept], sleep: Callable[[float], None]) -> Iterator[Kept]:
    """Pictures from one address until there are enough, each put into the cache first.

    Raises:
        NoPictureError: it gives none, or nothing new.
    """
    fruitless: Counter[str] = Counter()
    before = partial(_wait_for_turn, options.folder / "last-request", options.interval_s, sleep)
    while len(kept) < options.count:
        got = download(address, options.timeout_s, options.retries, before, sleep)
        shown, wrong = _look(got, kept)
        if wrong:
            fruitless[wrong] += 1
            if fruitless.total() >= PATIENCE:
                listed = ", ".join(f"{count} x {why}" for why, count in fruitless.most_common())
                raise NoPictureError(f"brought nothing new {PATIENCE} times in a row ({listed})")
            continue
        fruitless.clear()
        yield keep(options.folder, got, shown)


def _look(got: Download, kept: Sequence[Kept]) -> tuple[str, str]:
    """What a picture shows (its hash), and why it is not wanted (empty if it is)."""
    try:
        with PIL.Image.open(io.BytesIO(got.data)) as header:
            size = header.size
        if min(size) < LEAST_PX or max(size) > MOST_PX:
            return "", f"a picture of {size[0]} x {size[1]} px"
        image = decode_image(got.data, got.address)
    except (BadImageError, OSError, SyntaxError, PIL.Image.DecompressionBombError):
        return "", "a picture that cannot be decoded"
    shown = dhash(image)
    if wrong := same_face(hashlib.sha256(got.data).hexdigest(), shown, kept):
        return shown, wrong
    count = count_faces(image)
    return shown, "" if count == 1 else f"{count or 'no'} faces in a picture"


def _wait_for_turn(mark: Path, interval_s: float, sleep: Callable[[float], None]) -> None:
    """Keep the distance to the last request, whichever process made it."""
    try:
        wait_s = interval_s - (time.time() - mark.stat().st_mtime)
    except FileNotFoundError:
        wait_s = 0.0
    if wait_s > 0:
        sleep(min(wait_s, interval_s))
    mark.touch()
