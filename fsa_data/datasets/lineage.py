"""The lineage guard: no training sample carries a test subject, as target, as source, or in the engine's weights."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fsa_data.errors import ConfigError, LineageError
from fsa_data.worker import IdentityMap, person_of

WHY = ("", "target", "source", "trained_on")
"""Through what a row carries a test subject: nothing; it shows them; it wears them; its engine learnt from them."""


class HasLineage(Protocol):
    """Rows whose lineage is known: any view of this package."""

    @property
    def groups(self) -> NDArray[np.str_]:
        """``(n,)`` subject in the frame."""
        ...

    @property
    def source_identity(self) -> NDArray[np.str_]:
        """``(n,)`` identity worn; empty for real rows."""
        ...

    @property
    def is_fake(self) -> NDArray[np.bool_]:
        """``(n,)``."""
        ...

    @property
    def frame_ids(self) -> NDArray[np.str_]:
        """``(n,)`` name of the frame."""
        ...

    @property
    def trained_on(self) -> frozenset[str]:
        """Identities that the weights behind the fakes were trained on."""
        ...

    @property
    def identities(self) -> IdentityMap:
        """Which names are the same person."""
        ...


@dataclass(frozen=True, slots=True)
class Excluded:
    """A row that may not be trained on, and why (see :data:`WHY`)."""

    frame: str
    subject: str
    source_identity: str
    is_fake: bool
    why: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the guard did for one fold.

    Attributes:
        test_subjects: as asked for.
        persons: the people behind them.
        n_train_real: real rows left for training.
        n_train_fake: fakes left for training.
        n_test: real rows of the test subjects.
        excluded: every row kept out of training, with the reason.
        trained_on: everybody the weights behind the fakes have seen; empty where there are no fakes to train on.
        violations: training rows that carry a test subject after all; 0, or the split would not exist.
    """

    test_subjects: tuple[str, ...]
    persons: tuple[str, ...]
    n_train_real: int
    n_train_fake: int
    n_test: int
    excluded: tuple[Excluded, ...]
    trained_on: tuple[str, ...] = ()
    violations: int = 0

    @property
    def excluded_by_why(self) -> dict[str, int]:
        """How many rows were kept out for each reason."""
        return dict(Counter(row.why for row in self.excluded))

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self) | {"excluded_by_why": self.excluded_by_why}

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON."""
        Path(path).write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write the excluded rows as CSV."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*Excluded.__dataclass_fields__])
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.excluded)


def lineages(rows: HasLineage) -> list[frozenset[str]]:
    """Per row everybody it carries: the person in the frame, the one it wears, and those the engine learnt from.

    Rows with the same people share one set.
    """
    trained = frozenset(person_of(name, rows.identities) for name in rows.trained_on)
    known: dict[tuple[str, str, bool], frozenset[str]] = {}
    found = []
    for row in zip(rows.groups.tolist(), rows.source_identity.tolist(), rows.is_fake.tolist(), strict=True):
        if row not in known:
            subject, source, fake = row
            names = {subject, source} if fake else {subject}
            known[row] = frozenset(person_of(name, rows.identities) for name in names) | (trained if fake else set())
        found.append(known[row])
    return found


def carries(rows: HasLineage, test_subjects: Iterable[str]) -> NDArray[np.int64]:
    """Per row through what it carries a test subject: index into :data:`WHY`, 0 if it does not."""
    names = [] if isinstance(test_subjects, str) else list(test_subjects)
    if not names:
        raise ConfigError(f"The guard needs a list of test subjects, got {test_subjects!r}.")
    people = {person_of(name, rows.identities) for name in names}
    why = np.zeros(len(rows.is_fake), np.int64)
    if any(person_of(name, rows.identities) in people for name in rows.trained_on):
        why[rows.is_fake] = WHY.index("trained_on")
    why[rows.is_fake & _are(rows.source_identity, people, rows.identities)] = WHY.index("source")
    why[_are(rows.groups, people, rows.identities)] = WHY.index("target")
    return why


def excluded_rows(rows: HasLineage, why: NDArray[np.int64]) -> tuple[Excluded, ...]:
    """The rows whose ``why`` is not 0, described."""
    at = np.flatnonzero(why)
    columns = (rows.frame_ids[at], rows.groups[at], rows.source_identity[at], rows.is_fake[at], why[at])
    return tuple(
        Excluded(frame, subject, source, fake, WHY[code])
        for frame, subject, source, fake, code in zip(*(column.tolist() for column in columns), strict=True)
    )


def check_fold(train: HasLineage, test_subjects: Sequence[str]) -> None:
    """Refuse training (or validation) rows that carry a test subject; to be called right before fitting.

    Args:
        train: the rows about to be trained on.
        test_subjects: who is tested.

    Raises:
        LineageError: names the first rows and how they carry whom.
        ConfigError: no test subjects, or a text instead of a list of them.
    """
    why = carries(train, test_subjects)
    if not why.any():
        return
    bad = excluded_rows(train, why)
    shown = "; ".join(
        f"row {at}: {row.frame} (subject {row.subject}"
        + (f", wears {row.source_identity}" if row.is_fake else "")
        + f"; through its {row.why})"
        for at, row in zip(np.flatnonzero(why).tolist()[:5], bad[:5], strict=True)
    )
    raise LineageError(
        f"{len(bad)} of {len(why)} training rows carry a subject that this fold tests ({', '.join(test_subjects)}): "
        f"{shown}{' ...' if len(bad) > 5 else ''}. Train on what ds.split(test_subjects) returns: it leaves them out."
    )


def _are(names: NDArray[np.str_], people: set[str], identities: Mapping[str, str]) -> NDArray[np.bool_]:
    """Where a name belongs to one of these people."""
    distinct, inverse = np.unique(names, return_inverse=True)
    hit = np.array([person_of(str(name), identities) in people for name in distinct], bool)
    return hit[inverse] if len(distinct) else np.zeros(0, bool)


def nothing_left(
    test_subjects: Sequence[str], why: NDArray[np.int64], unreadable: int, missing: Mapping[str, int]
) -> str:
    """What to say of a fold without a training row: whom the rows carry, and what could not be read or swapped.

    Args:
        test_subjects: of the fold.
        why: of every row, as :func:`carries` gives it.
        unreadable: frames that cannot be read.
        missing: swaps that are missing, by reason.
    """
    verbs = {"target": "show", "source": "wear the face of", "trained_on": "come from weights trained on"}
    rows = Counter(WHY[code] for code in why.tolist())
    parts = [f"{rows[kind]} {verb} a test subject" for kind, verb in verbs.items() if rows[kind]]
    parts += [f"{unreadable} frames cannot be read"] if unreadable else []
    parts += [f"{count} swaps are missing ({reason})" for reason, count in missing.items()]
    return (
        f"Nothing is left to train on when {', '.join(test_subjects)} is tested. There are {len(why)} rows: "
        f"{', '.join(parts)}. Give usable frames of more people, test fewer of them, or use a source (or weights) "
        "without them."
    )
