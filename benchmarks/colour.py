"""Which colour transfer suits a swap: every fixed one against the one chosen for each pair (`merge.colour=auto`).

python -m benchmarks.colour [--photos DIR] [--pairs 60] [--seed 11] [--slow] [--json FILE]

Donors are the photos of DIR (`$FSA_MEDIA/london/neutral` where it is there, the portraits otherwise), targets in turn
those photos and frames of procedural drivers in their cabins. Faces are drawn in the donor's own colours and put back
with two masks, T1's and a wider one. Judged on the finished frame in CIE Lab units; differences are smoothed by a
twentieth of the face size, so that features do not matter:

* seam: twice the mean distance of new and old colours along the line where the mask passes a half: the step that the
  soft edge has to hide;
* tone: distance of the median colour inside the mask to that of the target's own face there;
* grain: fine contrast inside the mask against that of the donor's face before its colours changed (1 is unchanged);
* identity: distance of dlib's embedding to the donor, on photos, where dlib is there (about 0.6 between strangers).

Time is that of one core, for a whole merge into a frame 480 pixels wide.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import described, machine, verdict
from fsa_data.engines.drawing import read_canvas
from fsa_data.engines.put_back import drawn_prediction
from fsa_data.engines.texture import TextureCache
from fsa_data.faces import face_size_px, load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.merge import PasteOptions, Prediction, Showing, paste_face, rgb_to_lab
from fsa_data.merge.paste_options import COLOURS, THESIS
from fsa_data.quality.identity import load_embedder
from fsa_data.sources import find_faces, load_source
from fsa_data.types import Face, Floats, Image, SourceFace, paste

HEIGHT, WIDTH = 270, 480
MASKS = {"thesis": THESIS, "wide": replace(THESIS, erode=20, blur=40)}
BAR_MS = 10.0
TIE = 0.02
"""Lab units: closer than this is no difference (a step of 8-bit lightness is 0.4)."""
SLOW = ("sot", "mix")
SMOOTH = 0.05
FEWEST = 20
FIGURES = ("seam", "tone", "grain", "identity", "ms")
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Pair:
    """A face drawn for a frame."""

    kind: str
    donor: SourceFace
    frame: Image
    target: Face
    predicted: Prediction
    showing: Showing


def framed(photo: SourceFace) -> tuple[Image, Face]:
    """A photo in the middle of a frame."""
    scale = HEIGHT / photo.image.shape[0]
    small = cv2.resize(photo.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:, :WIDTH]
    frame = np.full((HEIGHT, WIDTH, 3), small[0, 0], np.uint8)
    left = (WIDTH - small.shape[1]) // 2
    frame[:, left : left + small.shape[1]] = small
    return frame, photo.face.scaled(scale, scale).moved(left, 0)


def targets(photos: list[SourceFace], count: int, rng: np.random.Generator) -> Iterator[tuple[str, Image, Face, str]]:
    """Kind, frame, face and identity: half photos, half drivers, the same for the same numbers."""
    for at in rng.integers(len(photos), size=count // 2).tolist():
        yield "photos", *framed(photos[at]), photos[at].identity
    frames = LabelledFrames.from_simdrive(subjects=10, frames=1)
    landmarker, found = load_landmarker(), 0
    for at in rng.permutation(len(frames.path)).tolist():
        frame = frames.read(at)
        faces = landmarker(frame)
        if faces and face_size_px(faces[0].points_px) > 30:
            found += 1
            yield "drivers", frame, faces[0], ""
        if found == count - count // 2:
            return


def pairs(photos: list[SourceFace], count: int, seed: int) -> Iterator[Pair]:
    """Targets with a donor each."""
    rng, textures = np.random.Generator(np.random.PCG64(seed)), TextureCache(occluders=True)
    for kind, frame, face, identity in targets(photos, count, rng):
        others = [photo for photo in photos if photo.identity != identity]
        donor = others[int(rng.integers(len(others)))]
        canvas = read_canvas(frame, face, None, occluders=True)
        yield Pair(kind, donor, frame, face, *drawn_prediction(frame, canvas, textures(donor)))


def judged(pair: Pair, options: PasteOptions, embed: object) -> dict[str, float | str] | None:
    """The figures of one swap; None where too little of it is seen."""
    start = time.process_time()
    pasted = paste_face(pair.frame, pair.target, pair.predicted, options, pair.showing)
    spent = 1000 * (time.process_time() - start)
    plain = paste_face(pair.frame, pair.target, pair.predicted, replace(options, colour="none"), pair.showing)
    if pasted is None or plain is None:
        return None
    mask = pasted.mask
    edge, inside = (mask > 0.3) & (mask < 0.7), mask > 0.9
    if min(edge.sum(), inside.sum()) < FEWEST:
        return None
    old, new = rgb_to_lab(np.ascontiguousarray(pair.frame[pasted.box.slices])), rgb_to_lab(pasted.patch)
    apart = cv2.GaussianBlur(new - old, (0, 0), SMOOTH * face_size_px(pair.target.points_px))
    figures: dict[str, float | str] = {
        "seam": float(2 * np.linalg.norm(apart[edge], axis=1).mean()),
        "tone": float(np.linalg.norm(np.median(new[inside], axis=0) - np.median(old[inside], axis=0))),
        "grain": _fine(new, inside) / max(_fine(rgb_to_lab(plain.patch), inside), 1e-6),
        "ms": spent,
        "used": pasted.colour,
    }
    if callable(embed) and pair.kind == "photos":
        swapped = paste(pair.frame, pasted.box, pasted.patch)
        apart_by = embed(pair.donor.image, pair.donor.face) - embed(swapped, pair.target)
        figures["identity"] = float(np.linalg.norm(apart_by))
    return figures


def _fine(lab: Floats, inside: np.ndarray) -> float:
    return float(cv2.Laplacian(np.ascontiguousarray(lab[..., 0]), cv2.CV_32F)[inside].std())


def measure(photos: list[SourceFace], count: int, seed: int, colours: tuple[str, ...]) -> list[dict[str, object]]:
    """One row per pair, mask and colour."""
    embed = _embedding()
    rows: list[dict[str, object]] = []
    for number, pair in enumerate(pairs(photos, count, seed)):
        for name, options in MASKS.items():
            found = {c: judged(pair, replace(options, colour=c), embed if name == "wide" else None) for c in colours}
            if all(found.values()):
                rows += [
                    {"pair": number, "kind": pair.kind, "mask": name, "colour": c, **(found[c] or {})} for c in found
                ]
    return rows


def _embedding() -> object:
    """Dlib's judge of identity, if it is there."""
    return load_embedder("dlib") if importlib.util.find_spec("dlib") is not None else None


def summed(rows: list[dict[str, object]], **where: str) -> dict[str, dict[str, float]]:
    """Mean figures by colour of the rows with these values."""
    chosen = [row for row in rows if all(row[key] == value for key, value in where.items())]
    table: dict[str, dict[str, float]] = {}
    for colour in dict.fromkeys(str(row["colour"]) for row in chosen):
        mine = [row for row in chosen if row["colour"] == colour]
        table[colour] = {
            name: round(float(np.mean([row[name] for row in mine if name in row])), 3)
            for name in FIGURES
            if any(name in row for row in mine)
        }
    return table


def main() -> None:
    """Print tables, or write JSON as well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    media = Path(os.environ.get("FSA_MEDIA") or ROOT.parent / "shared" / "media") / "london" / "neutral"
    parser.add_argument("--photos", type=Path, default=media if media.is_dir() else None)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--slow", action="store_true", help="sliced transport, too")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    source = load_source(f"folder:{options.photos}" if options.photos else "portraits")
    photos = find_faces(source.photos, load_landmarker())
    colours = tuple(c for c in COLOURS if options.slow or c.partition("-")[0] not in SLOW)
    cv2.setNumThreads(1)
    facts = machine()
    rows = measure(photos, options.pairs, options.seed, colours)
    kinds = {kind: summed(rows, kind=kind) for kind in ("photos", "drivers")}
    tables = {"all": summed(rows), **{name: summed(rows, mask=name) for name in MASKS}, **kinds}
    used = [str(row["used"]) for row in rows if row["colour"] == "auto"]
    result = {"machine": facts, "tables": tables, "auto": {c: used.count(c) for c in sorted(set(used))}}
    if options.json:
        options.json.write_text(json.dumps({**result, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(described(facts))
    for name, table in tables.items():
        print(f"\n{name:<10}" + "".join(f"{figure:>10}" for figure in FIGURES))
        for colour, row in sorted(table.items(), key=lambda item: item[1]["seam"] + item[1]["tone"]):
            print(f"{colour:<10}" + "".join(f"{row[f]:>10.2f}" if f in row else f"{'-':>10}" for f in FIGURES))
    print(f"\nauto chose {result['auto']}")
    for figure in ("seam", "tone"):
        best = TIE + min(row[figure] for colour, row in tables["all"].items() if colour != "auto")
        print(f"auto, {figure}: {verdict(tables['all']['auto'][figure], best, at_least=False)}")
    print(f"overlay and rct, ms: {verdict(tables['all']['rct']['ms'], BAR_MS, at_least=False)}")


if __name__ == "__main__":
    main()
