"""How fast faces are swapped, and how large a stored swap is.

python -m benchmarks.swap [--json FILE]

On one core, in one process, `mesh_warp` as it is by default (occluders looked for):

* swaps: the engine alone, landmarks and references given; procedural drivers at their native size (faces of 70 to 90
  pixels) and, enlarged, with faces of 170 to 210 pixels.
* end to end: `materialise` of PNG files into an empty store, with decoding, landmarks, references, swaps and sealing;
  then a second source into the same store, which finds frames, landmarks and references there.

Seconds are the processor's, the best of some rounds, since the machine may do other things meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import described, machine, verdict
from fsa_data.engines import MeshWarp
from fsa_data.faces import face_size_px, load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.merge import make_reference
from fsa_data.sources import find_faces, load_source
from fsa_data.types import Face, FaceReference, Image, SourceFace
from fsa_data.worker import materialise

BARS = {"swaps_per_s_70_90_px": 500.0, "swaps_per_s_170_210_px": 100.0, "first_source": 80.0, "further_source": 300.0}
ROUNDS = 5
STORE = Path("cache/benchmark-swap")

Target = tuple[Image, Face, FaceReference | None]


T1_SIZE = {"subjects": 30, "frames": 10}
"""As many people, and frames of each action, as T1's data set: 4,500 frames."""


def targets(frames: LabelledFrames, low_px: float, high_px: float, scale: float = 1.0) -> list[Target]:
    """Frames whose face has a size between two bounds, with the face and its person's reference."""
    landmarker, found = load_landmarker(), []
    for subject in frames.subjects:
        mine = []
        for i in np.flatnonzero(frames.subject == subject).tolist():
            image = frames.read(i)
            if scale != 1:
                image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
            mine += [(image, face) for face in landmarker(image)[:1]]
        reference = make_reference(mine[:32])
        found += [(*pair, reference) for pair in mine if low_px <= face_size_px(pair[1].points_px) <= high_px]
    return found


def swaps_per_s(chosen: Sequence[Target], donors: Sequence[SourceFace]) -> float:
    """Swaps of the engine alone; the first round, which also prepares the donors, does not count."""
    engine = MeshWarp()

    def run() -> int:
        return sum(
            engine.swap(image, face, donors, {"seed": seed, "slot": 0}, reference).swapped
            for seed, (image, face, reference) in enumerate(chosen)
        )

    run()
    return max(_rate(run) for _ in range(ROUNDS))


def end_to_end(frames: LabelledFrames) -> dict[str, float]:
    """Frames per second of a first and of a further source."""
    rates: dict[str, float] = {}
    for _ in range(2):
        shutil.rmtree(STORE, ignore_errors=True)
        for what, source in (("first_source", "portraits"), ("further_source", "simdrive")):

            def run(source: str = source) -> int:
                materialise(
                    frames, load_source(source), MeshWarp(), STORE, working_size=None, workers=0, progress=False
                )
                return len(frames)

            rates[what] = max(rates.get(what, 0.0), _rate(run))
    shutil.rmtree(STORE, ignore_errors=True)
    return rates


def _rate(run: Callable[[], int]) -> float:
    started = time.process_time()
    count = run()
    return count / (time.process_time() - started)


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(0)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    facts = machine()
    print(described(facts))
    frames = LabelledFrames.from_simdrive()
    donors = find_faces(load_source(["portraits", "simdrive"]).photos, load_landmarker())
    figures = {
        "swaps_per_s_70_90_px": swaps_per_s(targets(frames, 70, 90), donors),
        "swaps_per_s_170_210_px": swaps_per_s(targets(frames.subset(frames.label < 5), 170, 210, 2.2), donors),
        **end_to_end(LabelledFrames.from_simdrive(**T1_SIZE)),
    }
    for name, value in figures.items():
        print(f"{name:<24}{value:>8.0f} per second  {verdict(value, BARS[name], at_least=True)}")
    if options.json:
        found = {"machine": facts, "figures": figures, "bars": BARS}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
