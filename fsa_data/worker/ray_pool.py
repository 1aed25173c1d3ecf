"""Worker processes of a Ray cluster: actors that write shards of their own into a store that all machines share.

The driver hands out tasks, shows the progress and replaces actors that die, with their node or by themselves. Ray is an
extra: ``pip install 'fsa-data[ray]'``. ``ray.init()`` finds a running cluster by ``RAY_ADDRESS``, or starts one here.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsa_data.errors import ConfigError, FsaError
from fsa_data.store import StoreWriter, SwapStore
from fsa_data.types import Json, SwapEngine
from fsa_data.worker.ledger import SILENCE_S, TICK_S, Ledger
from fsa_data.worker.pool import check_sendable
from fsa_data.worker.process import DEVICE_LOST, GRACE_S, SINGLE_THREADED
from fsa_data.worker.work import Done, FrameWorker, Kit, Task, device_lost


class RayWorker:
    """What an actor does; one on each core or GPU that it is given.

    Args:
        path: of the store, on this machine as on the driver's.
        about: facts for the shards.
        kit: what to work with.
    """

    def __init__(self, path: Path, about: Json, kit: Kit) -> None:
        import cv2

        cv2.setNumThreads(0)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        store = SwapStore(path)
        trained_on = kit.engine.trained_on if kit.engine is not None else ()
        self._writer = store.writer(about, tuple(trained_on))
        self._writer.__enter__()
        self._worker = FrameWorker(kit, store, self._writer)

    def ready(self) -> None:
        """Answers once the actor is made."""

    def do(self, tasks: list[Task]) -> list[Done]:
        """Do some tasks. A lost device ends the process: a fresh one can go on, this one could do nothing more."""
        try:
            return [self._worker.do(task) for task in tasks]
        except RuntimeError as error:
            if device_lost(error):
                os._exit(DEVICE_LOST)
            raise

    def seal(self) -> None:
        """Seal what is done; nothing comes after."""
        self._writer.__exit__(None, None, None)


_SEALING = "sealed what it had done"


@dataclass(eq=False)
class _Actor:
    """An actor, seen from the driver."""

    handle: Any
    in_hand: list[Task] = field(default_factory=list)
    finished: list[Task] = field(default_factory=list)
    seals: int = 0
    doing: str = "got ready"
    silence_s: float = 0.0
    hung: bool = False


def run_on_ray(
    count: int | None,
    store: SwapStore,
    about: Json,
    make_kit: Callable[[], Kit],
    tasks: Sequence[Task],
    report: Callable[[Done], None],
    writer: StoreWriter,
) -> None:
    """Do tasks in actors of a Ray cluster; returns when every row is sealed.

    Args:
        count: number of actors; None for as many as the cluster has cores, or GPUs if the engine works on them.
        store: where rows go: a folder that every node sees under the same path.
        about: facts for the shards.
        make_kit: called once.
        tasks: in the order in which they are handed out.
        report: called for each task done; again for one that had to be repeated. What it raises ends the run.
        writer: of this process, for frames that no actor survives.

    Raises:
        ConfigError: Ray is not installed, or the engine or the landmarker cannot be sent to another process.
        WorkerDiedError: actors die before they begin, or when they seal.
        FsaError: what an actor met and could not go on with.
    """
    ray = _ray()
    kit = make_kit()
    check_sendable(kit)
    gpus = _gpus(ray, kit.engine)
    if count is None:
        resources = ray.cluster_resources()
        count = int(resources.get("GPU", 0) if gpus else resources.get("CPU", 1))
    count = max(1, min(count, len(tasks)))
    crew = _Crew(ray, store, about, kit, gpus, Ledger(tasks, count, store, report, writer))
    try:
        crew.run(count)
    finally:
        crew.end()


class _Crew:
    """The actors of a run."""

    def __init__(self, ray: Any, store: SwapStore, about: Json, kit: Kit, gpus: int, ledger: Ledger) -> None:
        self.ray, self.ledger = ray, ledger
        self.path = store.path.resolve()  # actors start elsewhere
        self.about, self.kit = ray.put(about), ray.put(kit)
        env = {**SINGLE_THREADED, "PYTHONPATH": os.pathsep.join(part for part in map(str, sys.path) if part)}
        self.remote = ray.remote(RayWorker).options(num_cpus=1, num_gpus=gpus, runtime_env={"env_vars": env})
        self.actors: set[_Actor] = set()
        self.pending: dict[Any, _Actor] = {}

    def run(self, count: int) -> None:
        """Until nothing is left and everybody has sealed."""
        for _ in range(count):
            self._begin()
        looked = time.monotonic()
        while self.pending:
            answered, _ = self.ray.wait(list(self.pending), num_returns=1, timeout=TICK_S)
            since, looked = time.monotonic() - looked, time.monotonic()
            for actor in self.pending.values():
                self._waited(actor, min(since, TICK_S))
            for ref in answered:
                self._hear(ref, self.pending.pop(ref))

    def end(self) -> None:
        """Let go of all actors. When the run ends early each ends what it has in hand, and seals if it still can."""
        actors = list(self.actors)
        self.actors.clear()
        sealing = [actor.handle.seal.remote() for actor in actors if actor.doing != _SEALING]
        if sealing:
            self.ray.wait(sealing, num_returns=len(sealing), timeout=GRACE_S)
        for actor in actors:
            actor.handle.__ray_terminate__.remote()

    def _begin(self) -> None:
        actor = _Actor(self.remote.remote(self.path, self.about, self.kit))
        self.actors.add(actor)
        self.pending[actor.handle.ready.remote()] = actor

    def _give(self, actor: _Actor) -> None:
        actor.in_hand = self.ledger.take()
        actor.doing = "worked" if actor.in_hand else _SEALING
        ref = actor.handle.do.remote(actor.in_hand) if actor.in_hand else actor.handle.seal.remote()
        self.pending[ref] = actor

    def _waited(self, actor: _Actor, seconds: float) -> None:
        """Count time in which an actor has not answered; who hangs is ended, and is heard of as lost."""
        actor.silence_s += seconds if actor.doing == "worked" else 0.0
        if actor.silence_s > SILENCE_S * len(actor.in_hand):
            actor.hung = True
            self.ray.kill(actor.handle)

    def _hear(self, ref: Any, actor: _Actor) -> None:
        actor.silence_s = 0.0
        errors = self.ray.exceptions
        try:
            done = self.ray.get(ref)
        except errors.RayActorError as error:
            self._replace(actor, error)
            return
        except errors.RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, FsaError) else RuntimeError(f"An actor failed:\n{error}") from None
        if actor.doing == _SEALING:
            self.actors.remove(actor)
            actor.handle.__ray_terminate__.remote()
            return
        for task, one in zip(actor.in_hand, done or (), strict=True):
            if one.seals > actor.seals:
                actor.seals = one.seals
                actor.finished.clear()
            actor.finished.append(task)
            self.ledger.done(one)
        self._give(actor)

    def _replace(self, actor: _Actor, error: Exception) -> None:
        self.actors.remove(actor)
        how = f"was lost ({str(error).strip().splitlines()[0]})"
        if actor.hung:
            how = f"was ended, for it had not answered for {SILENCE_S:g} s a frame,"
        blamed = actor.in_hand[0] if len(actor.in_hand) == 1 else None
        self.ledger.died(how, actor.doing, actor.finished, actor.in_hand, blamed)
        if self.ledger.waiting:
            self._begin()


def _gpus(ray: Any, engine: SwapEngine | None) -> int:
    """GPUs that each actor takes."""
    device = str(getattr(engine, "device", "cpu"))
    return int(device.startswith("cuda") or (device == "auto" and ray.cluster_resources().get("GPU", 0) > 0))


def _ray() -> Any:
    """Ray, connected.

    Raises:
        ConfigError: it is not installed, or the cluster does not answer.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError("executor=ray needs Ray: pip install 'fsa-data[ray]'.") from error
    if not ray.is_initialized():
        try:
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"No Ray cluster can be reached or started: {error}") from error
    return ray
