import numpy as np
import pytest

from fsa_data import DeepfakeAugmentedMaskDAR, LabelledFrames
from fsa_data.datasets import check_fold


@pytest.mark.media
def test_real_people_wear_each_other_and_never_themselves(media, tmp_path):
    everybody = LabelledFrames.from_csv(media / "london" / "frames.csv")
    frames = everybody.subset(np.isin(everybody.subject, everybody.subjects[:10]))
    ds = DeepfakeAugmentedMaskDAR(frames, source=f"folder:{media / 'london' / 'neutral'}", store=tmp_path / "store")
    assert ds.coverage()["swapped"] >= 0.95 * len(frames)
    assert not (ds.source_identity == ds.groups).any()
    worn = set(ds.source_identity[ds.is_fake]) & set(frames.subjects)
    assert worn  # else the next lines show nothing
    for subject in sorted(worn):
        train, test, audit = ds.split([subject])
        check_fold(train, [subject])
        assert subject not in {*train.groups, *train.source_identity}
        assert audit.excluded_by_why["source"] == (ds.source_identity == subject).sum()
        assert set(test.groups) == {subject}
