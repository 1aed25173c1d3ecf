"""A store under load: readers beside a writer, memory by the number of swaps, and two processes against one.

python -m benchmarks.load [--json FILE] [--seconds 20]

* Four processes read 50 random swaps a second each, and look for new shards every two seconds, while another one writes
  swaps of 768 bytes as fast as it can: how many reads fail, how long the slowest of them and the slowest opening take,
  and what the writer loses.
* Peak memory of a `materialise` of a thousand and of a hundred thousand swaps, by an engine that does next to nothing;
  the median of three, for what libraries take varies by some megabytes.
* `--rank 0 --world 2` and `--rank 1 --world 2` at once against one process alone, on a data set of procedural drivers;
  the median of three pairs, one after the other.

What a store costs by its size is measured by `benchmarks.store`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.machine import described, machine, verdict
from fsa_data.frames import LabelledFrames
from fsa_data.sources import load_source
from fsa_data.store import SwapStore
from fsa_data.types import Box, Face, Image, Reason, SourceFace, Swap
from fsa_data.worker import materialise

READERS, RATE = 4, 50.0
LOOK_S = 2.0
"""Seconds between a reader's looks for new shards."""

BARS = {"writer_loss": 0.10, "slices": 1.7}
SLICE_FRAMES = 6
"""Of each class and driver, 1,800 in all: a minute of work beside seconds of starting."""
_SIDE = 16


def write(path: Path, seconds: float) -> int:
    """Write swaps for some seconds; returns how many."""
    store, rng, count = SwapStore(path), np.random.default_rng(os.getpid()), 0
    patch = rng.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
    end = time.perf_counter() + seconds
    with store.writer({"engine": {"engine": "benchmark"}}) as writer:
        while time.perf_counter() < end:
            swap = Swap(Reason.SWAPPED, f"user{count % 60}", Box(count % 200, 9, _SIDE, _SIDE), patch)
            writer.put_swap(rng.bytes(16).hex(), swap, f"user{count % 30}")
            count += 1
    SwapStore(path).refresh()  # as `materialise` does in the end; it saves the index
    return count


def read(path: Path, seconds: float) -> dict[str, float]:
    """Open, and read at a steady rate: what opening took, reads, those that failed, the slowest (with its refresh)."""
    rng = np.random.default_rng(os.getpid())
    opening = time.perf_counter()
    store = SwapStore(path)
    store.refresh()
    begin = refreshed = time.perf_counter()
    done, failed, slowest = 0, 0, 0.0
    while time.perf_counter() < begin + seconds:
        wait = begin + done / RATE - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        start = time.perf_counter()
        if start - refreshed > LOOK_S:
            store.refresh()
            refreshed = start
        keys = store.index.keys["swaps"]
        try:  # as a data set reads: look the key up, map the patch
            at = int(rng.integers(len(keys)))
            failed += store.reader.image(store.locate("swaps", keys[at : at + 1])[0]).shape != (_SIDE, _SIDE, 3)
        except Exception as error:
            print(f"a read failed: {error}", file=sys.stderr)
            failed += 1
        done += 1
        slowest = max(slowest, time.perf_counter() - start)
    return {
        "opened_ms": round(1e3 * (begin - opening), 1),
        "reads": done,
        "failed": failed,
        "slowest_ms": round(1e3 * slowest, 1),
    }


class Stamp:
    """An engine that does next to nothing: memory and time are the worker's own."""

    fingerprint: ClassVar = {"engine": "stamp", "version": 1}
    trained_on: frozenset[str] = frozenset()
    uses_reference = False

    def swap(self, frame: Image, target: Face, donors: Sequence[SourceFace], params: dict, reference=None) -> Swap:
        """A corner of the frame, changed by the slot."""
        del target, reference
        return Swap(Reason.SWAPPED, donors[0].identity, Box(0, 0, 8, 8), frame[:8, :8] ^ np.uint8(params["slot"] % 256))


def peak(swaps: int, folder: Path) -> dict[str, float]:
    """Peak memory of this process after a materialise; for a fresh one."""
    frames = LabelledFrames.from_simdrive(subjects=2, frames=4)
    frames = frames.subset(np.arange(100))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = materialise(
        frames, load_source("portraits"), Stamp(), folder, 64, swaps // len(frames), workers=0, progress=False
    )
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"made": report.made, "peak_mb": round(after / 1024, 1), "grown_mb": round((after - before) / 1024, 1)}


def part(rank: int, world: int, folder: Path) -> dict[str, float]:
    """One part of a job with one worker; for a fresh process."""
    frames = LabelledFrames.from_simdrive(subjects=20, frames=SLICE_FRAMES, seed=9)
    start = time.perf_counter()
    source, engine = load_source("simdrive"), _engine()
    report = materialise(frames, source, engine, folder, workers=1, progress=False, rank=rank, world=world)
    return {"made": report.made, "seconds": round(time.perf_counter() - start, 2)}


def _engine() -> Any:
    from fsa_data.engines import load_engine

    return load_engine("mesh_warp")


def _start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.load", "--do", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _answer(process: subprocess.Popen[str]) -> Any:
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"A process of the benchmark failed ({process.returncode}).")
    return json.loads(said.splitlines()[-1])


def readers_beside_a_writer(folder: Path, seconds: float) -> dict[str, Any]:
    """See the module."""
    write(folder, 1)
    alone = _answer(_start("write", folder, seconds))
    readers = [_start("read", folder, seconds + 4) for _ in range(READERS)]
    time.sleep(2)  # until they are reading
    together = _answer(_start("write", folder, seconds))
    found = [_answer(reader) for reader in readers]
    return {
        "writer_alone_per_s": round(alone / seconds),
        "writer_beside_readers_per_s": round(together / seconds),
        "writer_loss": round(1 - together / alone, 4),
        "reads": sum(one["reads"] for one in found),
        "failed_reads": sum(one["failed"] for one in found),
        "slowest_opening_ms": max(one["opened_ms"] for one in found),
        "slowest_read_ms": max(one["slowest_ms"] for one in found),
        "swaps_in_the_end": len(SwapStore(folder).index.keys["swaps"]),
    }


def peaks(swaps: int, folder: Path) -> dict[str, Any]:
    """Peak memory of three fresh processes, and their median."""
    found = [_answer(_start("peak", swaps, folder / f"peak{swaps}-{n}"))["peak_mb"] for n in range(3)]
    return {"peaks_mb": found, "peak_mb": float(np.median(found))}


def slices(folder: Path) -> dict[str, Any]:
    """See the module; landmarks and frames are made by each anew."""
    LabelledFrames.from_simdrive(subjects=20, frames=SLICE_FRAMES, seed=9)
    pairs = []
    for n in range(3):
        start = time.perf_counter()
        one = _answer(_start("part", 0, 1, folder / f"one{n}"))
        alone_s = time.perf_counter() - start
        start = time.perf_counter()
        both = [_answer(process) for process in [_start("part", rank, 2, folder / f"two{n}") for rank in (0, 1)]]
        both_s = time.perf_counter() - start
        pairs.append(
            {
                "swaps": one["made"],
                "one_s": round(alone_s, 1),
                "two_s": round(both_s, 1),
                "ratio": round(alone_s / both_s, 3),
                "same_keys": sum(each["made"] for each in both) == one["made"],
            }
        )
    return {"pairs": pairs, "ratio": float(np.median([pair["ratio"] for pair in pairs]))}


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--do", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        what, *rest = options.do
        jobs = {
            "write": lambda: write(Path(rest[0]), float(rest[1])),
            "read": lambda: read(Path(rest[0]), float(rest[1])),
            "peak": lambda: peak(int(rest[0]), Path(rest[1])),
            "part": lambda: part(int(rest[0]), int(rest[1]), Path(rest[2])),
        }
        print(json.dumps(jobs[what]()))
        return
    with tempfile.TemporaryDirectory() as rough:
        folder = Path(rough)
        result = {
            "machine": machine(),
            "load": readers_beside_a_writer(folder / "load", options.seconds),
            "memory": {str(n): peaks(n, folder) for n in (1000, 100_000)},
            "slices": slices(folder),
        }
    print(described(result["machine"]))
    print(json.dumps({key: value for key, value in result.items() if key != "machine"}, indent=1))
    print("writer's loss", verdict(result["load"]["writer_loss"], BARS["writer_loss"], False))
    print("two slices", verdict(result["slices"]["ratio"], BARS["slices"], True))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
