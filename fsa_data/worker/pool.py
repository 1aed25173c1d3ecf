"""Worker processes at work: tasks handed out, answers taken, and whoever dies replaced.

A worker that dies takes along what it had not sealed: that is done again. The frame that it worked on is tried once
more by another one; if that dies, too, the frame is recorded as failed with the reason, and the run goes on.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import wait

from fsa_data.errors import ConfigError, WorkerDiedError
from fsa_data.store import StoreWriter, SwapStore
from fsa_data.types import Json, Reason, Swap
from fsa_data.worker.process import Worker
from fsa_data.worker.work import Done, Kit, Task, unsealed

CHUNK = 8
"""Tasks handed over at once: few enough to share evenly, enough to hide the way there and back."""
TRIES = 2
"""A frame is given up when so many workers have died of it."""
UNEXPLAINED = 3
"""So many workers may die without having a frame in hand; then it is no frame's fault."""


def run_in_processes(
    count: int,
    store: SwapStore,
    about: Json,
    make_kit: Callable[[], Kit],
    tasks: Sequence[Task],
    report: Callable[[Done], None],
    writer: StoreWriter,
) -> None:
    """Do tasks in ``count`` fresh processes; returns when every row is sealed.

    Args:
        count: number of processes.
        store: where rows go.
        about: facts for the shards.
        make_kit: called once, while the processes start.
        tasks: in the order in which they are handed out.
        report: called for each task done; again for one that had to be repeated. What it raises ends the run.
        writer: of this process, for frames that no worker survives.

    Raises:
        WorkerDiedError: workers die before they begin, or when they seal.
        FsaError: what a worker met and could not go on with.
        ConfigError: the engine or the landmarker cannot be sent to another process.
    """
    workers: list[Worker] = []
    try:
        workers += (Worker() for _ in range(count))
        kit = make_kit()
        _check_sendable(kit)
        _Crew(workers, count, store, about, kit, tasks, report, writer).run()
    finally:
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.connection.close()
        for worker in workers:
            worker.stop()


class _Crew:
    """The workers of a run, and what is left for them. ``workers`` is the caller's list: it ends whoever is in it."""

    def __init__(
        self,
        workers: list[Worker],
        count: int,
        store: SwapStore,
        about: Json,
        kit: Kit,
        tasks: Sequence[Task],
        report: Callable[[Done], None],
        writer: StoreWriter,
    ) -> None:
        self.workers, self.count, self.store, self.about, self.kit = workers, count, store, about, kit
        self.waiting, self.report, self.writer = deque(tasks), report, writer
        self.deaths: Counter[int] = Counter()
        self.unexplained = 0
        self.errors: dict[int, str] = {}

    def run(self) -> None:
        """Until nothing is left and everybody has sealed and ended."""
        for worker in self.workers:
            self._begin(worker)
        while self.workers:
            by_connection = {worker.connection: worker for worker in self.workers}
            for connection in wait(list(by_connection)):
                self._hear(by_connection[connection])  # type: ignore[index]

    def _begin(self, worker: Worker) -> None:
        worker.set_up(self.store.path, self.about, self.kit)
        worker.give(self._next())

    def _next(self) -> list[Task]:
        size = max(1, min(CHUNK, len(self.waiting) // (2 * self.count)))
        return [self.waiting.popleft() for _ in range(min(size, len(self.waiting)))]

    def _hear(self, worker: Worker) -> None:
        said = worker.hear()
        if isinstance(said, Done):
            self.report(replace(said, error=said.error or self.errors.get(said.index, "")))
            if not worker.in_hand:
                worker.give(self._next())
        elif said == "gone":
            self._replace(worker)
        elif said == "sealed":
            self.workers.remove(worker)
            worker.stop()

    def _replace(self, worker: Worker) -> None:
        """Somebody died: give what is lost to a new worker, and do not let one frame take more than two along."""
        how = worker.how_it_died()
        self.workers.remove(worker)
        lost = [*unsealed(worker.finished, self.store), *worker.in_hand]
        if worker.ready and worker.in_hand:
            lost.remove(worker.in_hand[0])
            lost = [*self._again(worker.in_hand[0], how), *lost]
        else:
            self.unexplained += 1
            if self.unexplained > UNEXPLAINED:
                doing = "sealed what it had done" if worker.ready else "got ready"
                raise WorkerDiedError(
                    f"{self.unexplained} worker processes died; the last one {how} while it {doing}. Everything sealed "
                    "so far is kept; run the same command again to go on."
                )
        self.waiting.extendleft(reversed(lost))
        if self.waiting:
            self.workers.append(Worker())
            self._begin(self.workers[-1])

    def _again(self, task: Task, how: str) -> list[Task]:
        """What is still to be tried of a frame that a worker died of; the rest is recorded as failed."""
        self.deaths[task.index] += 1
        if self.deaths[task.index] < TRIES:
            return [task]
        error = f"WorkerDiedError: a worker process {how} while it worked on this frame, {TRIES} times"
        for _, key in task.slots:
            self.writer.put_swap(key, Swap(Reason.FAILED, notes={"error": error}), task.subject)
        self.errors[task.index] = error
        rest = [] if task.frame_kept else [replace(task, slots=(), look=False)]
        if self.deaths[task.index] > TRIES and rest:  # even reading it kills
            self.writer.put_failed_frame(task.frame_key, error, task.subject)
            rest = []
        self.writer.seal()
        if not rest:
            self.report(Done(task.index, False, False, error))
        return rest


def _check_sendable(kit: Kit) -> None:
    for thing in (kit.engine, kit.landmarker):
        if type(thing).__module__ == "__main__":
            raise ConfigError(
                f"{type(thing).__name__} is defined in the script that is run, and no worker process can import it. "
                "Move it into a module of its own, or pass workers=0 to work in this process."
            )
