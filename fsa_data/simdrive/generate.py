"""Write the frames of a data set: a list of jobs that any process can do in any order with the same result."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from fsa_data.errors import StoreWriteError
from fsa_data.simdrive.actions import CLASSES
from fsa_data.simdrive.identity import subject_name
from fsa_data.simdrive.scene import CLIP_FRAMES, render_frame
from fsa_data.types import Image, Mask


@dataclass(frozen=True, slots=True)
class Plan:
    """What a data set consists of: ``subjects`` people, ``frames`` of each class, ``seed``, ``condition``."""

    subjects: int
    frames: int
    seed: int
    condition: str

    def jobs(self) -> list[tuple[int, str]]:
        """Subject and class of each job; a job draws that subject's frames of that class."""
        return [(index, label) for index in range(self.subjects) for label in CLASSES]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of ``frames.csv``."""

    path: str
    subject: str
    label: str
    session: str
    view: str
    condition: str
    licence: str
    consent: str
    yaw_deg: str
    pitch_deg: str


def write_job(folder: Path, plan: Plan, index: int, label: str) -> Iterator[Row]:
    """Draw and write one subject's frames of one class; yields a row after each.

    Args:
        folder: of the data set; the folders of the class must be there.
        plan: of the data set.
        index: of the subject.
        label: class code.

    Raises:
        StoreWriteError: a file cannot be written.
    """
    for number in range(plan.frames):
        frame = render_frame(plan.seed, index, label, number, plan.condition == "masked")
        name = f"{label}/{subject_name(plan.seed, index)}-f{number:03d}.png"
        _write(folder / name, frame.image[..., ::-1])
        _write(folder / "parts" / name, frame.parts)
        session = f"{label}-{number // CLIP_FRAMES:02d}"
        angles = (f"{frame.yaw_deg:.2f}", f"{frame.pitch_deg:.2f}")
        yield Row(
            name,
            subject_name(plan.seed, index),
            label,
            session,
            "dashboard",
            plan.condition,
            "CC0-1.0",
            "synthetic",
            *angles,
        )


def _write(path: Path, picture: Image | Mask) -> None:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise StoreWriteError(f"{path} could not be encoded as PNG.")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise StoreWriteError(
            f"{path} cannot be written: {error.strerror}. Free some space or choose another folder."
        ) from error


def write_share(folder: Path, plan: Plan, share: int, shares: int, told: Callable[[Row], None]) -> None:
    """Do one of ``shares`` equal parts of the jobs; ``told`` hears of each frame."""
    jobs = plan.jobs()
    # jobs in a row belong to one subject, whose face is then painted by one process only
    for index, label in jobs[share * len(jobs) // shares : (share + 1) * len(jobs) // shares]:
        for row in write_job(folder, plan, index, label):
            told(row)


FORESEEN = 2
"""Exit code of a process whose last line on standard error is for the user."""


def main(arguments: list[str]) -> None:
    """Do one share in a process of its own; one JSON row per line goes to standard output.

    Args:
        arguments: one JSON object with ``folder``, ``plan``, ``share``, ``shares``.
    """
    given = json.loads(arguments[0])
    cv2.setNumThreads(1)

    def tell(row: Row) -> None:
        # one short write per line: lines of several processes do not mix in a pipe
        sys.stdout.write(json.dumps(asdict(row)) + "\n")
        sys.stdout.flush()

    try:
        write_share(Path(given["folder"]), Plan(**given["plan"]), given["share"], given["shares"], tell)
    except StoreWriteError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FORESEEN)


if __name__ == "__main__":
    main(sys.argv[1:])
