"""Looks at some swaps of a run once more: what they kept of the frame, and what else they tell a classifier.

Writes ``quality.csv``, one line for each swap looked at, and ``probes.json`` into the run directory.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from fsa_data.datasets import DeepfakeAugmentedMaskDAR, FrameView
from fsa_data.evaluate import Pair, write_atomic, write_json
from fsa_data.evaluate.probes import detectability, kernel_distance, residual_identity, share_bias
from fsa_data.evaluate.report import write_pairs
from fsa_data.faces import load_landmarker
from fsa_data.quality import Kept, compare_faces, found_again, jitter
from fsa_data.quality.identity import Embedder, Embedding, distance, load_embedder
from fsa_data.sources import find_faces
from fsa_data.types import Box, Face, Image, Landmarker
from train.config import Config
from train.pixels import input_square
from train.start import build_classifier

QUALITY, PROBES = "quality.csv", "probes.json"
_SIDE = 112
_GREY = 128
_WORST = 6  # swaps that are shown
_PHOTOS = 6  # of each person worn, to tell them by


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """One swap beside its frame."""

    real: Image
    fake: Image
    box: Box


def judge(dataset: DeepfakeAugmentedMaskDAR, config: Config, directory: Path) -> None:
    """Look at some swaps, drawn by the seed; nothing if there are none, or none are to be looked at.

    Args:
        dataset: with its swaps made.
        config: how many, what the classifier sees, and what tells faces apart.
        directory: of the run.
    """
    fakes = dataset.fakes()
    if not config.judge or not len(fakes):
        return
    rows = np.sort(np.random.default_rng([config.seed, 0x10D6E]).permutation(len(fakes))[: config.judge])
    chosen = fakes.subset(rows)
    sights = [_sight(dataset, chosen, at) for at in range(len(chosen))]
    who = _Identity(load_embedder(config.embedder), dataset) if config.embedder is not None else None
    last = _earlier(fakes)

    def earlier(at: int) -> _Sight | None:  # read when it is wanted, and let go
        row = last.get(int(rows[at]))
        return None if row is None else _sight(dataset, fakes, row)

    worst = _write_quality(directory / QUALITY, chosen, sights, earlier, who)
    about = [(sights[at], chosen.meta(at), chosen.classes[int(chosen.targets[at])]) for at in worst]
    pairs = [Pair(s.real, s.fake, label, meta["subject"], meta["source_identity"]) for s, meta, label in about]
    write_pairs(directory / "figures", "worst", pairs)
    write_json(directory / PROBES, _probes(dataset, chosen, sights, config.fit.crop))


class _Identity:
    """Whom a swapped face looks like: the one it wears, or the one in the frame."""

    def __init__(self, embedder: Embedder, dataset: DeepfakeAugmentedMaskDAR) -> None:
        source, landmarker = dataset.recipe.source, dataset.recipe.landmarker
        self.embedder, self.known = embedder, {}
        found: dict[str, list[Embedding]] = {}
        for face in find_faces(source.photos, landmarker) if source is not None else ():
            if len(found.setdefault(face.identity, [])) < _PHOTOS:
                found[face.identity].append(embedder(face.image, face.face))
        self.known = {name: np.median(np.stack(own), axis=0) for name, own in found.items()}

    def of(self, sight: _Sight, before: Face, after: Face, worn: str) -> dict[str, Any]:
        """Distances of the new face to the one worn and to the frame's, and whether the first is the nearest known."""
        new, own = self.embedder(sight.fake, after), self.embedder(sight.real, before)
        away = {name: distance(new, other) for name, other in self.known.items()}
        if worn not in away:
            return {}
        to_own = distance(new, own)
        nearest = min([*away.values(), to_own])
        return {
            "identity_to_worn": round(away[worn], 4),
            "identity_to_own": round(to_own, 4),
            "identity_found": int(away[worn] == nearest),
        }


def _sight(dataset: DeepfakeAugmentedMaskDAR, fakes: FrameView, at: int) -> _Sight:
    x, y, w, h = (int(value) for value in fakes.rows.swap[at]["box"])
    real = dataset.real_frame(int(fakes.rows.frame[at]))
    return _Sight(real, fakes.array(at), Box(x, y, w, h))


def _earlier(fakes: FrameView) -> dict[int, int]:
    """By row the row of the frame before it, where that shows the same person and action and wears the same face."""
    about = zip(fakes.rows.frame.tolist(), fakes.rows.source_identity.tolist(), strict=True)
    rows = {key: row for row, key in enumerate(about)}
    subject, label = fakes.groups.tolist(), fakes.targets.tolist()
    pairs = ((row, rows.get((at - 1, face))) for (at, face), row in rows.items())
    return {
        row: last
        for row, last in pairs
        if last is not None and (subject[last], label[last]) == (subject[row], label[row])
    }


def _write_quality(
    path: Path,
    fakes: FrameView,
    sights: list[_Sight],
    earlier: Callable[[int], _Sight | None],
    who: _Identity | None,
) -> list[int]:
    """A line for each swap; returns where the worst are, first those without a face."""
    landmarker, lines = load_landmarker(), []
    for at, sight in enumerate(tqdm(sights, desc="judging", unit="swap", disable=None)):
        outside = (sight.real != sight.fake).any(axis=2)
        outside[sight.box.slices] = False
        pair, about = _pair(landmarker, sight), fakes.meta(at)
        kept: dict[str, Any] = dict.fromkeys(_KEPT, "")
        told: dict[str, Any] = dict.fromkeys(_TOLD, "")
        moved: float | None = None
        if pair is not None:
            kept = {name: round(value, 5) for name, value in asdict(compare_faces(*pair)).items()}
            if who is not None:
                told |= who.of(sight, *pair, str(about["source_identity"]))
            before = earlier(at)
            if before is not None and (last := _pair(landmarker, before)) is not None:
                moved = round(jitter(pair, last), 5)
        lines.append(
            {
                "frame": about["frame"],
                "subject": about["subject"],
                "class": fakes.classes[int(fakes.targets[at])],
                "source_identity": about["source_identity"],
                "found_again": int(pair is not None),
                "changed_outside": int(outside.sum()),
                "quality": "" if pair is None else round(_quality(kept), 5),
                **kept,
                "jitter": "" if moved is None else moved,
                **(told if who is not None else {}),
            }
        )
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_atomic(path, out.getvalue())
    values = np.array([-np.inf if line["quality"] == "" else line["quality"] for line in lines], np.float64)
    return [int(at) for at in np.argsort(values, kind="stable")[:_WORST]]


def _pair(landmarker: Landmarker, sight: _Sight) -> tuple[Face, Face] | None:
    """The face before and after."""
    faces = landmarker(sight.real)
    again = found_again(faces[0], landmarker(sight.fake)) if faces else None
    return None if again is None else (faces[0], again)


_TOLD = ("identity_to_worn", "identity_to_own", "identity_found")
_KEPT = tuple(field.name for field in fields(Kept))


def _quality(kept: dict[str, float]) -> float:
    """One number for terciles, the larger the better: each error in units of what the gate lets through, averaged."""
    from fsa_data.quality import GateOptions

    limits = GateOptions()
    shares = (
        kept["pose_error_deg"] / limits.max_pose_deg,
        kept["expression_error"] / limits.max_expression,
        kept["mouth_error"] / limits.max_mouth,
        kept["lids_error"] / limits.max_lids,
        kept["gaze_error"] / limits.max_gaze,
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
    seen = {
        name: [_features(network, [pair[n] for pair in pairs], crop and name != "face") for n in (0, 1)]
        for name, pairs in looks.items()
    }
    identity = {}
    for name, (real, fake) in seen.items():
        told = residual_identity(real[known], subject[known], real[~known], fake[~known], subject[~known])
        identity[name] = {"real": _number(told[0]), "fake": _number(told[1])}
    real, fake = seen["frame"]
    auc, of_class = detectability(real, fake, subject, label, len(fakes.classes))
    cover = dataset.coverage()["by_class"]
    swapped, skipped = ([cover.get(name, {}).get(key, 0) for name in fakes.classes] for key in ("swapped", "skipped"))
    return {
        "swaps": len(sights),
        "detectable_auc": _number(auc),
        "detectable_auc_by_class": dict(zip(fakes.classes, of_class, strict=True)),
        "kid": _number(kernel_distance(seen["face"][0], seen["face"][1])),
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
