"""What is to be done: the rows of a plan that a store lacks, as tasks; and which part of them is one machine's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.frames import LabelledFrames
from fsa_data.store import ABSENT, SwapStore
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


@dataclass(frozen=True, eq=False)
class Tasks(Sequence[Task]):
    """Tasks in the frames' order, each made when it is asked for: a job may have millions.

    Attributes:
        frames: all frames.
        planned: their plan.
        at: ``(M,)`` positions of the frames of the tasks.
        to_swap: ``(M, slots)`` bool: the swaps that are missing.
        frame_kept: ``(M,)`` bool: the working frame is in the store.
        faces_kept: ``(M,)`` bool: the landmarks are in the store.
        look: the faces are wanted even without a swap.
    """

    frames: LabelledFrames
    planned: Plan
    at: NDArray[np.int64]
    to_swap: NDArray[np.bool_]
    frame_kept: NDArray[np.bool_]
    faces_kept: NDArray[np.bool_]
    look: bool = False

    def __len__(self) -> int:
        return len(self.at)

    @overload
    def __getitem__(self, n: int) -> Task: ...
    @overload
    def __getitem__(self, n: slice) -> list[Task]: ...
    def __getitem__(self, n: int | slice) -> Task | list[Task]:
        if isinstance(n, slice):
            return [self[m] for m in range(*n.indices(len(self)))]
        i = int(self.at[n])
        slots = np.flatnonzero(self.to_swap[n])
        return Task(
            index=i,
            ref=self.frames.ref(i),
            subject=str(self.frames.subject[i]),
            frame_key=as_hex(self.planned.frame_keys[i : i + 1])[0],
            faces_key=as_hex(self.planned.faces_keys[i : i + 1])[0],
            frame_kept=bool(self.frame_kept[n]),
            faces_kept=bool(self.faces_kept[n]),
            allowed=int(self.planned.allowed_of[i]),
            group=int(self.planned.group_of[i]),
            seed=int(self.planned.seeds[i]),
            slots=tuple(slots.tolist()),
            swap_keys=self.planned.swap_keys[i][slots].tobytes(),
            look=self.look,
        )

    @property
    def anything_to_swap(self) -> bool:
        """Whether a swap is missing, or only frames and landmarks."""
        return bool(self.to_swap.any())

    @property
    def groups(self) -> list[int]:
        """The references that belong to the missing swaps, by their numbers in the plan."""
        groups = np.unique(self.planned.group_of[self.at[self.to_swap.any(axis=1)]])
        return [int(group) for group in groups if group >= 0]


def missing_tasks(
    frames: LabelledFrames, planned: Plan, store: SwapStore, retry: bool, mine: NDArray[np.bool_] | None = None
) -> Tasks:
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
    frame_kept, faces_kept = _kept(planned, store, at)
    return Tasks(frames, planned, at, to_swap[at], frame_kept, faces_kept)


def looks(frames: LabelledFrames, planned: Plan, store: SwapStore, at: NDArray[np.int64]) -> Tasks:
    """What it takes to have the frames at these positions and the faces in them; nothing to swap."""
    frame_kept, faces_kept = _kept(planned, store, at)
    lacking = ~(frame_kept & faces_kept)
    at = at[lacking]
    nothing = np.zeros((len(at), 0), bool)
    return Tasks(frames, planned, at, nothing, frame_kept[lacking], faces_kept[lacking], look=True)


def _kept(planned: Plan, store: SwapStore, at: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the store has the working frame, and the landmarks, of the frames at these positions."""
    frames, faces = store.statuses("frames", planned.frame_keys[at]), store.statuses("faces", planned.faces_keys[at])
    return ~unusable(frames), np.asarray(faces != ABSENT)


def _missing(store: SwapStore, kind: str, keys: Keys, retry: bool) -> NDArray[np.bool_]:
    """Where a key is not in the store (with ``retry``, or failed before); only the first of equal keys."""
    first = np.zeros(len(keys), bool)
    first[np.unique(keys, return_index=True)[1]] = True
    statuses = store.statuses(kind, keys)
    return first & (unusable(statuses) if retry else statuses == ABSENT)
