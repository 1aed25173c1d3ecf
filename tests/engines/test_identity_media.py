"""On real people: whom a swapped face looks like, and whether it still does what it did."""

import importlib.util

import numpy as np
import pytest

from fsa_data.engines import MeshWarp
from fsa_data.faces import BLENDSHAPE_NAMES, load_landmarker
from fsa_data.quality.identity import load_embedder
from fsa_data.sources import find_faces, load_source
from fsa_data.types import paste

pytestmark = [
    pytest.mark.media,
    pytest.mark.skipif(importlib.util.find_spec("dlib") is None, reason="needs dlib: install the extra dev"),
]

SMILES = [BLENDSHAPE_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
SMILING = 0.3
"""Half way between the medians of neutral and smiling photos."""


@pytest.fixture(scope="module")
def london(media):
    """Neutral and smiling photos of all 51 people, with their faces."""
    landmarker = load_landmarker()
    found = {
        mood: find_faces(load_source(f"folder:{media}/london/{mood}").photos, landmarker)
        for mood in ("neutral", "smiling")
    }
    assert {mood: len(faces) for mood, faces in found.items()} == {"neutral": 51, "smiling": 51}
    return found


def swapped(targets, donors):
    """Each target with the new face on, and whose it is; nobody wears their own."""
    engine = MeshWarp()
    for seed, target in enumerate(targets):
        others = [donor for donor in donors if donor.identity != target.identity]
        swap = engine.swap(target.image, target.face, others, {"seed": seed, "slot": 0})
        assert swap.swapped
        yield target, swap, paste(target.image, swap.box, swap.patch)


def test_a_swapped_face_is_nearer_to_its_donor_than_to_its_target(london):
    embed = load_embedder("dlib")
    known = {face.identity: embed(face.image, face.face) for face in london["neutral"]}
    others = np.array([np.linalg.norm(known["p001"] - vector) for name, vector in known.items() if name != "p001"])
    assert others.mean() > 0.7  # the embedding itself tells people apart
    nearer = []
    for target, swap, image in swapped(london["neutral"], london["neutral"]):
        found = embed(image, target.face)
        to_donor, to_target = (np.linalg.norm(found - known[name]) for name in (swap.source_identity, target.identity))
        nearer.append(to_donor < to_target)
    assert np.mean(nearer) >= 0.7


def test_a_smile_stays_a_smile(london):
    landmarker, kept = load_landmarker(), []
    for target, _, image in swapped(london["smiling"], london["neutral"]):
        before, after = target.face, landmarker(image)[0]
        smiled, smiles = (face.blendshapes[SMILES].mean() > SMILING for face in (before, after))
        kept.append(smiled == smiles)
    assert np.mean(kept) >= 0.95


def test_skins_that_are_very_unlike_hardly_ever_meet(london):
    apart = [swap.notes["tone_distance"] for _, swap, _ in swapped(london["neutral"], london["neutral"])]
    assert np.mean(np.array(apart) > 14) < 0.04
