"""How long one photo takes to become views, and a source that is ready to be put on.

python -m benchmarks.views [PHOTO] [--json FILE]

One core. "views" draws T1's grid of 77 views of a photo whose face is known; "source" does everything that a
single-photo source needs before its first swap: look at the photo, take the face off it, draw every view of every
expression, and find the face again in each. "kept" is the same with a warm cache. Without PHOTO a portrait serves.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import cv2

from benchmarks.machine import described, machine, verdict
from fsa_data.faces import load_landmarker
from fsa_data.recon import reconstruct, render_views
from fsa_data.sources import find_faces, load_source, views
from fsa_data.worker.remember import remembering

VIEWS_BAR_S, SOURCE_BAR_S = 2.0, 10.0
ROUNDS = 5


def measure(spec: str) -> dict[str, int | float]:
    """Seconds of each step, the best of some rounds."""
    photo = load_source(spec, {"views": False}).photos[0]
    image, landmarker = photo.load(), load_landmarker()
    (face, *_) = landmarker(image)
    list(render_views(reconstruct(image, face).mesh()))  # compiled and tables made
    drawn = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        count = len(list(render_views(reconstruct(image, face).mesh())))
        drawn.append(time.perf_counter() - start)
    ready, kept = [], []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["FSA_CACHE"] = cache
            for seconds in (ready, kept):
                views.forget()
                start = time.perf_counter()
                with remembering(landmarker) as looking:
                    found = len(find_faces(load_source(spec, {"views": True}).photos, looking))
                seconds.append(time.perf_counter() - start)
    return {
        "views": count,
        "views_s": round(min(drawn), 2),
        "photos": len(load_source(spec, {"views": True}).photos),
        "found_again": found,
        "source_s": round(min(ready), 2),
        "kept_s": round(min(kept), 2),
    }


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    facts = machine()
    measured = measure(f"image:{options.photo}" if options.photo else "portraits")
    print(described(facts))
    drawn = verdict(measured["views_s"], VIEWS_BAR_S, at_least=False)
    ready = verdict(measured["source_s"], SOURCE_BAR_S, at_least=False)
    print(f"{measured['views']} views of a photo: {measured['views_s']} s, {drawn}")
    print(
        f"a source of {measured['photos']} photos and views, {measured['found_again']} found again: "
        f"{measured['source_s']} s, {ready}; with a warm cache {measured['kept_s']} s"
    )
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, **measured}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
