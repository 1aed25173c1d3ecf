"""Materialise: make every swap that is missing, once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fsa_data.errors import TooManyFailedError
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.sources import find_faces
from fsa_data.store import ABSENT, STATUSES, SwapStore
from fsa_data.store.keys import as_hex
from fsa_data.store.writer import sweep
from fsa_data.types import Face, Image, Json, Landmarker, Reason, Source, SourceFace, SwapEngine
from fsa_data.worker import references
from fsa_data.worker.identities import IdentityMap
from fsa_data.worker.plan import Plan, Recipe, plan
from fsa_data.worker.pool import run_in_processes
from fsa_data.worker.remember import Remembering
from fsa_data.worker.tasks import FEWEST, How, Tasks, looks, missing_tasks
from fsa_data.worker.work import Done, FrameWorker, Kit, unusable
from fsa_data.worker.working import checked_size

SMALL_JOB = 24
"""Up to this many frames are done in this process: starting another one costs as much."""

SWAPPED = STATUSES.index(str(Reason.SWAPPED))


@dataclass(frozen=True, slots=True)
class MaterialiseReport:
    """What a run did.

    Attributes:
        made: swaps made now.
        reused: swaps that were in the store.
        skipped: frames (times slots) without a swap, made now or known before.
        by_reason: ``skipped`` by :class:`fsa_data.types.Reason`.
        seconds: wall time.
        frames_decoded: frames decoded now; the others came from the frame pack, or were not needed.
        faces_detected: frames looked at by the landmarker now.
        failures: one line per frame that failed now. Failures are not final: the next run tries these frames again.
    """

    made: int
    reused: int
    skipped: int
    by_reason: dict[str, int]
    seconds: float
    frames_decoded: int
    faces_detected: int
    failures: tuple[str, ...] = field(repr=False)


def materialise(
    frames: LabelledFrames,
    source: Source | None,
    engine: SwapEngine | None,
    store: SwapStore | str | Path,
    working_size: int | tuple[int, int] | None = 240,
    fakes_per_frame: int = 1,
    seed: int = 0,
    landmarker: Landmarker | None = None,
    identity_map: IdentityMap | None = None,
    workers: int | Literal["auto"] = "auto",
    progress: bool = True,
    max_failed: float = 0.5,
    rank: int = 0,
    world: int = 1,
    executor: Literal["local", "ray"] = "local",
) -> MaterialiseReport:
    """Make every swap of some frames that the store does not hold yet.

    Args:
        frames: whose faces are replaced.
        source: whose faces are put on; None with ``fakes_per_frame=0``.
        engine: how; None with ``fakes_per_frame=0``.
        store: where everything is kept.
        working_size: short side, ``(H, W)``, or None for the native size.
        fakes_per_frame: swaps per frame; 0 only packs the working frames.
        seed: of everything that is drawn.
        landmarker: default :func:`fsa_data.faces.load_landmarker`.
        identity_map: from names to people (see :mod:`fsa_data.worker.identities`).
        workers: processes; 0 is this process, ``"auto"`` as many as help: one per core for an engine on the CPU, one
            for an engine on a device, this process for a small job on the CPU. A frame that kills the process that
            works on it is recorded as failed, and the run goes on; in this process nothing can prevent the worst.
        progress: show a bar on stderr if that is a terminal.
        max_failed: stop when a larger share of the frames fails (of at least 20).
        rank: which part of the frames is made here, of ``world`` parts (see :class:`fsa_data.worker.tasks.How`).
        world: number of parts. They may be made at once on one shared store, or each in a store of its own; those
            are joined by :func:`fsa_data.store.merge_stores`.
        executor: ``local``, or ``ray``: actors of a Ray cluster, ``workers`` of them (see
            :mod:`fsa_data.worker.ray_pool`).

    Raises:
        DatasetNotFoundError: a frame's file is not there.
        SourceError: no photo of the source shows a usable face.
        StoreWriteError: the store cannot be written.
        TooManyFailedError: more than ``max_failed`` of the frames failed.
        WorkerDiedError: workers die before they begin, or when they seal.
    """
    started = time.perf_counter()
    how = How(workers, progress, max_failed, rank, world, executor)
    recipe = Recipe(
        source,
        engine,
        landmarker or load_landmarker(),
        checked_size(working_size),
        fakes_per_frame,
        seed,
        identity_map or {},
    )
    opened = _opened(store)
    opened.refresh()
    report = materialise_plan(frames, recipe, plan(frames, recipe, opened), opened, how)
    return replace(report, seconds=time.perf_counter() - started)


def materialise_plan(
    frames: LabelledFrames,
    recipe: Recipe,
    planned: Plan,
    store: SwapStore,
    how: How | None = None,
    retry: bool = True,
) -> MaterialiseReport:
    """As :func:`materialise`, for a plan that is made already; ``retry=False`` leaves what failed before alone."""
    started = time.perf_counter()
    how = how or How()
    mine = how.mine(planned)
    sweep(store.path)  # here as well: a run that finds everything made opens no writer
    store.refresh()
    known = store.statuses("swaps", planned.swap_keys[mine].ravel()) == SWAPPED
    tasks = missing_tasks(frames, planned, store, retry, mine)
    tallies: list[_Tally] = []
    if tasks:
        # a source without a face is told now, not after looking at every frame
        donors = _donors(recipe, planned, store) if tasks.anything_to_swap else []
        tallies += _make_references(recipe, planned, store, tasks, how)
        tasks = missing_tasks(frames, planned, store, retry, mine) if tallies else tasks
        tallies.append(_do_all("swapping", tasks, recipe, planned, store, how, donors))
        store.forget()  # who opens a store anew saves its index for the next one
    after = store.statuses("swaps", planned.swap_keys[mine].ravel())
    return _report(frames, known, after, tallies, time.perf_counter() - started)


def _do_all(
    what: str,
    tasks: Tasks,
    recipe: Recipe,
    planned: Plan,
    store: SwapStore,
    how: How,
    donors: Sequence[SourceFace] = (),
) -> _Tally:
    with tqdm(total=len(tasks), desc=what, unit="frame", disable=None if how.progress else True) as bar:
        tally = _Tally(tasks.frames, how.max_failed, bar.update)
        if tasks:
            _do(tasks, recipe, planned, store, how, tally, donors)
    return tally


class _Tally:
    """What is done, once per frame: what a dead worker had not sealed is reported twice."""

    def __init__(self, frames: LabelledFrames, max_failed: float, advance: Callable[[int], Any]) -> None:
        self.frames, self.max_failed, self.advance = frames, max_failed, advance
        self.done, self.decoded, self.detected = np.zeros((3, len(frames)), bool)
        self.count = 0
        self.errors: dict[int, str] = {}

    def __call__(self, one: Done) -> None:
        new = not self.done[one.index]
        self.count += new
        self.advance(new)
        self.done[one.index] = True
        self.decoded[one.index], self.detected[one.index] = one.decoded, one.detected
        if not one.error:
            self.errors.pop(one.index, None)
            return
        self.errors[one.index] = one.error
        if self.count >= FEWEST and len(self.errors) > self.max_failed * self.count:
            raise TooManyFailedError(
                f"{len(self.errors)} of {self.count} frames failed, a larger share than max_failed = "
                f"{self.max_failed:g} allows. The last one: {self.frames.ref(one.index)}: {one.error}. Everything "
                "sealed so far is kept. Mend the cause and run again; fsa materialise --max-failed 1 allows any number."
            )


def _make_references(recipe: Recipe, planned: Plan, store: SwapStore, tasks: Tasks, how: How) -> list[_Tally]:
    """Make the references that the tasks need and the store lacks: look at their frames, then take the medians.

    Every part of a job needs nearly all of them. It begins with a share, so that parts that run at once on one store
    make each but once, and then makes what nobody has made meanwhile.
    """
    needed, tallies = tasks.groups, []
    for mine in ([at for at in needed if at % how.world == how.rank], needed):
        gone = store.statuses("references", [planned.groups[at].key for at in mine]) == ABSENT
        lacking = [planned.groups[at] for at, is_gone in zip(mine, gone.tolist(), strict=True) if is_gone]
        if not lacking:
            continue
        wanted = np.array(sorted({i for group in lacking for i in group.frames}), np.int64)
        wanted_looks = looks(tasks.frames, planned, store, wanted)
        tallies.append(_do_all("looking", wanted_looks, recipe, planned, store, how))
        store.refresh()
        with store.writer() as writer:
            for group in lacking:
                references.make(group, _pairs(group, planned, store), writer)
        store.refresh()
    return tallies


def _pairs(group: references.Group, planned: Plan, store: SwapStore) -> list[tuple[Image, Face]]:
    """Working frames of a group with the largest face in each; what could not be read or shows nobody is left out."""
    at = np.array(group.frames, np.int64)
    frames, faces = store.statuses("frames", planned.frame_keys[at]), store.statuses("faces", planned.faces_keys[at])
    pairs = []
    for i, readable, looked in zip(group.frames, ~unusable(frames), faces != ABSENT, strict=True):
        found = store.get_faces(as_hex(planned.faces_keys[i : i + 1])[0]) if looked else None
        if readable and found is not None and found.faces:
            frame = store.get_frame(as_hex(planned.frame_keys[i : i + 1])[0])
            height, width = frame.shape[:2]
            pairs.append((frame, found.faces[0].scaled(width / found.width, height / found.height)))
    return pairs


def _do(
    tasks: Tasks,
    recipe: Recipe,
    planned: Plan,
    store: SwapStore,
    how: How,
    report: Callable[[Done], None],
    donors: Sequence[SourceFace],
) -> None:
    about = _about(recipe)
    trained_on = tuple(recipe.engine.trained_on) if recipe.engine is not None else ()
    with store.writer(about, trained_on) as writer:

        def make_kit() -> Kit:
            return _kit(recipe, planned, store, donors, tasks.anything_to_swap)

        if how.executor == "ray":
            from fsa_data.worker.ray_pool import run_on_ray

            run_on_ray(None if how.workers == "auto" else how.workers, store, about, make_kit, tasks, report, writer)
            return
        if processes := _processes(how.workers, len(tasks), recipe.engine):
            run_in_processes(processes, store, about, make_kit, tasks, report, writer)
            return
        with _single_threaded():
            worker = FrameWorker(make_kit(), store, writer)
            for task in tasks:
                report(worker.do(task))


def _kit(recipe: Recipe, planned: Plan, store: SwapStore, donors: Sequence[SourceFace], swaps: bool) -> Kit:
    place = {(donor.identity, donor.digest): at for at, donor in enumerate(donors)}
    order = sorted(range(len(recipe.photos)), key=lambda at: (recipe.photos[at].identity, recipe.photos[at].digest))
    rank = {at: n for n, at in enumerate(order)}
    allowed = tuple(
        tuple(
            place[name]
            for at in sorted(photos, key=rank.__getitem__)  # as in the key: the order of a source's photos is no matter
            if (name := (recipe.photos[at].identity, recipe.photos[at].digest)) in place
        )
        for photos in planned.allowed
    )
    known = references.load(planned.groups, store) if swaps else ()
    engine = recipe.engine if swaps else None
    return Kit(engine, recipe.landmarker, tuple(donors), allowed, recipe.working_size, known)


def _donors(recipe: Recipe, planned: Plan, store: SwapStore) -> list[SourceFace]:
    """The faces of every photo that anybody may wear; what is found is kept in the store."""
    photos = [recipe.photos[at] for at in sorted({at for photos in planned.allowed for at in photos})]
    with store.writer() as writer:
        return find_faces(photos, Remembering(recipe.landmarker, store, writer)) if photos else []


def _about(recipe: Recipe) -> Json:
    size = recipe.working_size
    return {
        "engine": recipe.engine_fingerprint,
        "landmarker": recipe.landmarker.fingerprint,
        "source": recipe.source.name if recipe.source is not None else "",
        "working_size": list(size) if isinstance(size, tuple) else size,
        "seed": recipe.seed,
    }


def _processes(workers: int | str, tasks: int, engine: SwapEngine | None) -> int:
    """How many processes to start; 0: none, work here."""
    if isinstance(workers, int):
        return min(workers, tasks)
    if getattr(engine, "device", "cpu") != "cpu":
        return 1  # it owns the device; this process never touches it
    return 0 if tasks <= SMALL_JOB else min(len(os.sched_getaffinity(0)), -(-tasks // SMALL_JOB))


@contextmanager
def _single_threaded() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _opened(store: SwapStore | str | Path) -> SwapStore:
    return store if isinstance(store, SwapStore) else SwapStore(store)


def _report(
    frames: LabelledFrames,
    known: NDArray[np.bool_],
    after: NDArray[np.uint8],
    tallies: Sequence[_Tally],
    seconds: float,
) -> MaterialiseReport:
    swapped = after == SWAPPED
    codes, counts = np.unique(after[~swapped & (after != ABSENT)], return_counts=True)
    reasons = dict(zip(codes.tolist(), counts.tolist(), strict=True))
    # a frame may have been looked at for a reference first, and have failed then, too
    errors = {index: error for tally in tallies for index, error in tally.errors.items()}
    return MaterialiseReport(
        made=int((swapped & ~known).sum()),
        reused=int(known.sum()),
        skipped=sum(reasons.values()),
        by_reason={STATUSES[code]: count for code, count in reasons.items()},
        seconds=seconds,
        frames_decoded=sum(int(tally.decoded.sum()) for tally in tallies),
        faces_detected=sum(int(tally.detected.sum()) for tally in tallies),
        failures=tuple(f"{frames.ref(index)}: {error}" for index, error in errors.items()),
    )
