"""The second landmarker: S3FD and FAN, the networks of the project face-alignment, made 478 points.

The networks and what turns their outputs into points agree with the package ``face-alignment``, which serves as the
reference in tests; here they run on batches: detection on pictures of bounded size, the points of all faces of all
pictures together. Then :mod:`fsa_data.faces.mesh_from_68` lays the canonical face over the 68 points, and says what
that cannot know. Blendshapes are zero, so whatever chooses by expression has nothing to choose by.

The weights are the user's (:data:`fsa_data.weights.USERS`: ``s3fd``, ``fan_2d`` or ``fan_3d`` with ``fan_depth``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fsa_data import weights
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.faces import mesh_from_68
from fsa_data.faces.heat_maps import CROP_PX, UNIT_PX, Place, crop, gaussian_maps, mirrored_maps, points_of_maps
from fsa_data.faces.mesh_from_68 import face_from_68
from fsa_data.faces.s3fd_boxes import Boxes, best_boxes, decode_maps
from fsa_data.types import Face, Floats, Image

if TYPE_CHECKING:
    from torch import Tensor, nn

ALGORITHM_VERSION = 1
"""Raised whenever the same image and options would give other faces."""

KINDS = {"2d": ("s3fd", "fan_2d"), "3d": ("s3fd", "fan_3d", "fan_depth")}
"""The files that each kind of points needs."""

SMALLEST_PX = 32
"""Pictures with a shorter side than this leave nothing for the detector's deepest layers."""

CLOSER = 2
"""How much larger a picture is looked at when it showed no face."""


@dataclass(frozen=True, slots=True)
class FaceAlignmentOptions:
    """Options of the landmarker; all but ``device`` and ``batch`` are part of its fingerprint."""

    points: str = "2d"
    """``2d``: points along the visible outline. ``3d``: points of the skin, with their depth; better on turned faces,
    since vertices stay on the skin, too."""
    max_faces: int = 3
    """Most faces returned per image."""
    min_confidence: float = 0.5
    """Lowest probability of a face, 0..1."""
    longest_px: int = 640
    """Pictures whose longer side exceeds this are reduced to it before faces are looked for."""
    mirror: bool = True
    """Whether each face is looked at a second time in the mirror: twice the time, calmer points."""
    device: str = "auto"
    """``cpu``, ``cuda``, or ``auto``: the GPU where there is one."""
    batch: int = 8
    """Pictures, or faces, that go through a network at once."""

    def __post_init__(self) -> None:
        if self.points not in KINDS:
            raise UnknownNameError("kind of points", self.points, KINDS)
        if self.max_faces < 1 or self.batch < 1 or self.longest_px < 64:
            raise ConfigError(
                "max_faces and batch must be at least 1 and longest_px at least 64, got "
                f"{self.max_faces}, {self.batch} and {self.longest_px}."
            )
        if not 0 < self.min_confidence < 1:
            raise ConfigError(f"min_confidence must lie between 0 and 1, got {self.min_confidence}.")


class FaceAlignmentLandmarker:
    """Finds faces with S3FD and FAN; opened lazily, one set of networks per process, picklable at any time.

    ``Face.confidence`` is the detector's probability. Points are not rounded to whole pixels as the package does.

    Args:
        options: see :class:`FaceAlignmentOptions`.
    """

    def __init__(self, options: FaceAlignmentOptions | None = None) -> None:
        self.options = options or FaceAlignmentOptions()
        self._pid = -1
        self._networks: dict[str, nn.Module] = {}

    @cached_property
    def fingerprint(self) -> str:
        """JSON of the algorithm versions, each file's SHA-256 and the options.

        Raises:
            MissingWeightsError: a file is not there; the message says what to put where.
        """
        options = {key: value for key, value in asdict(self.options).items() if key not in ("device", "batch")}
        facts = {
            "landmarker": "face_alignment",
            "version": [ALGORITHM_VERSION, mesh_from_68.ALGORITHM_VERSION],
            "networks": {name: weights.file_sha256(path) for name, path in self._files().items()},
            **options,
        }
        return json.dumps(facts, sort_keys=True)

    def __getstate__(self) -> dict[str, Any]:
        return {"options": self.options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["options"])  # type: ignore[misc]

    def __call__(self, image: Image, closely: bool = True) -> list[Face]:
        """Faces of an ``(H, W, 3)`` uint8 RGB image, the largest first; empty if there is none.

        Args:
            image: the picture.
            closely: whether to look at a larger copy when there is no face in one of the usual size.

        Raises:
            MissingWeightsError: a file of weights is not there; the message says what to put where.
            WrongWeightsError: one is not what it should be.
            ValueError: the image is not ``(H, W, 3)`` uint8.
        """
        return self.many([image], closely)[0]

    def many(self, images: Sequence[Image], closely: bool = True) -> list[list[Face]]:
        """Faces of several images, faster than one by one; see :meth:`__call__`."""
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(f"An image must be (H, W, 3) uint8 RGB; got {image.shape} {image.dtype}.")
        self._open()
        boxes = self.detect(images, self.options.longest_px)
        empty = [at for at, found in enumerate(boxes) if not len(found) and self._reduced(images[at])]
        if closely and empty:
            again = self.detect([images[at] for at in empty], CLOSER * self.options.longest_px)
            for at, found in zip(empty, again, strict=True):
                boxes[at] = found
        boxes = [found[_largest(found, self.options.max_faces)] for found in boxes]
        owners = [at for at, found in enumerate(boxes) for _ in found]
        flat = [box for found in boxes for box in found]
        faces: list[list[Face]] = [[] for _ in images]
        for at, box, points in zip(owners, flat, self.points([images[at] for at in owners], flat), strict=True):
            with suppress(ValueError):  # points on one line are no face
                faces[at].append(face_from_68(points, float(box[4])))
        return [sorted(found, key=lambda face: -face.box.area) for found in faces]

    def detect(self, images: Sequence[Image], longest_px: int) -> list[Boxes]:
        """Boxes of the faces of each image, ``(N, 5)`` in its pixels, the likeliest first.

        Args:
            images: of any sizes; those of equal size go through the network together.
            longest_px: larger ones are reduced.
        """
        import torch

        self._open()
        found: list[Boxes] = [np.zeros((0, 5), np.float32)] * len(images)
        small = [_bounded(image, longest_px) for image in images]
        for members in _alike([one.shape for one in small], self.options.batch):
            if min(small[members[0]].shape[:2]) < SMALLEST_PX:
                continue
            stack = torch.from_numpy(np.stack([small[at] for at in members])).permute(0, 3, 1, 2)
            maps = self._run("s3fd", stack.to(self._device))
            for at, boxes in zip(members, decode_maps(maps, self.options.min_confidence), strict=True):
                (height, width), (h, w) = images[at].shape[:2], small[at].shape[:2]
                best = best_boxes(boxes, self.options.min_confidence)
                found[at] = best * np.array([width / w, height / h, width / w, height / h, 1], np.float32)
        return found

    def points(self, images: Sequence[Image], boxes: Sequence[NDArray[np.floating]]) -> list[Floats]:
        """The 68 points in each box: ``(68, 2)`` or, with depth, ``(68, 3)`` float32 in pixels of its image.

        Args:
            images: one per box.
            boxes: each ``(>=4,)``: left, top, right, bottom.
        """
        import torch

        self._open()
        kind, out = KINDS[self.options.points], []
        for start in range(0, len(boxes), self.options.batch):
            places = [Place.of_box(box) for box in boxes[start : start + self.options.batch]]
            cuts = [crop(image, place) for image, place in zip(images[start:], places, strict=False)]
            crops = torch.from_numpy(np.stack(cuts)).to(self._device).permute(0, 3, 1, 2).float() / 255
            maps = self._run(kind[1], crops).cpu().numpy()
            if self.options.mirror:
                maps = maps + mirrored_maps(self._run(kind[1], crops.flip(3)).cpu().numpy())
            cells, _ = points_of_maps(np.ascontiguousarray(maps, np.float32))
            side = maps.shape[3]
            flat = [place.to_image(one, side) for place, one in zip(places, cells, strict=True)]
            if len(kind) == 3:
                spots = np.stack([gaussian_maps(one * (CROP_PX / side)) for one in cells])
                seen = torch.cat([crops, torch.from_numpy(spots).to(crops.device)], dim=1)
                depths = self._run(kind[2], seen).cpu().numpy()
                zoom = np.array([[place.scale * UNIT_PX / CROP_PX] for place in places], np.float32)
                flat = [_deep(xy, z) for xy, z in zip(flat, depths * zoom, strict=True)]
            out += flat
        return out

    def _reduced(self, image: Image) -> bool:
        return bool(max(image.shape[:2]) > self.options.longest_px)

    def _files(self) -> dict[str, Path]:
        return {name: weights.users_file(name) for name in KINDS[self.options.points]}

    @property
    def _device(self) -> str:
        import torch

        if self.options.device != "auto":
            return self.options.device
        return "cuda" if torch.cuda.is_available() else "cpu"

    def _open(self) -> None:
        """Load the networks in this process."""
        if self._pid == os.getpid():
            return
        from fsa_data.faces.face_alignment_files import load_network

        self._networks = {name: load_network(name, path).to(self._device) for name, path in self._files().items()}
        self._pid = os.getpid()

    def _run(self, name: str, x: Tensor) -> Any:
        """A network's outputs; of a FAN the last heat maps alone."""
        import torch

        from fsa_data.nets.face_alignment import detector_input

        with torch.inference_mode():
            out = self._networks[name](detector_input(x) if name == "s3fd" else x)
        return out[-1] if name.startswith("fan_") and isinstance(out, list) else out


def _largest(boxes: Boxes, most: int) -> NDArray[np.int64]:
    """Rows of the largest boxes."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.argsort(-area, kind="stable")[:most]


def _bounded(image: Image, longest_px: int) -> Image:
    """The image, reduced if its longer side exceeds this."""
    height, width = image.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _alike(shapes: Sequence[tuple[int, ...]], most: int) -> list[list[int]]:
    """Numbers of images of equal shape, ``most`` together."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for at, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(at)
    return [group[start : start + most] for group in groups.values() for start in range(0, len(group), most)]


def _deep(points: Floats, depth: Floats) -> Floats:
    """Points with their depth, which grows away from the camera as everywhere in the house.

    No description says which way the network counts; a nose stands out from a face, and that decides.
    """
    nose, around = list(range(28, 36)), [*range(17), *range(36, 48)]
    sign = 1.0 if depth[nose].mean() < depth[around].mean() else -1.0
    return np.concatenate([points, sign * depth[:, None]], axis=1, dtype=np.float32)
