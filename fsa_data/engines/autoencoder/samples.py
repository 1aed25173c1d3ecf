"""Training samples, made on the device from faces that lie there.

A sample is a row of uniform numbers and a pure function of it: the numbers come from one generator on the CPU,
whatever the device, so that a seed means the same samples everywhere; everything else happens where the faces are. One
picture is sampled once: warp and affine map are joined before the pixels are fetched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from fsa_data.engines.autoencoder.colours import TRANSFERS, hsv_shift
from fsa_data.engines.autoencoder.face_tensors import FaceTensors
from fsa_data.errors import ConfigError

YAW_BINS, YAW_LIMIT_DEG = 128, math.degrees(1.2)
"""Uniform yaw: equal bins within these limits; the outermost hold what lies beyond."""

_INNER = 7
# columns of a row of uniforms
_TURN, _SCALE, _MOVE, _FLIP, _CELLS, _HSV, _PARTNER, _NODES = 0, 1, 2, 4, 5, 6, 9, 10
_COLUMNS = _NODES + 2 * _INNER**2


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """What may happen to a face on its way into training."""

    warp: bool = True
    """Whether the input is bent; the target never is."""
    rotation_deg: float = 10.0
    scale: float = 0.15
    """Faces are scaled by 1 / (1 + scale) to 1 + scale."""
    shift: float = 0.05
    """Of the side, each way."""
    flip: bool = False
    """Whether faces are mirrored with probability 0.4."""
    hsv: float = 0.0
    """Strength of random shifts of colour of the input, 0..0.3."""
    colour_transfer: Literal["none", "rct", "lct"] = "none"
    """Colours of input and target become those of a random face of the other side."""
    uniform_yaw: bool = False
    """Whether each direction of view comes equally often, however many faces look there."""
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"

    def __post_init__(self) -> None:
        if self.colour_transfer not in ("none", *TRANSFERS):
            known = ", ".join(("none", *TRANSFERS))
            raise ConfigError(f"colour_transfer must be one of {known}, got {self.colour_transfer!r}.")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples: float in 0..1 on the device of the faces.

    Attributes:
        warped: ``(B, 3, R, R)``, what the network sees.
        target: ``(B, 3, R, R)``, what it shall make of it.
        mask: ``(B, 1, R, R)``, where the target is face.
        eyes_mouth: ``(B, 1, R, R)``, where it is eyes or mouth.
    """

    warped: Tensor
    target: Tensor
    mask: Tensor
    eyes_mouth: Tensor


class Order:
    """Endless shuffled indices: each face comes once before any comes again.

    Args:
        yaw_deg: ``(N,)``; of faces, or None where the direction of view does not matter. With it each bin comes once
            before any comes again, and likewise each face within its bin.
        count: number of faces.
        generator: shuffles.
    """

    def __init__(self, count: int, yaw_deg: Tensor | None, generator: torch.Generator) -> None:
        self.generator = generator
        self.bins: list[list[int]] = [list(range(count))]
        if yaw_deg is not None:
            place = (yaw_deg.cpu() / YAW_LIMIT_DEG + 1) / 2 * YAW_BINS
            place = place.floor().clamp(0, YAW_BINS - 1).long()
            self.bins = [torch.nonzero(place == each).flatten().tolist() for each in torch.unique(place)]
        self.waiting: list[int] = []
        self.decks: list[list[int]] = [[] for _ in self.bins]

    def take(self, count: int) -> Tensor:
        """The next ``(count,)`` indices."""
        while len(self.waiting) < count:
            for which in self._shuffled(range(len(self.bins))):
                if not self.decks[which]:
                    self.decks[which] = self._shuffled(self.bins[which])
                if len(self.bins) == 1:
                    self.waiting += self.decks[which]
                    self.decks[which] = []
                else:
                    self.waiting.append(self.decks[which].pop())
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return torch.tensor(taken)

    def _shuffled(self, items: Any) -> list[int]:
        return [items[i] for i in torch.randperm(len(items), generator=self.generator).tolist()]

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs, as JSON values; the generator is not part of it."""
        return {"waiting": list(self.waiting), "decks": [list(deck) for deck in self.decks]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another of the same faces stood; of other faces nothing is taken over."""
        decks, valid = state["decks"], {i for each in self.bins for i in each}
        if len(decks) == len(self.bins) and valid.issuperset({*state["waiting"]}.union(*decks)):
            self.waiting, self.decks = list(state["waiting"]), [list(deck) for deck in decks]


class SampleMaker:
    """Makes batches of one side of a swap.

    Args:
        faces: on the device, resized to the network's resolution.
        options: what happens to them.
        generator: of the CPU; all randomness.
        partners: faces whose colours are taken on, for ``colour_transfer``.
    """

    def __init__(
        self,
        faces: FaceTensors,
        options: SampleOptions,
        generator: torch.Generator,
        partners: FaceTensors | None = None,
    ) -> None:
        self.faces, self.options, self.generator, self.partners = faces, options, generator, partners
        self.order = Order(len(faces), faces.yaw_deg if options.uniform_yaw else None, generator)

    def make(self, count: int) -> Batch:
        """The next batch."""
        index = self.order.take(count)
        rows = torch.rand(count, _COLUMNS, generator=self.generator)
        device = self.faces.images.device
        return make_samples(self.faces, index.to(device), rows.to(device), self.options, self.partners)


def make_samples(
    faces: FaceTensors, index: Tensor, rows: Tensor, options: SampleOptions, partners: FaceTensors | None = None
) -> Batch:
    """Samples as a pure function of their numbers.

    Args:
        faces: where the pixels come from.
        index: ``(B,)`` which faces.
        rows: ``(B, 108)`` uniform numbers in 0..1.
        options: what happens to the faces.
        partners: for ``colour_transfer``.
    """
    size = faces.images.shape[-1]
    images = faces.images[index].float() / 255
    if options.colour_transfer != "none" and partners is not None:
        partner = (rows[:, _PARTNER] * len(partners)).long()
        images = TRANSFERS[options.colour_transfer](images, partners.images[partner].float() / 255)
    inputs = images
    if options.hsv:
        inputs = _shifted(images, rows[:, _HSV : _HSV + 3], options.hsv)
    whole = torch.cat([images, faces.masks[index].float() / 255, faces.eyes_mouth[index].float() / 255], 1)
    places = affine_places(rows, size, options)
    fetched = _fetch(whole, places, options.interpolation)
    inside = ((places.abs() <= 1).all(-1)).unsqueeze(1)
    bent = places + warp_offsets(rows, places) if options.warp else places
    warped = fetched[:, :3] if inputs is images and not options.warp else _fetch(inputs, bent, options.interpolation)
    return Batch(warped, fetched[:, :3], fetched[:, 3:4] * inside, fetched[:, 4:] * inside)


def affine_places(rows: Tensor, size: int, options: SampleOptions) -> Tensor:
    """Where each pixel of a turned, scaled, moved and perhaps mirrored face comes from.

    Returns:
        ``(B, size, size, 2)``, x and y from -1 to 1 across the picture.
    """
    turn = torch.deg2rad((2 * rows[:, _TURN] - 1) * options.rotation_deg)
    low, high = 1 / (1 + options.scale), 1 + options.scale
    scale = low + (high - low) * rows[:, _SCALE]
    move = (2 * rows[:, _MOVE : _MOVE + 2] - 1) * options.shift * 2  # the side is 2 units
    cos, sin = torch.cos(turn) / scale, torch.sin(turn) / scale
    turned_back = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
    if options.flip:
        mirror = torch.where(rows[:, _FLIP] < 0.4, -1.0, 1.0)
        turned_back = turned_back * torch.stack([mirror, torch.ones_like(mirror)], 1).unsqueeze(1)
        move = move * torch.stack([mirror, torch.ones_like(mirror)], 1)
    offset = -(turned_back @ move.unsqueeze(2))
    theta = torch.cat([turned_back, offset], 2)
    return functional.affine_grid(theta, [len(rows), 1, size, size], align_corners=False)


def warp_offsets(rows: Tensor, places: Tensor) -> Tensor:
    """How far the bent input fetches its pixels from where the target does.

    A net of 2, 4 or 8 cells each way (drawn) lies over the face; its inner knots move by a truncated normal, at most
    0.24 of a cell, the border stays.

    Args:
        rows: ``(B, 108)`` uniform numbers.
        places: ``(B, H, W, 2)`` of the target.

    Returns:
        ``(B, H, W, 2)``.
    """
    uniform = rows[:, _NODES:].view(-1, 2, _INNER, _INNER)
    limit = math.erf(2.5 / math.sqrt(2))  # 2.5 deviations
    normal = torch.erfinv((2 * uniform - 1) * limit) * math.sqrt(2) / 2.5
    nets = []
    for cells in (2, 4, 8):
        inner = cells - 1
        knots = functional.pad(normal[:, :, :inner, :inner], (1, 1, 1, 1)) * (0.24 * 2 / cells)
        # coarse nets are exact on the finest: it has all their knots
        nets.append(knots if cells == 8 else functional.interpolate(knots, (9, 9), mode="bilinear", align_corners=True))
    which = (rows[:, _CELLS] * 3).long().clamp_max(2)
    net = torch.stack(nets, 1)[torch.arange(len(rows), device=rows.device), which]
    offsets = functional.grid_sample(net, places, mode="bilinear", padding_mode="border", align_corners=True)
    return offsets.permute(0, 2, 3, 1)


def _fetch(pictures: Tensor, places: Tensor, interpolation: str) -> Tensor:
    out = functional.grid_sample(pictures, places, mode=interpolation, padding_mode="border", align_corners=False)
    return out.clamp(0, 1) if interpolation == "bicubic" else out


def _shifted(images: Tensor, rows: Tensor, strength: float) -> Tensor:
    most = max(1, int(180 * strength))
    hue = torch.floor(rows[:, 0] * (2 * most + 1)) - most
    return hsv_shift(images, hue, (rows[:, 1] - 0.5) * strength, (rows[:, 2] - 0.5) * strength)
