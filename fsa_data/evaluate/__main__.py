"""``python -m fsa_data.evaluate RUN...`` prints the results of runs as one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fsa_data.errors import FsaError
from fsa_data.evaluate.comparison import comparison_table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of the given run directories; 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog="python -m fsa_data.evaluate", description="Results of runs as one table.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directory of train/run.py")
    try:
        sys.stdout.write(comparison_table(parser.parse_args(argv).runs) + "\n")
    except FsaError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
