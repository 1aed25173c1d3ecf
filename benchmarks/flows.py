"""What turning a single photo into views, with several expressions, is worth.

python -m benchmarks.flows [--json FILE] [--photos N] [--frames N]

Three flows of the same single photos: the photo alone, its views with the photo's own expression, and its views with
all expressions. They are scored on every driver of the embedded data and, where the real photos and the clip are (see
FSA_MEDIA), on a clip of a woman who turns her head; the photos are then those of six people who look into the camera,
else the two public-domain portraits. Of each flow: the median of T1's landmark score over the frames of all swaps, the
median over swaps of its 95th percentile, and, from results, errors of pose, expression and landmarks on frames that all
three swapped.

Two bars: with views the median score is at most 70 % of that of the photo alone, and with expressions the expression
error is below that without. Beside the second stands how sure it is: the difference is taken swap by swap (the same
person on the same target), with a 95 % bootstrap interval of its mean over swaps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import described, machine, verdict
from fsa_data.engines import load_engine
from fsa_data.evaluate import flow_lines, swap_lines
from fsa_data.frames import LabelledFrames
from fsa_data.sources import load_source
from fsa_data.worker import Clip, ScoredSwap, clips_of_frames, clips_of_paths, score_flows

ROOT = Path(__file__).resolve().parents[1]
PHOTO, VIEWS, EXPRESSIONS = "photo alone", "views", "views and expressions"
OPTIONS = {PHOTO: {"views": False}, VIEWS: {"expressions": ["own"]}, EXPRESSIONS: {}}
MOST_OF_THE_PHOTOS_SCORE = 0.7


def photo_specs(media: Path, count: int) -> list[str]:
    """Sources of single photos: real ones, evenly taken, or the portraits."""
    real = sorted((media / "london" / "neutral").glob("*.jpg"))
    if not real:
        return ["portraits"]
    return [f"image:{real[i]}" for i in np.linspace(0, len(real) - 1, count).round().astype(int).tolist()]


def targets(media: Path) -> dict[str, list[Clip]]:
    """The clip, if it is here, and the embedded drivers."""
    clip = media / "head_pose" / "female.mp4"
    real = {"clip": clips_of_paths([clip])} if clip.is_file() else {}
    return real | {"simdrive": clips_of_frames(LabelledFrames.from_simdrive())}


def measured(specs: Sequence[str], clips: Sequence[Clip], frames: int) -> dict[str, dict]:
    """Figures of the three flows on some targets, and what views and expressions change from swap to swap."""
    flows = {name: load_source(specs, {"views": True, **options}) for name, options in OPTIONS.items()}
    swaps = score_flows(flows, clips, load_engine("mesh_warp"), sample=frames).swaps
    lines = {line.flow: asdict(line) for line in flow_lines(swaps)}
    for name, line in lines.items():
        del line["flow"]
        line["score_median"] = _median_score([swap for swap in swaps if swap.flow == name])
        line["photos_per_person"] = float(np.mean([len(swap.photos) for swap in swaps if swap.flow == name]))
        line.update({key: None for key, value in line.items() if isinstance(value, float) and math.isnan(value)})
    errors = {(line.flow, line.source_identity, line.target): line.expression_error for line in swap_lines(swaps)}
    changes = {after: change(errors, before, after) for before, after in ((PHOTO, VIEWS), (VIEWS, EXPRESSIONS))}
    return {"flows": lines, "expression_error_changes": changes}


def change(errors: dict[tuple[str, str, str], float], before: str, after: str) -> dict[str, float]:
    """Mean over swaps of the difference between two flows, and its bootstrap interval."""
    pairs = [(errors[before, *of], error) for (flow, *of), error in errors.items() if flow == after]
    apart = np.array([error - former for former, error in pairs if math.isfinite(error - former)])
    means = apart[np.random.default_rng(0).integers(len(apart), size=(2000, len(apart)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975]).tolist()
    return {"mean": float(apart.mean()), "low": low, "high": high, "swaps": len(apart)}


def _median_score(swaps: Sequence[ScoredSwap]) -> float:
    return float(np.nanmedian(np.concatenate([swap.scores.score for swap in swaps])))


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--photos", type=int, default=6, help="how many people (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=40, help="frames of each target to swap (default: %(default)s)")
    options = parser.parse_args()
    cv2.setNumThreads(0)
    facts = machine()
    print(described(facts))
    media = Path(os.environ.get("FSA_MEDIA") or ROOT.parent / "shared" / "media")
    specs, found = photo_specs(media, options.photos), {}
    for target, clips in targets(media).items():
        found[target] = measured(specs, clips, options.frames)
        lines = found[target]["flows"]
        print(f"\n{target}, {len(clips)} targets, {lines[PHOTO]['swaps']} swaps of each flow")
        for name, line in lines.items():
            print(
                f"  {name:<22} score {line['score_median']:.2f} (q95 {line['q95_median']:.2f})  pose "
                f"{line['pose_error_deg']:.2f}  expression {line['expression_error']:.4f} (mouth "
                f"{line['mouth_error']:.4f}, lids {line['lids_error']:.4f}, gaze {line['gaze_error']:.4f})  "
                f"landmarks {line['landmark_error']:.4f}  "
                f"found again {line['found_again']:.1%}  {line['photos_per_person']:.0f} photos each"
            )
        share = lines[EXPRESSIONS]["score_median"] / lines[PHOTO]["score_median"]
        print(f"  score with views as a share  {share:.0%}  {verdict(share, MOST_OF_THE_PHOTOS_SCORE, at_least=False)}")
        for name, by in found[target]["expression_error_changes"].items():
            print(f"  expression error by {name:<22} {by['mean']:+.4f} ({by['low']:+.4f} .. {by['high']:+.4f})")
        less = lines[EXPRESSIONS]["expression_error"] < lines[VIEWS]["expression_error"]
        print(f"  expression error below that without expressions: {'met' if less else 'MISSED'}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        kinds = "real photos" if specs[0].startswith("image:") else "the two portraits"
        written = {"machine": facts, "photos": kinds, "people": len(load_source(specs, {"views": False}).photos)}
        options.json.write_text(json.dumps(written | {"targets": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
