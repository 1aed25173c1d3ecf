"""What a store costs by its size: opening, memory, looking keys up, and reading patches at random.

python -m benchmarks.store [--rows 10000 100000] [--million] [--json FILE]

Stores of swaps with patches of 768 bytes are made once and kept in the folder. Each is then opened in a fresh process:
"from shards" without the saved index, "from manifest" with it. Memory is what the process grows by (resident), and what
the index itself takes. Reads are in random order and in the page cache: the first time a row is read it is checked
against its checksum, later it is not. "a key" is one `store.get_swap(key)`, when its shard is read from for the first
time, and later; "a row" is a patch whose place is known, as a data set reads it. Nothing here measures a disk. In the
end one process reads all stores in turn, so that neither the machine's moods nor what its caches hold favours one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.machine import described, machine, verdict
from fsa_data.store import SwapStore
from fsa_data.store.index import MANIFEST
from fsa_data.store.keys import as_hex
from fsa_data.types import Box, Reason, Swap

SIDE = 16
ROW_BYTES_BAR = 100.0
"""Memory that the index may take per row."""
READS = 10_000
ROUNDS = 9
"""Passes over every store, in turn."""


def make(path: Path, rows: int) -> None:
    """Fill a store up to so many swaps; what is there already stays."""
    store = SwapStore(path)
    there = len(store.index.keys["swaps"])
    rng = np.random.default_rng(there)
    with store.writer({"engine": {"engine": "benchmark"}}) as writer:
        for n in tqdm(range(there, rows), desc=f"{rows} rows", unit="row", disable=None):
            patch = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            swap = Swap(Reason.SWAPPED, f"user{n % 60}", Box(n % 200, n % 150, SIDE, SIDE), patch)
            writer.put_swap(rng.bytes(16).hex(), swap, f"user{n % 30}")
    store.refresh()


def resident_bytes() -> int:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096


def microseconds(read: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Mean of one pass."""
    start = time.perf_counter()
    for item in items:
        read(item)
    return round(1e6 * (time.perf_counter() - start) / len(items), 2)


def measure(path: Path) -> dict[str, float | int]:
    """Open a store and read it; for a fresh process."""
    before = resident_bytes()
    start = time.perf_counter()
    store = SwapStore(path)
    index = store.index
    opened_s = time.perf_counter() - start
    grown = resident_bytes() - before
    keys = index.keys["swaps"]
    order = np.random.default_rng(0).permutation(len(keys))[:READS]
    start = time.perf_counter()
    entries = store.locate("swaps", keys[order])
    located_s = time.perf_counter() - start
    names = as_hex(keys[order])
    everyone = range(len(order))
    return {
        "rows": len(keys),
        "shards": len(index.shards),
        "open_s": round(opened_s, 4),
        "resident_bytes_per_row": round(grown / len(keys), 1),
        "index_bytes_per_row": round((keys.nbytes + index.entries["swaps"].nbytes) / len(keys), 1),
        "locate_us": round(1e6 * located_s / len(order), 3),
        "row_first_us": microseconds(lambda at: store.reader.image(entries[at]).sum(), everyone),
        "row_us": microseconds(lambda at: store.reader.image(entries[at]).sum(), everyone),
        "key_first_us": microseconds(lambda at: store.get_swap(names[at]), everyone),
        "key_us": microseconds(lambda at: store.get_swap(names[at]), everyone),
    }


def in_turn(paths: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Median microseconds of a row and of a key of each store, all read in turn by one process."""
    readers = {}
    for path in paths:
        store = SwapStore(path)
        keys = store.index.keys["swaps"]
        chosen = keys[np.random.default_rng(0).permutation(len(keys))[:READS]]
        readers[path.name] = (store, store.locate("swaps", chosen), as_hex(chosen))
    passes: dict[str, dict[str, list[float]]] = {name: {"row_us": [], "key_us": []} for name in readers}
    for _ in range(1 + ROUNDS):
        for name, (store, entries, names) in readers.items():
            passes[name]["row_us"].append(microseconds(partial(_row, store), list(entries)))
            passes[name]["key_us"].append(microseconds(store.get_swap, names))
    return {  # the first pass checks everything
        name: {what: round(float(np.median(found[1:])), 2) for what, found in ways.items()}
        for name, ways in passes.items()
    }


def _row(store: SwapStore, entry: Any) -> None:
    store.reader.image(entry).sum()


def in_fresh_process(*words: object) -> Any:
    """What this module says in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.store", *map(str, words)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print a table, and write JSON if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--million", action="store_true", help="a store of a million rows as well (about 1 GB)")
    parser.add_argument("--folder", type=Path, default=Path("cache/benchmark-store"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-turn", type=Path, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    if options.in_turn:
        print(json.dumps(in_turn(options.in_turn)))
        return
    facts, stores = machine(), {}
    for rows in [*options.rows, *[1_000_000] * options.million]:
        path = options.folder / str(rows)
        make(path, rows)
        (path / MANIFEST).unlink(missing_ok=True)
        cold = in_fresh_process("--measure", path)  # writes the manifest
        stores[str(rows)] = {"from_shards": cold, "from_manifest": in_fresh_process("--measure", path)}
    turns = in_fresh_process("--in-turn", *(options.folder / rows for rows in stores))
    bars = {"index_bytes_per_row": ROW_BYTES_BAR}
    result = {"machine": facts, "reads": READS, "stores": stores, "in_turn": turns, "bars": bars}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(described(facts), end="\n\n")
    head = ("open, s", "grown, B/row", "index, B/row", "locate, us", "row 1st, us", "row, us", "key 1st, us", "key, us")
    print(f"{'rows':>9} {'opened':<15}" + "".join(f"{name:>14}" for name in head))
    for rows, ways in stores.items():
        for way, found in ways.items():
            figures = [value for name, value in found.items() if name not in ("rows", "shards")]
            bar = verdict(float(found["index_bytes_per_row"]), ROW_BYTES_BAR, False)
            print(f"{rows:>9} {way.replace('_', ' '):<15}" + "".join(f"{value:>14}" for value in figures) + f"  {bar}")
    print()
    for rows, found in turns.items():
        print(f"in turn, {rows:>9}: a row {found['row_us']:6.2f} us, a key {found['key_us']:6.2f} us")


if __name__ == "__main__":
    main()
