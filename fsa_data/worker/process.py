"""One worker process: a fresh interpreter that does tasks, seen from both sides of its socket.

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
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from fsa_data.errors import FsaError
from fsa_data.store import SwapStore
from fsa_data.types import Json
from fsa_data.worker.ledger import SILENCE_S
from fsa_data.worker.work import Done, FrameWorker, Kit, Task, device_lost

DEVICE_LOST = 74
"""Exit code of a worker that can use its device no more."""
GRACE_S = 30.0
"""How long a worker may take to finish its frame and seal when the run ends early."""
# Ctrl-C reaches the whole process group; the parent decides when to end, so workers ignore it from the first line on.
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "import sys, json; sys.path[:] = json.loads(sys.argv[2]); "
    "from fsa_data.worker.process import main; main()"
)
SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
Word = Literal["ready", "sealed", "gone"]
"""Set up and about to begin; everything sealed and ended; ended without a word."""


@dataclass(frozen=True, slots=True)
class _Crash:
    """What nobody foresaw; its text only, for the exception may be of a kind that the parent cannot read."""

    traceback: str


class Worker:
    """One worker process, seen from the process that started it.

    Attributes:
        in_hand: what it was given and has not answered; it works on the first.
        finished: what it answered and may not have sealed yet.
        ready: it has begun to work.
        silence_s: seconds for which it has worked without an answer.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        path = [entry for entry in sys.path if isinstance(entry, str)]  # import ignores the others, too
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(path)],
                pass_fds=[theirs.fileno()],
                env=os.environ | SINGLE_THREADED,
                stdin=subprocess.DEVNULL,
            )
        self.connection = Connection(ours.detach())
        self.in_hand: deque[Task] = deque()
        self.finished: list[Task] = []
        self.seals = 0
        self.ready = False
        self.silence_s = 0.0
        self._hung = False

    def set_up(self, path: Path, about: Json, kit: Kit) -> None:
        """Send what the worker needs."""
        self._send((path, about, kit))

    def give(self, tasks: Sequence[Task]) -> None:
        """Hand over tasks; none means that there are no more, and the worker seals and ends."""
        self.in_hand.extend(tasks)
        self._send(list(tasks))

    def _send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # it is gone; that is noticed when it is listened to
            self.connection.send(message)

    def hear(self) -> Done | Word:
        """The next thing that the worker has to say.

        Raises:
            FsaError: what it met and could not go on with.
            RuntimeError: it failed in a way that nobody foresaw; the message holds its traceback.
        """
        self.silence_s = 0.0
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            return "gone"
        if isinstance(said, FsaError):
            raise said
        if isinstance(said, _Crash):
            raise RuntimeError(f"A worker process failed:\n{said.traceback}")
        if isinstance(said, Done):
            if said.seals > self.seals:
                self.seals = said.seals
                self.finished.clear()
            self.finished.append(self.in_hand.popleft())
        self.ready = True
        answer: Done | Word = said
        return answer

    def waited(self, seconds: float) -> None:
        """Count time in which it was not heard; who hangs is ended, and is gone when it is listened to next."""
        self.silence_s += seconds if self.ready and self.in_hand else 0.0
        if self.silence_s > SILENCE_S:
            self._hung = True
            self.process.kill()

    def how_it_died(self) -> str:
        """How a worker that is gone ended, in words; waits for its end."""
        self.stop()
        if self._hung:
            return f"was ended, for it had not answered for {SILENCE_S:g} s,"
        code = self.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        how += ", its device being lost," if code == DEVICE_LOST else ""
        hint = " (the system does that when memory runs out: try fewer workers)" if code == -signal.SIGKILL else ""
        return f"{how}{hint}"

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


def main() -> None:
    """A worker process: read the kit, do tasks until there are none, seal, end."""
    connection = Connection(int(sys.argv[1]))
    try:
        _serve(connection)
        _say(connection, "sealed")
    except FsaError as error:
        _say(connection, error)
    except Exception as error:
        if device_lost(error):  # a fresh process can go on: this one dies of the frame that it has in hand
            sys.exit(DEVICE_LOST)
        _say(connection, _Crash(traceback.format_exc()))


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
            connection.send("ready")
            while tasks := connection.recv():
                for task in tasks:
                    connection.send(worker.do(task))


def _say(connection: Connection, message: Any) -> None:
    with contextlib.suppress(OSError):
        connection.send(message)
