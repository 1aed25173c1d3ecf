"""Make what the README and docs/ show: the contact sheet, the demo's table, what is kept and what it costs.

python -m benchmarks.readme [--runs runs/demo] [--figures runs/benchmarks]

The demo's table comes from the runs of `make demo`, the others from the JSON files of the other benchmarks:
`python -m benchmarks.NAME --json runs/benchmarks/NAME.json` for swap, read, train, views, flows, engines,
store, load, protocol, reenact and occluders (and, as masked.json, `benchmarks.occluders --condition masked`). What has
not been measured is left as it is.
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
MARKS = "<!-- {} table: written by `python -m benchmarks.readme` -->", "<!-- end of {} table -->"
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


def kept_table(figures: Path) -> str:
    """What stays in front of a swapped face, as a Markdown table."""
    bare, masked = (_load(figures / f"{name}.json") for name in ("occluders", "masked"))
    rows = [
        ("hands, cups and bottles of somebody who drinks", bare["Drink"]["occluder"][1]),
        ("hands and lipsticks at the face", bare["HairAndMakeup"]["occluder"][1]),
        ("a hand before a yawn", bare["Yawn"]["occluder"][1]),
        ("rims of spectacles, looking ahead", bare["Baseline"]["glasses"][1]),
        ("face masks, greatest of all classes", max(row["mask"][1] for row in masked.values() if "mask" in row)),
        ("and of the bare skin, of somebody who drinks", bare["Drink"]["skin"][1]),
    ]
    lines = ["| inside the outline of a swapped face | pixels changed |", "|---|---:|"]
    return "\n".join(lines + [f"| {what} | {share:.1%} |" for what, share in rows])


def speed_table(figures: Path) -> str:
    """Speed and size, as a Markdown table, with the machine."""
    swap, read, train, views = (_load(figures / f"{name}.json") for name in ("swap", "read", "train", "views"))
    rate, reading = swap["figures"], read["reading"]
    png, jpeg = (reading[f"ImageFolder, {kind}, decode"]["ratio"] for kind in ("png", "jpeg"))
    rows = [
        ("swaps per second, faces of 70-90 px, one core", f"{rate['swaps_per_s_70_90_px']:.0f}"),
        ("swaps per second, faces of 170-210 px, one core", f"{rate['swaps_per_s_170_210_px']:.0f}"),
        ("frames per second from 4,500 PNG files, one core, first source", f"{rate['first_source']:.0f}"),
        ("the same for each further source", f"{rate['further_source']:.0f}"),
        ("seconds for 77 views of a photo, one core", f"{views['views_s']}"),
        ("seconds until a photo with all views and expressions can be put on", f"{views['source_s']}"),
        ("`ds[i]` per second at 240 px, random order", f"{reading['ds[i]']['items_per_s']:,.0f}"),
        ("times as fast as `ImageFolder` on PNG, on JPEG", f"{png:.0f}, {jpeg:.0f}"),
        ("a stored swap, share of the raw frame (embedded drivers)", f"{read['patch']['simdrive']['mean']:.1%}"),
        ("training loop waiting for data", f"{max(loop['waiting'] for loop in train['loop'].values()):.1%}"),
    ]
    lines = ["| | |", "|---|---:|", *(f"| {what} | {value} |" for what, value in rows)]
    machine = swap["machine"]
    return "\n".join([*lines, "", f"Measured on {machine['processor']}, 2 cores, no GPU, other work beside it."])


def flows_table(figures: Path) -> str:
    """What views and expressions of single photos are worth, as a Markdown table."""
    flows = _load(figures / "flows.json")
    lines = [
        "| target | flow | photos | score: median | 95th percentile | pose | expression | landmarks | found again |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for target, found in flows["targets"].items():
        for name, line in found["flows"].items():
            errors = f"{line['pose_error_deg']:.1f}° | {line['expression_error']:.4f} | {line['landmark_error']:.4f}"
            scores = f"{line['score_median']:.1f} | {line['q95_median']:.1f}"
            photos, again = f"{line['photos_per_person']:.0f}", f"{line['found_again']:.1%}"
            lines.append(f"| {target} | {name} | {photos} | {scores} | {errors} | {again} |")
    lines += ["", "Change of the expression error, swap by swap:", ""]
    for target, found in flows["targets"].items():
        changes = [
            f"{by['mean']:+.4f} ({by['low']:+.4f} to {by['high']:+.4f})"
            for by in found["expression_error_changes"].values()
        ]
        lines.append(f"- {target}: by views {changes[0]}, by expressions besides {changes[1]}")
    lines += ["", f"{flows['people']} people ({flows['photos']}), `mesh_warp`. In brackets 95 % bootstrap intervals."]
    return "\n".join(lines)


def engines_table(figures: Path) -> str:
    """What engines cost and keep, as a Markdown table."""
    found = _load(figures / "engines.json")
    lines = [
        "| engine | training | ms per swap | pose | expression | found again | nearer to source than target |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in found["engines"].items():
        learnt = one.get("training")
        cost = f"{learnt['iterations']} steps, {learnt['minutes']:.0f} min" if learnt else "none"
        errors = f"{one['pose_error_deg']:.1f}° | {one['expression_error']:.4f}"
        shares = f"{one['found_again']:.0%} | {one['nearer_to_source']:.0%}"
        lines.append(f"| `{name}` | {cost} | {one['ms_per_swap']:.1f} | {errors} | {shares} |")
    where = f"{found['frames']} frames of one procedural person; training on 2 cores, a swap on one"
    return "\n".join([*lines, "", f"{where} ({found['machine']['processor']}, no GPU)."])


def scale_table(figures: Path) -> str:
    """What a store costs by its size and under load, as Markdown tables; bars stand in brackets."""
    store, load = _load(figures / "store.json"), _load(figures / "load.json")
    turns = store["in_turn"]
    lines = ["| swaps | opened in, s | memory, bytes a row | a row, us | a key, us |", "|---:|---:|---:|---:|---:|"]
    for rows, ways in store["stores"].items():
        one, turn = ways["from_manifest"], turns[rows]
        costs = f"{one['open_s']:.2f} | {one['index_bytes_per_row']:.0f} | {turn['row_us']:.1f} | {turn['key_us']:.0f}"
        lines.append(f"| {int(rows):,} | {costs} |")
    least, *_, most = turns.values()
    beside, memory, parts = load["load"], load["memory"], load["slices"]
    few, many = (memory[name]["peak_mb"] for name in ("1000", "100000"))
    read = f"{beside['reads']} reads by 4 processes: failed (none)"
    lines += [
        "",
        "| | |",
        "|---|---:|",
        f"| a swap by its key, largest store against smallest (1.5) | {most['key_us'] / least['key_us']:.2f} |",
        f"| a bare row whose place is known, likewise (1.5) | {most['row_us'] / least['row_us']:.2f} |",
        f"| {read} | {beside['failed_reads']} |",
        f"| slowest of them, ms | {beside['slowest_read_ms']:.0f} |",
        f"| slowest opening, ms | {beside['slowest_opening_ms']:.0f} |",
        f"| what the writer loses beside them (10 %) | {beside['writer_loss']:.0%} |",
        f"| peak memory of 1,000 and of 100,000 swaps, MB (equal) | {few:.0f}, {many:.0f} |",
        f"| two slices against one process, times as fast (1.7) | {parts['ratio']:.2f} |",
        "",
        f"In brackets what was aimed at. {load['machine']['processor']}, 2 cores.",
    ]
    return "\n".join(lines)


def protocol_table(figures: Path) -> str:
    """How often the protocol claims a planted effect, and one that is not there, as a Markdown table."""
    found = _load(figures / "protocol.json")
    lines = ["| claim | kappa 1 | kappa 0 |", "|---|---:|---:|"]
    names = {
        "identity, hybrid": "`hybrid` closes the gap that the mark makes",
        "identity, fake_only": "`fake_only` closes it (biased, see below)",
        "macro-F1, hybrid": "`hybrid` is better or worse in macro-F1",
        "macro-F1, fake_only": "`fake_only` is better or worse in macro-F1",
    }
    planted, twin = found["kappa 1"], found["kappa 0"]
    for name, words in names.items():
        lines.append(f"| {words} | {planted['claims'][name]:.1%} | {twin['claims'][name]:.1%} |")
    for arm in SETUPS:
        gaps = [part["means"][f"gap, {arm}"] for part in (planted, twin)]
        lines.append(f"| mean gap, `{arm}` | {gaps[0]:+.2f} | {gaps[1]:+.2f} |")
    for arm in SETUPS:
        scores = [part["means"][f"score, {arm}"] for part in (planted, twin)]
        lines.append(f"| macro-F1, `{arm}` | {scores[0]:.2f} | {scores[1]:.2f} |")
    passed = found["leaks passed"]
    leaks = sum(count for kind, count in passed.items() if kind != "clean refused")
    told = f"{planted['repetitions']} repetitions with the planted effect, {twin['repetitions']} without"
    lines += [
        "",
        f"{told}; {found['people']} people in each, of {found['pool']['people']}. Planted leaks that the guard let",
    ]
    lines[-1] += f" pass: {leaks} of {4 * found['leaks planted']}; clean folds refused: {passed['clean refused']}."
    return "\n".join(lines)


def reenact_table(figures: Path) -> str:
    """How well both re-enactment networks do, as Markdown tables."""
    found = _load(figures / "reenact.json")
    driven, styled = found["dagan"], found["stargan2"]
    cost = ", ".join(f"{ratio:.3f}" for ratio in driven.pop("call_against_networks").values())
    lines = [
        "| DaGAN, first frame driven by later ones | of | L1 | points | pose | expression | identity | face found |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, one in driven.items():
        for what, end, share in (("result", "", f"{one['face_found']:.0%}"), ("source, undriven", "_copy", "")):
            errors = f"{one['l1' + end]:.4f} | {one['points' + end]:.3f} | {one['pose_deg' + end]:.1f}° | "
            errors += f"{one['expression' + end]:.3f} | {one['identity' + end]:.2f} | {share}"
            lines.append(f"| {name} | {what} | {errors} |")
    told = [
        ("difference of two references' results", f"{styled['between_references']:.3f}"),
        ("difference of result and source", f"{styled['from_source']:.3f}"),
        ("identity: result and source", f"{styled['identity_to_source']:.2f}"),
        ("identity: result and reference", f"{styled['identity_to_reference']:.2f}"),
        ("identity: source and reference", f"{styled['identity_untouched']:.2f}"),
        ("expression: result and reference of the other mood", f"{styled['expression_to_reference']:.3f}"),
        ("expression: source and that reference", f"{styled['expression_untouched']:.3f}"),
        ("results in which a face is found", f"{styled['face_found']:.0%}"),
    ]
    lines += ["", "| StarGAN v2, unseen people in the style of others | |", "|---|---:|"]
    lines += [f"| {what} | {value} |" for what, value in told]
    return "\n".join(
        [*lines, "", f"An engine's call by the bare networks' time, one and eight pictures at once: {cost}."]
    )


def _load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def put(name: str, table: str, page: str = "README.md") -> None:
    """Write a table between its marks in a page."""
    before, after = (mark.format(name) for mark in MARKS)
    path = ROOT / page
    head, rest = path.read_text(encoding="utf-8").split(before)
    path.write_text(f"{head}{before}\n{table}\n{after}{rest.split(after)[1]}", encoding="utf-8")


def main() -> None:
    """Write docs/contact_sheet.jpg, and each table whose figures there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "demo")
    parser.add_argument("--figures", type=Path, default=ROOT / "runs" / "benchmarks")
    options = parser.parse_args()
    cv2.imwrite(str(ROOT / "docs" / "contact_sheet.jpg"), contact_sheet()[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    for name, make, folder, page in (
        ("demo", demo_table, options.runs, "README.md"),
        ("kept", kept_table, options.figures, "README.md"),
        ("speed", speed_table, options.figures, "README.md"),
        ("flows", flows_table, options.figures, "docs/score.md"),
        ("engines", engines_table, options.figures, "docs/engines.md"),
        ("scale", scale_table, options.figures, "docs/scale.md"),
        ("protocol", protocol_table, options.figures, "docs/protocol.md"),
        ("reenact", reenact_table, options.figures, "docs/reenactment.md"),
    ):
        try:
            put(name, make(folder), page)
        except FileNotFoundError as error:
            print(f"The {name} table is left as it is: there is no {error.filename}.")


if __name__ == "__main__":
    main()
