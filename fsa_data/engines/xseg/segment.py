"""A trained XSeg as what the merge asks for: from a crop to a mask."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fsa_data.errors import MissingWeightsError
from fsa_data.types import Floats, Image
from fsa_data.weights import file_sha256

if TYPE_CHECKING:
    from fsa_data.nets.xseg import XSeg

FAINTEST = 0.1
"""Smaller values of its masks are 0."""


class Segmenter:
    """From ``(S, S, 3)`` uint8 RGB to ``(S, S)`` float32 in 0..1, 1 where the face may be swapped.

    Cheap to make and picklable; the network is loaded in the process that asks first.

    Args:
        path: of the file that ``fsa train-xseg`` has written.

    Raises:
        MissingWeightsError: no such file.
        WrongWeightsError: another file, at the first use.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise MissingWeightsError(
                f"There is no XSeg model {self.path}: train one with `fsa train-xseg OUTLINES -o {self.path}`."
            )
        self.digest = file_sha256(self.path)
        self._net: XSeg | None = None
        self._pid = -1

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "digest": self.digest, "_net": None, "_pid": -1}

    @cached_property
    def identities(self) -> frozenset[str]:
        """Everybody it has learnt from, as far as known."""
        from fsa_data.engines.xseg.train import read_xseg

        return read_xseg(self.path).identities

    def __call__(self, crop: Image) -> Floats:
        """See the class."""
        import torch

        net = self._opened()
        side, size = crop.shape[0], self._resolution
        how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        picture = cv2.resize(crop, (size, size), interpolation=how) if side != size else crop
        batch = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255
        with torch.inference_mode():
            mask = torch.sigmoid(net(batch))[0, 0].numpy()
        if side != size:
            mask = cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.where(mask < FAINTEST, 0, np.clip(mask, 0, 1)), np.float32)

    def _opened(self) -> XSeg:
        if self._net is None or self._pid != os.getpid():
            from fsa_data.engines.xseg.train import read_xseg

            saved = read_xseg(self.path)
            self._net, self._pid = saved.network().eval().requires_grad_(False), os.getpid()
            self._resolution = saved.resolution
        return self._net
