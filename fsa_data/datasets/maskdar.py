"""Real frames as a torchvision data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.datasets.rows import DecodedPixels, Rows
from fsa_data.datasets.view import FrameView, common_folder
from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.frames import LabelledFrames
from fsa_data.worker import checked_size


class MaskDAR(FrameView):
    """Labelled frames of drivers as they are, decoded when asked for.

    Args:
        root: a MaskDAR folder (``C00`` .. ``C14`` with ``<subject>-f<frame>.png``), or labelled frames of any origin.
        subjects: only these; default all.
        working_size: short side, ``(H, W)`` or None (default) for the native size; frames are never enlarged.
        transforms: joint transform of image and label; excludes the next two.
        transform: transform of the image.
        target_transform: transform of the label.
        return_meta: whether items have a third part (see :class:`FrameView`).

    Raises:
        DatasetNotFoundError: no frame there.
        UnknownNameError: a subject that the data do not have.
    """

    def __init__(
        self,
        root: str | Path | LabelledFrames,
        *,
        subjects: Sequence[str] | None = None,
        working_size: int | tuple[int, int] | None = None,
        transforms: Callable[..., Any] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        return_meta: bool = False,
    ) -> None:
        everything = labelled(root)
        frames = of_subjects(everything, subjects)
        super().__init__(
            frames,
            DecodedPixels(frames, checked_size(working_size)),
            Rows.real(np.arange(len(frames))),
            base=common_folder(everything),
            transforms=transforms,
            transform=transform,
            target_transform=target_transform,
            return_meta=return_meta,
        )


def labelled(root: str | Path | LabelledFrames) -> LabelledFrames:
    """Labelled frames as given, or those of a MaskDAR folder."""
    return root if isinstance(root, LabelledFrames) else LabelledFrames.from_maskdar(root)


def of_subjects(frames: LabelledFrames, subjects: Sequence[str] | None) -> LabelledFrames:
    """The frames of some subjects.

    Raises:
        UnknownNameError: a subject that the data do not have.
    """
    if subjects is None:
        return frames
    check_subjects(frames, subjects)
    return frames.subset(np.isin(frames.subject, list(subjects)))


def check_subjects(frames: LabelledFrames, subjects: Sequence[str]) -> None:
    """Refuse names that no frame has.

    Raises:
        UnknownNameError: names the first.
        ConfigError: no name at all, or a text instead of a list.
    """
    if isinstance(subjects, str) or not len(subjects):
        raise ConfigError(f"A list of subjects is needed, got {subjects!r}.")
    known = frames.subjects
    for name in subjects:
        if name not in known:
            raise UnknownNameError("subject", name, known)


def check_condition(
    doing: str, condition: str, chosen: NDArray[np.str_], usable: NDArray[np.str_], test_subjects: Sequence[str]
) -> None:
    """Refuse a condition that leaves nothing.

    Args:
        doing: ``train`` or ``test``.
        condition: that was asked for.
        chosen: conditions of the rows that have it.
        usable: conditions of the rows there were to choose from.
        test_subjects: of the fold.

    Raises:
        ConfigError: names the conditions that there are.
    """
    if len(chosen):
        return
    names, counts = np.unique(usable, return_counts=True)
    there = ", ".join(f"{name or 'unknown'} ({count})" for name, count in zip(names, counts, strict=True))
    raise ConfigError(
        f"No row of the condition {condition!r} is left to {doing} on when {', '.join(test_subjects)} is tested; "
        f"there are {there or 'none at all'}."
    )
