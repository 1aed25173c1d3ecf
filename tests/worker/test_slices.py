"""One job in parts, as several machines do it."""

import os

import numpy as np
import pytest
from test_materialise import content, run
from tiny_parts import CentreFace, Paint, frames_of, people

from fsa_data.cli import main
from fsa_data.commands.materialise import part_of
from fsa_data.errors import ConfigError
from fsa_data.store import SwapStore
from fsa_data.worker import How, Recipe, plan, references


@pytest.fixture
def frames(tmp_path):
    return frames_of(tmp_path / "frames", 24, black=(7,))


@pytest.fixture
def source(tmp_path):
    return people(tmp_path / "photos", "cat", "dan", "eve")


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_every_frame_is_in_exactly_one_part(frames, source, world):
    planned = plan(frames, Recipe(source, Paint(), CentreFace(), working_size=40))
    parts = np.array([How(rank=rank, world=world).mine(planned) for rank in range(world)])
    assert (parts.sum(axis=0) == 1).all()
    assert world > 3 or (parts.sum(axis=1) >= 24 / world / 3).all()  # dealt evenly, as far as so few can be


class SharedLook(Paint):
    """An engine that wants to know how people usually look."""

    @property
    def uses_reference(self):
        return True


@pytest.mark.parametrize("engine", [Paint(), SharedLook()], ids=["plain", "with references"])
def test_parts_on_a_shared_store_make_what_one_process_makes(frames, source, tmp_path, engine):
    whole = run(frames, source, tmp_path / "whole", engine, fakes_per_frame=2)
    parts = [run(frames, source, tmp_path / "store", engine, fakes_per_frame=2, rank=at, world=2) for at in (1, 0)]
    assert content(tmp_path / "store") == content(tmp_path / "whole")
    assert all(part.made and not part.reused for part in parts)
    assert (sum(part.made for part in parts), sum(part.skipped for part in parts)) == (whole.made, whole.skipped)
    again = run(frames, source, tmp_path / "store", engine, fakes_per_frame=2)
    assert (again.made, again.reused, again.frames_decoded) == (0, whole.made, 0)


def test_a_part_begins_with_its_share_of_the_references_and_leaves_what_others_made(source, tmp_path, monkeypatch):
    frames, made = frames_of(tmp_path / "frames", 12, subjects=("ann", "bob", "cat", "dan")), []
    make = references.make

    def making(group, pairs, writer):
        made.append(group.key)
        make(group, pairs, writer)

    monkeypatch.setattr(references, "make", making)
    planned = plan(frames, Recipe(source, SharedLook(), CentreFace(), working_size=40))
    keys = [group.key for group in planned.groups]
    run(frames, source, tmp_path / "store", SharedLook(), rank=1, world=2, workers=0)
    assert made == keys[1::2] + keys[::2]
    made.clear()

    def both(group, pairs, writer):  # as if the other part ran at the same time
        making(group, pairs, writer)
        if len(made) == 2:
            monkeypatch.setattr(references, "make", make)
            run(frames, source, tmp_path / "other", SharedLook(), rank=1, world=2, workers=0)
            monkeypatch.setattr(references, "make", making)

    monkeypatch.setattr(references, "make", both)
    run(frames, source, tmp_path / "other", SharedLook(), rank=0, world=2, workers=0)
    assert made == keys[::2]


@pytest.mark.parametrize("wrong", [{"rank": 2, "world": 2}, {"rank": -1, "world": 2}, {"world": 0}, {"max_failed": 2}])
def test_refuses_parts_that_are_none(frames, source, tmp_path, wrong):
    with pytest.raises(ConfigError, match=r"rank|max_failed"):
        run(frames, source, tmp_path / "store", **wrong)


class Words:
    """What a user said."""

    def __init__(self, executor=None, rank=None, world=None):
        self.executor, self.rank, self.world = executor, rank, world


def test_a_launcher_is_listened_to_only_when_asked(monkeypatch):
    for name in ("SLURM_PROCID", "SLURM_NTASKS", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"--rank and --world \(or SLURM_PROCID and SLURM_NTASKS, or RANK"):
        part_of(Words("slice"))
    monkeypatch.setattr(os, "environ", {"RANK": "1", "WORLD_SIZE": "4"})
    assert part_of(Words()) == (0, 1)
    assert part_of(Words("local")) == (0, 1)
    assert part_of(Words("slice")) == (1, 4)
    assert part_of(Words("slice", 2, 3)) == part_of(Words(None, 2, 3)) == (2, 3)
    monkeypatch.setattr(os, "environ", {"RANK": "1", "WORLD_SIZE": "4", "SLURM_PROCID": "5", "SLURM_NTASKS": "6"})
    assert part_of(Words("slice")) == (5, 6)
    with pytest.raises(ConfigError, match="both"):
        part_of(Words(None, 2, None))
    with pytest.raises(ConfigError, match="belong to"):
        part_of(Words("local", 0, 2))


def test_the_command_says_which_part_it_made(frames, tmp_path, capsys):
    lines = ["path,subject,label", *(f"{path},ann,a" for path in frames.path[:3])]
    (tmp_path / "frames.csv").write_text("\n".join(lines))
    made = []
    for rank in ("0", "1"):
        words = [
            "materialise",
            "--csv",
            str(tmp_path / "frames.csv"),
            "-s",
            "portraits",
            "--rank",
            rank,
            "--world",
            "2",
        ]
        assert main([*words, "--store", str(tmp_path / "store")]) == 0
        said = capsys.readouterr().out
        assert f"(part {rank} of 0 .. 1)" in said
        made.append(SwapStore(tmp_path / "store").info().swaps)
    assert made[1] == 3
