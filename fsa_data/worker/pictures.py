"""Swap single pictures: each by itself, everybody in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from fsa_data.errors import BadImageError, DatasetNotFoundError, failure_lines
from fsa_data.faces import face_size_px
from fsa_data.frames import IMAGE_SUFFIXES, FrameRef, hash_frame, read_image
from fsa_data.types import Face, Image, Landmarker, Reason, SourceFace, Swap, SwapEngine
from fsa_data.worker.outputs import Output, Row
from fsa_data.worker.plan import frame_seed
from fsa_data.worker.tracks import Who, pick
from fsa_data.worker.wear import changed_region, cut_out, meet, put_on, swap_person

NOT_SELECTED = "not_selected"
"""Reason of a face that ``who`` does not mean."""


def list_pictures(target: Path) -> list[Path]:
    """The picture itself, or the pictures of a folder by name (subfolders are not looked into).

    Raises:
        DatasetNotFoundError: a folder without pictures.
    """
    if not target.is_dir():
        return [target]
    found = [path for path in target.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]
    if not found:
        endings = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DatasetNotFoundError(f"No picture in the folder {target} (looked for {endings}, not in subfolders).")
    return sorted(found, key=lambda path: path.name)


def swap_pictures(
    pictures: Sequence[Path],
    engine: SwapEngine,
    landmarker: Landmarker,
    donors: Sequence[SourceFace],
    output: Output,
    seed: int,
    who: Who,
    masks: bool,
    progress: bool,
) -> list[str]:
    """Swap pictures that do not belong together; each draws its identities anew.

    Returns:
        One line per picture that failed.

    Raises:
        BadImageError: no picture can be decoded.
        OutputError: a result cannot be written.
    """
    stems = Counter(path.stem for path in pictures)
    failures: list[str] = []
    for path in tqdm(pictures, desc="swapping", unit="picture", disable=None if progress else True):
        try:
            image = read_image(path)
        except BadImageError as error:
            failures.append(str(error))
            if len(failures) == len(pictures):  # there is nothing to give
                if len(pictures) == 1:
                    raise
                listed = "\n  ".join(failure_lines(failures))
                raise BadImageError(f"None of the {len(pictures)} pictures can be decoded.\n  {listed}") from error
            output.tables.rows.append(Row(path.name, Reason.FAILED))
            output.tables.valid.append((path.name, False))
            continue
        faces = landmarker(image)
        chosen = pick(faces, who)
        seeds = [frame_seed(seed, f"{hash_frame(FrameRef(str(path)))}/{number}") for number in range(len(faces))]
        swaps = _swap_all(engine, image, faces, chosen, donors, seeds)
        for number in range(len(faces)):
            swap = swaps.get(number)
            output.tables.rows.append(
                Row(path.name, swap.reason, swap.source_identity, swap.box) if swap else Row(path.name, NOT_SELECTED)
            )
            if swap is not None and swap.reason is Reason.FAILED:
                failures.append(f"{path}: {swap.notes.get('error', '')}")
        if not faces:
            output.tables.rows.append(Row(path.name, Reason.NO_FACE))
        main = max(chosen, key=lambda i: face_size_px(faces[i].points_px), default=-1)
        output.tables.valid.append((path.name, main in swaps and swaps[main].swapped))
        done = list(swaps.values())
        name = path.stem if stems[path.stem] == 1 else path.name
        output.write(name, put_on(image, done), changed_region(image, done) if masks else None)
    return failures


def _swap_all(
    engine: SwapEngine,
    image: Image,
    faces: Sequence[Face],
    chosen: set[int],
    donors: Sequence[SourceFace],
    seeds: Sequence[int],
) -> dict[int, Swap]:
    """Swaps by position of the face; people in one picture wear different identities as long as there are any."""
    swaps: dict[int, Swap] = {}
    for number in sorted(chosen):
        taken = frozenset(swap.source_identity for swap in swaps.values() if swap.swapped)
        person = meet(engine, [cut_out(image, faces[number])], donors, seeds[number], taken)
        swaps[number] = swap_person(engine, image, faces[number], person, steady=False)
    return swaps
