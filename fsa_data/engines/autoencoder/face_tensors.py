"""Aligned faces of one side of a swap, as tensors that stay on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fsa_data.errors import ConfigError
from fsa_data.faces import oval_mask, points68
from fsa_data.faces.align import apply, face_matrix, warp
from fsa_data.types import Box, Face, Floats, Image, Mask

_EYES, _MOUTH = (slice(36, 42), slice(42, 48)), slice(60, 68)


@dataclass(frozen=True, slots=True, eq=False)
class FaceTensors:
    """Aligned faces; every tensor is on one device.

    Attributes:
        images: ``(N, 3, R, R)`` uint8 RGB.
        masks: ``(N, 1, R, R)`` uint8, 255 where the picture is face.
        eyes_mouth: ``(N, 1, R, R)`` uint8, 255 in the eyes and between the lips, soft edges.
        yaw_deg: ``(N,)`` float32.
        identities: who they are, each name once.
    """

    images: Tensor
    masks: Tensor
    eyes_mouth: Tensor
    yaw_deg: Tensor
    identities: frozenset[str]

    def __len__(self) -> int:
        return len(self.images)

    def resized(self, resolution: int) -> FaceTensors:
        """The same faces, each ``resolution`` pixels wide and high."""
        if self.images.shape[-1] == resolution:
            return self
        return replace(
            self,
            images=_resized(self.images, resolution),
            masks=_resized(self.masks, resolution),
            eyes_mouth=_resized(self.eyes_mouth, resolution),
        )

    def to(self, device: torch.device | str) -> FaceTensors:
        """The same faces on another device."""
        return replace(
            self,
            images=self.images.to(device),
            masks=self.masks.to(device),
            eyes_mouth=self.eyes_mouth.to(device),
            yaw_deg=self.yaw_deg.to(device),
        )


def _resized(pixels: Tensor, resolution: int) -> Tensor:
    parts = []
    for some in torch.split(pixels, 256):  # floats of a whole set would be four times its size
        small = functional.interpolate(
            some.float(), (resolution, resolution), mode="bicubic", antialias=True, align_corners=False
        )
        parts.append(small.round().clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)


def face_tensors(
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    landmarks_px: Floats,
    yaw_deg: Floats,
    identities: frozenset[str] | set[str],
) -> FaceTensors:
    """Tensors, on the CPU, of aligned faces.

    Args:
        images: ``(N, R, R, 3)`` uint8 RGB, N at least 1.
        masks: ``(N, R, R)`` uint8, 255 where the picture is face.
        landmarks_px: ``(N, 68, >=2)`` or ``(N, 468 or more, >=2)`` in pixels of the aligned pictures.
        yaw_deg: ``(N,)``.
        identities: whom they show.

    Raises:
        ConfigError: arrays of other shapes, or of different lengths, or no face.
    """
    count, size = len(images), images.shape[1] if images.ndim == 4 else 0
    good = images.ndim == 4 and images.shape[1:] == (size, size, 3) and images.dtype == np.uint8 and count > 0
    good = good and masks.shape == images.shape[:3] and yaw_deg.shape == (count,)
    if not (good and landmarks_px.ndim == 3 and len(landmarks_px) == count):
        shapes = ", ".join(str(array.shape) for array in (masks, landmarks_px, yaw_deg))
        raise ConfigError(
            "Aligned faces must be (N, R, R, 3) uint8 with masks (N, R, R), landmarks (N, 68 or 468, 2) and yaw "
            f"(N,), N at least 1; got {images.shape} {images.dtype}, {shapes}."
        )
    eyes_mouth = [_eyes_mouth(points, mask) for points, mask in zip(landmarks_px, masks, strict=True)]
    return FaceTensors(
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        torch.from_numpy(np.ascontiguousarray(masks))[:, None],
        torch.from_numpy(np.stack(eyes_mouth))[:, None],
        torch.from_numpy(np.ascontiguousarray(yaw_deg, np.float32)),
        frozenset(identities),
    )


def align_faces(pictures: Sequence[tuple[Image, Face]], size_px: int, face_type: str, identity: str) -> FaceTensors:
    """Tensors, on the CPU, of one person's faces as they are found in pictures.

    Args:
        pictures: images and where the face is in them, at least one.
        size_px: side of the aligned faces.
        face_type: a key of :data:`fsa_data.faces.align.FACE_TYPES`.
        identity: who it is.

    Raises:
        ConfigError: no pictures.
        UnknownNameError: no such face type.
    """
    matrices = [face_matrix(face.points_px, face_type, size_px) for _, face in pictures]
    placed = list(zip(pictures, matrices, strict=True))
    points = [np.asarray(apply(matrix, face.points_px[:, :2]), np.float32) for (_, face), matrix in placed]
    whole = Box(0, 0, size_px, size_px)
    return face_tensors(
        np.array([warp(image, matrix, size_px, size_px, edge=True) for (image, _), matrix in placed]),
        np.array([oval_mask(each, whole) for each in points]),
        np.array(points),
        np.array([face.yaw_deg for _, face in pictures], np.float32),
        {identity},
    )


def _eyes_mouth(points_px: Floats, mask: Mask) -> Mask:
    """Hulls of both eyes and of the inner lips, grown by a 32nd of the picture and blurred, within the mask."""
    points = points_px if len(points_px) == 68 else points68(points_px)
    size = len(mask)
    grow = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(1, size // 32),) * 2)
    total = np.zeros((size, size), np.float32)
    for group in (_EYES, (_MOUTH,)):
        part = np.zeros((size, size), np.uint8)
        for index in group:
            hull = cv2.convexHull(np.ascontiguousarray(points[index, :2], np.float32))
            cv2.fillConvexPoly(part, np.round(hull - 0.5).astype(np.int32), 255)
        total += cv2.GaussianBlur(cv2.dilate(part, grow), (max(1, size // 16) | 1,) * 2, 0)
    return np.asarray(np.minimum(total, 255).round() * (mask > 0), np.uint8)


def images_of(batch: Tensor) -> list[Image]:
    """Pictures ``(B, 3, H, W)`` float in 0..1 as ``(H, W, 3)`` uint8 RGB."""
    pixels = (batch.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).cpu().numpy())
