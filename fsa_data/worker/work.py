"""One frame's work: decode, find the face, make the working frame, swap every slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import DamagedShardError, MissingWeightsError, StoreWriteError, WrongWeightsError
from fsa_data.frames import FrameRef, read_frame
from fsa_data.store import ABSENT, STATUSES, FrameFaces, StoreWriter, SwapStore
from fsa_data.store.keys import as_hex
from fsa_data.types import FaceReference, Image, Json, Landmarker, Reason, SourceFace, Swap, SwapEngine
from fsa_data.worker.working import WorkingSize, working_frame

FAILED = STATUSES.index(str(Reason.FAILED))
HOPELESS = (StoreWriteError, DamagedShardError, MissingWeightsError, WrongWeightsError)
"""Errors that the next frame would meet as well: they end the run instead of failing one frame."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is missing of one frame.

    Attributes:
        index: position among the frames.
        ref: where it lies.
        subject: whom it shows.
        frame_key: of the working frame.
        faces_key: of the landmarks.
        frame_kept: the working frame is in the store.
        faces_kept: the landmarks are in the store.
        allowed: which set of donors it may wear.
        group: which reference belongs to it; -1 for none.
        seed: of this frame, for the engine.
        slots: numbers of the missing swaps.
        swap_keys: 16 bytes for each of them; a job may have millions, and text takes five times the memory.
        look: the face is wanted even without a swap.
    """

    index: int
    ref: FrameRef
    subject: str
    frame_key: str
    faces_key: str
    frame_kept: bool
    faces_kept: bool
    allowed: int
    group: int
    seed: int
    slots: tuple[int, ...] = ()
    swap_keys: bytes = b""
    look: bool = False

    @property
    def swaps(self) -> list[tuple[int, str]]:
        """Slot and key of each missing swap."""
        return list(zip(self.slots, as_hex(np.frombuffer(self.swap_keys, "S16")), strict=True))


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task.

    Attributes:
        index: of the frame.
        decoded: its file was decoded.
        detected: its landmarks were looked for.
        error: what failed; empty if nothing did.
        seals: how often its worker has sealed: when that has grown, whatever the worker did before this task is safe.
    """

    index: int
    decoded: bool
    detected: bool
    error: str
    seals: int = 0


def unsealed(tasks: Sequence[Task], store: SwapStore) -> list[Task]:
    """Those of some tasks of which a row is not in the store, or one that failed."""
    store.refresh()
    wanted: dict[str, list[tuple[int, str]]] = {"frames": [], "faces": [], "swaps": []}
    for at, task in enumerate(tasks):
        wanted["frames"].append((at, task.frame_key))
        wanted["faces"] += [(at, task.faces_key)] * task.look
        wanted["swaps"] += [(at, key) for _, key in task.swaps]
    lacking: set[int] = set()
    for kind, pairs in wanted.items():
        gone = unusable(store.statuses(kind, [key for _, key in pairs]))
        lacking |= {at for (at, _), is_gone in zip(pairs, gone.tolist(), strict=True) if is_gone}
    return [tasks[at] for at in sorted(lacking)]


def unusable(statuses: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """``(N,)`` bool: a row that is not there, or one that failed."""
    gone: NDArray[np.bool_] = (statuses == ABSENT) | (statuses == FAILED)
    return gone


@dataclass(frozen=True)
class Kit:
    """What a worker needs besides the tasks; picklable.

    Attributes:
        engine: None when only frames are wanted.
        landmarker: finds the faces.
        donors: found once, for all workers.
        allowed: per set the positions in ``donors``.
        working_size: see :data:`fsa_data.worker.working.WorkingSize`.
        references: per group how the person usually looks, if enough is known.
    """

    engine: SwapEngine | None
    landmarker: Landmarker
    donors: tuple[SourceFace, ...]
    allowed: tuple[tuple[int, ...], ...]
    working_size: WorkingSize
    references: tuple[FaceReference | None, ...] = ()


class FrameWorker:
    """Does tasks, one after the other, and puts what comes out into a store.

    Args:
        kit: what to work with.
        store: what is kept already.
        writer: where new rows go.
    """

    def __init__(self, kit: Kit, store: SwapStore, writer: StoreWriter) -> None:
        self.kit, self.store, self.writer = kit, store, writer
        self._donors = cache(lambda allowed: [kit.donors[at] for at in kit.allowed[allowed]])

    def do(self, task: Task) -> Done:
        """Do one task. What goes wrong with this frame alone is recorded as ``Reason.FAILED``, with the message.

        Raises:
            StoreWriteError, DamagedShardError, MissingWeightsError, WrongWeightsError: what the next frame would
                meet as well.
            RuntimeError: the device is lost (see :func:`device_lost`).
        """
        looked = _Looked(task, self.store, self.writer, self.kit)
        error = ""
        try:
            frame = looked.frame()
            if task.look:
                looked.faces()
        except HOPELESS:
            raise
        except Exception as caught:  # anything at all: the run goes on, and the message is kept
            if device_lost(caught):
                raise
            error = _message(caught)
            self.writer.put_failed_frame(task.frame_key, error, task.subject)
            for _, key in task.swaps:
                self.writer.put_swap(key, _failed(error), task.subject)
        else:
            for slot, key in task.swaps:
                swap = self._swapped(looked, frame, task, slot)
                error = error or str(swap.notes.get("error", "") if swap.reason is Reason.FAILED else "")
                self.writer.put_swap(key, swap, task.subject)
        self.writer.tick()
        return Done(task.index, looked.decoded, looked.detected, error, self.writer.seals)

    def _swapped(self, looked: _Looked, frame: Image, task: Task, slot: int) -> Swap:
        try:
            params = {"seed": task.seed, "slot": slot}
            reference = self.kit.references[task.group] if task.group >= 0 else None
            return self._swap(looked, frame, self._donors(task.allowed), params, reference)
        except HOPELESS:
            raise
        except Exception as caught:  # as above
            if device_lost(caught):
                raise
            return _failed(_message(caught))

    def _swap(
        self,
        looked: _Looked,
        frame: Image,
        donors: Sequence[SourceFace],
        params: Json,
        reference: FaceReference | None,
    ) -> Swap:
        found = looked.faces()
        if not found.faces:
            return Swap(Reason.NO_FACE)
        if not donors or self.kit.engine is None:
            return Swap(Reason.NO_DONOR)
        height, width = frame.shape[:2]
        target = found.faces[0].scaled(width / found.width, height / found.height)
        return self.kit.engine.swap(frame, target, donors, params, reference)


class _Looked:
    """Lazily what is known of one frame: from the store if it is kept there, else made and put there."""

    def __init__(self, task: Task, store: SwapStore, writer: StoreWriter, kit: Kit) -> None:
        self.task, self.store, self.writer, self.kit = task, store, writer, kit
        self.detected = False
        self._native: Image | None = None
        self._faces: FrameFaces | None = None

    @property
    def decoded(self) -> bool:
        return self._native is not None

    def native(self) -> Image:
        if self._native is None:
            self._native = read_frame(self.task.ref)
        return self._native

    def frame(self) -> Image:
        if self.task.frame_kept:
            return self.store.get_frame(self.task.frame_key).copy()  # an engine may need a writable array
        frame = working_frame(self.native(), self.kit.working_size)
        self.writer.put_frame(self.task.frame_key, frame, self.task.subject)
        return frame

    def faces(self) -> FrameFaces:
        if self._faces is None and self.task.faces_kept:
            self._faces = self.store.get_faces(self.task.faces_key)
        if self._faces is None:
            native = self.native()
            self._faces = FrameFaces(self.kit.landmarker(native), *native.shape[:2])
            self.detected = True
            self.writer.put_faces(self.task.faces_key, self._faces, self.task.subject)
        return self._faces


def device_lost(error: Exception) -> bool:
    """Whether a process can use its device no more: after such an error every further call fails, whatever it does."""
    return type(error).__name__ == "AcceleratorError" or str(error).startswith("CUDA error")


def _failed(message: str) -> Swap:
    return Swap(Reason.FAILED, notes={"error": message})


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
