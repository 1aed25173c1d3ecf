"""Who is tested when: named folds over subjects.

A fold is a name and the subjects it tests. What may be trained on is decided by ``ds.split(test_subjects)``, which
knows the lineage of every fake; nothing here looks at rows of a data set.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fsa_data.errors import ConfigError, UnknownNameError

_NAME_LENGTH = 80  # a file name may have 255 bytes; "fold-" and suffixes of temporary files need room


@dataclass(frozen=True, slots=True)
class Fold:
    """One turn of the cross-validation.

    Attributes:
        name: unique within the list and safe as (part of) a file name.
        test_subjects: the subjects that are held out, sorted.
    """

    name: str
    test_subjects: tuple[str, ...]


def file_name(text: str) -> str:
    """``text`` as a file name: letters, digits, ``._-`` stay, every other byte becomes ``%XX``.

    Long names are cut and get a digest, so that different texts keep different names.

    >>> file_name("user 03/b")
    'user%2003%2Fb'
    """
    kept = re.compile(rb"[A-Za-z0-9_-]|(?<=.)\.", re.DOTALL)
    raw = text.encode("utf-8", "surrogatepass")
    safe = "".join(chr(b) if kept.match(raw, i) else f"%{b:02X}" for i, b in enumerate(raw)) or "%"
    if len(safe) <= _NAME_LENGTH:
        return safe
    return f"{safe[: _NAME_LENGTH - 17]}-{hashlib.blake2b(raw, digest_size=8).hexdigest()}"


def loso(subjects: Iterable[str]) -> list[Fold]:
    """Leave one subject out: as many folds as there are subjects, in sorted order, named after them.

    Args:
        subjects: subject of every frame (repeats are welcome).

    Raises:
        ConfigError: fewer than two subjects.
    """
    from sklearn.model_selection import LeaveOneGroupOut

    names = _subjects(subjects)
    codes = np.arange(len(names))
    held_out = [names[int(test[0])] for _, test in LeaveOneGroupOut().split(codes, groups=codes)]
    return _unique([Fold(file_name(name), (name,)) for name in held_out])


def group_kfold(subjects: Iterable[str], k: int = 5) -> list[Fold]:
    """``k`` folds of whole subjects with nearly equal numbers of frames, named ``group-0``, ``group-1``, ...

    Args:
        subjects: subject of every frame; the repeats are the weights.
        k: number of folds, 2 .. number of subjects.

    Raises:
        ConfigError: fewer than two subjects, or ``k`` out of range.
    """
    from sklearn.model_selection import GroupKFold

    rows = [str(subject) for subject in subjects]
    names = _subjects(rows)
    if not 2 <= k <= len(names):
        raise ConfigError(f"cv.k={k}: expected 2 to {len(names)}, the number of subjects. Set cv.k, or use cv=loso.")
    code_of = {name: code for code, name in enumerate(names)}
    # Numbers, not names: numpy strings would take names that differ in trailing NULs for one.
    codes = np.array([code_of[row] for row in rows])
    tests = [np.unique(codes[test]) for _, test in GroupKFold(k).split(codes, groups=codes)]
    return [Fold(f"group-{number}", tuple(names[code] for code in test)) for number, test in enumerate(tests)]


def choose(folds: Sequence[Fold], wanted: Sequence[str | int] | None) -> list[Fold]:
    """The folds asked for, in the order of the list and once each; all of them for None.

    Args:
        folds: every fold.
        wanted: names or test subjects (strings) and positions (integers, from 0).

    Raises:
        UnknownNameError: no fold of this name or number.
        ConfigError: an empty list.
    """
    if wanted is None:
        return list(folds)
    if not wanted:
        raise ConfigError("cv.folds is empty: name at least one fold, or leave it null for all of them.")
    by_name = {fold.name: number for number, fold in enumerate(folds)}
    by_name |= {fold.test_subjects[0]: n for n, fold in enumerate(folds) if len(fold.test_subjects) == 1}
    chosen: set[int] = set()
    for want in wanted:
        number = want if isinstance(want, int) else by_name.get(want, -1)
        if not 0 <= number < len(folds):
            raise UnknownNameError("fold", str(want), [*by_name, *map(str, range(len(folds)))])
        chosen.add(number)
    return [folds[number] for number in sorted(chosen)]


def _subjects(subjects: Iterable[str]) -> list[str]:
    """Sorted distinct subjects, at least two."""
    names = sorted({str(s) for s in subjects})
    if len(names) < 2:
        raise ConfigError(
            f"Cross-validation over subjects needs at least 2 subjects, got {len(names)} ({', '.join(names)}). "
            "Check the subject column of the data."
        )
    return names


def _unique(folds: list[Fold]) -> list[Fold]:
    """The folds with names that also differ on file systems that ignore case."""
    seen: set[str] = set()
    out = []
    for fold in folds:
        name, number = fold.name, 1
        while name.casefold() in seen:
            number += 1
            name = f"{fold.name}-{number}"
        seen.add(name.casefold())
        out.append(Fold(name, fold.test_subjects))
    return out
