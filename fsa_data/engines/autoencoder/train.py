"""The training loop: unattended, resumable to the very step, and hard to break.

A run asks nothing and opens no window. It stops at a number of iterations; started again it goes on where it stood,
and on the CPU the weights are those of a run that never stopped, bit for bit. When a loss is no number it returns to
the last snapshot with other samples; when that does not help, or happens at once, it stops and says so.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from fsa_data.engines.autoencoder.face_tensors import FaceTensors
from fsa_data.engines.autoencoder.losses import cosine_share
from fsa_data.engines.autoencoder.preset import Preset
from fsa_data.engines.autoencoder.preview import preview_image, write_preview
from fsa_data.engines.autoencoder.samples import SampleMaker
from fsa_data.engines.autoencoder.snapshot import State, check_architecture, read_state, write_snapshot
from fsa_data.engines.autoencoder.step import Step
from fsa_data.engines.snapshots import MOMENTS, find_snapshot, locked, read_tensors, snapshots
from fsa_data.errors import ConfigError, DivergedError

MOST_ROLLBACKS = 3
"""Times that a training goes back before it gives up."""

_CHECK_EVERY = {"cpu": 1, "cuda": 20}
"""Steps between looks at the loss: on a GPU each look waits for everything before it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a training is run; nothing here changes what comes out.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        snapshot_every: iterations between snapshots; there is always one at the end.
        preview_every: iterations between pictures in ``preview/``; 0 is none.
        progress: whether a progress line is shown.
        tensorboard: whether losses go to TensorBoard, too, if it is installed.
    """

    device: str = "auto"
    snapshot_every: int = 1000
    preview_every: int = 1000
    progress: bool = True
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did.

    Attributes:
        snapshot: path of the last snapshot.
        iteration: steps done in all.
        losses: mean of the last hundred steps, source's and target's side.
        seconds: of this run.
        sample_seconds: of these, making samples (on a GPU only the time to ask for them).
        rollbacks: how often it went back, in all.
    """

    snapshot: Path
    iteration: int
    losses: tuple[float, float]
    seconds: float
    sample_seconds: float
    rollbacks: int


def train(
    src: FaceTensors,
    dst: FaceTensors,
    folder: str | Path,
    preset: Preset,
    seed: int = 0,
    init_from: str | Path | None = None,
    until: int | None = None,
    options: TrainOptions | None = None,
) -> Report:
    """Train until ``preset.iterations`` steps are done in all.

    Args:
        src: faces of one person, to be put on.
        dst: faces of the person who wears them.
        folder: where snapshots and previews go. With snapshots in it the training goes on from the latest.
        preset: what is trained and how. Everything but the architecture may differ from the snapshot's.
        seed: of fresh weights and of samples.
        init_from: a training or snapshot to start from, if ``folder`` holds none yet: its weights, its moments and the
            identities it has seen; iterations count from 0.
        until: stop here already; learning rate and warp still go by ``preset.iterations``.
        options: how it is run.

    Returns:
        What was done.

    Raises:
        ConfigError: no CUDA where it is asked for, or the source's faces are of several people.
        WrongWeightsError: the snapshot is of another architecture, or damaged.
        DivergedError: losses are no numbers from the first step on, or again and again.
        OutputError: the folder cannot be written.
        RunDirectoryError: another run is training there.
    """
    run = _Run(src, dst, Path(folder), preset, seed, options or TrainOptions())
    end = min(preset.iterations, until or preset.iterations)
    with locked(run.folder):
        run.start(init_from)
        with tqdm(total=end, initial=run.iteration, disable=not run.options.progress, unit="it") as line:
            try:
                run.loop(line, end)
            finally:
                if run.board is not None:
                    run.board.close()
    return run.report()


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one.

    Raises:
        ConfigError: another word, or no CUDA here.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda, got {name!r}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but torch finds no CUDA device here; use device=cpu or auto.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def lr_share(preset: Preset, iteration: int) -> float:
    """Share of the learning rate in a step, counted from 0."""
    share = min(1.0, (iteration + 1) / preset.lr_warm_up) if preset.lr_warm_up else 1.0
    if preset.lr_decay:
        begin = preset.iterations * (1 - preset.lr_decay)
        done = min(max((iteration - begin) / (preset.iterations - begin), 0.0), 1.0)
        share *= 0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2
    return share * (cosine_share(iteration) if preset.lr_cosine else 1.0)


def is_warped(preset: Preset, iteration: int) -> bool:
    """Whether a step, counted from 0, shows bent inputs."""
    plain = preset.plain_every and (iteration + 1) % preset.plain_every == 0
    return (
        preset.random_warp and not plain and not preset.pretrain and iteration < preset.warp_share * preset.iterations
    )


class _Run:
    """State of a run between its steps."""

    def __init__(
        self, src: FaceTensors, dst: FaceTensors, folder: Path, preset: Preset, seed: int, options: TrainOptions
    ) -> None:
        if len(src.identities) != 1 and not preset.pretrain:
            names = ", ".join(sorted(src.identities)) or "nobody"
            raise ConfigError(f"The faces to put on must be of one person, got {names}.")
        self.folder, self.preset, self.seed, self.options = folder, preset, seed, options
        self.device = pick_device(options.device)
        self.src, self.dst = (side.resized(preset.resolution).to(self.device) for side in (src, dst))
        self.step = Step(preset, self.device, seed)
        self.drawn = torch.Generator().manual_seed(seed)
        self.makers = {
            "src": SampleMaker(self.src, preset.sample_options("src"), self.drawn, self.dst),
            "dst": SampleMaker(self.dst, preset.sample_options("dst"), self.drawn),
        }
        self.iteration, self.rollbacks = 0, 0
        self.history: list[tuple[float, float]] = []
        self.identities = src.identities | dst.identities
        self.unread: list[Tensor] = []
        self.seconds, self.sample_seconds = 0.0, 0.0
        self.board: Any = None

    def start(self, init_from: str | Path | None) -> None:
        """Take over a snapshot, or write the first."""
        if snapshots(self.folder):
            self._take_over(find_snapshot(self.folder), resume=True)
        elif init_from is not None:
            self._take_over(find_snapshot(init_from), resume=False)
        if not snapshots(self.folder):
            self._save()
        if self.options.tensorboard:
            self.board = _board(self.folder)

    def _take_over(self, snapshot: Path, resume: bool) -> None:
        state = read_state(snapshot)
        check_architecture(snapshot, state.preset, self.preset)
        self.identities |= state.identities
        self.step.load(read_tensors(snapshot), self._moments(snapshot, state))
        if state.preset.pretrain and not self.preset.pretrain:
            self.step.renew_inters(self.seed)
            resume = False
            for _, old in snapshots(self.folder):  # the steps count from 0 again
                old.rename(old.with_name(f"pretrained-{old.name.removeprefix('step-')}"))
        if not resume:
            return
        self.iteration, self.history, self.rollbacks = state.iteration, list(state.history), state.rollbacks
        self.drawn.set_state(state.random["samples"])
        if len(state.random["dropout"]) == len(self.step.dropped.get_state()):  # else of another kind of device
            self.step.dropped.set_state(state.random["dropout"])
        for side, maker in self.makers.items():
            maker.order.restore(state.orders[side])

    def _moments(self, snapshot: Path, state: State) -> dict[str, Tensor]:
        same = state.preset.optimiser == self.preset.optimiser and (snapshot / MOMENTS).is_file()
        return read_tensors(snapshot, MOMENTS) if same else {}

    def loop(self, line: Any, end: int) -> None:
        """Steps until ``end`` are done."""
        preset, options, first = self.preset, self.options, self.iteration
        begin = time.perf_counter()
        while self.iteration < end:
            started = time.perf_counter()
            src, dst = (self.makers[side].make(preset.batch_size) for side in ("src", "dst"))
            self.sample_seconds += time.perf_counter() - started
            loss = self.step(src, dst, lr_share(preset, self.iteration), is_warped(preset, self.iteration))
            self.unread.append(loss)
            self.iteration += 1
            line.update()
            last = self.iteration == end
            saving = last or self.iteration % options.snapshot_every == 0
            if saving or len(self.unread) >= _CHECK_EVERY[self.device.type]:
                broken = self._read_losses(line)
                if broken is None and saving and not self.step.finite():
                    broken = self.iteration
                if broken is not None:
                    self._go_back(broken, first)
                    line.n = self.iteration
                    continue
            if saving:
                self._save()
            if options.preview_every and (last or self.iteration % options.preview_every == 0):
                picture = preview_image(self.step.net, self.src, self.dst)
                write_preview(self.folder / "preview" / f"{self.iteration:08d}.png", picture)
        self.seconds = time.perf_counter() - begin

    def _read_losses(self, line: Any) -> int | None:
        """Losses from the device to the history; the first iteration whose loss is no number, if there is one."""
        values = torch.stack(self.unread).tolist()
        self.unread.clear()
        for at, pair in enumerate(values, self.iteration - len(values) + 1):
            if not all(map(math.isfinite, pair)):
                return at
            if self.board is not None:
                for side, value in zip(("source", "target"), pair, strict=True):
                    self.board.add_scalar(f"loss/{side}", value, at)
        self.history += [(round(a, 6), round(b, 6)) for a, b in values]
        line.set_postfix_str("loss source {:.3f}, target {:.3f}".format(*self.history[-1]), refresh=False)
        return None

    def _go_back(self, broken: int, first: int) -> None:
        """To the last snapshot, with other samples from there on."""
        self.rollbacks += 1
        snapshot = find_snapshot(self.folder)
        state = read_state(snapshot)
        help_ = "Lower lr, set clip_gradients=1, or look at the faces."
        if broken == first + 1:
            raise DivergedError(f"The loss is no number from the first step on (iteration {broken}). {help_}")
        if self.rollbacks - state.rollbacks > MOST_ROLLBACKS:
            raise DivergedError(
                f"The loss is no number at iteration {broken}, after {MOST_ROLLBACKS} returns to {snapshot}. {help_}"
            )
        count = self.rollbacks
        _log.warning("The loss is no number at iteration %d; back to iteration %d.", broken, state.iteration)
        self._take_over(snapshot, resume=True)
        self.rollbacks = count
        self.drawn.manual_seed(self.seed + 7919 * count + state.iteration)
        self.unread.clear()

    def _save(self) -> None:
        state = State(
            preset=self.preset,
            iteration=self.iteration,
            identities=frozenset(self.identities),
            source="" if self.preset.pretrain else next(iter(self.src.identities)),
            random={"samples": self.drawn.get_state(), "dropout": self.step.dropped.get_state().cpu()},
            orders={side: maker.order.state() for side, maker in self.makers.items()},
            history=self.history,
            rollbacks=self.rollbacks,
        )
        write_snapshot(self.folder, state, *self.step.tensors())

    def report(self) -> Report:
        """What was done."""
        last = self.history[-100:]
        means = tuple(sum(column) / len(last) for column in zip(*last, strict=True)) if last else (math.nan, math.nan)
        return Report(
            find_snapshot(self.folder),
            self.iteration,
            (means[0], means[1]),
            self.seconds,
            self.sample_seconds,
            self.rollbacks,
        )


def _board(folder: Path) -> Any:
    """A TensorBoard writer.

    Raises:
        ConfigError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError("TensorBoard is not installed: pip install 'fsa-data[tensorboard]'.") from error
    return SummaryWriter(str(folder / "tensorboard"))


def extended(preset: Preset, by: int, folder: str | Path) -> Preset:
    """The preset with ``by`` iterations more than a training has done, as T1 did for each further swap."""
    done = snapshots(Path(folder))
    return replace(preset, iterations=(done[-1][0] if done else 0) + by)
