"""What a training has learnt so far, as one picture."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fsa_data.engines.autoencoder.face_tensors import FaceTensors, images_of
from fsa_data.errors import OutputError
from fsa_data.nets.saehd import SAEHD, Prediction
from fsa_data.types import Image

ROWS = 4
"""Pairs of faces, evenly spread over those there are."""


@torch.no_grad()
def predicted(net: SAEHD, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction, Prediction]:
    """Faces ``(B, 3, R, R)`` as the network sees them: source, target, and target with the source's face."""
    code_src, code_dst, code_swap = net.codes(src, dst)
    return net.decode_src(code_src), net.decode_dst(code_dst), net.decode_src(code_swap)


def preview_image(net: SAEHD, src: FaceTensors, dst: FaceTensors) -> Image:
    """One row for each of some pairs: source, as predicted, target, as predicted, swapped, mask of the swap.

    Args:
        net: the network, on the faces' device.
        src: of the network's resolution.
        dst: likewise.

    Returns:
        ``(ROWS * R, 6 * R, 3)`` uint8 RGB.
    """
    some_src, some_dst = (_some(side) for side in (src, dst))
    got_src, got_dst, swap = predicted(net, some_src, some_dst)
    columns = [some_src, got_src.face, some_dst, got_dst.face, swap.face, swap.mask.expand_as(swap.face)]
    rows = zip(*(images_of(column) for column in columns), strict=True)
    return np.concatenate([np.concatenate(row, 1) for row in rows], 0)


def _some(faces: FaceTensors) -> Tensor:
    index = torch.linspace(0, len(faces) - 1, ROWS).round().long().to(faces.images.device)
    return faces.images[index].float() / 255


def write_preview(path: Path, image: Image) -> None:
    """Write a PNG, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    rough = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rough.write_bytes(data.tobytes() if done else b"")
        rough.replace(path)
    except OSError as error:
        raise OutputError(f"Cannot write the preview {path}: {error.strerror or error}.") from error
