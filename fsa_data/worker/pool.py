"""Worker processes: fresh interpreters that do tasks and are watched.

A worker is started as ``python -c ...`` with one socket, not through ``multiprocessing.Process``: so the user's main
module is not imported again, and a script without an ``if __name__ == "__main__"`` guard works.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from fsa_data.errors import ConfigError, FsaError, WorkerDiedError
from fsa_data.store import SwapStore
from fsa_data.types import Json
from fsa_data.worker.work import Done, FrameWorker, Kit, Task

CHUNK = 8
"""Tasks handed over at once: few enough to share evenly, enough to hide the way there and back."""
GRACE_S = 30.0
"""How long a worker may take to finish its frame and seal when the run ends early."""
# Ctrl-C reaches the whole process group; the parent decides when to end, so workers ignore it from the first line on.
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "import sys, json; sys.path[:] = json.loads(sys.argv[2]); "
    "from fsa_data.worker.pool import main; main()"
)
SEALED = "sealed"
_SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Worker:
    """One worker process, seen from the process that started it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        path = [entry for entry in sys.path if isinstance(entry, str)]  # import ignores the others, too
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(path)],
                pass_fds=[theirs.fileno()],
                env=os.environ | _SINGLE_THREADED,
                stdin=subprocess.DEVNULL,
            )
        self.connection = Connection(ours.detach())
        self.in_hand: Sequence[Task] = ()

    def give(self, tasks: Sequence[Task]) -> None:
        """Hand over tasks; none means that there are no more, and the worker seals and ends."""
        self.in_hand = tasks
        self._send(list(tasks))

    def _send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except OSError as error:
            self.answer()  # it may have said why it went
            raise self.died() from error

    def answer(self) -> list[Done] | None:
        """What the worker has to say: tasks done, or None when it has sealed everything and ended.

        Raises:
            WorkerDiedError: it ended without a word.
            FsaError: what it met and could not go on with.
            RuntimeError: it failed in a way that nobody foresaw; the message holds its traceback.
        """
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            said = None
        if isinstance(said, list):
            return said
        if said == SEALED:
            return None
        if isinstance(said, str):
            raise RuntimeError(f"A worker process failed:\n{said}")
        if isinstance(said, FsaError):
            raise said
        raise self.died()

    def set_up(self, path: Path, about: Json, kit: Kit) -> None:
        """Send what the worker needs."""
        self._send((path, about, kit))

    def died(self) -> WorkerDiedError:
        """What to say about a worker that is gone."""
        self.stop()
        code = self.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        hint = " The system kills processes when memory runs out: try fewer workers." if code == -signal.SIGKILL else ""
        at = f" while it worked on {', '.join(str(task.ref) for task in self.in_hand[:3])} ..." if self.in_hand else ""
        return WorkerDiedError(
            f"A worker process (pid {self.process.pid}) {how}{at}.{hint} Everything sealed so far is kept; "
            "run the same command again to go on."
        )

    def stop(self) -> None:
        """Make sure that the process is gone: it seals what it has done if it still can."""
        with contextlib.suppress(OSError):
            self.connection.close()  # the worker reads the end of its orders, seals and ends
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        except BaseException:
            self.process.kill()
            raise


def run_in_processes(
    count: int,
    path: Path,
    about: Json,
    make_kit: Callable[[], Kit],
    tasks: Sequence[Task],
    report: Callable[[Done], None],
) -> None:
    """Do tasks in ``count`` fresh processes; returns when every row is sealed.

    Args:
        count: number of processes.
        path: the store.
        about: facts for the shards.
        make_kit: called once, while the processes start.
        tasks: in the order in which they are handed out.
        report: called for each task done.

    Raises:
        WorkerDiedError: a worker was killed or crashed; the others have sealed what they did.
        FsaError: what a worker met and could not go on with.
        ConfigError: the engine or the landmarker cannot be sent to another process.
    """
    workers: list[Worker] = []
    try:
        workers += (Worker() for _ in range(count))
        kit = make_kit()
        _check_sendable(kit)
        waiting = deque(tasks)
        for worker in workers:
            worker.set_up(path, about, kit)
            worker.give(_next(waiting, count))
        working = {worker.connection: worker for worker in workers}
        while working:
            for ready in wait(list(working)):
                worker = working[ready]  # type: ignore[index]
                finished = worker.answer()
                if finished is None:
                    del working[worker.connection]
                    continue
                for done in finished:
                    report(done)
                worker.give(_next(waiting, count))
    finally:
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.connection.close()
        for worker in workers:
            worker.stop()


def _next(waiting: deque[Task], count: int) -> list[Task]:
    size = max(1, min(CHUNK, len(waiting) // (2 * count)))
    return [waiting.popleft() for _ in range(min(size, len(waiting)))]


def _check_sendable(kit: Kit) -> None:
    for thing in (kit.engine, kit.landmarker):
        if type(thing).__module__ == "__main__":
            raise ConfigError(
                f"{type(thing).__name__} is defined in the script that is run, and no worker process can import it. "
                "Move it into a module of its own, or pass workers=0 to work in this process."
            )


def main() -> None:
    """A worker process: read the kit, do tasks until there are none, seal, end."""
    connection = Connection(int(sys.argv[1]))
    try:
        _serve(connection)
        _say(connection, SEALED)
    except FsaError as error:
        _say(connection, error)
    except Exception:
        _say(connection, traceback.format_exc())


def _serve(connection: Connection) -> None:
    import cv2

    cv2.setNumThreads(0)
    try:
        path, about, kit = connection.recv()
    except EOFError:
        return
    store = SwapStore(path)
    trained_on = kit.engine.trained_on if kit.engine is not None else ()
    with store.writer(about, tuple(trained_on)) as writer:
        if "torch" in sys.modules:  # an engine that comes with networks
            sys.modules["torch"].set_num_threads(1)
        worker = FrameWorker(kit, store, writer)
        with contextlib.suppress(EOFError, ConnectionError):  # the parent is gone: seal and end
            while tasks := connection.recv():
                connection.send([worker.do(task) for task in tasks])


def _say(connection: Connection, message: Any) -> None:
    with contextlib.suppress(OSError):
        connection.send(message)
