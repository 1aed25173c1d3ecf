"""Cross-validate a driver action classifier on real, swapped, or real and swapped frames.

python train/run.py setup=fake_only
python train/run.py setup=hybrid data=maskdar data.root=DIR source=folder:DIR +experiment=thesis

Every key stands, with a comment, in configs/. Exit codes: 0 done, 1 done with failures, 2 wrong input.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from pathlib import Path

# train/ is not installed: its modules are found from the repository root.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from fsa_data.errors import FsaError, debugging, of_system, warned_plainly
from train.config import from_hydra
from train.explain import explain, register_schema
from train.overrides import prepare

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
DONE, DONE_WITH_FAILURES, WRONG_INPUT = 0, 1, 2


def run(composed: DictConfig, directory: Path) -> int:
    """One run, from a composed configuration to an exit code; messages go to standard output and error.

    Args:
        composed: the configuration.
        directory: the run directory.
    """
    try:
        config = from_hydra(composed)
        # Imported late: a mistyped key is told in a second, not after loading Lightning and timm.
        from fsa_data.evaluate import comparison_table
        from train.flows import compare_flows
        from train.loop import cross_validate

        secondary = int(os.environ.get("LOCAL_RANK", "0")) > 0
        if config.flows is None:
            failures = cross_validate(config, directory, secondary=secondary).failures
            told = "" if secondary else f"{comparison_table([directory])}\n\n{directory / 'report.html'}\n"
        else:
            told, failures = compare_flows(config, directory, secondary=secondary)
    except FsaError as error:
        _leave_no_empty_folder(directory)
        return wrong(error, str(error))
    except OSError as error:
        _leave_no_empty_folder(directory)
        return wrong(error, _no_room(error, directory))
    if secondary:
        return DONE
    sys.stdout.write(told)
    for reason, count in failures.items():
        sys.stderr.write(f"{count} frames or swaps are missing: {reason}. Run again to try these frames once more.\n")
    return DONE_WITH_FAILURES if failures else DONE


def _leave_no_empty_folder(directory: Path) -> None:
    """Hydra makes the run directory before anything is looked at; wrong input leaves none behind."""
    if directory.resolve() != Path.cwd():
        with contextlib.suppress(OSError):  # it holds something, or is none of ours
            directory.rmdir()


def _no_room(error: OSError, directory: Path) -> str:
    return (
        f"The system refused to read or write a file: {of_system(error)}. Free some space or mend the permissions, or "
        f"choose another place: hydra.run.dir=DIR for the results (now {directory}), store=DIR for the swaps. A rerun "
        "in the same directory goes on where this one stopped."
    )


def wrong(error: Exception, message: str) -> int:
    """Tell what is wrong with the input; the traceback only with ``FSA_DEBUG=1``."""
    if debugging():
        traceback.print_exception(error)
    sys.stderr.write(f"{message}\n")
    return WRONG_INPUT


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code.

    Args:
        arguments: default ``sys.argv[1:]``.
    """
    given = sys.argv[1:] if arguments is None else arguments
    codes: list[int] = []

    @hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")
    def job(composed: DictConfig) -> None:
        codes.append(run(composed, Path(HydraConfig.get().runtime.output_dir)))

    register_schema()
    # Hydra prints its own errors and exits with 1 unless it is asked to raise them.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    sys.argv[1:] = prepare(given)
    try:
        with warned_plainly():
            job()
    except (HydraException, OmegaConfBaseException) as error:
        return wrong(error, explain(error, given))
    except OSError as error:  # the run directory cannot be made
        return wrong(error, f"The run directory cannot be made: {of_system(error)}. Choose another hydra.run.dir=DIR.")
    return max(codes, default=DONE)


if __name__ == "__main__":
    sys.exit(main())
