"""What the small autoencoder learns of two procedural people, and how fast.

python -m benchmarks.autoencoder [--preset tiny] [--iterations N] [--threads N] [--folder DIR] [--json FILE]

Two people of the procedural set, 90 pictures each from all directions, and others kept apart for judging. Trained for
the preset's iterations, then judged on the pictures kept apart:

* SSIM of predicted against true aligned faces, within the face, of both people;
* how many swapped frames show a face again;
* how many predicted faces are nearer to the source, drawn in the very pose, than to the target (mean absolute
  difference within the face), before anything is merged and in the finished frame.

Processor time stands beside wall time: on a shared machine only the first can be compared.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.metrics import structural_similarity

from benchmarks.machine import described, machine, verdict
from fsa_data import simdrive
from fsa_data.engines.autoencoder.engine import AutoencoderEngine
from fsa_data.engines.autoencoder.face_tensors import FaceTensors, align_faces, images_of
from fsa_data.engines.autoencoder.preset import PRESETS, Preset, load_preset
from fsa_data.engines.autoencoder.preview import predicted
from fsa_data.engines.autoencoder.step import Step
from fsa_data.engines.autoencoder.train import TrainOptions, train
from fsa_data.faces import load_landmarker
from fsa_data.faces.align import face_matrix, warp
from fsa_data.types import Face, Image, SourceFace, paste

SOURCE, TARGET = 55, 7
"""Two people of one skin tone, so that colour does not tell them apart."""

TRAINED, JUDGED, SIZE_PX = 90, 30, 192
BARS = {"ssim": 0.85, "found_again": 0.9, "nearer_to_source": 0.8, "sample_share": 0.15, "minutes": 10.0}


@dataclass(frozen=True)
class People:
    """Pictures with their faces, and in which pose each was drawn."""

    pictures: list[tuple[Image, Face]]
    poses_deg: list[tuple[float, float]]


def people(index: int, count: int, seed: int) -> People:
    """Pictures of one procedural person; those without a found face are drawn anew."""
    rng, landmarker = np.random.default_rng(seed), load_landmarker()
    pictures: list[tuple[Image, Face]] = []
    poses: list[tuple[float, float]] = []
    while len(pictures) < count:
        yaw, pitch = float(rng.uniform(-38, 38)), float(rng.uniform(-16, 20))
        image = simdrive.identity_photo(0, index, yaw, pitch, SIZE_PX)
        if found := landmarker(image):
            pictures.append((image, found[0]))
            poses.append((yaw, pitch))
    return People(pictures, poses)


def aligned(who: People, index: int, preset: Preset) -> FaceTensors:
    """Tensors of the pictures, twice as large as the network's."""
    name = simdrive.subject_name(0, index)
    return align_faces(who.pictures, 2 * preset.resolution, preset.face_type, name)


def similarity(faces: FaceTensors, predictions: list[Image]) -> float:
    """Mean SSIM within the faces' masks."""
    scores = []
    for truth, mask, got in zip(images_of(faces.images.float() / 255), faces.masks[:, 0], predictions, strict=True):
        _, where = structural_similarity(truth, got, channel_axis=2, full=True)
        scores.append(float(where[mask.cpu().numpy() > 127].mean()))
    return float(np.mean(scores))


def judge(engine: AutoencoderEngine, preset: Preset) -> dict[str, float]:
    """Shares and similarities on pictures that training has not seen."""
    source, target = people(SOURCE, JUDGED, 11), people(TARGET, JUDGED, 12)
    src = aligned(source, SOURCE, preset).resized(preset.resolution)
    dst = aligned(target, TARGET, preset).resized(preset.resolution)
    with torch.inference_mode():
        net = engine._opened()
        device = next(net.parameters()).device
        got = predicted(net, *(side.images.to(device).float() / 255 for side in (src, dst)))
    landmarker = load_landmarker()
    donors = [_donor(source.pictures[0], SOURCE)]
    found, raw, merged = 0, [], []
    for at, ((frame, face), pose) in enumerate(zip(target.pictures, target.poses_deg, strict=True)):
        matrix = face_matrix(face.points_px, preset.face_type, preset.resolution)
        mask = dst.masks[at, 0].numpy() > 127
        twin = simdrive.identity_photo(0, SOURCE, *pose, SIZE_PX)
        faces = landmarker(twin)
        there = face_matrix((faces[0] if faces else face).points_px, preset.face_type, preset.resolution)
        truth, own = (
            warp(picture, where, preset.resolution, preset.resolution, edge=True)
            for picture, where in ((twin, there), (frame, matrix))
        )
        swap = engine.swap(frame, face, donors, {})
        assert swap.box is not None
        assert swap.patch is not None
        after = paste(frame, swap.box, swap.patch)
        found += bool(landmarker(after))
        seen_now = warp(after, matrix, preset.resolution, preset.resolution, edge=True)
        for face_now, to in ((images_of(got[2].face)[at], raw), (seen_now, merged)):
            to.append(_apart(face_now, truth, mask) < _apart(face_now, own, mask))
    return {
        "ssim_source": round(similarity(src, images_of(got[0].face)), 4),
        "ssim_target": round(similarity(dst, images_of(got[1].face)), 4),
        "found_again": round(found / JUDGED, 4),
        "nearer_to_source": round(float(np.mean(raw)), 4),
        "nearer_to_source_merged": round(float(np.mean(merged)), 4),
    }


def _donor(picture: tuple[Image, Face], index: int) -> SourceFace:
    return SourceFace(simdrive.subject_name(0, index), "benchmark", *picture, {})


def _apart(a: Image, b: Image, mask: np.ndarray) -> float:
    return float(np.abs(a.astype(np.float32) - b)[mask].mean())


def measure(preset: Preset, folder: Path, device: str) -> dict[str, Any]:
    """Train and judge."""
    src = aligned(people(SOURCE, TRAINED, 1), SOURCE, preset)
    dst = aligned(people(TARGET, TRAINED, 2), TARGET, preset)
    options = TrainOptions(device=device, snapshot_every=250, preview_every=max(1, preset.iterations // 4))
    wall, cpu = time.perf_counter(), time.process_time()
    report = train(src, dst, folder, preset, options=options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "iterations": preset.iterations,
        "parameters": sum(p.numel() for p in Step(preset, torch.device("cpu"), 0).net.parameters()),
        "minutes": round(wall / 60, 2),
        "iterations_per_s": round(preset.iterations / report.seconds, 2),
        "cpu_s_per_iteration": round(cpu / preset.iterations, 4),
        "sample_share": round(report.sample_seconds / report.seconds, 4),
        "loss_source": round(report.losses[0], 4),
        "loss_target": round(report.losses[1], 4),
        **judge(AutoencoderEngine(preset.network, folder, device=device), preset),
    }


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="tiny", choices=sorted(PRESETS))
    parser.add_argument("--iterations", type=int)
    parser.add_argument(
        "--change", action="append", default=[], metavar="KEY=VALUE", help="a field of the preset, JSON"
    )
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, help="keep the training there")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    changes = dict(change.split("=", 1) for change in options.change)
    preset = load_preset(options.preset, **{key: _value(value) for key, value in changes.items()})
    if options.iterations:
        preset = replace(preset, iterations=options.iterations)
    facts = machine() | {"threads": torch.get_num_threads()}
    with tempfile.TemporaryDirectory() as rough:
        measured = measure(preset, options.folder or Path(rough), options.device)
    print(described(facts))
    for key, value in measured.items():
        bar = key if key in BARS else "ssim" if key.startswith("ssim") else ""
        at_least = bar not in ("sample_share", "minutes")
        print(f"{key:<24} {value:>10}  {verdict(value, BARS[bar], at_least) if bar else ''}")
    if options.json:
        text = json.dumps({"machine": facts, "preset": dict(preset.json), **measured}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


if __name__ == "__main__":
    main()
