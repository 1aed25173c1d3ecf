"""Make what the README shows: the contact sheet, and the demo's table from the runs of `make demo`.

python -m benchmarks.readme [--runs runs/demo]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

import cv2
import numpy as np

from fsa_data.engines import load_engine
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.sources import find_faces, load_source
from fsa_data.types import Face, Image, SourceFace, paste

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("Baseline", "TextingLeft", "TalkPassengerRight", "LookBelow", "TalkCellLeft", "Yawn")
SIDE = 200
MARKS = ("<!-- demo table: written by `python -m benchmarks.readme` -->", "<!-- end of demo table -->")
SETUPS = ("real_only", "fake_only", "hybrid")


def contact_sheet() -> Image:
    """Real frames above, the same frames with a new face below: six drivers, two public-domain portraits."""
    landmarker, engine = load_landmarker(), load_engine("mesh_warp")
    donors = find_faces(load_source(["portraits", "simdrive"]).photos, landmarker)
    frames = LabelledFrames.from_simdrive()
    columns = []
    for subject, name in zip(frames.subjects, SHOWN, strict=True):
        rows = np.flatnonzero((frames.subject == subject) & (frames.label == frames.labels.index[name]))
        columns.append(_pair(engine, frames.read(int(rows[0])), landmarker, donors, seed=int(rows[0])))
    for photo in load_source("portraits").photos:
        others = [d for d in donors if d.identity.startswith("portrait") and d.identity != photo.identity]
        columns.append(_pair(engine, photo.load(), landmarker, others, seed=0))
    return np.concatenate(columns, axis=1)


def _pair(engine, frame: Image, landmarker, donors: list[SourceFace], seed: int) -> Image:
    face = landmarker(frame)[0]
    swap = engine.swap(frame, face, donors, {"seed": seed, "slot": 0})
    if swap.box is None or swap.patch is None:
        raise SystemExit(f"A frame of the sheet was not swapped: {swap.reason}")
    both = [_around(image, face) for image in (frame, paste(frame, swap.box, swap.patch))]
    return np.concatenate(both, axis=0)


def _around(image: Image, face: Face) -> Image:
    """A square around the face, with room for hair and hands."""
    box = face.box
    half = 1.15 * max(box.w, box.h)
    scale = SIDE / (2 * half)
    centre = np.array([box.x + box.w / 2, box.y + box.h * 0.55])
    shift = SIDE / 2 - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(
        cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=mode, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def demo_table(runs: Path) -> str:
    """The demo's results as a Markdown table, with the machine that made them."""
    lines = [
        "| trained on | frames | tested on | accuracy | macro-F1 | seconds per fold |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for setup in SETUPS:
        result = json.loads((runs / setup / "results.json").read_text(encoding="utf-8"))
        folds, real = result["folds"], result["test"]["real"]
        trained = round(np.mean([fold["n_train_real"] + fold["n_train_fake"] for fold in folds]))
        seconds = result["timing"]["fit_s"] / len(folds)
        scores = f"{real['accuracy']:.2f} | {real['macro_f1']:.2f}"
        lines.append(f"| `{setup}` | {trained} | {real['n']} real | {scores} | {seconds:.0f} |")
    chance = 1 / len(result["classes"])
    lines += ["", f"Chance is {chance:.2f}. Measured on {os.cpu_count()} cores ({platform.machine()}, no GPU)."]
    return "\n".join(lines)


def main() -> None:
    """Write docs/contact_sheet.jpg, and the table if the demo has run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "demo")
    runs = parser.parse_args().runs
    cv2.imwrite(str(ROOT / "docs" / "contact_sheet.jpg"), contact_sheet()[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not all((runs / setup / "results.json").is_file() for setup in SETUPS):
        print(f"No finished demo under {runs}: run `make demo` first. Only the contact sheet was written.")
        return
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    readme.write_text(f"{before}{MARKS[0]}\n{demo_table(runs)}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
