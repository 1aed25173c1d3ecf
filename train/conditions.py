"""With and without face masks: which frames there are, which are trained on, which are tested."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError
from fsa_data.frames import LabelledFrames
from train.config import BOTH, Data


def maskdar_frames(root: str, data: Data) -> LabelledFrames:
    """MaskDAR, which keeps its two conditions in two folders of the same people.

    Args:
        root: ``data.root``.
        data: ``condition`` says what lies there; with ``masked_root`` it holds the frames without masks.

    Raises:
        ConfigError: the keys contradict each other, or a folder is missing among them.
    """
    if data.masked_root is None:
        if data.condition == BOTH:
            raise ConfigError("data.condition=both needs two folders: data.root=UNMASKED data.masked_root=MASKED.")
        return LabelledFrames.from_maskdar(root, data.condition)
    if data.condition == "masked":
        raise ConfigError(
            "data.condition=masked says that data.root holds masked frames, but data.masked_root is set, too. Give the "
            "unmasked folder as data.root (and leave data.condition), or drop data.masked_root."
        )
    parts = [(root, "unmasked"), (data.masked_root, "masked")]
    return LabelledFrames.joined([LabelledFrames.from_maskdar(folder, name) for folder, name in parts])


def simdrive_frames(data: Data) -> LabelledFrames:
    """The procedural drivers in one condition, or the same drivers in both."""
    parts = []
    if data.condition in ("unmasked", BOTH):
        parts.append(LabelledFrames.from_simdrive(data.root, data.subjects, data.frames, data.seed, "unmasked"))
    if data.condition in ("masked", BOTH):
        parts.append(LabelledFrames.from_simdrive(data.root, data.subjects, data.frames, data.seed, "masked"))
    return LabelledFrames.joined(parts)


def needed_frames(frames: LabelledFrames, data: Data) -> LabelledFrames:
    """Without the frames that are neither trained on nor tested: nothing is swapped for nothing.

    Raises:
        ConfigError: there is no frame to train on, or none to test.
    """
    wanted = np.zeros(len(frames), bool)
    for doing, condition in (("train", data.train_condition), ("test", data.test_condition)):
        mine = of_condition(frames, condition)
        if not mine.any():
            there = ", ".join(f"{name or 'unknown'} ({count} frames)" for name, count in frames.conditions.items())
            raise ConfigError(
                f"data.{doing}_condition={condition}: the data have no such frame; their conditions are {there}. "
                f"{_REMEDY.get(data.name, _OTHERWISE)}"
            )
        wanted |= mine
    return frames if wanted.all() else frames.subset(wanted)


def of_condition(frames: LabelledFrames, condition: str) -> NDArray[np.bool_]:
    """``(N,)`` bool, which frames are of a condition (all for ``both``)."""
    return np.ones(len(frames), bool) if condition == BOTH else np.asarray(frames.condition == condition, bool)


def or_any(condition: str) -> str | None:
    """The condition as :meth:`fsa_data.DeepfakeAugmentedMaskDAR.split` takes it."""
    return None if condition == BOTH else condition


_REMEDY = {
    "simdrive": "Draw both with data.condition=both.",
    "maskdar": "Give both folders: data.root=UNMASKED data.masked_root=MASKED.",
    "csv": "The column condition of the CSV must say unmasked or masked.",
}
_OTHERWISE = "Only both can be chosen here."
