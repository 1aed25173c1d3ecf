"""Laying a predicted face over its frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from fsa_data.engines.autoencoder.crop import Matrix, crop_matrix, cut_out, put_back
from fsa_data.merge import lab_to_rgb, rgb_to_lab
from fsa_data.types import Box, Face, Floats, Image

_WORK = 256
"""Side of the square in which masks are shrunk and softened, in pixels."""

_MARGIN = 0.5 * (math.sqrt(2.0) - 1)
"""A box grown by this share of its size on each side has twice its area."""


@dataclass(frozen=True, slots=True)
class Crop:
    """An aligned face and where it comes from.

    Attributes:
        picture: ``(R, R, 3)`` uint8 RGB.
        matrix: from pixels of the frame to those of the picture.
    """

    picture: Image
    matrix: Matrix

    @classmethod
    def of(cls, frame: Image, face: Face, size_px: int, face_type: str) -> Crop:
        """The aligned face of a frame, ``size_px`` wide."""
        matrix = crop_matrix(face.points_px, size_px, face_type)
        return cls(cut_out(frame, matrix, size_px), matrix)


def overlay(
    frame: Image, face_box: Box, crop: Crop, face: Image, mask: Floats, erode: float, blur: float, colours: bool
) -> tuple[Box, Image] | None:
    """The frame's pixels around the face with the predicted one over them.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB.
        face_box: the face's own box; the result lies in one of twice its area about the same middle.
        crop: the aligned face that was predicted from.
        face: ``(R, R, 3)`` uint8 RGB, predicted.
        mask: ``(R, R)`` float32 in 0..1, what of it is face.
        erode: diameter of the ellipse by which the mask shrinks, in 512ths of the square.
        blur: diameter of the Gaussian kernel that softens it, likewise.
        colours: whether the face takes on the colours of the frame's.

    Returns:
        Where, and ``(h, w, 3)`` uint8 RGB; None if the mask leaves nothing.
    """
    if colours:
        face = recoloured(face, crop.picture, mask)
    soft = softened(mask, erode, blur)
    height, width = frame.shape[:2]
    grow = math.floor(_MARGIN * face_box.w), math.floor(_MARGIN * face_box.h)
    box = Box(face_box.x - grow[0], face_box.y - grow[1], face_box.w + 2 * grow[0], face_box.h + 2 * grow[1])
    box = box.clipped(height, width)
    alpha = _placed(soft, crop.matrix, len(face), box)
    alpha[alpha < 1 / 255] = 0
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not len(rows):
        return None
    part = Box(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    alpha = alpha[part.slices]
    box = Box(box.x + part.x, box.y + part.y, part.w, part.h)
    over = _placed(np.asarray(face, np.float32), crop.matrix, len(face), box)
    below = frame[box.slices].astype(np.float32)
    mixed = below + np.clip(alpha, 0, 1)[..., None] * (np.clip(over, 0, 255) - below)
    return box, np.asarray(mixed.round(), np.uint8)


def _placed(picture: Floats, matrix: Matrix, size_px: int, box: Box) -> Floats:
    """A picture of the square, of any size, in the pixels of a box of the frame."""
    local = matrix.copy()
    local[:, 2] += matrix[:, :2] @ (box.x, box.y)
    return put_back(picture, local * (len(picture) / size_px), box.w, box.h)


def softened(mask: Floats, erode: float, blur: float) -> Floats:
    """The mask, smaller and soft, nothing on the border of the square.

    Args:
        mask: ``(R, R)`` float32 in 0..1.
        erode: see :func:`overlay`.
        blur: see :func:`overlay`.

    Returns:
        ``(256, 256)`` float32 in 0..1.
    """
    work = np.clip(cv2.resize(mask, (_WORK, _WORK), interpolation=cv2.INTER_CUBIC), 0, 1)
    work[work < 1 / 255] = 0
    shrink, soften = (round(value * _WORK / 512) for value in (erode, blur))
    edge = _WORK // 4 + soften
    work = np.pad(work, edge)  # what lies outside the square is no face
    if shrink:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (shrink, shrink))
        work = cv2.erode(work, kernel)
    if soften:
        border = edge + soften // 2
        inside = np.zeros_like(work)
        inside[border:-border, border:-border] = work[border:-border, border:-border]
        work = cv2.GaussianBlur(inside, (soften | 1, soften | 1), 0)
    return np.asarray(np.clip(work[edge:-edge, edge:-edge], 0, 1), np.float32)


def recoloured(face: Image, reference: Image, mask: Floats) -> Image:
    """The face with the mean and deviation, in Lab, of another within a mask (Reinhard et al., 2001).

    Args:
        face: ``(R, R, 3)`` uint8 RGB.
        reference: ``(R, R, 3)`` uint8 RGB.
        mask: ``(R, R)`` float32; counts where it is above 0.5.
    """
    inside = mask > 0.5
    if not inside.any():
        return face
    lab, goal = rgb_to_lab(face), rgb_to_lab(reference)
    mine, theirs = lab[inside], goal[inside]
    gain = theirs.std(0) / np.maximum(mine.std(0), 1e-3)
    return lab_to_rgb((lab - mine.mean(0)) * gain + theirs.mean(0))
