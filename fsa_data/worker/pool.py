"""Worker processes of this machine at work: tasks handed out, answers taken, and whoever dies replaced."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait

from fsa_data.errors import ConfigError
from fsa_data.store import StoreWriter, SwapStore
from fsa_data.types import Json
from fsa_data.worker.ledger import TICK_S, Ledger
from fsa_data.worker.process import Worker
from fsa_data.worker.work import Done, Kit, Task


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
        check_sendable(kit)
        _Crew(workers, store, about, kit, Ledger(tasks, count, store, report, writer)).run()
    finally:
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.connection.close()
        for worker in workers:
            worker.stop()


class _Crew:
    """The workers of a run. ``workers`` is the caller's list: it ends whoever is in it."""

    def __init__(self, workers: list[Worker], store: SwapStore, about: Json, kit: Kit, ledger: Ledger) -> None:
        self.workers, self.store, self.about, self.kit, self.ledger = workers, store, about, kit, ledger

    def run(self) -> None:
        """Until nothing is left and everybody has sealed and ended."""
        for worker in self.workers:
            self._begin(worker)
        looked = time.monotonic()
        while self.workers:
            by_connection = {worker.connection: worker for worker in self.workers}
            speaking = wait(list(by_connection), TICK_S)
            since, looked = time.monotonic() - looked, time.monotonic()
            for worker in self.workers:
                worker.waited(min(since, TICK_S))
            for connection in speaking:
                self._hear(by_connection[connection])  # type: ignore[index]

    def _begin(self, worker: Worker) -> None:
        worker.set_up(self.store.path, self.about, self.kit)
        worker.give(self.ledger.take())

    def _hear(self, worker: Worker) -> None:
        said = worker.hear()
        if isinstance(said, Done):
            self.ledger.done(said)
            if not worker.in_hand:
                worker.give(self.ledger.take())
        elif said == "gone":
            self._replace(worker)
        elif said == "sealed":
            self.workers.remove(worker)
            worker.stop()

    def _replace(self, worker: Worker) -> None:
        how = worker.how_it_died()
        self.workers.remove(worker)
        doing = "sealed what it had done" if worker.ready else "got ready"
        if worker.ready and worker.in_hand:
            self.ledger.died(how, doing, worker.finished, worker.in_hand, worker.in_hand[0])
        else:
            self.ledger.give_back(worker.in_hand)  # it had not begun with them
            self.ledger.died(how, doing, worker.finished, (), None)
        if self.ledger.waiting:
            self.workers.append(Worker())
            self._begin(self.workers[-1])


def check_sendable(kit: Kit) -> None:
    """Whether other processes can have it.

    Raises:
        ConfigError: the engine or the landmarker is of a class that they cannot import.
    """
    for thing in (kit.engine, kit.landmarker):
        if type(thing).__module__ == "__main__":
            raise ConfigError(
                f"{type(thing).__name__} is defined in the script that is run, and no worker process can import it. "
                "Move it into a module of its own, or pass workers=0 to work in this process."
            )
