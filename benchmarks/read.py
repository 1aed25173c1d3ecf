"""How fast samples are read, against image files, and how much of a frame a stored patch takes.

python -m benchmarks.read [--json FILE] [--photos CSV --photos-source folder:DIR]

Reading: one process, random order, `ds[i]` of real and swapped drivers at 240 pixels (short side), uint8 tensor out.
Beside it `torchvision.datasets.ImageFolder` (PIL) on the same rows as files, `PILToTensor` at the end: "decode" from
files of that very size, "decode + resize" from files of the native size. Everybody reads the same rows in the same
order, in turn, for some rounds: items per second are the best round's, ratios the median of the rounds' own ratios,
since the machine may do other things meanwhile. Files lie in the page cache by then; nothing here measures a disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from benchmarks.machine import described, machine, verdict
from fsa_data import DeepfakeAugmentedMaskDAR, LabelledFrames
from fsa_data.datasets import FrameView

SIZE = 240
SOURCE = ("portraits", "simdrive")
FORMATS = {"png": {}, "jpeg": {"quality": 95}}
ITEMS_BAR = 8000.0
RATIO_BARS = {"png": 8.0, "jpeg": 3.0}
SHARE_BARS = {"simdrive": 0.10, "photos": 0.16}

Read = Callable[[int], object]


def dataset(frames: LabelledFrames, store: Path, source: Sequence[str] | str, size: int | None):
    """Real and swapped frames; makes the swaps if they are not in the store."""
    return DeepfakeAugmentedMaskDAR(frames, setup="hybrid", source=source, store=store, working_size=size)


def write_files(view: FrameView, rows: Sequence[int], folder: Path, kind: str) -> None:
    """Rows of a data set as files that ImageFolder understands, in the order of ``rows``."""
    shutil.rmtree(folder, ignore_errors=True)  # of a former run
    names = view.classes
    for number, row in enumerate(rows):
        path = folder / f"{int(view.targets[row]):02d}-{names[int(view.targets[row])]}" / f"{number:05d}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(view.array(row)).save(path, **FORMATS[kind])


def readers(small: FrameView, native: FrameView, rows: Sequence[int], folder: Path) -> dict[str, Read]:
    """Who reads; each is called with a row, and gives an image as a tensor and a label."""
    found: dict[str, Read] = {"ds[i]": lambda row: small[row]}
    resize = v2.Compose([v2.Resize(SIZE), v2.PILToTensor()])
    for kind in FORMATS:
        for view, what, transform in ((small, "decode", v2.PILToTensor()), (native, "decode + resize", resize)):
            place = folder / f"{kind}-{'native' if view is native else SIZE}"
            write_files(view, rows, place, kind)
            files = ImageFolder(str(place), transform)
            by_number = {int(Path(path).stem): at for at, (path, _) in enumerate(files.samples)}
            at = {row: by_number[number] for number, row in enumerate(rows)}
            found[f"ImageFolder, {kind}, {what}"] = lambda row, files=files, at=at: files[at[row]]
    return found


def seconds_per_item(read: Read, rows: Sequence[int]) -> float:
    """Of one pass."""
    start = time.perf_counter()
    for row in rows:
        read(row)
    return (time.perf_counter() - start) / len(rows)


def measure(small: FrameView, native: FrameView, folder: Path, items: int, rounds: int) -> dict[str, dict[str, float]]:
    """Items per second of every reader, and how many times as fast as it `ds[i]` is."""
    rows = np.random.default_rng(0).permutation(len(small))[:items].tolist()
    by_name = readers(small, native, rows, folder)
    # A row is checked against its checksum when a process reads it first, so that is a measurement of its own.
    whole = small.subset(range(len(small)))
    first = seconds_per_item(lambda row: whole[row], rows)
    for read in by_name.values():
        seconds_per_item(read, rows[: len(rows) // 4])
    seconds = {name: [] for name in by_name}
    for _ in range(rounds):
        for name, read in by_name.items():
            seconds[name].append(seconds_per_item(read, rows))
    ours = np.array(seconds["ds[i]"])
    result = {"ds[i], first time": {"items_per_s": round(1 / first, 1)}}
    for name, taken in seconds.items():
        result[name] = {"items_per_s": round(1 / min(taken), 1)}
        if name != "ds[i]":
            result[name]["ratio"] = round(float(np.median(np.array(taken) / ours)), 1)
    return result


def patch_share(view: FrameView) -> dict[str, float | int]:
    """Bytes of the stored patches as a share of the bytes of their raw frames."""
    fakes = view.subset(view.is_fake)
    shares = [int(fakes.rows.swap["size"][row]) / fakes.array(row).nbytes for row in range(len(fakes))]
    return {"swaps": len(shares), "mean": round(float(np.mean(shares)), 4), "largest": round(max(shares), 4)}


def show(result: dict[str, object], reading: dict[str, dict[str, float]], shares: dict[str, dict[str, float]]) -> None:
    """Print the tables."""
    print(described(result["machine"]), end="\n\n")
    print(f"{'reading':<36}{'items/s':>10}{'ds[i] is':>10}")
    for name, figures in reading.items():
        ratio = f"{figures['ratio']:>9.1f}x" if "ratio" in figures else " " * 10
        kind = next((kind for kind in RATIO_BARS if kind in name), "")
        bar = verdict(figures["ratio"], RATIO_BARS[kind], True) if kind else ""
        bar = verdict(figures["items_per_s"], ITEMS_BAR, True) if name == "ds[i]" else bar
        print(f"{name:<36}{figures['items_per_s']:>10,.0f}{ratio}  {bar}".rstrip())
    print(f"\n{'patch as a share of the raw frame':<36}{'swaps':>10}{'mean':>10}{'largest':>10}")
    for name, found in shares.items():
        bar = verdict(found["mean"], SHARE_BARS[name], False)
        print(f"{name:<36}{found['swaps']:>10}{found['mean']:>10.1%}{found['largest']:>10.1%}  {bar}")


def main() -> None:
    """Print tables, and write JSON if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=400, help="rows per round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=Path, metavar="CSV", help="measure patches on these photos, too")
    parser.add_argument("--photos-source", default="portraits", help="whose faces the photos get")
    parser.add_argument("--folder", type=Path, default=Path("cache/benchmark-read"), help="for the store and the files")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = machine()
    frames, store = LabelledFrames.from_simdrive(), options.folder / "store"
    small, native = (dataset(frames, store, SOURCE, size) for size in (SIZE, None))
    reading = measure(small, native, options.folder, options.items, options.rounds)
    shares = {"simdrive": patch_share(native)}
    if options.photos:
        photos = LabelledFrames.from_csv(options.photos)
        shares["photos"] = patch_share(dataset(photos, store, options.photos_source, None))
    result = {"machine": facts, "rounds": options.rounds, "items": options.items, "reading": reading, "patch": shares}
    if options.json:
        result["bars"] = {"items_per_s": ITEMS_BAR, "ratio": RATIO_BARS, "mean_share_at_most": SHARE_BARS}
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result, reading, shares)


if __name__ == "__main__":
    main()
