"""Mirroring that swaps the label with the image: left is not right."""

from __future__ import annotations

from typing import Any

import torch
from torchvision.transforms.v2 import functional

from fsa_data.errors import ConfigError
from fsa_data.frames import LabelMap


class MirrorLabelled:
    """A joint transform of image and label: mirrors both or neither.

    Only classes that the label map names are mirrored: those with a partner change to it, those declared their own
    mirror image keep their label. Everything else, and everything under a label map without pairs, stays as it is.
    Use it as ``transforms=`` of a data set, alone or in a ``v2.Compose`` with others.

    Args:
        labels: the classes with their mirror pairs.
        p: probability, 0..1; drawn from torch's generator, as other v2 transforms do.

    Raises:
        ConfigError: ``p`` is no probability.
    """

    def __init__(self, labels: LabelMap, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ConfigError(f"p must be a probability, got {p}.")
        self.mirror, self.p = labels.mirror_index, p

    def __call__(self, image: Any, label: int) -> tuple[Any, int]:
        """The image (any type of torchvision v2) and its label, mirrored or untouched."""
        partner = self.mirror[int(label)]
        if partner < 0 or torch.rand(()) >= self.p:
            return image, label
        return functional.horizontal_flip(image), partner

    def __repr__(self) -> str:
        pairs = sum(partner >= 0 for partner in self.mirror)
        return f"{type(self).__name__}(p={self.p}, mirrored classes: {pairs} of {len(self.mirror)})"
