"""Flow ``stylegan2:PATH``: portraits of people who do not exist, from a StyleGAN2 generator of one's own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fsa_data.errors import ConfigError, SourceError, WrongWeightsError
from fsa_data.paths import cache_dir
from fsa_data.sources.kept import kept_picture
from fsa_data.sources.views import ViewOptions
from fsa_data.types import Floats, Image, Photo
from fsa_data.weights import file_sha256

if TYPE_CHECKING:
    from fsa_data.nets.stylegan2 import Generator

VERSION = 1
"""Of the way from a seed to a picture; part of every digest."""
LAST_SEED = 2**64 - 1
MOST_PEOPLE = 1_000_000
LICENCE = "as the weights; NVIDIA's own StyleGAN2 networks are for non-commercial use only"


@dataclass(frozen=True, slots=True)
class StyleGAN2Options(ViewOptions):
    """Options of the flow ``stylegan2``."""

    seed: int = 0
    """Seed of the first person, 0 .. 2**64 - 1; the others follow it one by one."""
    count: int = 6
    """How many people."""
    psi: float = 0.7
    """Truncation: small values give average faces of good quality, 1 the whole variety; 0 < psi <= 1.5."""
    label: int | None = None
    """Class of a labelled network, from 0; None for an unlabelled one."""

    def __post_init__(self) -> None:
        ViewOptions.__post_init__(self)
        for name, low, high in (("seed", 0, LAST_SEED), ("count", 1, MOST_PEOPLE), ("label", 0, LAST_SEED)):
            value = getattr(self, name)
            if value is None and name == "label":
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= int(value) <= high:
                raise ConfigError(f"{name} must be a whole number from {low} to {high}, got {value!r}.")
            object.__setattr__(self, name, int(value))
        if self.seed + self.count - 1 > LAST_SEED:
            raise ConfigError(
                f"{self.count} people from seed {self.seed} on go beyond the last seed, {LAST_SEED}; "
                f"the first seed may be {LAST_SEED - self.count + 1} at most."
            )
        psi = self.psi
        if isinstance(psi, bool) or not isinstance(psi, int | float | np.floating) or not 0 < float(psi) <= 1.5:
            raise ConfigError(f"psi must be a number above 0 and at most 1.5, got {psi!r}.")
        object.__setattr__(self, "psi", float(psi))


def stylegan2_photos(argument: str, options: StyleGAN2Options) -> list[Photo]:
    """One portrait each of some people; the file is hashed, but not opened before the first portrait is looked at.

    Args:
        argument: path of a ``.pkl``, ``.safetensors``, ``.pt`` or ``.pth`` file.
        options: see :class:`StyleGAN2Options`.

    Raises:
        SourceError: no such file.
    """
    path = Path(argument).expanduser()
    if not path.is_file():
        raise SourceError(f"Source 'stylegan2:{argument}': there is no file {path.absolute()}.")
    weights = file_sha256(path)
    seeds = range(options.seed, options.seed + options.count)
    return [_photo(path, weights, seed, options.psi, options.label) for seed in seeds]


def latent(seed: int, length: int) -> Floats:
    """The noise vector of a person: ``(length,)`` standard normal float32, one for each of 2**64 seeds."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(length).astype(np.float32)


def _photo(path: Path, weights: str, seed: int, psi: float, label: int | None) -> Photo:
    parameters = {"weights_sha256": weights, "seed": seed, "psi": psi, "label": label}
    text = json.dumps({"stylegan2": VERSION, **parameters}, sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return Photo(
        identity=f"stylegan2-{weights[:8]}-{seed}" + ("" if label is None else f"-{label}"),
        digest=digest,
        load=partial(_load, digest, str(path.absolute()), weights, seed, psi, label),
        provenance={"flow": "stylegan2", "file": path.name, "licence": LICENCE, **parameters},
    )


def _load(digest: str, path: str, weights: str, seed: int, psi: float, label: int | None) -> Image:
    return kept_picture(
        cache_dir() / "stylegan2-photos" / f"{digest}.png", partial(_draw, path, weights, seed, psi, label)
    )


def _draw(path: str, weights: str, seed: int, psi: float, label: int | None) -> Image:
    """The portrait of a seed, ``(H, W, 3)`` uint8 RGB."""
    import torch

    generator = _generator(path, weights)
    c = None
    if label is not None and not generator.c_dim:
        raise ConfigError(f"{path} is a network without labels; leave the option label={label} out.")
    if generator.c_dim:
        if label is None or label >= generator.c_dim:
            raise ConfigError(
                f"{path} is a labelled network with {generator.c_dim} classes: give label=0 .. {generator.c_dim - 1}, "
                f"got {label}."
            )
        c = torch.eye(generator.c_dim)[label : label + 1]
    z = torch.from_numpy(latent(seed, generator.z_dim))[None]
    with torch.inference_mode():
        pixels = (generator(z, c, truncation_psi=psi)[0] * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


@lru_cache(maxsize=1)
def _generator(path: str, weights: str) -> Generator:
    """The network of a file, loaded once per process."""
    from fsa_data.nets.stylegan2_files import load_generator

    if (now := file_sha256(Path(path))) != weights:
        raise WrongWeightsError(f"{path} has changed since the source was made: SHA-256 {weights} then, {now} now.")
    generator = load_generator(path)
    if generator.img_channels != 3:
        raise WrongWeightsError(f"{path} makes pictures of {generator.img_channels} channels; a face needs 3.")
    return generator
