"""What must be there before anything is installed: Python, system libraries, room on the disk.

Standard library only, and runnable as a plain file (``python3 fsa_data/preflight.py``), because it runs first.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path

MINIMUM_PYTHON = (3, 11)
ENVIRONMENT_GB = 8.0
"""Room that a new environment needs: about 7 GB with the CUDA build of torch, and some for data and runs."""

# shared object that is loaded at import or first use -> Debian package that carries it
SYSTEM_LIBRARIES = {
    "libGL.so.1": "libgl1",  # opencv-python
    "libglib-2.0.so.0": "libglib2.0-0",  # opencv-python
    "libEGL.so.1": "libegl1",  # mediapipe
    "libGLESv2.so.2": "libgles2",  # mediapipe
}


def missing_packages() -> list[str]:
    """Debian packages whose libraries cannot be loaded here; empty on anything but Linux."""
    if not sys.platform.startswith("linux"):
        return []
    missing = []
    for library, package in SYSTEM_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    return missing


def problems(environment: Path) -> list[str]:
    """What stands in the way of installing into ``environment``, one sentence each, with the remedy."""
    found = []
    if sys.version_info < MINIMUM_PYTHON:
        wanted = ".".join(map(str, MINIMUM_PYTHON))
        found.append(
            f"Python {sys.version.split()[0]} is too old; {wanted} or newer is needed: make PYTHON=python{wanted}"
        )
    if packages := missing_packages():
        found.append(f"System libraries are missing. On Debian or Ubuntu: apt-get install -y {' '.join(packages)}")
    if not environment.exists():
        free_gb = shutil.disk_usage(environment.absolute().parent).free / 1e9
        if free_gb < ENVIRONMENT_GB:
            found.append(
                f"Only {free_gb:.1f} GB are free where {environment} will be made; it takes about "
                f"{ENVIRONMENT_GB:.0f} GB. Free some, or choose another place: make VENV=/elsewhere/venv"
            )
    return found


def main(arguments: list[str]) -> int:
    """``preflight.py [ENVIRONMENT]`` prints what is wrong and exits 2; ``--packages`` prints missing packages only."""
    if arguments == ["--packages"]:
        print(" ".join(missing_packages()))
        return 0
    found = problems(Path(arguments[0] if arguments else os.environ.get("VENV", ".venv")))
    for problem in found:
        print(f"preflight: {problem}", file=sys.stderr)
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
