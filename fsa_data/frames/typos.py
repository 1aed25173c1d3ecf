"""Labels of a table that are probably typing errors: a class of its own by one wrong letter."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from fsa_data.errors import UnknownNameError
from fsa_data.frames.labels import MASKDAR, MASKDAR_CODES

RARER = 10
"""A label that is this many times rarer than one that looks like it is told."""

SHORTEST = 4
"""Shorter labels differ by one letter on purpose."""

_MOST_OF_MASKDAR = 8


def check_labels(path: Path, labels: Sequence[tuple[int, str]]) -> None:
    """Look for typing errors among the labels of a table that brings its own classes.

    A label that looks like a much more frequent one, or is the same but for case and spaces, is warned about: it may be
    meant. Where all labels but one are MaskDAR's and that one looks like one of them, it is an error, because it would
    turn MaskDAR's classes, their order and their mirror pairs into others.

    Args:
        path: the table, for the messages.
        labels: row number and label of every row.

    Raises:
        UnknownNameError: the one label that is not MaskDAR's.
    """
    counts = Counter(label for _, label in labels)
    row_of = {label: row for row, label in reversed(labels)}
    strange = sorted(counts.keys() - {*MASKDAR_CODES, *MASKDAR.names})
    if len(strange) == 1 and len(counts) > _MOST_OF_MASKDAR and nearest(strange[0], MASKDAR.names):
        raise UnknownNameError(f"label in {path}, row {row_of[strange[0]]}:", strange[0], MASKDAR.names)
    for label in strange:
        other = nearest(label, (name for name in counts if counts[name] > counts[label]))
        if other and (counts[other] >= RARER * counts[label] or _bare(other) == _bare(label)):
            warnings.warn(
                f"{path}, row {row_of[label]}: the label {label!r} ({counts[label]} rows) looks like {other!r} "
                f"({counts[other]} rows). It is a class of its own as it stands; correct it if that is not meant.",
                UserWarning,
                stacklevel=2,
            )


def nearest(label: str, others: Iterable[str]) -> str:
    """The first of the other labels that ``label`` may be a typing error of; empty if there is none.

    >>> nearest("Yawm", ["Drink", "Yawn"])
    'Yawn'
    >>> nearest("phone2", ["phone1"])
    ''
    """
    return next((other for other in others if other != label and _alike(label, other)), "")


def _alike(one: str, other: str) -> bool:
    if _bare(one) == _bare(other):
        return True
    numbered = re.sub(r"\d+", "", one) == re.sub(r"\d+", "", other)  # 1st and 2nd of something
    return not numbered and max(len(one), len(other)) >= SHORTEST and _one_slip(one.casefold(), other.casefold())


def _bare(label: str) -> str:
    return re.sub(r"[\s_-]+", "", label).casefold()


def _one_slip(one: str, other: str) -> bool:
    """Whether one letter more, less or other, or two letters exchanged, make one text of the other."""
    if len(one) < len(other):
        one, other = other, one
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))
    rest, others = one[at:], other[at:]
    exchanged = rest[:2] == others[1::-1] and rest[2:] == others[2:]
    return rest[1:] == others or rest[1:] == others[1:] or exchanged
