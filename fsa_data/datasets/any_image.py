"""What the transforms share: any image type in and out, and draws that depend on content and epoch only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors

from fsa_data.errors import ConfigError
from fsa_data.types import Image

SLOTS = 1 << 20
"""Entries of the table that counts how often each image was seen (4 MiB)."""


def is_plain(thing: Any) -> bool:
    """Whether it is a tensor of no declared kind."""
    return isinstance(thing, torch.Tensor) and not isinstance(thing, tv_tensors.TVTensor)


def is_image(thing: Any) -> bool:
    """Whether it is a declared image."""
    return isinstance(thing, tv_tensors.Image | PIL.Image.Image)


def first_image(flat_inputs: Sequence[Any]) -> Any | None:
    """The image of a sample: the first declared one, else the first plain tensor, else None."""
    declared = next((one for one in flat_inputs if is_image(one)), None)
    return declared if declared is not None else next((one for one in flat_inputs if is_plain(one)), None)


def to_array(image: Any, who: str) -> Image:
    """Any image type as ``(H, W, 3)`` uint8 RGB.

    Args:
        image: what a sample holds.
        who: name of the transform, for the message.

    Raises:
        ConfigError: another dtype, mode or shape.
    """
    if isinstance(image, PIL.Image.Image):
        if image.mode != "RGB":
            raise ConfigError(f"{who} needs RGB images, got PIL mode {image.mode}; convert('RGB') first.")
        return np.asarray(image)
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise ConfigError(
            f"{who} needs one uint8 (3, H, W) image, got {tuple(image.shape)} {image.dtype}; put it before ToDtype, "
            "Normalize and batching."
        )
    return np.ascontiguousarray(image.detach().cpu().numpy().transpose(1, 2, 0))


def planes(pixels: Image) -> Tensor:
    """``(H, W, 3)`` uint8 pixels as a contiguous ``(3, H, W)`` tensor of its own.

    A transposed view would be free, but collating such views takes twice as long as this copy and collating it.
    """
    out = torch.empty((3, *pixels.shape[:2]), dtype=torch.uint8)
    cv2.split(pixels, list(out.numpy()))
    return out


def like(pixels: Image, image: Any) -> Any:
    """Pixels in the type that the image had."""
    if isinstance(image, PIL.Image.Image):
        return PIL.Image.fromarray(pixels)
    tensor = planes(pixels).to(image.device)
    return tv_tensors.wrap(tensor, like=image) if isinstance(image, tv_tensors.TVTensor) else tensor


def _shared_table() -> Tensor:
    table = torch.zeros(SLOTS, dtype=torch.int32)
    table.share_memory_()  # type: ignore[no-untyped-call]
    return table


@dataclass(eq=False)
class Draws:
    """Random numbers that depend on a seed, an image's content and how often this content has been seen.

    The counts live in a table in shared memory, so each epoch draws anew and the number of DataLoader workers does not
    matter.

    Attributes:
        seed: of everything that is drawn.
    """

    seed: int
    _seen: Tensor = field(default_factory=_shared_table, repr=False)

    def next(self, pixels: Image) -> tuple[float, int]:
        """Count an image as seen and draw for it.

        Args:
            pixels: ``(H, W, 3)`` uint8 RGB.

        Returns:
            A number in 0..1, and 48 random bits.
        """
        content = hashlib.blake2b(pixels.tobytes() + repr(pixels.shape).encode(), digest_size=16).hexdigest()
        place = int(content[:8], 16) % SLOTS
        count = int(self._seen[place])
        self._seen[place] = count + 1
        drawn = hashlib.blake2b(f"{self.seed}/{content}/{count}".encode(), digest_size=16).digest()
        return int.from_bytes(drawn[:8], "big") / 2**64, int.from_bytes(drawn[8:14], "big")
