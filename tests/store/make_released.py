"""Makes a small store of the current format: run once for each format that is released, and keep what it makes.

python tests/store/make_released.py     (writes tests/store/released/FORMAT; never again once that format is out)
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from store_parts import content, fill  # noqa: E402  # the path is set above

from fsa_data.store import FORMAT_VERSION, SwapStore  # noqa: E402
from fsa_data.types import Reason, Swap  # noqa: E402

RELEASED = HERE / "released"


def summary(store):
    """Everything that a store holds, as JSON: row by row, payloads as digests."""
    return {
        f"{kind} {key}": [*row[1:4], hashlib.blake2b(row[4], digest_size=16).hexdigest(), row[5]]
        for (kind, key), row in sorted(content(store).items())
    }


def reasons(store):
    """Status of every swap, by name: its number may differ from version to version."""
    store = SwapStore(store)
    return {
        key: str(store.get_swap(key).reason)
        for key in (row.partition(" ")[2] for row in summary(store) if row[0] == "s")
    }


def main():
    folder = RELEASED / str(FORMAT_VERSION)
    if folder.exists():
        sys.exit(f"{folder} is there already. What is released stays as it is.")
    store = fill(folder / "store", range(8), subjects=2, shard_rows=8, trained_on=("who1",))
    with store.writer() as writer:
        for n, reason in enumerate(Reason):
            if reason is not Reason.SWAPPED:
                writer.put_swap(f"{n:032x}", Swap(reason, notes={"error": "é"}), "")
    store.refresh()
    (folder / "store" / "manifest.npz").unlink(missing_ok=True)
    facts = {"rows": summary(store), "reasons": reasons(folder / "store")}
    (folder / "expected.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
