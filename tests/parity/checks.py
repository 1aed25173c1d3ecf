"""Comparing what the house computes with what a fixture holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tests.parity.kinds import KINDS
from tests.parity.limits import limit_of
from tests.parity.recipe import Fixture


@dataclass(frozen=True)
class Line:
    """One line of the report.

    Attributes:
        fixture: name of the fixture or file.
        output: name of the output, or what was tried.
        verdict: ``ok``, ``MISS`` or ``skip``.
        error: how far off, in the units of ``limit``.
        limit: how far it may be off.
        note: why, if it is no matter of numbers.
    """

    fixture: str
    output: str
    verdict: str
    error: float | None = None
    limit: float | None = None
    note: str = ""

    def __str__(self) -> str:
        numbers = (
            "" if self.error is None or self.limit is None else f"error {self.error:.1e}  limit {self.limit:.0e}  "
        )
        return f"{self.fixture:<44} {self.output:<22} {numbers}{self.verdict}{f'  {self.note}' if self.note else ''}"


def one_line(error: BaseException) -> str:
    """An exception with its message, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def check_fixture(fixture: Fixture) -> list[Line]:
    """One line per output; one alone if the module is not known or cannot be built."""
    module = fixture.meta.get("module")
    if module not in KINDS:
        return [Line(fixture.name, "-", "skip", note=f"not built yet: {module}")]
    try:
        with torch.no_grad():
            got = KINDS[module](fixture)
    except Exception as error:
        return [Line(fixture.name, "-", "MISS", note=one_line(error))]
    names = list(fixture.meta["outputs"])
    if not names:
        return [Line(fixture.name, "-", "MISS", note="the fixture names no output")]
    return [compare(fixture, name, got.get(name)) for name in names]


def compare(fixture: Fixture, output: str, got: Any) -> Line:
    """The complete output of the house against the stored part of the fixture's."""
    about = fixture.meta["outputs"][output]
    stored = fixture.arrays.get(f"out_{output}")
    if got is None or stored is None:
        who = "the house does not compute it" if got is None else "the fixture does not hold it"
        return Line(fixture.name, output, "MISS", note=who)
    whole = np.asarray(got.detach().cpu().numpy() if isinstance(got, torch.Tensor) else got)
    if list(whole.shape) != list(about["shape"]):
        return Line(fixture.name, output, "MISS", note=f"shape {list(whole.shape)} instead of {list(about['shape'])}")
    stride = int(about.get("stride", 1))
    part = whole[..., ::stride, ::stride] if stride > 1 else whole
    if part.shape != stored.shape:
        return Line(fixture.name, output, "MISS", note=f"shape {part.shape} instead of the stored {stored.shape}")
    limit = limit_of(fixture, output)
    error = farthest(part, stored)
    if limit.relative:
        error /= max(float(about["absmax"]), 1e-12)
    return Line(fixture.name, output, "ok" if error <= limit.value else "MISS", error, limit.value)


def farthest(got: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute difference; infinite if one is not a number where the other is."""
    if not got.size:
        return 0.0
    a, b = got.astype(np.float64), expected.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = float(np.where(same, 0.0, np.abs(a - b)).max())
    return math.inf if math.isnan(apart) else apart
