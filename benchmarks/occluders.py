"""How much of what lies in front of a face a swap leaves alone, judged by the part map of the procedural drivers.

python -m benchmarks.occluders [--seed 0] [--condition unmasked] [--json FILE]

For each class, over the frames in which a face is found: how many are swapped, and which share of the pixels inside
the face's outline changes (any channel, by any amount) of hands, cups, phones and lipsticks, of face masks, and of
bare skin; first per subject, then the mean over subjects. The engine never sees the part map.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fsa_data.engines import load_engine
from fsa_data.faces import eyes_mask, load_landmarker, mouth_mask, oval_mask
from fsa_data.frames import LabelledFrames, read_image
from fsa_data.simdrive import Part
from fsa_data.sources import load_source
from fsa_data.store import SwapStore
from fsa_data.store.keys import as_hex
from fsa_data.types import Face, Image, Swap
from fsa_data.worker import Recipe, materialise, plan

KINDS = {
    "occluder": (Part.ARM, Part.PHONE, Part.CUP, Part.BOTTLE, Part.LIPSTICK),
    "mask": (Part.MASK,),
    "skin": (Part.FACE,),
    "glasses": (Part.GLASSES,),
}
FEWEST = 30
"""A subject counts for a kind if so many of its pixels are inside the outline."""

Counts = dict[str, tuple[int, int]]


def changed_pixels(frame: Image, swap: Swap, face: Face, parts: np.ndarray) -> Counts:
    """Per kind of part the pixels inside the face's outline, and how many of them a swap changes.

    Args:
        frame: ``(H, W, 3)`` uint8 RGB working frame.
        swap: with a patch.
        face: the target's, in pixels of ``frame``.
        parts: ``(H, W)`` uint8 part map.
    """
    assert swap.box is not None and swap.patch is not None  # noqa: PT018  # the caller asks for swapped ones only
    differs = (frame[swap.box.slices] != swap.patch).any(axis=2)
    inside = oval_mask(face.points_px, swap.box) > 127
    found = {}
    for kind, values in KINDS.items():
        where = np.isin(parts[swap.box.slices], values) & inside
        if kind == "skin":  # the part map counts eyes and mouth to the face; they are no skin, and stay by design
            where &= (eyes_mask(face.points_px, swap.box) < 128) & (mouth_mask(face.points_px, swap.box) < 128)
        found[kind] = int(where.sum()), int(differs[where].sum())
    return found


def measure(frames: LabelledFrames, store: Path, labels: tuple[int, ...] | None = None) -> dict[str, dict[str, object]]:
    """Swap procedural frames and judge the swaps.

    Args:
        frames: of :meth:`LabelledFrames.from_simdrive`, all of them: references come from all classes.
        store: where the swaps go.
        labels: judge these classes only.

    Returns:
        Per class name: ``frames``, ``found``, ``swapped``, ``reasons``, and per kind ``(pixels, share changed)``.
    """
    result = {}
    for label, name in enumerate(frames.labels.names):
        if labels is None or label in labels:
            result[name] = _judged(frames, store, np.flatnonzero(frames.label == label))
    return result


def outcomes(frames: LabelledFrames, store: Path, at: np.ndarray) -> Iterator[tuple[int, Swap]]:
    """Position and swap (or reason) of some frames, at native size; made first if they are missing."""
    engine, source = load_engine("mesh_warp"), load_source(["portraits", "simdrive"])
    materialise(frames, source, engine, store, working_size=None)
    opened = SwapStore(store)
    planned = plan(frames, Recipe(source, engine, load_landmarker(), None), opened)
    for i in at.tolist():
        yield i, opened.get_swap(as_hex(planned.swap_keys[i, :1])[0])


def _judged(frames: LabelledFrames, store: Path, at: np.ndarray) -> dict[str, object]:
    counts: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(2, np.int64))
    reasons: dict[str, int] = defaultdict(int)
    landmarker = load_landmarker()
    for i, swap in outcomes(frames, store, at):
        reasons[str(swap.reason)] += 1
        if not swap.swapped:
            continue
        path = Path(frames.path[i])
        parts = read_image(path.parents[1] / "parts" / path.parent.name / path.name)[:, :, 0]
        frame = frames.read(i)
        for kind, pair in changed_pixels(frame, swap, landmarker(frame)[0], parts).items():
            counts[kind, str(frames.subject[i])] += pair
    found = len(at) - reasons["no_face"]
    shares = {}
    for kind in KINDS:
        each = [pair for (one, _), pair in counts.items() if one == kind and pair[0] >= FEWEST]
        if each:
            pixels = int(sum(pair[0] for pair in each))
            shares[kind] = pixels, round(float(np.mean([pair[1] / pair[0] for pair in each])), 4)
    return {"frames": len(at), "found": found, "swapped": reasons["swapped"], "reasons": dict(reasons), **shares}


def main() -> None:
    """Print a table, or write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--condition", choices=("unmasked", "masked"), default="unmasked")
    parser.add_argument("--store", type=Path, default=Path("cache/benchmark-occluders"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    frames = LabelledFrames.from_simdrive(seed=options.seed, condition=options.condition)
    result = measure(frames, options.store)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{'class':<20}{'found':>6}{'swapped':>8}" + "".join(f"{kind:>10}" for kind in KINDS))
    for name, row in result.items():
        cells = "".join(f"{row[kind][1]:>10.3f}" if kind in row else f"{'-':>10}" for kind in KINDS)
        print(f"{name:<20}{row['found']:>6}{row['swapped']:>8}{cells}")


if __name__ == "__main__":
    main()
