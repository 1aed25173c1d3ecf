"""On what a measurement was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("fsa-data", "torch", "torchvision", "pillow", "numpy", "opencv-python", "h5py", "pytorch-lightning", "timm")


def machine() -> dict[str, object]:
    """Processor, cores, load and versions, as plain JSON values."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_1_min": round(os.getloadavg()[0], 2),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def described(facts: dict[str, object]) -> str:
    """One paragraph."""
    versions = facts["versions"]
    assert isinstance(versions, dict)
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, load {facts['load_1_min']} at the start; {facts['system']}, "
        f"Python {facts['python']}, {named}"
    )


def verdict(value: float, bar: float, at_least: bool) -> str:
    """Whether a figure reaches its bar, in words."""
    met = value >= bar if at_least else value <= bar
    return f"{'met' if met else 'MISSED'} (at {'least' if at_least else 'most'} {bar:g})"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
