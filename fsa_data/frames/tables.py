"""CSV tables as rows of text, each with the number that an editor or a spreadsheet shows beside it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from fsa_data.errors import BadTableError, DatasetNotFoundError

Record = dict[str, str]


def read_table(path: Path, required: Sequence[str], holds: str = "row") -> list[tuple[int, Record]]:
    """The rows of a CSV with a header, as text without surrounding spaces.

    Args:
        path: UTF-8, separated by commas.
        required: columns that must be there; others are kept as well.
        holds: what a row stands for, for the messages.

    Returns:
        Row number (the header is row 1) and values by column. Empty lines are left out, but counted.

    Raises:
        DatasetNotFoundError: no such file, or no row in it.
        BadTableError: another encoding or separator, a column that is missing or there twice.
    """
    if not path.is_file():
        raise DatasetNotFoundError(f"No CSV at {path}. It needs a header with {', '.join(required)}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            _check_columns(path, columns, required)
            # spaces around a name would make two people of one
            rows = [
                (reader.line_num, {key: (value or "").strip() for key, value in record.items() if key})
                for record in reader
            ]
    except UnicodeDecodeError as error:
        raise BadTableError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except csv.Error as error:
        raise BadTableError(f"{path} cannot be read as a CSV: {error}.") from error
    if not rows:
        raise DatasetNotFoundError(f"{path} lists no {holds}.")
    return rows


def _check_columns(path: Path, columns: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        single = columns[0] if len(columns) == 1 else ""
        hint = " Separate the columns by commas." if any(mark in single for mark in ";\t") else ""
        raise BadTableError(
            f"{path} lacks the column {', '.join(missing)}; it has {', '.join(columns) or 'none'}.{hint}"
        )
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise BadTableError(f"{path} has the column {', '.join(twice)} twice. Rename or remove one of them.")
