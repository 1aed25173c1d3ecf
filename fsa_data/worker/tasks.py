"""What is to be done: the rows of a plan that a store lacks, as tasks; and which part of them is one machine's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.frames import LabelledFrames
from fsa_data.store import SwapStore
from fsa_data.store.keys import Keys, as_hex
from fsa_data.worker.plan import Plan
from fsa_data.worker.work import Task, unusable

EXECUTORS = ("local", "ray")
FEWEST = 20
"""Frames done before a run judges that too many of them fail."""


@dataclass(frozen=True, slots=True)
class How:
    """How a run is carried out; nothing of it changes what is made.

    Attributes:
        workers: processes; 0 is this process, ``"auto"`` as many as help.
        progress: show a bar on stderr if that is a terminal.
        max_failed: the run stops when a larger share of the frames done fails (of at least 20); 1 for never.
        rank: which part of the frames is done here, from 0 on.
        world: number of parts: several machines do one each. Frames are dealt by their content, so every machine
            deals them alike, and all slots of a frame are in one part.

    Raises:
        ConfigError: a value that makes no sense.
    """

    workers: int | Literal["auto"] = "auto"
    progress: bool = True
    max_failed: float = 0.5
    rank: int = 0
    world: int = 1
    executor: Literal["local", "ray"] = "local"

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise UnknownNameError("executor", self.executor, EXECUTORS)
        if self.executor == "ray" and self.workers == 0:
            raise ConfigError("executor=ray works in actors: workers must be 'auto' or at least 1, got 0.")
        if self.workers != "auto" and (not isinstance(self.workers, int) or self.workers < 0):
            raise ConfigError(f"workers must be 'auto' or a number from 0 on, got {self.workers!r}.")
        if not 0 <= self.max_failed <= 1:
            raise ConfigError(f"max_failed is a share from 0 to 1, got {self.max_failed!r}.")
        if not 0 <= self.rank < self.world:
            raise ConfigError(
                f"rank counts the {self.world} parts of world from 0 on, got rank {self.rank} of world {self.world}."
            )

    def mine(self, planned: Plan) -> NDArray[np.bool_]:
        """``(N,)`` bool: the frames of this part."""
        digests = np.ascontiguousarray(planned.frame_keys).view(">u8").reshape(len(planned), 2)
        mine: NDArray[np.bool_] = digests[:, 0] % np.uint64(self.world) == self.rank
        return mine


def missing_tasks(
    frames: LabelledFrames, planned: Plan, store: SwapStore, retry: bool, mine: NDArray[np.bool_] | None = None
) -> list[Task]:
    """What is not in the store yet (with ``retry``, or failed before), one task per frame; no key twice.

    Args:
        frames: all frames.
        planned: their plan.
        store: what is there.
        retry: try again what failed.
        mine: ``(N,)`` bool: look at these frames only; default all.
    """
    count, slots = planned.swap_keys.shape
    to_pack = _missing(store, "frames", planned.frame_keys, retry)
    to_swap = _missing(store, "swaps", planned.swap_keys.ravel(), retry).reshape(count, slots)
    wanted = to_pack | to_swap.any(axis=1)
    at = np.flatnonzero(wanted if mine is None else wanted & mine)
    return [
        replace(
            task,
            slots=tuple(np.flatnonzero(to_swap[task.index]).tolist()),
            swap_keys=planned.swap_keys[task.index][to_swap[task.index]].tobytes(),
        )
        for task in bare_tasks(frames, planned, store, at)
    ]


def bare_tasks(frames: LabelledFrames, planned: Plan, store: SwapStore, at: NDArray[np.int64]) -> list[Task]:
    """Tasks of the frames at these positions, without anything to swap yet."""
    frame_keys, faces_keys = planned.frame_keys[at], planned.faces_keys[at]
    faces_kept = store.locate("faces", faces_keys)["shard"] >= 0
    frame_kept = ~unusable(store.locate("frames", frame_keys))
    names = zip(as_hex(frame_keys), as_hex(faces_keys), strict=True)
    return [
        Task(
            index=i,
            ref=frames.ref(i),
            subject=str(frames.subject[i]),
            frame_key=frame_key,
            faces_key=faces_key,
            frame_kept=bool(frame_kept[n]),
            faces_kept=bool(faces_kept[n]),
            allowed=int(planned.allowed_of[i]),
            group=int(planned.group_of[i]),
            seed=int(planned.seeds[i]),
        )
        for n, (i, (frame_key, faces_key)) in enumerate(zip(at.tolist(), names, strict=True))
    ]


def _missing(store: SwapStore, kind: str, keys: Keys, retry: bool) -> NDArray[np.bool_]:
    """Where a key is not in the store (with ``retry``, or failed before); only the first of equal keys."""
    first = np.zeros(len(keys), bool)
    first[np.unique(keys, return_index=True)[1]] = True
    entries = store.locate(kind, keys)
    return first & (unusable(entries) if retry else entries["shard"] < 0)
