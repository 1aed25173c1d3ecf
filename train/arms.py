"""The arms of a comparison: what each trains on; all else (folds, seeds, optimiser steps, tests) is the same.

Besides the three set-ups there are controls. If one of them does as well as swapped faces, the new identity is not what
helped: more of the same frames (``real_duplicated``), more real frames (``real_more``), no face (``face_blur``,
``face_cutout``), the engine's traces without a new face (``self_swap``), or ordinary augmentation (``classical``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsa_data.datasets import FrameView
from fsa_data.datasets.deepfake import OWN
from fsa_data.errors import ConfigError
from fsa_data.frames import LabelledFrames
from train.config import Config


@dataclass(frozen=True, slots=True)
class Arm:
    """What an arm changes.

    Attributes:
        rows: ``real_only``, ``fake_only`` or ``hybrid``: which rows it trains on.
        engine: takes the place of the configured one, with its options and merge.
        source: takes the place of the configured one.
        times: how often each real row counts.
        more: how many times as many real frames of each person it may use.
        randaugment: whether frames are changed by RandAugment as well.
    """

    rows: str
    engine: str = ""
    source: str = ""
    times: int = 1
    more: int = 1
    randaugment: bool = False


ARMS: Mapping[str, Arm] = {
    "real_only": Arm("real_only"),
    "fake_only": Arm("fake_only"),
    "hybrid": Arm("hybrid"),
    "real_duplicated": Arm("real_only", times=2),
    "real_more": Arm("real_only", more=2),
    "face_blur": Arm("hybrid", engine="face_blur", source="portraits"),
    "face_cutout": Arm("hybrid", engine="face_cutout", source="portraits"),
    "self_swap": Arm("hybrid", source=OWN),
    "classical": Arm("real_only", randaugment=True),
}
"""By the name that ``setup=`` takes."""


def in_arm(config: Config) -> Config:
    """The configuration with what its arm replaces: set-up of the rows, engine, source, fakes per frame.

    Raises:
        ConfigError: a dose for an arm without fakes, or an arm of more real frames where all are used anyway.
    """
    arm = ARMS[config.setup.name]
    dose = config.setup.fakes_per_real
    if dose is not None and arm.rows != "hybrid":
        raise ConfigError(
            f"setup.fakes_per_real={dose:g} is for arms that train on real and swapped frames, not for "
            f"setup={config.setup.name}. Leave it out."
        )
    if arm.more > 1 and config.real_per_person is None:
        raise ConfigError(
            f"setup={config.setup.name} trains on {arm.more} times as many real frames of each person as the other "
            "arms, so they must be limited: set real_per_person=N, for all arms alike."
        )
    changed = replace(config, setup=replace(config.setup, name=arm.rows))
    if arm.engine:
        changed = replace(changed, engine=arm.engine, engine_options={}, merge={}, gate=None)
    if arm.source:
        changed = replace(changed, source=arm.source, source_options={})
    if dose is not None:
        changed = replace(changed, fakes_per_frame=max(config.fakes_per_frame, math.ceil(dose)))
    return changed


def label_of(config: Config) -> str:
    """The arm by name, with its dose: what tells runs of a comparison apart."""
    dose = config.setup.fakes_per_real
    return config.setup.name + ("" if dose is None else f" x{dose:g}")


def facts_of(config: Config) -> dict[str, Any]:
    """What ``results.json`` tells of an arm besides the name of the set-up."""
    return {"arm": label_of(config), "real_per_person": config.real_per_person}


def arm_rows(train: FrameView, config: Config, allowed: NDArray[np.bool_]) -> FrameView:
    """The rows of a fold that an arm trains on.

    Args:
        train: training rows of a fold, guarded.
        config: of the run.
        allowed: ``(N,)`` bool by frame, of :func:`real_frames` for this arm.

    Raises:
        ConfigError: nothing is left.
    """
    arm, dose = ARMS[config.setup.name], config.setup.fakes_per_real
    at = np.flatnonzero(allowed[train.rows.frame])
    if arm.times > 1:
        at = np.tile(at, arm.times)
    if dose is not None:
        fake = train.is_fake[at]
        real, fakes = at[~fake], at[fake]
        wanted = min(len(fakes), round(dose * len(real)))
        drawn = np.random.default_rng([config.seed, 0xD05E]).permutation(len(fakes))[:wanted]
        at = np.concatenate([real, fakes[np.sort(drawn)]])
    if not len(at):
        raise ConfigError("Nothing is left to train on: raise real_per_person or setup.fakes_per_real.")
    return train.subset(at)


def real_frames(frames: LabelledFrames, config: Config, more: int = 1) -> NDArray[np.bool_]:
    """The frames that may be trained on: so many of each person, as evenly from all classes as there are.

    The frames of a larger number hold those of a smaller one.

    Args:
        frames: of everybody.
        config: of the run.
        more: factor on the number, see :attr:`Arm.more`.

    Returns:
        ``(N,)`` bool; all true without a limit.
    """
    if config.real_per_person is None:
        return np.ones(len(frames), bool)
    chosen = np.zeros(len(frames), bool)
    rng = np.random.default_rng([config.seed, 0x9EA1])
    for subject in frames.subjects:
        mine = rng.permutation(np.flatnonzero(frames.subject == subject))
        labels = frames.label[mine]
        # the n-th frame of its class comes after every (n-1)-th
        turn = np.array([np.count_nonzero(labels[:at] == label) for at, label in enumerate(labels.tolist())])
        chosen[mine[np.argsort(turn, kind="stable")[: more * config.real_per_person]]] = True
    return chosen
