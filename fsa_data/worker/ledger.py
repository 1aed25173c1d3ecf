"""What is left to do, who died of what, and when to give a frame up; the same for every kind of worker.

A worker that dies takes along what it had not sealed: that is done again. A frame that kills its worker is tried once
more; if that worker dies, too, the frame is recorded as failed with the reason, and the run goes on.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fsa_data.errors import WorkerDiedError
from fsa_data.store import StoreWriter, SwapStore
from fsa_data.types import Reason, Swap
from fsa_data.worker.work import Done, Task, unsealed

CHUNK = 8
"""Tasks handed over at once: few enough to share evenly, enough to hide the way there and back."""
TRIES = 2
"""A frame is given up when so many workers have died of it."""
SILENCE_S = 600.0
"""A worker that has not answered for so long hangs: it is ended, and its frame is treated like any that kills."""
TICK_S = 1.0
"""How often workers are looked at. No more is ever added to a silence at once: a suspended run is nobody's fault."""
SILENCE_S = 600.0
"""A worker that has not answered for so long hangs: it is ended, and its frame is treated like any that kills."""
TICK_S = 1.0
"""How often workers are looked at. No more is ever added to a silence at once: a suspended run is nobody's fault."""
UNEXPLAINED = 3
"""So many workers may die without having a frame in hand; then it is no frame's fault."""


class Ledger:
    """The tasks of a run.

    Args:
        tasks: in the order in which they are handed out.
        count: number of workers.
        store: where rows go.
        report: called for each task done; again for one that had to be repeated. What it raises ends the run.
        writer: for frames that no worker survives.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        count: int,
        store: SwapStore,
        report: Callable[[Done], None],
        writer: StoreWriter,
    ) -> None:
        self.tasks, self.count, self.store, self.report, self.writer = tasks, count, store, report, writer
        self.begun = 0
        """Tasks handed out so far, of ``tasks``."""
        self.again: deque[Task] = deque()
        """Tasks to be handed out again, before all others."""
        self.deaths: Counter[int] = Counter()
        self.alone: set[int] = set()
        self.unexplained = 0
        self.errors: dict[int, str] = {}

    def take(self) -> list[Task]:
        """The next tasks for a worker; none if there are no more."""
        size = max(1, min(CHUNK, self.waiting // (2 * self.count)))
        taken: list[Task] = []
        while self.again and len(taken) < size and not (taken and self.again[0].index in self.alone):
            taken.append(self.again.popleft())
            if taken[0].index in self.alone:
                return taken
        if not self.again:
            fresh = self.tasks[self.begun : self.begun + size - len(taken)]
            self.begun += len(fresh)
            taken += fresh
        return taken

    @property
    def waiting(self) -> int:
        """Number of tasks to be handed out."""
        return len(self.again) + len(self.tasks) - self.begun

    def give_back(self, tasks: Sequence[Task]) -> None:
        """Hand these out next: whoever had them is gone."""
        self.again.extendleft(reversed(tasks))

    def done(self, one: Done) -> None:
        """A worker has answered."""
        self.report(replace(one, error=one.error or self.errors.get(one.index, "")))

    def died(
        self, how: str, doing: str, finished: Sequence[Task], in_hand: Sequence[Task], blamed: Task | None
    ) -> None:
        """A worker is gone: what it had not sealed is to be done again.

        Args:
            how: it died, in words.
            doing: what it did, in words, if it had no frame in hand.
            finished: what it answered.
            in_hand: what it was given and has not answered.
            blamed: the one of these that it worked on; None with several in hand means that nobody knows which.

        Raises:
            WorkerDiedError: it was not the first to die without a frame in hand.
        """
        lost = [*unsealed(finished, self.store), *in_hand]
        if blamed is not None:
            lost.remove(blamed)
            lost = [*self._again(blamed, how), *lost]
        elif in_hand:
            self.alone |= {task.index for task in in_hand}
        else:
            self.unexplained += 1
            if self.unexplained > UNEXPLAINED:
                raise WorkerDiedError(
                    f"{self.unexplained} worker processes died; the last one {how} while it {doing}. Everything sealed "
                    "so far is kept; run the same command again to go on."
                )
        self.give_back(lost)

    def _again(self, task: Task, how: str) -> Iterable[Task]:
        """What is still to be tried of a frame that a worker died of; the rest is recorded as failed."""
        self.deaths[task.index] += 1
        if self.deaths[task.index] < TRIES:
            return [task]
        error = f"WorkerDiedError: a worker process {how} while it worked on this frame, {TRIES} times"
        for _, key in task.swaps:
            self.writer.put_swap(key, Swap(Reason.FAILED, notes={"error": error}), task.subject)
        self.errors[task.index] = error
        rest = [] if task.frame_kept else [replace(task, slots=(), swap_keys=b"", look=False)]
        if self.deaths[task.index] > TRIES and rest:  # even reading it kills
            self.writer.put_failed_frame(task.frame_key, error, task.subject)
            rest = []
        self.writer.seal()
        if not rest:
            self.report(Done(task.index, False, False, error))
        return rest
