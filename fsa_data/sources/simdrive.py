"""Flow ``simdrive``: procedural people that the procedural data do not use, each in a small grid of poses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial

from fsa_data import simdrive
from fsa_data.errors import ConfigError
from fsa_data.paths import cache_dir
from fsa_data.sources.kept import kept_picture
from fsa_data.types import Image, Photo

FIRST_INDEX = 50
"""Subjects of the data count from 0; source identities count from here, so the two never meet."""

POSES_DEG = (*((yaw, pitch) for pitch in (-15, 0, 15) for yaw in (-40, -20, 0, 20, 40)), (0, 25))
"""Yaw and pitch of the photos of one identity."""

SIZE_PX = 256
"""Photos are squares of this side."""


@dataclass(frozen=True, slots=True)
class SimdriveOptions:
    """Options of the flow ``simdrive``."""

    seed: int = 0
    """Seed of the people; the data's seed, so that the same seed means the same world."""
    identities: int = 6
    """How many people."""

    def __post_init__(self) -> None:
        if self.identities < 1:
            raise ConfigError(f"identities must be at least 1, got {self.identities}.")


def simdrive_photos(argument: str, options: SimdriveOptions) -> list[Photo]:
    """Sixteen photos of each of some procedural people; drawn when they are first looked at.

    Args:
        argument: empty.
        options: see :class:`SimdriveOptions`.
    """
    del argument
    return [
        _photo(options.seed, FIRST_INDEX + index, yaw, pitch)
        for index in range(options.identities)
        for yaw, pitch in POSES_DEG
    ]


def _photo(seed: int, index: int, yaw_deg: int, pitch_deg: int) -> Photo:
    parameters = {"seed": seed, "index": index, "yaw_deg": yaw_deg, "pitch_deg": pitch_deg, "size_px": SIZE_PX}
    text = json.dumps({"simdrive": simdrive.VERSION, **parameters}, sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return Photo(
        identity=simdrive.subject_name(seed, index),
        digest=digest,
        load=partial(_load, digest, seed, index, yaw_deg, pitch_deg),
        provenance={"flow": "simdrive", "licence": "procedural, no person", **parameters},
    )


def _load(digest: str, seed: int, index: int, yaw_deg: int, pitch_deg: int) -> Image:
    path = cache_dir() / "simdrive-photos" / f"{digest}.png"
    return kept_picture(path, lambda: simdrive.identity_photo(seed, index, float(yaw_deg), float(pitch_deg), SIZE_PX))
