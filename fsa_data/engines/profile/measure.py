"""Counting and timing one network.

Operations are counted without computing anything (torch's meta device): multiplications with accumulation of
convolutions and matrix products. Normalisations, activations, sampling and resizing are not counted. Time and memory
are measured.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

Inputs = Callable[[int, torch.device], tuple[Any, ...]]
"""From batch size and device to a network's arguments."""

_PEAK_SIDES = (512, 1024, 2048)
_RUNS, _LONGEST_S = 5, 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one network at one batch size.

    Attributes:
        parameters: how many.
        macs: multiplications with accumulation per sample.
        ms: of a forward pass of the batch, the best of some; None if it was not run.
        mib: most memory that tensors made in between take at a time, without parameters and input; None likewise.
        batch: samples.
    """

    parameters: int
    macs: int
    ms: float | None
    mib: float | None
    batch: int

    @property
    def gmacs_per_s(self) -> float | None:
        """Rate at which the operations that are counted are done."""
        return None if self.ms is None else self.macs * self.batch / self.ms / 1e6

    @property
    def images_per_s(self) -> float | None:
        """Throughput."""
        return None if self.ms is None else 1e3 * self.batch / self.ms


def count_macs(work: Callable[[], object]) -> int:
    """Multiplications with accumulation of everything that is done."""
    with FlopCounterMode(display=False) as counter:
        work()
    total: int = counter.get_total_flops()
    return total // 2


def count(build: Callable[[], nn.Module], inputs: Inputs) -> tuple[int, int]:
    """Parameters, and operations of one sample's forward pass; nothing is computed."""
    meta = torch.device("meta")
    with meta:
        network = build().eval().requires_grad_(False)
    with torch.no_grad():
        macs = count_macs(lambda: network(*inputs(1, meta)))
    return sum(each.numel() for each in network.parameters()), macs


def measure(build: Callable[[], nn.Module], inputs: Inputs, device: torch.device, batch: int) -> Measured:
    """Count, then run a network with fresh weights.

    Args:
        build: makes the network.
        inputs: its arguments.
        device: where it runs.
        batch: samples.
    """
    parameters, macs = count(build, inputs)
    network = build().eval().to(device)
    given = inputs(batch, device)
    with torch.inference_mode():
        with PeakMemory() as memory:
            network(*given)
        best, began = float("inf"), time.perf_counter()
        for _ in range(_RUNS):
            best = min(best, timed(lambda: network(*given), device))
            if time.perf_counter() - began > _LONGEST_S:
                break
    return Measured(parameters, macs, 1e3 * best, memory.peak / 2**20, batch)


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that something takes, on a GPU until it is done there."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def peak_gmacs_per_s(device: torch.device) -> float:
    """The most that this device does, by large products of float32 matrices: no network can be faster."""
    best = 0.0
    for side in _PEAK_SIDES:
        a, b = (torch.rand(side, side, device=device) for _ in range(2))
        torch.mm(a, b)
        seconds = min(timed(lambda a=a, b=b: torch.mm(a, b), device) for _ in range(8))  # type: ignore[misc]
        best = max(best, side**3 / seconds / 1e9)
    return best


class PeakMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch
    """How much memory the tensors that are made meanwhile take at most, in bytes (``peak``)."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation, and count what it returns."""
        out = func(*args, **(kwargs or {}))
        given = {id(each.untyped_storage()) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        for each in tree_leaves(out):
            if isinstance(each, Tensor):
                self._count(each.untyped_storage(), given)
        return out

    def _count(self, storage: Any, given: set[int]) -> None:
        key = id(storage)
        if key in self._known or key in given:
            return  # a view, or done in place
        self._known.add(key)
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, key, storage.nbytes())

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size
