"""The engines side by side: what a swap costs, and what it keeps, on the same procedural people.

python -m benchmarks.engines [--quick DIR] [--tiny DIR] [--json FILE] [--sheet FILE.jpg]

mesh_warp, Quick96 and a small SAEHD put the same source on the same 30 frames of one target. The two networks are those
that `python -m benchmarks.autoencoder --folder DIR` has trained (`--preset quick --iterations 600` for Quick96); what
that cost comes from the JSON files beside them, `DIR.json`. Measured per engine:

* pose and expression of the face found again in the swap, against the target's;
* whose face it is: nearer (mean absolute difference within the aligned face) to the source, drawn in the very pose, or
  to the target;
* milliseconds per swap.

The sheet shows the target above, then a row per engine, then the source in that pose.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.autoencoder import JUDGED, SIZE_PX, SOURCE, TARGET, People, people
from benchmarks.machine import described, machine
from fsa_data import load_engine, simdrive
from fsa_data.faces import load_landmarker
from fsa_data.faces.align import face_matrix, warp
from fsa_data.quality import compare_faces, found_again
from fsa_data.types import Face, Image, SourceFace, SwapEngine, paste

COLUMNS, SHOWN = 8, 160
_ALIGNED = 96


@dataclass(frozen=True)
class Judged:
    """What became of the frames: figures, and the swapped frames in order."""

    figures: dict[str, float]
    frames: list[Image]


def judge(engine: SwapEngine, donors: list[SourceFace], target: People) -> Judged:
    """Swap every frame and look at it again."""
    landmarker = load_landmarker()
    kept, nearer, seconds, frames, swapped = [], [], [], [], 0
    for (frame, face), pose in zip(target.pictures, target.poses_deg, strict=True):
        engine.swap(frame, face, donors, {"seed": 0, "slot": 0})  # loads what is loaded once
        start = time.perf_counter()
        swap = engine.swap(frame, face, donors, {"seed": 0, "slot": 0})
        seconds.append(time.perf_counter() - start)
        frames.append(frame)
        if swap.box is None or swap.patch is None:
            continue
        swapped += 1
        frames[-1] = paste(frame, swap.box, swap.patch)
        again = found_again(face, landmarker(frames[-1]))
        if again is not None:
            kept.append(compare_faces(face, again))
        twin = simdrive.identity_photo(0, SOURCE, *pose, SIZE_PX)
        there = landmarker(twin)
        truth, before, after = (
            _aligned(image, where)
            for image, where in ((twin, there[0] if there else face), (frame, face), (frames[-1], face))
        )
        nearer.append(np.abs(after - truth).mean() < np.abs(after - before).mean())
    return Judged(
        {
            "swapped": round(swapped / len(frames), 4),
            "found_again": round(len(kept) / max(1, swapped), 4),
            "pose_error_deg": round(float(np.median([one.pose_error_deg for one in kept])), 2),
            "expression_error": round(float(np.median([one.expression_error for one in kept])), 4),
            "nearer_to_source": round(float(np.mean(nearer)), 4),
            "ms_per_swap": round(1e3 * float(np.median(seconds)), 1),
        },
        frames,
    )


def _aligned(image: Image, face: Face) -> np.ndarray:
    matrix = face_matrix(face.points_px, "half_face", _ALIGNED)
    return warp(image, matrix, _ALIGNED, _ALIGNED, edge=True).astype(np.float32)


def sheet(target: People, judged: dict[str, Judged]) -> Image:
    """Rows of pictures: the target, each engine, the source."""
    order = np.argsort([yaw for yaw, _ in target.poses_deg])
    at = order[np.linspace(0, len(order) - 1, COLUMNS).round().astype(int)].tolist()
    twins = [simdrive.identity_photo(0, SOURCE, *target.poses_deg[i], SIZE_PX) for i in at]
    rows = [[target.pictures[i][0] for i in at], *([one.frames[i] for i in at] for one in judged.values()), twins]
    small = [[cv2.resize(image, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA) for image in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in small]).astype(np.uint8)


def training(folder: Path) -> dict[str, Any]:
    """What a network cost, as its training wrote it down."""
    said = json.loads(folder.with_suffix(".json").read_text(encoding="utf-8"))
    return {key: said[key] for key in ("iterations", "minutes", "parameters", "ssim_source", "ssim_target")}


def main() -> None:
    """Measure, print, and write JSON and sheet if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", type=Path, help="folder of a trained Quick96")
    parser.add_argument("--tiny", type=Path, help="folder of a trained small SAEHD")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a swap is timed on one core
    folders = {"quick96": options.quick, "saehd": options.tiny}
    specs = {"mesh_warp": "mesh_warp"} | {name: f"{name}:{folder}" for name, folder in folders.items() if folder}
    target = people(TARGET, JUDGED, 12)
    name = simdrive.subject_name(0, SOURCE)
    donors = [
        SourceFace(name, f"picture-{at}", *picture, {}) for at, picture in enumerate(people(SOURCE, 16, 11).pictures)
    ]
    judged = {engine: judge(load_engine(spec), donors, target) for engine, spec in specs.items()}
    result: dict[str, Any] = {"machine": machine(), "frames": JUDGED, "engines": {}}
    for engine, one in judged.items():
        folder = folders.get(engine)
        result["engines"][engine] = one.figures | ({"training": training(folder)} if folder else {})
    print(described(result["machine"]))
    print(json.dumps(result["engines"], indent=1))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.sheet:
        cv2.imwrite(str(options.sheet), sheet(target, judged)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
