"""How well trained re-enactment networks do, on procedural people whom they have not seen.

python -m benchmarks.reenact [--dagan DIR] [--stargan2 DIR] [--json FILE]

DIR is the folder of a training (`fsa prepare clips --simdrive 8`, `fsa train-reenact depth`, `fsa train-reenact dagan
--preset tiny`; `fsa prepare faces --simdrive 12`, `fsa train-reenact stargan2 --preset tiny`).

* DaGAN, self-re-enactment: of each clip the first frame is the source and later ones drive it. Mean absolute difference
  to the driving frame (0..1) and mean distance of the 68 points that are found in both (share of the side), beside
  those of copying the source; share of pictures in which a face is found.
* DaGAN, the engine's own call against the bare networks on the same tensors, one and eight pictures at once.
* StarGAN v2: mean absolute difference between two references' results (diversity), and between source and result (what
  is changed at all).
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import described, machine
from fsa_data import load_engine, simdrive
from fsa_data.faces import load_landmarker, points68
from fsa_data.types import Image, SourceFace

PEOPLE, FRAMES = range(80, 84), range(4, 40, 6)


def dagan(folder: Path) -> dict[str, Any]:
    """Self-re-enactment, and the price of the engine's call."""
    engine: Any = load_engine(f"dagan:{folder}", {"motion": "absolute"}, device="cpu")
    net, size, landmarker = engine._opened(), engine.file.size, load_landmarker()
    apart: dict[str, list[float]] = {name: [] for name in ("l1", "l1_copy", "points", "points_copy")}
    found = shown = 0
    for index in PEOPLE:
        clip = list(simdrive.identity_clip(0, index, FRAMES[-1] + 1, size))
        source = engine._tensor([clip[0]])
        with torch.inference_mode():
            points, depth = net.detect(source)
            for at in FRAMES:
                driving = engine._tensor([clip[at]])
                made = net.move(source, points, depth, net.detect(driving)[0])
                apart["l1"].append(float((made - driving).abs().mean()))
                apart["l1_copy"].append(float((source - driving).abs().mean()))
                picture = np.ascontiguousarray((made[0].permute(1, 2, 0) * 255).round().byte().numpy())
                places = [_points(landmarker, each) for each in (picture, clip[0], clip[at])]
                shown += 1
                found += places[0] is not None
                for name, place in (("points", places[0]), ("points_copy", places[1])):
                    if place is not None and places[2] is not None:
                        apart[name].append(float(np.linalg.norm(place - places[2], axis=1).mean()) / size)
    result: dict[str, Any] = {name: round(float(np.mean(values)), 4) for name, values in apart.items()}
    result |= {"face_found": round(found / shown, 3), "call_against_networks": {}}
    face = load_landmarker()(clip[0])[0]
    donor = SourceFace("d", "d", clip[0], face, {})
    for batch in (1, 8):
        result["call_against_networks"][batch] = round(_ratio(engine, net, donor, clip[:batch]), 3)
    return result


def _points(landmarker: Any, image: Image) -> Any:
    found = landmarker(np.repeat(np.repeat(image, 2, 0), 2, 1))
    return points68(found[0].points_px)[:, :2] / 2 if found else None


def _ratio(engine: Any, net: Any, donor: SourceFace, pictures: list[Image]) -> float:
    """Best time of the engine's call by that of the networks alone."""
    engine.predict(donor, pictures)
    source, points, depth = engine._source(donor)
    given, count = engine._tensor(pictures), len(pictures)
    source, depth = (each.expand(count, -1, -1, -1) for each in (source, depth))
    points = points.expand(count)
    best = {"call": float("inf"), "bare": float("inf")}
    for _ in range(20):
        begin = time.perf_counter()
        engine.predict(donor, pictures)
        best["call"] = min(best["call"], time.perf_counter() - begin)
        begin = time.perf_counter()
        with torch.inference_mode():
            net.move(source, points, depth, net.detect(given)[0])
        best["bare"] = min(best["bare"], time.perf_counter() - begin)
    return best["call"] / best["bare"]


def stargan2(folder: Path) -> dict[str, Any]:
    """How much references change."""
    engine: Any = load_engine(f"stargan2:{folder}", device="cpu")
    size = engine.file.img_size
    photos = {(i, mood): simdrive.mood_photo(0, i, mood, 0, size) for i in PEOPLE for mood in simdrive.MOODS}
    between, changed = [], []
    for (index, _), photo in photos.items():
        made = {
            key: engine.styled(photo, other)[0].astype(np.float32) / 255
            for key, other in photos.items()
            if key[0] != index
        }
        results = list(made.values())
        between += [float(np.abs(a - b).mean()) for a, b in pairwise(results)]
        changed += [float(np.abs(each - photo / 255.0).mean()) for each in results]
    return {"between_references": round(float(np.mean(between)), 4), "from_source": round(float(np.mean(changed)), 4)}


def main() -> None:
    """Measure, print, and write JSON if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dagan", type=Path)
    parser.add_argument("--stargan2", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine()}
    for name, judge in (("dagan", dagan), ("stargan2", stargan2)):
        if (folder := getattr(options, name)) is not None:
            result[name] = judge(folder)
    print(described(result["machine"]))
    print(json.dumps({name: value for name, value in result.items() if name != "machine"}, indent=1))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
