"""Classes by name, in a fixed order, with the pairs that a mirror exchanges."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from fsa_data.errors import ConfigError


@dataclass(frozen=True)
class LabelMap:
    """The classes of a data set.

    Attributes:
        names: class names; the position is the integer label.
        mirror: for each class that may be mirrored, the class that its mirror image shows (itself for a symmetric
            action). Classes that are not named are never mirrored; an empty map means that nothing is.

    Raises:
        ConfigError: a name occurs twice, or ``mirror`` names an unknown class or is not its own inverse.
    """

    names: tuple[str, ...]
    mirror: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ConfigError(f"A class name occurs twice in {list(self.names)}.")
        for name, other in self.mirror.items():
            if name not in self.names or self.mirror.get(other) != name:
                raise ConfigError(
                    f"Mirror pair {name!r} -> {other!r} is not a pair of classes: both must be among "
                    f"{', '.join(self.names)}, and the map must lead back ({other!r} -> {name!r})."
                )

    @property
    def index(self) -> dict[str, int]:
        """Integer label of each class name."""
        return {name: i for i, name in enumerate(self.names)}

    @property
    def mirror_index(self) -> tuple[int, ...]:
        """Per class the label of its mirror image; -1 where a class must not be mirrored."""
        index = self.index
        return tuple(index[self.mirror[name]] if name in self.mirror else -1 for name in self.names)

    @property
    def hash(self) -> str:
        """16 hex digits that change with any name, its place, or a mirror pair; stands beside every result."""
        text = json.dumps([self.names, sorted(self.mirror.items())], ensure_ascii=False, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def mirror_pairs(*pairs: tuple[str, str], symmetric: tuple[str, ...] = ()) -> dict[str, str]:
    """A mirror map from left/right pairs and symmetric classes.

    >>> mirror_pairs(("LookRight", "LookLeft"), symmetric=("Yawn",))
    {'LookRight': 'LookLeft', 'LookLeft': 'LookRight', 'Yawn': 'Yawn'}
    """
    both = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    return both | {name: name for name in symmetric}


MASKDAR_CODES = tuple(f"C{i:02d}" for i in range(15))
"""Folder names of MaskDAR, in label order."""

MASKDAR = LabelMap(
    names=(
        "Baseline",
        "TextingRight",
        "TalkCellRight",
        "TextingLeft",
        "TalkCellLeft",
        "OperateRadio",
        "Drink",
        "LookBehind",
        "HairAndMakeup",
        "TalkPassengerRight",
        "TalkPassengerLeft",
        "LookBelow",
        "LookRight",
        "LookLeft",
        "Yawn",
    ),
    # C05 and C07 reach for things that a mirrored cabin has on the wrong side: never mirrored.
    mirror=mirror_pairs(
        ("TextingRight", "TextingLeft"),
        ("TalkCellRight", "TalkCellLeft"),
        ("TalkPassengerRight", "TalkPassengerLeft"),
        ("LookRight", "LookLeft"),
        symmetric=("Baseline", "Drink", "HairAndMakeup", "LookBelow", "Yawn"),
    ),
)
"""The 15 actions of MaskDAR (Amparore et al., ITSC 2022), C00 to C14. Right and left are the driver's own."""

STATE_FARM_CODES = tuple(f"c{i}" for i in range(10))
"""Folder names of State Farm, in label order."""

STATE_FARM = LabelMap(
    names=(
        "SafeDriving",
        "TextingRight",
        "TalkCellRight",
        "TextingLeft",
        "TalkCellLeft",
        "OperateRadio",
        "Drink",
        "ReachBehind",
        "HairAndMakeup",
        "TalkPassenger",
    ),
    # c5, c7 and c9 turn to things and people that a mirrored car has on the wrong side: never mirrored.
    mirror=mirror_pairs(
        ("TextingRight", "TextingLeft"),
        ("TalkCellRight", "TalkCellLeft"),
        symmetric=("SafeDriving", "Drink", "HairAndMakeup"),
    ),
)
"""The ten classes of State Farm Distracted Driver Detection, c0 to c9; named as in MaskDAR where they are the same."""
