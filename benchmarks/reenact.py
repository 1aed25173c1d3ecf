"""How well trained re-enactment networks do, on procedural people.

python -m benchmarks.reenact [--dagan DIR] [--stargan2 DIR] [--json FILE]

DIR is the folder of a training (`fsa prepare clips --simdrive 8`, `fsa train-reenact depth`, `fsa train-reenact dagan
--preset tiny`; `fsa prepare faces --simdrive 12`, `fsa train-reenact stargan2 --preset tiny`).

* DaGAN, self-re-enactment: of each clip the first frame is the source and later ones drive it, for people whom the
  training has seen (in another clip) and whom it has not. Against the driving frame: mean absolute difference (0..1),
  mean distance of the 68 points that are found in both (share of the side), angle between the heads, blendshapes, and
  dlib's distance of the faces (0.6 between strangers) where it is installed; beside each (``_copy``) that of the
  undriven source. Share of pictures in which a face is found at all. Then the same with another person's source.
* DaGAN, the engine's own call against the bare networks on the same tensors, one and eight pictures at once.
* StarGAN v2: mean absolute difference between two references' results (diversity), and between source and result (what
  is changed at all); dlib's distance of the result to source and reference, beside that of the two untouched;
  blendshapes of the result against a reference of another expression, beside those of the untouched source.
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
from fsa_data.engines.autoencoder.face_tensors import images_of
from fsa_data.errors import ConfigError
from fsa_data.faces import load_landmarker, points68
from fsa_data.quality import compare_faces
from fsa_data.quality.identity import Embedder, distance, load_embedder
from fsa_data.types import Face, Image, SourceFace

PEOPLE, FRAMES = range(80, 84), range(4, 40, 6)
UNSEEN_CLIP = 7
"""`fsa prepare clips` makes those with lower numbers."""


def dagan(folder: Path) -> dict[str, Any]:
    """Self-re-enactment of people seen and unseen, one driving another, and the price of the engine's call."""
    engine: Any = load_engine(f"dagan:{folder}", {"motion": "absolute"}, device="cpu")
    eyes = _Eyes(engine.file.size)
    seen = [index for index in range(256) if simdrive.subject_name(0, index) in engine.trained_on][: len(PEOPLE)]
    groups = {"unseen people": (list(PEOPLE), 0)}
    if seen:
        groups = {"seen people, another clip": (seen, UNSEEN_CLIP), **groups}
    result: dict[str, Any] = {}
    for name, (people, number) in groups.items():
        clips = [list(simdrive.identity_clip(0, i, FRAMES[-1] + 1, eyes.size, number)) for i in people]
        result[name] = _driven(engine, eyes, clips, clips)
    result["one person by another"] = _driven(engine, eyes, clips[1:] + clips[:1], clips)
    donor = SourceFace("d", "d", clips[0][0], eyes.landmarker(clips[0][0])[0], {})
    batches = {n: round(_ratio(engine, engine._opened(), donor, clips[0][:n]), 3) for n in (1, 8)}
    return result | {"call_against_networks": batches}


class _Eyes:
    """Finds and compares faces on pictures of one size."""

    def __init__(self, size: int) -> None:
        self.size, self.landmarker = size, load_landmarker()
        try:
            self.embedder: Embedder | None = load_embedder("dlib")
        except ConfigError:
            self.embedder = None

    def face(self, picture: Image) -> tuple[Image, Face] | None:
        """The face on a picture, twice as large."""
        large = np.repeat(np.repeat(picture, 2, 0), 2, 1)
        found = self.landmarker(large)
        return (large, found[0]) if found else None

    def apart(self, one: tuple[Image, Face], other: tuple[Image, Face]) -> dict[str, float]:
        """Distances of two faces."""
        places = [points68(face.points_px)[:, :2] for _, face in (one, other)]
        kept = compare_faces(one[1], other[1])
        found = {
            "points": float(np.linalg.norm(places[0] - places[1], axis=1).mean()) / 2 / self.size,
            "pose_deg": kept.pose_error_deg,
            "expression": kept.expression_error,
        }
        return found | self.identity(one, other)

    def identity(self, one: tuple[Image, Face], other: tuple[Image, Face]) -> dict[str, float]:
        """Distance of two faces by dlib's network, if it is installed."""
        if self.embedder is None:
            return {}
        return {"identity": distance(self.embedder(*one), self.embedder(*other))}


def _driven(engine: Any, eyes: _Eyes, sources: list[list[Image]], drivings: list[list[Image]]) -> dict[str, Any]:
    """First frames driven by later ones, compared with these, beside the undriven first frames."""
    apart: dict[str, list[float]] = {}
    found = shown = 0
    for source, driving in zip(sources, drivings, strict=True):
        start = eyes.face(source[0])
        for at in FRAMES:
            wanted, made = driving[at], _moved(engine, source[0], driving[at])
            faces, goal = eyes.face(made), eyes.face(wanted)
            shown, found = shown + 1, found + (faces is not None)
            told = {"l1": _l1(made, wanted), "l1_copy": _l1(source[0], wanted)}
            if faces is not None and goal is not None and start is not None:
                told |= eyes.apart(faces, goal)
                told |= {f"{name}_copy": value for name, value in eyes.apart(start, goal).items()}
                told |= {f"{name}_to_source": value for name, value in eyes.identity(faces, start).items()}
            for name, value in told.items():
                apart.setdefault(name, []).append(value)
    means = {name: round(float(np.mean(values)), 4) for name, values in apart.items()}
    return means | {"face_found": round(found / shown, 3)}


def _moved(engine: Any, source: Image, driving: Image) -> Image:
    net = engine._opened()
    with torch.inference_mode():
        given = engine._tensor([source])
        made = net.move(given, *net.detect(given), net.detect(engine._tensor([driving]))[0])
    return images_of(made)[0]


def _l1(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.float32) - other).mean()) / 255


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
    """How much references change, and who is left."""
    engine: Any = load_engine(f"stargan2:{folder}", device="cpu")
    size = engine.file.img_size
    eyes = _Eyes(size)
    photos = {(i, mood): simdrive.mood_photo(0, i, mood, 0, size) for i in PEOPLE for mood in simdrive.MOODS}
    faces = {key: eyes.face(photo) for key, photo in photos.items()}
    apart: dict[str, list[float]] = {}
    found = shown = 0

    def note(name: str, value: float) -> None:
        apart.setdefault(name, []).append(value)

    for (index, mood), photo in photos.items():
        results = {key: engine.styled(photo, other)[0] for key, other in photos.items() if key[0] != index}
        for one, other in pairwise(results.values()):
            note("between_references", _l1(one, other))
        for key, made in results.items():
            note("from_source", _l1(made, photo))
            face, own, other = eyes.face(made), faces[index, mood], faces[key]
            shown, found = shown + 1, found + (face is not None)
            if face is None or own is None or other is None:
                continue
            for name, one, two in (("to_source", face, own), ("to_reference", face, other), ("untouched", own, other)):
                for value in eyes.identity(one, two).values():
                    note(f"identity_{name}", value)
            if key[1] != mood:  # the reference shows another expression than the source
                note("expression_to_reference", compare_faces(other[1], face[1]).expression_error)
                note("expression_untouched", compare_faces(other[1], own[1]).expression_error)
    means = {name: round(float(np.mean(values)), 4) for name, values in apart.items()}
    return means | {"face_found": round(found / shown, 3)}


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
