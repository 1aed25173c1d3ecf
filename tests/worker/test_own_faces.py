"""Everybody's own face: nobody wears anybody else's."""

import numpy as np
import pytest
from test_materialise import run
from tiny_parts import CentreFace, Paint, frames_of

from fsa_data import DeepfakeAugmentedMaskDAR
from fsa_data.frames import LabelledFrames
from fsa_data.store import SwapStore
from fsa_data.worker import Recipe, own_faces, plan


@pytest.fixture
def frames(tmp_path):
    return frames_of(tmp_path / "frames", 24)


def test_photos_are_spread_over_actions(frames):
    source = own_faces(frames, photos=6)
    assert [photo.identity for photo in source.photos] == ["ann"] * 6 + ["bob"] * 6
    assert len({photo.digest for photo in source.photos}) == 12


def test_each_wears_their_own(frames, tmp_path):
    planned = plan(frames, Recipe(own_faces(frames), Paint(), CentreFace(), working_size=40))
    assert len(planned.allowed) == 2
    report = run(frames, own_faces(frames), tmp_path / "store")
    assert report.made == 24
    index = SwapStore(tmp_path / "store").index
    swaps = index.entries["swaps"]
    assert np.array_equal(swaps["source"], swaps["subject"])


def test_the_guard_takes_it(tmp_path):
    frames = LabelledFrames.from_simdrive(subjects=3, frames=1)
    ds = DeepfakeAugmentedMaskDAR(frames, source="own", store=tmp_path / "store", working_size=96)
    fake = ds.is_fake
    assert fake.sum() > 20
    assert np.array_equal(ds.source_identity[fake], ds.groups[fake])
    train, _, audit = ds.split(["sim0-01"])
    assert set(audit.excluded_by_why) == {"target"}
    assert train.is_fake.sum() > 10
    assert not any("sim0-01" in who for who in train.lineage)
