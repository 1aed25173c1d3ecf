"""The data set on disk: made once, whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

import fsa_data
from fsa_data.errors import ConfigError, StoreWriteError
from fsa_data.paths import cache_dir
from fsa_data.simdrive.actions import CLASSES
from fsa_data.simdrive.generate import FORESEEN, Plan, Row, write_share

VERSION = 5
"""Raised whenever a pixel of the data or of a portrait changes; part of the folder's name."""

CONDITIONS = ("unmasked", "masked")

_WORTH_A_PROCESS = 90
"""Frames below which starting processes takes longer than drawing."""

_README = """\
simdrive: procedural driver frames
==================================

Drawn by a program. The people do not exist, nobody was filmed, and nothing measured on these pictures is evidence
about people: they stand in for a real data set, so that everything can be tried before one is at hand.

C00/ .. C14/   frames, 384x288, named <subject>-f<number>.png; the classes are MaskDAR's fifteen actions in its order
parts/         for each frame what each pixel shows (values: fsa_data.simdrive.Part); for judging only: nothing that
               makes or learns from pictures may read it
frames.csv     path, subject, label, session (a clip of three frames), view, condition, licence, consent, and the true
               yaw and pitch of the head in degrees (positive: to the right of the image, down)

{plan}
Free of rights (CC0-1.0).
"""


def ensure(
    root: Path | None = None, subjects: int = 6, frames: int = 6, seed: int = 0, condition: str = "unmasked"
) -> Path:
    """The folder of a procedural data set, drawn on first use.

    Args:
        root: folder to keep it under; ``cache_dir()/simdrive`` by default.
        subjects: number of drivers, 1 or more.
        frames: frames per driver and class, 1 or more; three in a row share a clip.
        seed: 0 or more; other seeds are other people in other cars.
        condition: ``"unmasked"`` or ``"masked"`` (surgical masks).

    Returns:
        Folder with ``C00`` .. ``C14``, ``parts``, ``frames.csv`` and ``README.txt``. Its content depends on the
        arguments and :data:`VERSION` only.

    Raises:
        ConfigError: an argument is out of range.
        StoreWriteError: the folder cannot be written.
    """
    return _ensure(root, Plan(subjects, frames, seed, condition), None)


def _ensure(root: Path | None, plan: Plan, processes: int | None) -> Path:
    _check(plan)
    base = cache_dir() / "simdrive" if root is None else Path(root)
    name = f"v{VERSION}-seed{plan.seed}-{plan.subjects}x{plan.frames}-{plan.condition}"
    folder = base / name
    if folder.is_dir():
        return folder
    try:
        base.mkdir(parents=True, exist_ok=True)
        with FileLock(base / f".{name}.lock"):
            if not folder.is_dir():
                _make(folder, plan, processes)
    except OSError as error:
        if isinstance(error, StoreWriteError):
            raise
        raise StoreWriteError(
            f"The simdrive data cannot be written under {base}: {error.strerror}. Set FSA_CACHE or root to a folder "
            "that can be written and has about 0.25 MB per frame free."
        ) from error
    return folder


def _check(plan: Plan) -> None:
    for name in ("subjects", "frames"):
        if getattr(plan, name) < 1:
            raise ConfigError(f"simdrive needs at least 1 of {name}, got {name}={getattr(plan, name)}.")
    if plan.seed < 0:
        raise ConfigError(f"A simdrive seed is 0 or more, got seed={plan.seed}.")
    if plan.condition not in CONDITIONS:
        raise ConfigError(f"simdrive knows the conditions {', '.join(CONDITIONS)}, got condition={plan.condition!r}.")


def _make(folder: Path, plan: Plan, processes: int | None) -> None:
    """Draw into a temporary folder beside the final one, then rename; called under the lock."""
    for left_over in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(left_over, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        for label in CLASSES:
            (building / label).mkdir()
            (building / "parts" / label).mkdir(parents=True)
        rows = _draw(building, plan, processes or _process_count(plan))
        with (building / "frames.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
            table.writeheader()
            table.writerows(asdict(row) for row in sorted(rows, key=lambda row: row.path))
        facts = (
            f"subjects {plan.subjects}, frames per class {plan.frames}, seed {plan.seed}, {plan.condition}, "
            f"version {VERSION}"
        )
        (building / "README.txt").write_text(_README.format(plan=facts), encoding="utf-8")
        # mkdtemp makes a folder that only its owner can read
        building.chmod(0o755)
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _process_count(plan: Plan) -> int:
    frames = plan.subjects * plan.frames * len(CLASSES)
    return 2 if frames >= _WORTH_A_PROCESS and (os.cpu_count() or 1) > 1 else 1


def _draw(folder: Path, plan: Plan, processes: int) -> list[Row]:
    """Draw every frame, in this process or in several others, and return the rows in any order."""
    rows: list[Row] = []
    total = plan.subjects * plan.frames * len(CLASSES)
    with tqdm(total=total, desc="drawing simdrive", unit="frame", disable=None, file=sys.stderr) as bar:

        def told(row: Row) -> None:
            rows.append(row)
            bar.update()

        if processes == 1:
            write_share(folder, plan, 0, 1, told)
        else:
            _in_processes(folder, plan, processes, told)
    return rows


def _in_processes(folder: Path, plan: Plan, processes: int, told: Callable[[Row], None]) -> None:
    """Fresh interpreters share the jobs and report through one pipe; a caller's main module is never run again."""
    path = os.pathsep.join([str(Path(fsa_data.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    reader, writer = os.pipe()
    workers: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryFile() as complaints, os.fdopen(reader, encoding="utf-8") as lines:
        try:
            with os.fdopen(writer, "wb") as answers:
                for share in range(processes):
                    job = {"folder": str(folder), "plan": asdict(plan), "share": share, "shares": processes}
                    command = [sys.executable, "-m", "fsa_data.simdrive.generate", json.dumps(job)]
                    workers.append(subprocess.Popen(command, stdout=answers, stderr=complaints, env=environment))
            for line in lines:
                told(Row(**json.loads(line)))
        except BaseException:
            for worker in workers:
                worker.kill()
            raise
        finally:
            for worker in workers:
                worker.wait()
        if any(worker.returncode for worker in workers):
            complaints.seek(0)
            text = complaints.read().decode("utf-8", "replace").strip()
            if all(worker.returncode in (0, FORESEEN) for worker in workers):
                raise StoreWriteError(f"Drawing simdrive frames failed: {text.splitlines()[-1]}")
            raise StoreWriteError(f"A process that draws simdrive frames into {folder} failed:\n{text}")
