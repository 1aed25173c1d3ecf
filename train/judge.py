"""Looks at some swaps of a run once more: what they kept of the frame, and what else they tell a classifier.

Writes ``quality.csv``, one line for each swap looked at, and ``probes.json`` into the run directory.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from fsa_data.datasets import DeepfakeAugmentedMaskDAR, FrameView
from fsa_data.evaluate import write_atomic, write_json
from fsa_data.evaluate.probes import detectability, residual_identity, share_bias
from fsa_data.faces import load_landmarker
from fsa_data.quality import compare_faces, found_again
from fsa_data.types import Box, Image
from train.pixels import input_square
from train.start import build_classifier

QUALITY, PROBES = "quality.csv", "probes.json"
_SIDE = 112
_GREY = 128


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """One swap beside its frame."""

    real: Image
    fake: Image
    box: Box


def judge(dataset: DeepfakeAugmentedMaskDAR, count: int, crop: bool, directory: Path, seed: int) -> None:
    """Look at ``count`` swaps, evenly from all subjects and classes as they come; nothing if there are none.

    Args:
        dataset: with its swaps made.
        count: how many at most; 0 looks at none.
        crop: whether the classifier sees the middle square of a frame only.
        directory: of the run.
        seed: draws the swaps.
    """
    fakes = dataset.fakes()
    if not count or not len(fakes):
        return
    rows = np.sort(np.random.default_rng([seed, 0x10D6E]).permutation(len(fakes))[:count])
    chosen = fakes.subset(rows)
    sights = [_sight(dataset, chosen, at) for at in range(len(chosen))]
    _write_quality(directory / QUALITY, chosen, sights)
    write_json(directory / PROBES, _probes(dataset, chosen, sights, crop))


def _sight(dataset: DeepfakeAugmentedMaskDAR, fakes: FrameView, at: int) -> _Sight:
    x, y, w, h = (int(value) for value in fakes.rows.swap[at]["box"])
    real = dataset.real_frame(int(fakes.rows.frame[at]))
    return _Sight(real, fakes.array(at), Box(x, y, w, h))


def _write_quality(path: Path, fakes: FrameView, sights: list[_Sight]) -> None:
    landmarker, lines = load_landmarker(), []
    for at, sight in enumerate(tqdm(sights, desc="judging", unit="swap", disable=None)):
        outside = (sight.real != sight.fake).any(axis=2)
        outside[sight.box.slices] = False
        faces = landmarker(sight.real)
        again = found_again(faces[0], landmarker(sight.fake)) if faces else None
        kept: dict[str, Any] = dict.fromkeys(_KEPT, "")
        if faces and again is not None:
            kept = {name: round(value, 5) for name, value in asdict(compare_faces(faces[0], again)).items()}
        about = fakes.meta(at)
        lines.append(
            {
                "frame": about["frame"],
                "subject": about["subject"],
                "class": fakes.classes[int(fakes.targets[at])],
                "source_identity": about["source_identity"],
                "found_again": int(again is not None),
                "changed_outside": int(outside.sum()),
                "quality": "" if again is None else round(_quality(kept), 5),
                **kept,
            }
        )
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_atomic(path, out.getvalue())


_KEPT = ("pose_error_deg", "expression_error", "mouth_error", "eyes_error", "landmark_error")


def _quality(kept: dict[str, float]) -> float:
    """One number for terciles, the larger the better: each error in units of what the gate lets through, averaged."""
    from fsa_data.quality import GateOptions

    limits = GateOptions()
    shares = (
        kept["pose_error_deg"] / limits.max_pose_deg,
        kept["expression_error"] / limits.max_expression,
        kept["mouth_error"] / limits.max_mouth,
        kept["eyes_error"] / limits.max_eyes,
        kept["landmark_error"] / limits.max_landmark,
    )
    return -float(np.mean(shares))


def _probes(dataset: DeepfakeAugmentedMaskDAR, fakes: FrameView, sights: list[_Sight], crop: bool) -> dict[str, Any]:
    subject, label = fakes.groups, fakes.targets
    network = build_classifier("efficientnet_lite1", "lite1", 2).eval()
    network.reset_classifier(0)  # type: ignore[operator]  # timm's
    looks = {
        "face": [(_cut(s.real, s.box), _cut(s.fake, s.box)) for s in sights],
        "body": [(_without(s.real, s.box), _without(s.fake, s.box)) for s in sights],
        "frame": [(s.real, s.fake) for s in sights],
    }
    # people are learnt from half of the frames and told on the other half
    known = np.arange(len(sights)) % 2 == 0
    identity, whole = {}, None
    for name, pairs in looks.items():
        real, fake = (_features(network, [pair[n] for pair in pairs], crop and name != "face") for n in (0, 1))
        told = residual_identity(real[known], subject[known], real[~known], fake[~known], subject[~known])
        identity[name] = {"real": _number(told[0]), "fake": _number(told[1])}
        whole = (real, fake) if name == "frame" else whole
    assert whole is not None
    auc, of_class = detectability(*whole, subject, label, len(fakes.classes))
    cover = dataset.coverage()["by_class"]
    swapped, skipped = ([cover.get(name, {}).get(key, 0) for name in fakes.classes] for key in ("swapped", "skipped"))
    return {
        "swaps": len(sights),
        "detectable_auc": _number(auc),
        "detectable_auc_by_class": dict(zip(fakes.classes, of_class, strict=True)),
        "identity_told": identity,
        "identity_chance": 1 / len(set(subject.tolist())),
        "share_bias": share_bias(swapped, skipped),
    }


def _cut(image: Image, box: Box) -> Image:
    return np.ascontiguousarray(image[box.slices])


def _without(image: Image, box: Box) -> Image:
    out = image.copy()
    out[box.slices] = _GREY
    return out


@torch.inference_mode()
def _features(network: torch.nn.Module, images: list[Image], crop: bool) -> NDArray[np.float32]:
    cv2.setNumThreads(1)
    squares = np.stack([input_square(image, _SIDE, crop) for image in images])
    batches = torch.split(torch.from_numpy(squares).permute(0, 3, 1, 2).float().div(127.5).sub(1), 64)
    return np.asarray(torch.cat([network(batch) for batch in batches]).numpy(), np.float32)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
