"""Labelled frames as columns: where each frame lies, whom it shows and what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import BadTableError, DatasetNotFoundError
from fsa_data.frames import readers
from fsa_data.frames.labels import LabelMap
from fsa_data.frames.media import FrameRef, hash_frame, read_frame
from fsa_data.types import Image

Strings = NDArray[np.str_]
OPTIONAL = ("session", "view", "condition", "licence", "consent")
"""Text columns that a data set may lack; they are empty then."""


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """Frames of people with one action label each; nothing is decoded until asked for.

    Attributes:
        labels: the classes.
        path: ``(N,)`` str, image or video file.
        video_index: ``(N,)`` int64, frame number in the video, -1 for an image file.
        subject: ``(N,)`` str, pseudonymous id of the person.
        label: ``(N,)`` int64, index into ``labels.names``.
        session: ``(N,)`` str, recording or clip; frames of one session are not independent.
        view: ``(N,)`` str, camera.
        condition: ``(N,)`` str, ``unmasked`` or ``masked`` where that is known.
        time_s: ``(N,)`` float64, seconds into the recording, NaN where unknown.
        licence: ``(N,)`` str, licence of the frame.
        consent: ``(N,)`` str, basis on which the person's face may be used.

    Raises:
        DatasetNotFoundError: there is no frame at all.
        BadTableError: columns of different lengths, a label outside the map, or a frame without a subject.
    """

    labels: LabelMap
    path: Strings
    video_index: NDArray[np.int64]
    subject: Strings
    label: NDArray[np.int64]
    session: Strings
    view: Strings
    condition: Strings
    time_s: NDArray[np.float64]
    licence: Strings
    consent: Strings

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self._columns()}
        if len(set(lengths.values())) != 1:
            raise BadTableError(f"The columns differ in length: {lengths}.")
        if not len(self):
            raise DatasetNotFoundError("The data set holds no frame.")
        if self.label.min() < 0 or self.label.max() >= len(self.labels.names):
            raise BadTableError(f"Labels run to {self.label.max()}, but there are {len(self.labels.names)} classes.")
        if (self.subject == "").any():
            first = int(np.flatnonzero(self.subject == "")[0])
            raise BadTableError(f"Frame {first} ({self.ref(first)}) has no subject; leave-one-subject-out needs one.")

    @classmethod
    def _columns(cls) -> tuple[str, ...]:
        return tuple(f.name for f in fields(cls) if f.name != "labels")

    @classmethod
    def _from_rows(cls, labels: LabelMap, rows: Sequence[readers.Row]) -> LabelledFrames:
        text = {
            name: np.array([getattr(row, name) for row in rows], np.str_) for name in ("path", "subject", *OPTIONAL)
        }
        return cls(
            labels=labels,
            video_index=np.array([row.video_index for row in rows], np.int64),
            label=np.array([row.label for row in rows], np.int64),
            time_s=np.array([row.time_s for row in rows], np.float64),
            **text,
        )

    @classmethod
    def from_maskdar(cls, root: str | Path, condition: str = "unmasked") -> LabelledFrames:
        """Frames in MaskDAR's folders ``C00`` .. ``C14`` with files ``<subject>-f<frame>.png``.

        Args:
            root: the folder that holds the class folders.
            condition: recorded for every frame; MaskDAR keeps masked and unmasked frames in separate roots.

        Raises:
            DatasetNotFoundError: no such folder, or no frame in it.
            BadTableError: a folder or a file that does not follow the naming.
        """
        return cls._from_rows(*readers.maskdar(Path(root), condition))

    @classmethod
    def from_state_farm(cls, root: str | Path) -> LabelledFrames:
        """Training frames of State Farm Distracted Driver Detection: 10 classes, a side view of each driver.

        All frames of a driver are one session: neighbours in the video look alike, and only leaving out drivers is an
        honest test. ``imgs/test`` has no labels and is not read. An image that the table does not list is no frame.

        Args:
            root: the folder with ``driver_imgs_list.csv`` (subject, classname, img) and ``imgs/train/c0`` .. ``c9``.

        Raises:
            DatasetNotFoundError: no such folder, no table in it, or an image that the table lists is missing.
            BadTableError: a column is missing, an image is listed twice, a subject is empty.
            UnknownNameError: a class that is not c0 .. c9.
        """
        return cls._from_rows(*readers.state_farm(Path(root)))

    @classmethod
    def from_csv(
        cls, path: str | Path, root: str | Path | None = None, labels: LabelMap | None = None
    ) -> LabelledFrames:
        """Frames listed in a CSV with the columns ``path,subject,label`` and any of the optional ones.

        Args:
            path: the CSV, UTF-8, with a header.
            root: what relative frame paths start from; default the CSV's own folder. Absolute paths are kept.
            labels: the classes; default MaskDAR's if every label is one of its codes or names, else the sorted
                distinct labels without mirror pairs.

        Raises:
            DatasetNotFoundError: the CSV, or a frame it lists, is not there.
            BadTableError: a column is missing, a row repeats another, a value cannot be used.
            UnknownNameError: a label that is none of ``labels``, or the only one that is none of MaskDAR's and looks
                like one of them.
        """
        return cls._from_rows(*readers.table(Path(path), Path(root) if root is not None else None, labels))

    @classmethod
    def from_simdrive(
        cls,
        root: str | Path | None = None,
        subjects: int = 6,
        frames: int = 6,
        seed: int = 0,
        condition: Literal["unmasked", "masked"] = "unmasked",
    ) -> LabelledFrames:
        """The procedural driver set, generated on first use; a stand-in, no evidence about people.

        Args:
            root: where it is generated; default under the cache directory.
            subjects: drivers.
            frames: frames per driver and class.
            seed: everything random about it.
            condition: ``unmasked`` or ``masked``.
        """
        from fsa_data import simdrive

        folder = simdrive.ensure(Path(root) if root is not None else None, subjects, frames, seed, condition)
        return cls.from_csv(folder / "frames.csv")

    @classmethod
    def joined(cls, parts: Sequence[LabelledFrames]) -> LabelledFrames:
        """Several data sets as one, in the order given: conditions, cameras or recordings kept in separate places.

        Args:
            parts: at least one; equal subject ids are the same person.

        Raises:
            BadTableError: the parts have different classes or mirror pairs, or a frame occurs twice.
            DatasetNotFoundError: there is no part.
        """
        if not parts:
            raise DatasetNotFoundError("There is nothing to join: at least one data set is needed.")
        labels = parts[0].labels
        for number, part in enumerate(parts):
            if part.labels.hash != labels.hash:
                raise BadTableError(
                    f"Data sets with different classes cannot be joined: part 0 has {', '.join(labels.names)}; part "
                    f"{number} has {', '.join(part.labels.names)}. Names, their order and the mirror pairs must agree: "
                    "give both the same labels=."
                )
        whole = cls(labels, *(np.concatenate([getattr(part, name) for part in parts]) for name in cls._columns()))
        places = list(zip(whole.path.tolist(), whole.video_index.tolist(), strict=True))
        if len(set(places)) < len(places):
            twice = next(i for i, place in enumerate(places) if places.index(place) < i)
            raise BadTableError(f"{whole.ref(twice)} is in more than one of the joined data sets; leave it out of one.")
        return whole

    def __len__(self) -> int:
        return len(self.path)

    def __repr__(self) -> str:
        return f"LabelledFrames({len(self)} frames, {len(self.subjects)} subjects, {len(self.labels.names)} classes)"

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject, sorted."""
        return tuple(str(s) for s in np.unique(self.subject))

    @property
    def conditions(self) -> dict[str, int]:
        """Number of frames of each condition, sorted by name; the empty name stands for an unknown one."""
        names, counts = np.unique(self.condition, return_counts=True)
        return {str(name): int(count) for name, count in zip(names, counts, strict=True)}

    def ref(self, i: int) -> FrameRef:
        """Where frame ``i`` lies."""
        return FrameRef(str(self.path[i]), int(self.video_index[i]))

    def read(self, i: int) -> Image:
        """Pixels of frame ``i`` at native size, ``(H, W, 3)`` uint8 RGB."""
        return read_frame(self.ref(i))

    def content_hash(self, i: int) -> str:
        """Content hash of frame ``i`` (see :func:`fsa_data.frames.media.hash_frame`)."""
        return hash_frame(self.ref(i))

    def subset(self, indices: Sequence[int] | NDArray[Any]) -> LabelledFrames:
        """The frames at these positions (or where a boolean mask is True), with the same classes."""
        at = np.asarray(indices)
        at = at if at.dtype == bool else at.astype(np.int64)
        return type(self)(self.labels, *(getattr(self, name)[at] for name in self._columns()))
