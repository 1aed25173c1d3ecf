from dataclasses import replace

import cv2
import numpy as np
import pytest

from fsa_data import LabelledFrames
from fsa_data.errors import BadTableError, DatasetNotFoundError
from fsa_data.frames.labels import LabelMap


def maskdar(root, condition, subjects=("a", "b")):
    for code in ("C00", "C01"):
        (root / code).mkdir(parents=True)
        for subject in subjects:
            cv2.imwrite(str(root / code / f"{subject}-f1.png"), np.full((8, 8, 3), 9, np.uint8))
    return LabelledFrames.from_maskdar(root, condition)


@pytest.fixture
def parts(tmp_path):
    return maskdar(tmp_path / "bare", "unmasked"), maskdar(tmp_path / "masked", "masked", ("b", "c"))


def test_the_parts_stand_one_below_the_other(parts):
    whole = LabelledFrames.joined(parts)
    assert len(whole) == 8
    assert whole.path.tolist() == [*parts[0].path, *parts[1].path]
    assert whole.subjects == ("a", "b", "c")
    assert whole.conditions == {"masked": 4, "unmasked": 4}
    assert set(whole.condition[whole.subject == "b"]) == {"masked", "unmasked"}
    assert whole.labels is parts[0].labels
    assert LabelledFrames.joined(parts[:1]).path.tolist() == parts[0].path.tolist()


def test_other_classes_are_refused(parts):
    other = replace(parts[1], labels=LabelMap(parts[1].labels.names))  # no mirror pairs
    with pytest.raises(BadTableError, match="different classes cannot be joined"):
        LabelledFrames.joined([parts[0], other])
    with pytest.raises(BadTableError, match="part 1 has x, y"):
        LabelledFrames.joined([parts[0], replace(parts[1], labels=LabelMap(("x", "y")))])


def test_a_frame_that_is_there_twice_is_refused(parts):
    with pytest.raises(BadTableError, match=r"a-f1\.png is in more than one"):
        LabelledFrames.joined([parts[1], parts[0], parts[0]])


def test_nothing_cannot_be_joined():
    with pytest.raises(DatasetNotFoundError, match="nothing to join"):
        LabelledFrames.joined([])
