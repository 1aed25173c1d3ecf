"""A person of the source who is in the data under another name is found by their face, and kept apart."""

import csv
import importlib.util

import cv2
import numpy as np
import pytest

from fsa_data import DeepfakeAugmentedMaskDAR, load_source
from fsa_data.faces import load_landmarker
from fsa_data.frames import LabelledFrames
from fsa_data.quality.identity import load_embedder
from fsa_data.worker import find_lookalikes, with_lookalikes
from tests.train.conftest import TINY

SMALL = tuple(word for word in TINY if not word.startswith("data."))
pytestmark = pytest.mark.skipif(importlib.util.find_spec("dlib") is None, reason="needs dlib: the extra identity")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Frames of the two people of the portraits, called otherwise, in several lights; and of a drawn driver."""
    folder = tmp_path_factory.mktemp("frames")
    rows = []
    for subject, photo in zip(("user01", "user02"), load_source("portraits").photos, strict=True):
        image = photo.load()
        for n, light in enumerate((0.7, 0.85, 1.0, 1.1)):
            path = folder / f"{subject}-{n}.png"
            cv2.imwrite(str(path), np.clip(image * light, 0, 255).astype(np.uint8)[..., ::-1])
            rows.append([path.name, subject, "Drink" if n % 2 else "Yawn"])
    driver = LabelledFrames.from_simdrive(subjects=1, frames=1)
    for n in range(4):
        path = folder / f"user03-{n}.png"
        cv2.imwrite(str(path), driver.read(n)[..., ::-1])
        rows.append([path.name, "user03", "Drink" if n % 2 else "Yawn"])
    with (folder / "frames.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "subject", "label"], *rows])
    return LabelledFrames.from_csv(folder / "frames.csv")


def test_they_are_found_and_kept_apart(frames, tmp_path):
    source = load_source("portraits")
    found = find_lookalikes(frames, source, load_landmarker(), load_embedder("dlib"))
    assert {(pair.identity, pair.subject) for pair in found} == {("portrait-1", "user01"), ("portrait-2", "user02")}
    known = with_lookalikes(found, {})
    assert known == {"portrait-1": "user01", "portrait-2": "user02"}
    ds = DeepfakeAugmentedMaskDAR(frames, source="portraits", store=tmp_path / "store", identity_map=known)
    worn = set(zip(ds.groups[ds.is_fake].tolist(), ds.source_identity[ds.is_fake].tolist(), strict=True))
    assert ("user01", "portrait-1") not in worn
    train, _, audit = ds.split(["user01"])
    assert "portrait-1" not in set(train.source_identity.tolist())
    assert audit.excluded_by_why.get("source", 0) > 0


def test_a_run_tells_of_them(frames, launch, tmp_path, capsys):
    table = frames.path[0].rsplit("/", 1)[0] + "/frames.csv"
    words = (
        "data=csv",
        f"data.csv={table}",
        "source=portraits",
        "setup=hybrid",
        "embedder=dlib",
        "cv.folds=null",
        "judge=8",
    )
    assert launch(tmp_path, *words) == 0
    assert "portrait-1 of the source looks like user01 of the data" in capsys.readouterr().err
    with (tmp_path / "quality.csv").open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["identity_to_worn"]]
    assert lines
    assert all(0 < float(line["identity_to_own"]) < 1.5 for line in lines)


def test_nobody_is_two_people():
    from fsa_data.worker import Lookalike

    pairs = [Lookalike("a", "s1", 0.1), Lookalike("a", "s2", 0.2), Lookalike("b", "s2", 0.3)]
    assert with_lookalikes(pairs, {"s2": "p"}) == {"a": "s1", "b": "p", "s2": "p"}
