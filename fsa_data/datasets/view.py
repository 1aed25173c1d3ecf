"""A view: rows with their pixels, as a torchvision data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torchvision import tv_tensors
from torchvision.datasets import VisionDataset

from fsa_data.datasets.any_image import planes
from fsa_data.datasets.lineage import lineages
from fsa_data.datasets.rows import Pixels, Rows
from fsa_data.errors import ConfigError
from fsa_data.frames import LabelledFrames
from fsa_data.types import Image
from fsa_data.worker import IdentityMap


class FrameView(VisionDataset):  # type: ignore[misc]  # torchvision is untyped
    """Rows of real and swapped frames; light, picklable, without open handles.

    Items are ``(image, label)``: a :class:`torchvision.tv_tensors.Image` uint8 ``(3, H, W)`` RGB and an int; with
    ``return_meta`` a third, ``{"frame", "subject", "is_fake", "source_identity", "condition"}``.

    Args:
        frames: the labelled frames behind the rows.
        pixels: where their pixels come from.
        rows: which of them, real or swapped.
        trained_on: identities that the weights behind the fakes were trained on.
        identities: which names are the same person.
        base: folder that frame names are relative to.
        transforms: joint transform of image and label.
        transform: transform of the image.
        target_transform: transform of the label.
        return_meta: whether items have the third part.
    """

    def __init__(
        self,
        frames: LabelledFrames,
        pixels: Pixels,
        rows: Rows,
        *,
        trained_on: frozenset[str] = frozenset(),
        identities: IdentityMap | None = None,
        base: str = "",
        transforms: Callable[..., Any] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        return_meta: bool = False,
    ) -> None:
        super().__init__(base, transforms, transform, target_transform)
        self.frames, self.rows, self.return_meta = frames, rows, return_meta
        self.trained_on, self.identities = trained_on, dict(identities or {})
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        at = self._position(index)
        return self._item(at, self._read(at))

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several items, as a DataLoader asks for a batch; read in the order in which that costs least."""
        if type(self).__getitem__ is not FrameView.__getitem__:
            return [self[index] for index in indices]  # a class of the user's changes what an item is
        at = [self._position(index) for index in indices]
        images: dict[int, Image] = {}
        for n in self._pixels.order(self.rows.frame[at]).tolist():
            images[n] = self._read(at[n])
        return [self._item(position, images[n]) for n, position in enumerate(at)]  # transforms draw in this order

    def _item(self, at: int, pixels: Image) -> Any:
        image, label = tv_tensors.Image(planes(pixels)), int(self.frames.label[self.rows.frame[at]])
        if self.transforms is not None:
            image, label = self.transforms(image, label)
        return (image, label, self.meta(at)) if self.return_meta else (image, label)

    def array(self, index: int) -> Image:
        """Pixels of one row, ``(H, W, 3)`` uint8 RGB, untransformed; the caller's own copy."""
        return np.require(self._read(self._position(index)), requirements="W")  # a copy of what is read-only

    def arrays(self, indices: Sequence[int] | NDArray[Any] | None = None) -> list[Image]:
        """Pixels of many rows (default all), as :meth:`array`; rows of equal size may be stacked."""
        return [self.array(int(at)) for at in (range(len(self)) if indices is None else indices)]

    def meta(self, index: int) -> dict[str, Any]:
        """Facts about one row that default_collate accepts."""
        at = self._position(index)
        frame = int(self.rows.frame[at])
        return {
            "frame": self._frame_id(frame),
            "subject": str(self.frames.subject[frame]),
            "is_fake": bool(self.rows.is_fake[at]),
            "source_identity": str(self.rows.source_identity[at]),
            "condition": str(self.frames.condition[frame]),
        }

    @property
    def classes(self) -> list[str]:
        """Class names; the position is the label."""
        return list(self.frames.labels.names)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Label of each class name."""
        return self.frames.labels.index

    @property
    def targets(self) -> NDArray[np.int64]:
        """``(n,)`` int64 label of each row, before ``target_transform``."""
        return self.frames.label[self.rows.frame]

    @property
    def groups(self) -> NDArray[np.str_]:
        """``(n,)`` subject in the frame of each row.

        Not enough for a leave-one-subject-out split: a fake of A that wears B's face is in group A and shows B. Use
        :meth:`fsa_data.DeepfakeAugmentedMaskDAR.split`, which looks at the whole lineage.
        """
        return self.frames.subject[self.rows.frame]

    @property
    def is_fake(self) -> NDArray[np.bool_]:
        """``(n,)`` whether the row wears another face."""
        return self.rows.is_fake

    @property
    def source_identity(self) -> NDArray[np.str_]:
        """``(n,)`` whose face is worn; empty for real rows."""
        return self.rows.source_identity

    @property
    def conditions(self) -> NDArray[np.str_]:
        """``(n,)`` recording condition of each row's frame."""
        return self.frames.condition[self.rows.frame]

    @property
    def frame_ids(self) -> NDArray[np.str_]:
        """``(n,)`` name of each row's frame: its path below the data set's folder, with ``#index`` in a video."""
        return np.array([self._frame_id(int(frame)) for frame in self.rows.frame], np.str_)

    @property
    def lineage(self) -> list[frozenset[str]]:
        """Per row everybody it carries (see :func:`fsa_data.datasets.lineage.lineages`)."""
        return lineages(self)

    def subset(self, indices: Sequence[int] | NDArray[Any]) -> FrameView:
        """The rows at these positions, or where a boolean mask is True."""
        return self._with(self.rows.at(indices))

    def with_rows(self, other: FrameView) -> FrameView:
        """These rows and those of another view of the same data set.

        Nothing is checked here: :func:`fsa_data.datasets.lineage.check_fold` belongs right before fitting.

        Raises:
            ConfigError: the other view is of another data set.
        """
        if other._pixels is not self._pixels:
            raise ConfigError("Rows of different data sets cannot be joined; both views must come from one.")
        return self._with(Rows.joined([self.rows, other.rows]))

    def with_transforms(
        self,
        transforms: Callable[..., Any] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
    ) -> FrameView:
        """The same rows with other transforms (training augments, testing does not)."""
        return self._with(self.rows, transforms=transforms, transform=transform, target_transform=target_transform)

    def extra_repr(self) -> str:
        """One line for ``repr``."""
        fakes = int(self.rows.is_fake.sum())
        return f"Rows: {len(self) - fakes} real, {fakes} fake; {len(set(self.groups.tolist()))} subjects"

    def _with(self, rows: Rows, **changed: Any) -> FrameView:
        return FrameView(self.frames, self._pixels, rows, **self._settings() | changed)

    def _settings(self) -> dict[str, Any]:
        """Everything besides frames, pixels and rows, as the constructor takes it."""
        joint = self.transform is None and self.target_transform is None
        return {
            "trained_on": self.trained_on,
            "identities": self.identities,
            "base": str(self.root),
            "transforms": self.transforms if joint else None,
            "transform": self.transform,
            "target_transform": self.target_transform,
            "return_meta": self.return_meta,
        }

    def _read(self, at: int) -> Image:
        """Pixels of the row at a position from 0 on; read-only where they need not be copied."""
        frame = int(self.rows.frame[at])
        return self._pixels.swapped(frame, self.rows.swap[at]) if self.rows.is_fake[at] else self._pixels.frame(frame)

    def _position(self, index: int) -> int:
        at = int(index)
        if not -len(self) <= at < len(self):
            raise IndexError(f"Row {at} of {len(self)}.")
        return at % len(self)

    def _frame_id(self, frame: int) -> str:
        name = str(self.frames.ref(frame))
        return os.path.relpath(name, self.root) if self.root else name


def common_folder(frames: LabelledFrames) -> str:
    """The deepest folder that holds all frames: what their names are relative to."""
    return str(os.path.commonpath([Path(path).absolute().parent for path in np.unique(frames.path).tolist()]))
