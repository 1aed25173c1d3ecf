"""Is everything here that the house needs? One check per known cause of trouble, each with its remedy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

from fsa_data.doctor import installation, machine
from fsa_data.doctor.finding import CheckFailedError, Finding

__all__ = ["CHECKS", "Finding", "examine"]

CHECKS: dict[str, Callable[[], str]] = {
    "system": installation.system,
    "packages": installation.packages,
    "opencv": installation.opencv,
    "compiled": installation.compiled,
    "lightning": installation.lightning,
    "torch": installation.torch,
    "gpu": machine.gpu,
    "video": installation.video,
    "numba": installation.numba,
    "limits": machine.limits,
    "cache": machine.cache,
    "hdf5": machine.hdf5,
    "weights": installation.weights,
    "landmarks": installation.landmarks,
}
"""Every check by name: it returns what it found, or raises what is wrong."""


def examine() -> Iterator[Finding]:
    """Run every check; one that fails does not stop the others."""
    for name, check in CHECKS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what matters about them is in the findings
                text = check()
            yield Finding(name, True, text)
        except CheckFailedError as error:
            yield Finding(name, False, str(error))
        except Exception as error:  # a broken installation can fail in any way; each way is a finding
            yield Finding(name, False, f"{type(error).__name__}: {error}")
