"""From a predicted face to a swap, for every engine, by :mod:`fsa_data.merge.pasting`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from fsa_data.engines.drawing import Canvas, draw_face, shares_showing
from fsa_data.engines.texture import Texture
from fsa_data.merge import (
    MergeOptions,
    PasteOptions,
    Prediction,
    Showing,
    paste_face,
)
from fsa_data.merge.paste_masks import Segment
from fsa_data.types import Face, Floats, Image, Json, Reason, Swap

CROP = 1.25
"""Side of the crop that a drawn face is taken for, in face sizes: about that of DeepFaceLab's full face."""

AS_DRAWN = MergeOptions(colour=0, contrast=0, shading=0, feather=0)
"""A face in the donor's own colours and light, with a hard edge: what a network would have predicted."""


def drawn_prediction(frame: Image, canvas: Canvas, texture: Texture) -> tuple[Prediction, Showing]:
    """A donor's face, drawn on the target's mesh, as a prediction; where the mesh is stands for both masks.

    Spots that the donor's photo does not show are the target's to keep, like what lies in front: a mask with holes
    would be eroded around each of them.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        canvas: the target.
        texture: the donor.

    Returns:
        The prediction, in a square of the frame's own pixels, and what must stay of the target.
    """
    drawn, alpha = draw_face(canvas, texture, AS_DRAWN)
    box = canvas.box
    side = max(math.ceil(CROP * canvas.size_px), box.w, box.h)
    x0, y0 = box.x + (box.w - side) // 2, box.y + (box.h - side) // 2
    rows = np.clip(np.arange(y0, y0 + side), 0, frame.shape[0] - 1)
    columns = np.clip(np.arange(x0, x0 + side), 0, frame.shape[1] - 1)
    image: Image = frame[rows[:, None], columns]
    mask: Floats = np.zeros((side, side), np.float32)
    at = slice(box.y - y0, box.y - y0 + box.h), slice(box.x - x0, box.x - x0 + box.w)
    covered = canvas.fragments.triangle >= 0
    image[at], mask[at] = drawn, covered
    matrix = np.array([[1, 0, -x0], [0, 1, -y0]], np.float64)
    free = np.where(covered, alpha, 1).astype(np.float32)
    for share in shares_showing(canvas):
        free *= share
    return Prediction(image, matrix, mask, mask), Showing(box, free, canvas.front)


def put_back(
    frame: Image,
    target: Face,
    predicted: Prediction,
    merge: PasteOptions,
    params: Json,
    identity: str,
    showing: Showing | None = None,
    segment: Segment | None = None,
    notes: Json | None = None,
) -> Swap:
    """The swap that a prediction makes; a pure function of its arguments.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB working frame.
        target: the face to replace, in pixels of ``frame``.
        predicted: the new face.
        merge: how it is put back.
        params: of the swap. ``motion_px``, two numbers, is how far the face has moved since the frame before (for
            motion blur); ``colour`` takes the place of the choice that ``auto`` would make: a clip keeps to one.
        identity: whose face it is.
        showing: what must stay of the target.
        segment: the segmentation network, if the engine has one.
        notes: of the swap; the colour transfer is added.

    Returns:
        The patch, or a reason.
    """
    if merge.colour == "auto" and "colour" in params:
        merge = replace(merge, colour=params["colour"])
    moved = params.get("motion_px", (0.0, 0.0))
    motion = float(moved[0]), float(moved[1])
    pasted = paste_face(frame, target, predicted, merge, showing, segment, motion)
    if pasted is None:
        return Swap(Reason.TOO_SMALL, notes={**(notes or {}), "mask": "leaves nothing"})
    said: dict[str, Any] = {**(notes or {}), "colour": pasted.colour, **pasted.notes}
    return Swap(Reason.SWAPPED, identity, pasted.box, pasted.patch, said)
