"""Does the protocol find what is there, and nothing that is not? A planted effect, its twin without, and planted leaks.

python -m benchmarks.protocol [--people 32] [--repetitions 100] [--nulls 400] [--json FILE]

Procedural drivers, eight look-alike actions in four pairs; the label is which of its pair a frame shows. Half of the
people wear coloured spots on their cheeks. In training, kappa says how far the label goes with the mark: at kappa 1
the marked people are only seen in first actions and the others only in second ones, at kappa 0 everybody is seen in
both alike. Tests are balanced in any case. A classifier that reads the mark instead of the action is right on congruent
frames (first action and mark, second and none) and wrong on the others. A swap takes the mark off the face.

Each repetition draws twenty people, who is marked, and their frames, and runs the whole protocol on them: leave one
person out, a ridge classifier on frozen features of EfficientNet-Lite1, equal numbers of rows for all arms. Two claims
are counted:

* identity: the gap between congruent and incongruent accuracy is smaller under swapped faces than under real ones
  (signed-rank test over people, p < 0.05, and in this direction);
* macro-F1: `fsa compare` calls an arm better or worse than real_only.

At kappa 1 the first should be made, at kappa 0 it must not. The second is shown for both: an arm may differ for other
reasons than identity, such as the engine's traces, and only the twin tells.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.machine import described, machine
from fsa_data import DeepfakeAugmentedMaskDAR
from fsa_data.errors import LineageError
from fsa_data.evaluate import Predictions, concatenate, fold_predictions
from fsa_data.evaluate import statistics as st
from fsa_data.faces import face_size_px, load_landmarker, oval_mask
from fsa_data.frames import LabelledFrames
from fsa_data.paths import cache_dir
from fsa_data.simdrive import ensure
from fsa_data.types import Box
from train.pixels import input_square
from train.start import build_classifier

PAIRS = (("C00", "C14"), ("C09", "C12"), ("C10", "C13"), ("C11", "C01"))
"""Look-alike actions: baseline and yawn, talk and look right, talk and look left, look below and texting."""

PEOPLE, FRAMES, SIZE = 20, 20, 112
"""People of a repetition, frames of each that are trained on, and side of the classifier's input."""

DRAWN = 3
"""Frames drawn of each person and action."""

ARMS = ("real_only", "fake_only", "hybrid")
CHEEKS = (50, 280)
"""Landmarks in whose place the mark is."""

FIRST_SEED = 1000
"""Of the repetitions: the design was settled on others."""

LEAKS = 200
"""Of each kind."""

RADIUS, TINT = 0.25, (40, -40)
"""Of the mark: in face sizes, and what it adds to a and b of Lab."""

RIDGE = 300.0
"""Penalty, divided by the number of rows; features have unit variance over their number."""

_CLASSES = ("first", "second")


@dataclass(frozen=True)
class Pool:
    """Frozen features of every frame, with and without the mark, real and swapped.

    Attributes:
        features: ``(2, 2, N, D)``: marked, swapped, frame.
        usable: ``(N,)``: swapped in both versions.
        label: ``(N,)`` 0 or 1.
        person: ``(N,)``.
    """

    features: NDArray[np.float64]
    usable: NDArray[np.bool_]
    label: NDArray[np.int64]
    person: NDArray[np.str_]


def marked(image: NDArray[np.uint8], points_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A frame with a coloured spot on each cheek, of the skin's own lightness, inside the face."""
    size = face_size_px(points_px)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    face = oval_mask(points_px, Box(0, 0, image.shape[1], image.shape[0])) / np.float32(255)
    for x, y in points_px[list(CHEEKS), :2]:
        inside = face * np.clip(2 - 2 * np.hypot(columns - x, rows - y) / (RADIUS * size), 0, 1)
        lab[..., 1:] += np.array(TINT, np.float32) * inside[..., None]
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def data_sets(people: int, folder: Path) -> list[LabelledFrames]:
    """The frames of the pairs without and with the mark, as two data sets on disk."""
    drawn = LabelledFrames.from_simdrive(subjects=people, frames=DRAWN, seed=5)
    wanted = np.isin([drawn.labels.names[label] for label in drawn.label], _names(drawn))
    frames, landmarker = drawn.subset(wanted), load_landmarker()
    tables: dict[bool, list[list[str]]] = {False: [], True: []}
    for at in tqdm(range(len(frames)), desc="marking", unit="frame", disable=None):
        image = frames.read(at)
        faces = landmarker(image)
        name = f"{frames.subject[at]}-{at:05d}.png"
        label = frames.labels.names[frames.label[at]]
        for mark in (False, True):
            path = folder / ("marked" if mark else "plain") / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                shown = marked(image, faces[0].points_px) if mark and faces else image
                cv2.imwrite(str(path), shown[..., ::-1])
            tables[mark].append([str(path.relative_to(folder)), str(frames.subject[at]), label])
    sets = []
    for mark, rows in tables.items():
        table = folder / f"{'marked' if mark else 'plain'}.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["path", "subject", "label"], *rows])
        sets.append(LabelledFrames.from_csv(table))
    return sets


def _names(frames: LabelledFrames) -> list[str]:
    """Names of the paired classes; the data set's folders are numbered as its labels."""
    return [frames.labels.names[int(code[1:])] for pair in PAIRS for code in pair]


def make_pool(people: int) -> Pool:
    """Draw, mark, swap by the usual way (store, guard and all), and take features."""
    folder = cache_dir() / f"protocol-{people}-{RADIUS:g}-{TINT[0]}"
    network = build_classifier("efficientnet_lite1", "lite1", 2).eval()
    network.reset_classifier(0)
    ensure(subjects=people, frames=DRAWN, seed=5)
    parts, usable, label, person = [], [], None, None
    for frames in data_sets(people, folder):
        ds = DeepfakeAugmentedMaskDAR(frames, "hybrid", ["portraits", "simdrive"], store=folder / "store")
        fakes = ds.fakes()
        place = {int(frame): at for at, frame in enumerate(fakes.rows.frame)}
        real = ds.subset(~ds.is_fake)
        there = np.array([at in place for at in range(len(frames))])
        swapped = [fakes.array(place[at]) if at in place else real.array(at) for at in range(len(frames))]
        parts.append([features(network, images) for images in (real.arrays(), swapped)])
        usable.append(there)
        first = {ds.frames.labels.names.index(name) for name in _first(frames)}
        label = np.array([0 if value in first else 1 for value in frames.label.tolist()])
        person = frames.subject
    scaled = np.array(parts)
    scaled = (scaled - scaled.mean(axis=(0, 1, 2))) / (scaled.std(axis=(0, 1, 2)) + 1e-6)
    assert label is not None
    assert person is not None
    return Pool(scaled / np.sqrt(scaled.shape[-1]), usable[0] & usable[1], label, person)


def _first(frames: LabelledFrames) -> list[str]:
    every = LabelledFrames.from_simdrive(subjects=1, frames=1).labels.names
    return [every[int(first[1:])] for first, _ in PAIRS]


@torch.inference_mode()
def features(network: torch.nn.Module, images: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """``(N, D)`` pooled features."""
    squares = np.stack([input_square(image, SIZE, crop=True) for image in images])
    batches = torch.from_numpy(squares).permute(0, 3, 1, 2).float().div(127.5).sub(1).split(64)
    return torch.cat([network(batch) for batch in batches]).double().numpy()


def repetition(pool: Pool, kappa: float, seed: int) -> tuple[dict[str, Predictions], dict[str, NDArray[np.float64]]]:
    """Run the protocol on people drawn by a seed.

    Returns:
        Per arm the predictions, and per arm ``(people,)`` accuracy on congruent minus on incongruent frames.
    """
    rng = np.random.default_rng([seed, round(100 * kappa)])
    people = rng.permutation(np.unique(pool.person))[:PEOPLE]
    marks = dict(zip(people.tolist(), rng.permutation(np.arange(PEOPLE) % 2 == 0).tolist(), strict=True))
    trained = {who: _drawn(pool, who, marks[who], kappa, rng) for who in people.tolist()}
    tables: dict[str, list[Predictions]] = {arm: [] for arm in ARMS}
    gaps: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for tested in people.tolist():
        others = [who for who in people.tolist() if who != tested]
        at = np.concatenate([trained[who] for who in others])
        mark = np.concatenate([np.full(len(trained[who]), int(marks[who])) for who in others])
        rows = np.flatnonzero((pool.person == tested) & pool.usable)
        seen = pool.features[int(marks[tested]), 0, rows]
        truth = pool.label[rows]
        for arm in ARMS:
            x, y = _training(pool, arm, at, mark)
            score = seen @ _ridge(x, 2.0 * y - 1)
            right = (score > 0) == truth
            congruent = (truth == 0) == marks[tested]
            gaps[arm].append(float(right[congruent].mean() - right[~congruent].mean()))
            second = 1 / (1 + np.exp(-4 * score))
            tables[arm].append(
                fold_predictions(
                    _CLASSES, np.stack([1 - second, second], 1).astype(np.float32), truth, seed=0, fold=tested,
                    domain="real", subject=[tested] * len(rows), frame=[str(row) for row in rows],
                    source_identity=[""] * len(rows),
                )
            )  # fmt: skip
    return {arm: concatenate(parts) for arm, parts in tables.items()}, {arm: np.array(gap) for arm, gap in gaps.items()}


def _drawn(pool: Pool, who: str, mark: bool, kappa: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Frames of one person to train on: a share of (1 + kappa) / 2 of the action that goes with the mark."""
    mine = (pool.person == who) & pool.usable
    own, other = 1 - int(mark), int(mark)  # marked people go with first actions, label 0
    wanted = round(FRAMES * (1 + kappa) / 2)
    parts = []
    for label, count in ((own, wanted), (other, FRAMES - wanted)):
        there = rng.permutation(np.flatnonzero(mine & (pool.label == label)))
        parts.append(np.resize(there, count) if count and len(there) else there[:0])
    return np.concatenate(parts).astype(np.int64)


def _training(
    pool: Pool, arm: str, at: NDArray[np.int64], mark: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """As many rows for every arm: single arms count twice."""
    versions = {"real_only": (0, 0), "fake_only": (1, 1), "hybrid": (0, 1)}[arm]
    return np.concatenate([pool.features[mark, swapped, at] for swapped in versions]), np.tile(pool.label[at], 2)


def _ridge(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of ridge regression, by its dual: fewer rows than features."""
    return np.asarray(x.T @ np.linalg.solve(x @ x.T + RIDGE / len(x) * np.eye(len(x)), y))


def claims(pool: Pool, kappa: float, repetitions: int) -> dict[str, Any]:
    """How often each claim is made, and how large the effects are."""
    counted: Counter[str] = Counter()
    sizes: dict[str, list[float]] = {}
    for seed in tqdm(range(FIRST_SEED, FIRST_SEED + repetitions), desc=f"kappa {kappa:g}", disable=None):
        tables, gaps = repetition(pool, kappa, seed)
        for arm in ARMS[1:]:
            closed = gaps["real_only"] - gaps[arm]
            found = st.signed_rank(closed) < st.LEVEL and st.hodges_lehmann(closed).value > 0
            counted[f"identity, {arm}"] += found
            sizes.setdefault(f"gap closed, {arm}", []).append(float(closed.mean()))
        for one in st.compare(tables, [(arm, "real_only") for arm in ARMS[1:]]):
            counted[f"macro-F1, {one.arm}"] += one.verdict in ("better", "worse")
            sizes.setdefault(f"macro-F1, {one.arm}", []).append(one.difference.value)
            sizes.setdefault(f"detectable, {one.arm}", []).append(one.detectable)
        for arm in ARMS:
            sizes.setdefault(f"gap, {arm}", []).append(float(gaps[arm].mean()))
            sizes.setdefault(f"score, {arm}", []).append(
                st.pooled_macro_f1(tables[arm]).value if seed < FIRST_SEED + 20 else np.nan
            )
    return {
        "repetitions": repetitions,
        "claims": {name: counted[name] / repetitions for name in sorted(counted)},
        "means": {name: round(float(np.nanmean(values)), 4) for name, values in sizes.items()},
    }


def leaks(tries: int) -> dict[str, int]:
    """Rows that carry a test subject in each way there is, planted among clean ones; how many the guard lets pass."""
    from fsa_data.datasets.lineage import check_fold

    rng = np.random.default_rng(0)
    passed: Counter[str] = Counter(
        dict.fromkeys(("target", "source", "trained_on", "identity map", "clean refused"), 0)
    )
    for _ in range(tries):
        people = [f"user{n:02d}" for n in rng.permutation(30)]
        tested, others, donors = people[0], people[1:], [f"donor{n}" for n in range(5)]
        count = int(rng.integers(5, 60))
        groups = rng.choice(others, count)
        fake = rng.random(count) < 0.5
        worn = np.where(fake, rng.choice(donors, count), "")
        clean = _Rows(groups, worn, fake, frozenset(donors[:1]), {})
        at = int(rng.integers(count))
        plants = {
            "target": _Rows(_set(groups, at, tested), worn, fake, frozenset(), {}),
            "source": _Rows(groups, _set(worn, at, tested), _set(fake, at, True), frozenset(), {}),
            "trained_on": _Rows(groups, worn, _set(fake, at, True), frozenset({others[0], tested}), {}),
            "identity map": _Rows(
                groups, _set(worn, at, "alias"), _set(fake, at, True), frozenset(), {"alias": tested}
            ),
        }
        try:
            check_fold(clean, [tested])
        except LineageError:
            passed["clean refused"] += 1
        for kind, rows in plants.items():
            try:
                check_fold(rows, [tested])
            except LineageError:
                continue
            passed[kind] += 1
    return dict(passed)


@dataclass(frozen=True)
class _Rows:
    groups: NDArray[Any]
    source_identity: NDArray[Any]
    is_fake: NDArray[Any]
    trained_on: frozenset[str]
    identities: dict[str, str]

    @property
    def frame_ids(self) -> NDArray[np.str_]:
        return np.array([f"{at}.png" for at in range(len(self.groups))])


def _set(column: NDArray[Any], at: int, value: Any) -> NDArray[Any]:
    changed = column.astype(object) if column.dtype.kind == "U" else column.copy()
    changed[at] = value
    return changed.astype(str) if column.dtype.kind == "U" else changed


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--nulls", type=int, default=400)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    pool = make_pool(options.people)
    drawn_s = time.perf_counter() - start
    result: dict[str, Any] = {
        "machine": machine(),
        "people": PEOPLE,
        "pool": {"people": options.people, "frames": len(pool.label), "usable": int(pool.usable.sum())},
        "kappa 1": claims(pool, 1.0, options.repetitions),
        "kappa 0": claims(pool, 0.0, options.nulls),
        "leaks planted": LEAKS,
        "leaks passed": leaks(LEAKS),
        "seconds": {"pool": round(drawn_s, 1), "all": round(time.perf_counter() - start, 1)},
    }
    print(described(result["machine"]))
    print(json.dumps({key: value for key, value in result.items() if key != "machine"}, indent=1))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
